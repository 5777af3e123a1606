"""What the bench's tests share: the journeys are counted once."""

from __future__ import annotations

import pytest

from tests.bench.journeys import Journey, measure


@pytest.fixture(scope="session")
def journeys() -> dict[str, Journey]:
    return measure()
