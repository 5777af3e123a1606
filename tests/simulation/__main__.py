"""``python -m tests.simulation``: run seeds, replay one, or test the checker with planted bugs.

The last line of a run of seeds is ``N seeds, M violations``; the exit code is 1 where there was one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.simulation import campaign

TABLE = Path(__file__).with_name("planted.json")


def main() -> int:
    """Do what the arguments say."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of text are to have the same order in every process
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], _environment())
    given = _arguments()
    if given.bugs:
        return _bugs(given.jobs)
    if given.bug:
        return _bug(given.bug, given.seeds or campaign.MOST_SEEDS)
    if given.seed is not None and not given.seeds:
        return _replay(given.seed, verbose=given.verbose, about=given.about)
    return _run(given.seed or 0, given.seeds or 100, given.jobs)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many seeds to run (default 100)")
    parser.add_argument("--seed", type=int, help="the first seed; alone: replay this one")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    parser.add_argument("--verbose", action="store_true", help="with --seed: print the whole trace")
    parser.add_argument("--about", help="with --seed: print the trace of an order, a SKU, a message…")
    parser.add_argument("--bug", help="plant this bug and say how many seeds it takes to find it")
    parser.add_argument("--bugs", action="store_true", help="do so for every bug, and write the table")
    return parser.parse_args()


# --- seeds -------------------------------------------------------------------------------------------------------


def _run(first: int, count: int, jobs: int) -> int:
    started, violations, orders = time.monotonic(), 0, 0
    for done, (seed, broken, placed) in enumerate(_outcomes(first, count, jobs), 1):
        orders += placed
        if broken:
            violations += 1
            print(f"seed {seed}: {broken}\n  replay: python -m tests.simulation --seed {seed}", flush=True)
        if done % 500 == 0:
            print(f"{done} seeds, {done / (time.monotonic() - started):.1f} a second", flush=True)
    seconds = time.monotonic() - started
    print(f"{orders} orders in {seconds:.0f} s, {count / seconds:.1f} seeds a second")
    print(f"{count} seeds, {violations} violations")
    return 1 if violations else 0


def _outcomes(first: int, count: int, jobs: int) -> Iterator[tuple[int, str, int]]:
    seeds = range(first, first + count)
    if jobs == 1:
        yield from map(campaign.outcome, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(campaign.outcome, seeds, chunksize=10)


def _replay(seed: int, *, verbose: bool, about: str | None) -> int:
    from tests.simulation.run import run

    outcome = run(seed)
    if verbose or about or outcome.violation:
        print("\n".join(outcome.trace.lines(None if verbose or about else 60, about)))
    print(f"seed {seed}: {outcome.steps} steps, {outcome.orders} orders {outcome.statuses}")
    print(f"trace {outcome.trace.digest()}")
    if outcome.violation:
        print(f"broken: {outcome.violation.promise}\n  {outcome.violation.what}\n{outcome.note}")
    print(f"1 seeds, {int(bool(outcome.violation))} violations")
    return 1 if outcome.violation else 0


# --- planted bugs ------------------------------------------------------------------------------------------------


def _bug(name: str, most: int) -> int:
    found = campaign.hunt(name, most)
    print(json.dumps(found))
    return 0 if found["seeds"] else 1


def _bugs(jobs: int) -> int:
    from tests.simulation.planted import BUGS, planted
    from tests.support.templates import ROOT

    for bug in BUGS:  # at once: one that does not fit its code any more would be met after half an hour
        planted(bug, (ROOT / f"{bug.module.replace('.', '/')}.py").read_text())
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=1) as pool:
        rows = []
        print("| planted bug | seeds until found | promise that was broken |\n|---|---|---|")
        for row in pool.imap(campaign.hunt, [bug.name for bug in BUGS]):
            print(f"| {row['bug']} | {row['seeds'] or 'not found'} | {row['promise'] or ''} |", flush=True)
            rows.append(row)
    TABLE.write_text(json.dumps(rows, indent=1) + "\n")
    missed = sum(row["seeds"] is None for row in rows)
    print(f"{len(rows)} bugs, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
