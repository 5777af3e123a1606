"""The judges' programs: from requirements/judges.txt, in an environment of their own, .local/judges."""

from __future__ import annotations

import os
import subprocess

from tools import REGION, ROOT
from tools.report import ToolError

HOME = ROOT / ".local" / "judges"


def judge(program: str, *arguments: str, seconds: float = 1800, say: bool = False) -> tuple[int, str]:
    """Run one judge to its end; return its status and what it printed, which `say` passes on as it comes."""
    path = HOME / "bin" / program
    if not path.exists():
        raise ToolError(f"{program} is not installed; run: python3 tools/local/bootstrap.py judges")
    try:
        done = subprocess.run(
            [str(path), *arguments],
            cwd=ROOT,
            env={**os.environ, "AWS_DEFAULT_REGION": REGION, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=None if say else subprocess.PIPE,
            stderr=None if say else subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"{program} was not done after {seconds:.0f} s") from None
    return done.returncode, done.stdout or ""
