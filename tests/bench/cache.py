"""How much of what is asked the edge answers from its caches, computed and not assumed.

Products are asked for by Zipf's law, the n-th most popular 1/n as often as the first. Visitors come at random, and in
each region an answer is kept for a fixed time after it was fetched: of the requests for one thing in one region, at `a`
a second, each fetch is followed by a·t answers from the cache, so one of 1 + a·t goes to the origin. To be served stale
while the next answer is fetched changes how long a visitor waits, not how often the origin is asked.
"""

from __future__ import annotations

REGIONS = 3
"""Regional caches that visitors are spread over evenly: a shop of Europe and some of its neighbours, an assumption."""


def shares(things: int) -> list[float]:
    """Return which part of all requests each of so many things has, the most popular first."""
    whole = sum(1 / place for place in range(1, things + 1))
    return [1 / place / whole for place in range(1, things + 1)]


def fetches(asked: float, seconds: float, *, regions: int = REGIONS) -> float:
    """Return how often a second the origin is asked for one thing that is asked for `asked` times a second."""
    return asked / (1 + asked / regions * seconds)


def hit_rate(asked: float, things: int, seconds: float, *, regions: int = REGIONS) -> float:
    """Return which part of `asked` requests a second for so many things the caches answer."""
    if not asked or not seconds:
        return 0.0
    fetched = sum(fetches(asked * share, seconds, regions=regions) for share in shares(things))
    return 1 - fetched / asked
