"""`make reset`: stop the local stack and throw its state away; the next `make run` starts from nothing."""

from __future__ import annotations

import shutil

from tools.local.stack import local_stack
from tools.report import step


def main() -> None:
    """Stop without draining and delete what the stack keeps; virtual environments and builds stay."""
    stack = local_stack()
    stack.stop_edge()
    stack.emulator.stop()
    shutil.rmtree(stack.emulator.state, ignore_errors=True)
    for left in (stack.summary, stack.state / "edge.log"):
        left.unlink(missing_ok=True)
    step("stopped; its state is gone")
