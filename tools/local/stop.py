"""`make stop`: let what is on its way arrive, then stop gracefully, which is when the emulator saves its state.

One that keeps none is ended at once.
"""

from __future__ import annotations

from tools.local.drain import drain
from tools.local.stack import Stack, local_stack
from tools.report import step


def main() -> None:
    """Stop the local stack; safe to repeat."""
    stop(local_stack())


def stop(stack: Stack) -> None:
    """Close the door, drain queues and streams, stop the emulator.

    The emulator skips stream records that were not handled when it stopped, so nothing may be under way then.
    """
    was_running = stack.emulator.running() or stack.edge_pid() is not None
    stack.stop_edge()
    if stack.emulator.running() and stack.emulator.keeps_state:
        step("waiting for queues and streams to run empty")
        for queue, messages in drain(stack).items():
            step(f"{messages} messages stay in {queue}; they are delivered after the next start")
    stack.emulator.stop()
    left = (
        "its state is kept"
        if stack.emulator.keeps_state
        else f"{stack.make} keeps nothing: make run begins anew"
    )
    step(f"stopped; {left}" if was_running else "nothing was running")
