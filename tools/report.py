"""What the tools print: progress with the time since the start, and one clear line when something is wrong."""

from __future__ import annotations

import sys
import time
from typing import NoReturn

_STARTED = time.monotonic()


class ToolError(Exception):
    """Something the reader can act on; the message is one line that says what to do."""


def step(message: str) -> None:
    """Print one line of progress."""
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {message}", flush=True)


def fail(message: str) -> NoReturn:
    """Print what is wrong and what to do about it, and leave with status 1."""
    sys.stdout.flush()
    print(f"souk: {message}", file=sys.stderr, flush=True)
    sys.exit(1)
