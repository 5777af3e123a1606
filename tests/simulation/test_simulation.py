"""A slice of the simulation; ``make simulate SEEDS=10000`` runs as many as there is time for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEDS = 300


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: it moves the clock, and wants the order of sets fixed.

    An hour is for a run that hangs, not for a busy machine: quiet, it takes a minute or two.
    """
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)


def test_no_promise_is_broken_whatever_fails() -> None:
    ended = simulate("--seeds", str(SEEDS), "--jobs", "2")
    assert ended.stdout.rstrip().endswith(f"{SEEDS} seeds, 0 violations"), (
        ended.stdout[-3000:] + ended.stderr[-2000:]
    )


def test_a_seed_is_the_same_run_every_time() -> None:
    first, second = (simulate("--seed", "17").stdout for _ in range(2))
    assert "trace " in first
    assert first == second
