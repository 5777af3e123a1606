"""What tests of shared code have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from functions.shared import aws


@pytest.fixture
def bus(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A bus that answers what the test says, and is asked nothing else."""
    monkeypatch.setenv("SERVICE_NAME", "wishes")
    with Stubber(aws.eventbridge()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
