"""The checker is checked: bugs planted on purpose are found. ``make simulate BUGS=1`` hunts them all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.campaign import MOST_SEEDS
from tests.simulation.planted import BUGS, Bug, planted

ROOT = Path(__file__).parents[2]
HUNTED = (
    "publish before writing",
    "ignore FailedEntryCount",
    "confirm on one vote",
    "capture again on a retry",
    "take a quote without checking its signature",
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_still_fits_the_code(bug: Bug) -> None:
    source = (ROOT / f"{bug.module.replace('.', '/')}.py").read_text()
    compile(planted(bug, source), bug.module, "exec")


def test_every_planted_bug_was_found_when_all_were_hunted_last() -> None:
    table = json.loads((Path(__file__).with_name("planted.json")).read_text())
    assert [row["bug"] for row in table] == [bug.name for bug in BUGS]
    assert len(table) >= 15
    assert all(row["seeds"] and row["seeds"] <= MOST_SEEDS for row in table)


@pytest.mark.parametrize("name", HUNTED)
def test_a_planted_bug_is_found(name: str) -> None:
    command = [sys.executable, "-m", "tests.simulation", "--bug", name, "--seeds", "40"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
