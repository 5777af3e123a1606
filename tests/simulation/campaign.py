"""What the processes of a campaign do.

The code under test is imported only when they are called, so that bugs can be planted first.
"""

from __future__ import annotations

from typing import Any

MOST_SEEDS = 1000
"""A planted bug that takes more seeds than these to find counts as missed."""


def outcome(seed: int) -> tuple[int, str, int]:
    """Run a seed; return it, what it broke (empty for nothing) and how many orders were placed."""
    from tests.simulation.run import run

    ended = run(seed)
    broken = f"{ended.violation.promise}: {ended.violation.what}" if ended.violation else ""
    return seed, broken, ended.orders


def hunt(name: str, most: int = MOST_SEEDS) -> dict[str, Any]:
    """Plant a bug in this process, which must be fresh, and run seeds until it is found."""
    from tests.simulation.planted import plant

    plant(name)
    from tests.simulation.run import run

    for seed in range(most):
        violation = run(seed).violation
        if violation:
            return {"bug": name, "seeds": seed + 1, "promise": violation.promise}
    return {"bug": name, "seeds": None, "promise": None}
