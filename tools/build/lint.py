"""`make lint`: every check of code and templates, side by side; none of them edits anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import REGION, ROOT, import_contracts
from tools.build import sam
from tools.report import fail, step
from tools.services import NO_SERVICES


def main() -> None:
    """Run every check, print what the failing ones say, and exit with 1 if there is any."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        failed = [name for name, passed in pool.map(_run, checks().items()) if not passed]
    if failed:
        fail(f"lint found something: {', '.join(failed)}; `make fmt` mends what is only a matter of form")


def checks() -> dict[str, list[str]]:
    """Return the checks by name, the slow ones first."""
    others = map(sam.StackTemplate, sorted(NO_SERVICES))
    templates = [str(stack.source) for stack in [*sam.all_stacks(), *others]]
    return {
        "mypy": ["mypy", "functions", "tools"],
        # It translates them first, as SAM does: `sam validate --lint` is the same code.
        "cfn-lint": ["cfn-lint", *templates],
        "import-linter": ["lint-imports", "--no-cache", "--config", str(import_contracts.write())],
        "ruff check": ["ruff", "check", "."],
        "ruff format": ["ruff", "format", "--check", "."],
    }


def _run(check: tuple[str, list[str]]) -> tuple[str, bool]:
    name, command = check
    started = time.monotonic()
    done = subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=ROOT,
        env={**os.environ, "AWS_DEFAULT_REGION": REGION},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    passed = done.returncode == 0
    step(f"{name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.1f} s")
    if not passed:
        print(done.stdout + done.stderr, flush=True)
    return name, passed
