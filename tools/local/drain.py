"""Wait until nothing is on its way any more: no message in a queue, no record in a stream."""

from __future__ import annotations

import time
from collections import Counter

from tools.local.stack import Stack


def drain(stack: Stack, *, seconds: float = 15) -> Counter[str]:
    """Wait until the queues have stayed empty for a moment; return what still waits after `seconds`, by queue."""
    until = time.monotonic() + seconds
    calm_since = time.monotonic()
    while True:
        waits = waiting(stack)
        if waits:
            calm_since = time.monotonic()
        elif time.monotonic() - calm_since >= stack.emulator.calm_seconds:
            return waits
        if time.monotonic() > until:
            return waits
        time.sleep(0.1)


def waiting(stack: Stack, *, dead: bool = False) -> Counter[str]:
    """Return how many messages each queue of the shop holds, in flight or not; `dead` for its dead-letter queues."""
    counted = (
        (name, messages) for name, messages in stack.emulator.waiting().items() if _is_ours(stack, name)
    )
    return Counter({name: messages for name, messages in counted if name.endswith("-dlq") == dead})


def _is_ours(stack: Stack, queue: str) -> bool:
    """Tell whether a queue is the shop's, and not one that somebody listens in with: nobody empties that."""
    return queue.startswith(f"souk-{stack.name}-")
