"""What can go wrong, drawn from the seed: one kind of weather for a whole run, then a draw for every call.

A seed does not have a little of everything: it draws which kinds of fault it has and how often each strikes ("swarm
testing": Groce et al., ISSTA 2012), so that some runs are only reordered, some only crash, and some have it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

CALL_FAULTS = {
    "crash_before": 0.03,
    "crash_after": 0.04,
    "lost_answer": 0.06,
    "resent": 0.1,
    "throttled": 0.05,
    "unreachable": 0.03,
    "conflict": 0.25,
    "partly_published": 0.3,
    "provider_lost": 0.2,
    "provider_down": 0.2,
}
"""The most often that each fault strikes a call it can strike (probability)."""

TRAFFIC_FAULTS = {
    "duplicate": 0.25,
    "late": 0.2,
    "purged": 0.1,
    "undeleted": 0.1,
    "unanswered": 0.08,
    "stale": 0.25,
    "short_page": 0.3,
    "stream_again": 0.1,
    "leap": 0.004,
    "skew": 1.5,
}
"""The same for what happens between the calls; `skew` is in seconds, `purged` are facts of orders that never arrive."""

WRITES = {"put_item", "update_item", "delete_item", "transact_write_items"}
SENDS = {"put_events", "send_message", "send_message_batch", "batch_write_item"}


@dataclass(frozen=True)
class Outage:
    """A stretch of time, in seconds since the start, without a service, a table, the bus or the provider."""

    kind: str
    what: str
    start: float
    end: float


@dataclass
class Weather:
    """The faults of one run; `calm` ends them all."""

    random: Random
    rates: dict[str, float] = field(default_factory=dict)
    outages: list[Outage] = field(default_factory=list)
    calm: bool = False

    def strikes(self, kind: str) -> bool:
        """Draw whether a fault strikes here."""
        rate = self.rates.get(kind, 0.0)
        return not self.calm and rate > 0 and self.random.random() < rate

    def rate(self, kind: str) -> float:
        """Return how strong a kind of fault is; 0 when calm."""
        return 0.0 if self.calm else self.rates.get(kind, 0.0)

    def out(self, kind: str, what: str, elapsed: float) -> bool:
        """Tell whether something is in an outage."""
        return not self.calm and any(
            outage.kind == kind and outage.what == what and outage.start <= elapsed < outage.end
            for outage in self.outages
        )

    def of_call(self, service: str, operation: str, request: Mapping[str, Any]) -> str | None:
        """Draw the fault of one AWS call, None for none."""
        if self.calm:
            return None
        kinds = ["crash_before", "crash_after", "throttled", "unreachable", "lost_answer"]
        if operation in WRITES:
            kinds += ["conflict"]
        if operation in WRITES | SENDS:
            kinds += ["resent"]
        if operation == "put_events":
            kinds += ["partly_published"]
        if is_provider(request):
            kinds += ["provider_lost", "provider_down"]
        return next((kind for kind in kinds if self.strikes(kind)), None)


def is_provider(request: Mapping[str, Any]) -> bool:
    """Tell whether a call is the payment provider's own: the simulator keeps its books under SIM#<order>."""
    key = request.get("Key") or request.get("Item")
    return isinstance(key, Mapping) and key["pk"]["S"].startswith("SIM#")


def draw(random: Random, services: list[str], seconds: float) -> Weather:
    """Return the weather of a run."""
    weather = Weather(random)
    temper = random.choice(["fair", "traffic", "calls", "storm", "storm"])
    if temper == "fair":
        return weather
    chosen: dict[str, float] = {}
    if temper in ("traffic", "storm"):
        chosen |= TRAFFIC_FAULTS
    if temper in ("calls", "storm"):
        chosen |= CALL_FAULTS
    for kind, most in chosen.items():
        if random.random() < 0.5:
            weather.rates[kind] = most * random.random() ** 2
    if temper == "storm" and random.random() < 0.5:
        for _ in range(random.randint(1, 3)):
            weather.outages.append(_outage(random, services, seconds))
    return weather


def _outage(random: Random, services: list[str], seconds: float) -> Outage:
    kind = random.choice(["service", "table", "bus", "provider"])
    what = random.choice(services) if kind in ("service", "table") else ""
    start = random.uniform(0, seconds)
    return Outage(kind, what, start, start + random.choice([5, 60, 200, 600]) * random.random())
