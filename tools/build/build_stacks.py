"""`make build`: `sam build` of every stack that changed, or of those SERVICE names."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from tools import options
from tools.build import sam
from tools.report import step


def main() -> None:
    """Build, as many at a time as there are cores."""
    stacks = sam.select(options.services())
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        list(pool.map(sam.build_stack, stacks))
    step(f"built, in .aws-sam/: {', '.join(stack.name for stack in stacks)}")
