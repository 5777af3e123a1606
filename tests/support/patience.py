"""How long tests wait for what a busy machine may take long for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 45.0
"""Seconds that anything may take on a busy machine before a test gives up on it."""


def eventually(ask: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """Ask until the answer is true, and return it; the last answer after `seconds`."""
    until = time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(0.1)
    return answer
