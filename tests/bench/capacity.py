"""`make capacity`: this design at 1 million, 100 million and 10 billion orders a month, on paper.

Loads are the counted units and calls of the journeys (journeys.py), times the rate; limits are AWS's documented
defaults, with their pages (docs/capacity.md). The rate is that of a peak, ten times the month's mean. What an order
writes is counted by kind of key, because one partition takes 1,000 write units a second however large the table is.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from functions.shared import tokens
from tests.bench import billing, cache, cost
from tests.bench.account import SERVICES, Account, Tally, actions_of
from tests.bench.billing import MONTH_SECONDS
from tests.bench.journeys import Journey, Shop, measure
from tests.bench.stacks import Size, stacks
from tests.bench.units import write_units
from tests.simulation.fake_tables import Table

SCALES = (1_000_000, 100_000_000, 10_000_000_000)
PEAK = 10
VISITS_AN_ORDER = 20
HOTTEST = 0.01
"""The share of a shop's orders that have its best-selling SKU, and of its visits that look at it: an assumption."""
SHARDS = {"OPEN": 8, "MINUTE": 4, "ORDERS": 4}
MOST = 1e6
"""Orders a second: what is not reached there is not reached."""
PARTITION_WRITES, PARTITION_READS = 1000, 3000
WORKER_LIFE = 1800
"""Seconds that a Lambda worker lives, about: each new one asks for its secret or its keys once."""
CHECKING = 0.5
"""The part of the running functions that answer calls with tokens, at most; they ask for the keys from time to time."""

Load = dict[str, float]
"""Per second at the peak, by what is limited."""


class Limit(NamedTuple):
    """A default quota, or what one partition takes, a second; `raised` tells whether AWS raises it on request."""

    name: str
    limit: float
    raised: bool
    remedy: str


LIMITS = (
    Limit(
        "API Gateway requests", 10_000, True, "raise; a cache in front of the catalog takes most of it away"
    ),
    Limit("Lambda: functions running at once", 1_000, True, "raise"),
    Limit("EventBridge PutEvents", 10_000, True, "raise"),
    Limit("EventBridge deliveries to queues", 18_750, True, "raise; the journal takes a third of them"),
    Limit("SSM GetParameter", 40, True, "switch on higher throughput: 10,000"),
    Limit("Secrets Manager GetSecretValue", 10_000, False, ""),
    Limit("KMS signatures (ECC)", 1_000, True, "raise, or let access tokens live longer"),
    Limit(
        "partition: hottest SKU's level, writes",
        PARTITION_WRITES,
        False,
        "stock shards; reservations grouped by batch",
    ),
    Limit(
        "partition: hottest SKU's level, reads",
        PARTITION_READS,
        False,
        "a cache of seconds in front of stock",
    ),
    Limit("partition: hottest product, reads", PARTITION_READS, False, "the cache in front of the catalog"),
    Limit(
        "partition: first page of the catalog, reads",
        PARTITION_READS,
        False,
        "the cache in front of the catalog",
    ),
    Limit(
        "partition: hottest offer in carts, reads",
        PARTITION_READS,
        False,
        "keep offers in the worker for seconds",
    ),
    *(
        Limit(f"partition: {name}", PARTITION_WRITES, False, "more shards, a constant of its table.py")
        for name in ("orders OPEN", "inventory OPEN", "payments OPEN", "journal MINUTE", "journal ORDERS")
    ),
    *(
        Limit(f"{service} table, {kind}", 40_000, True, "raise, or provision")
        for service in SERVICES
        for kind in ("writes", "reads")
    ),
)


class _ByKey(Account):
    """Counts write units by service and kind of key: ``("orders", "OPEN")`` for the index of what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.by_key: Counter[tuple[str, str]] = Counter()

    def _write(self, owner: str, operation: str, run: Any, request: Mapping[str, Any]) -> Any:
        transaction, actions = operation == "transact_write_items", actions_of(operation, request)
        before = [self._image(action) for action in actions]
        try:
            return super()._write(owner, operation, run, request)
        finally:
            for action, old in zip(actions, before, strict=True):
                self._count(owner, action, old, self._image(action), transaction)

    def _count(self, owner: str, action: Any, old: Any, new: Any, transaction: bool) -> None:
        table = self.aws.dynamodb.tables[action["TableName"]]
        whole = write_units(table, old, new, transaction=transaction)
        item = write_units(_bare(table), old, new, transaction=transaction)
        kind = str((action.get("Key") or action["Item"])["pk"]["S"]).partition("#")[0]
        self.by_key[owner, kind] += item
        for index in table.indexes.values():
            place = index.place(new) or index.place(old)
            if place and whole > item:
                own = write_units(_bare(table, index), old, new, transaction=transaction) - item
                kind = place[0].partition("#")[0] if "#" in place[0] else f"by {index.hash_name}"
                self.by_key[owner, kind] += own


def _bare(table: Table, *indexes: Any) -> Any:
    """Return the table as far as units are counted, with some of its indexes only."""

    class Bare:
        hash_name, range_name = table.hash_name, table.range_name

    Bare.indexes = {str(number): index for number, index in enumerate(indexes)}  # type: ignore[attr-defined]
    return Bare


def by_key() -> Counter[tuple[str, str]]:
    """Return the write units of a one-line order, from placing to captured, by service and kind of key."""
    account = _ByKey()
    with account.open():
        shop = Shop(account)
        cart = shop.cart(1)
        quote = shop.quote(cart)
        account.settle()
        account.by_key.clear()
        shop.place(quote)
        account.settle(1)
        return account.by_key.copy()


Hits = Mapping[str, float]
"""Which part of each page the edge's caches answer; nothing where there is no cache."""


def parts() -> dict[str, float]:
    """Return what an order and its visits are made of."""
    return {**cost.ORDER, **{name: share * VISITS_AN_ORDER for name, share in cost.VISIT.items()}}


def hits(orders: float, journeys: Mapping[str, Journey]) -> Hits:
    """Return what the edge's caches answer at so many orders a second, with their visits."""
    return cost.hit_rates(journeys, {name: orders * share for name, share in parts().items()})


def mix(journeys: Mapping[str, Journey], hits: Hits) -> Tally:
    """Return what an order and its visits take behind the caches."""
    each: Tally = Counter()
    for name, times in parts().items():
        for key, number in journeys[name].tally.items():
            each[key] += number * times * (1 - hits.get(name, 0))  # type: ignore[assignment]
    return each


def origin(asked: float, journey: Journey, *, cached: bool) -> float:
    """Return how often a second one and the same answer is fetched, when it is asked for so often."""
    return cache.fetches(asked, cost.edge_seconds(journey)) if cached else asked


def loads(
    orders: float,
    journeys: Mapping[str, Journey],
    keys: Mapping[tuple[str, str], float],
    prices: Any,
    *,
    cached: bool = False,
) -> Load:
    """Return what so many orders a second, with their visits, ask of each limit."""
    each, part = mix(journeys, hits(orders, journeys) if cached else {}), parts()

    def total(what: str) -> float:
        return orders * sum(number for (_, kind), number in each.items() if kind == what)

    def hottest(page: str, share: float = HOTTEST) -> float:
        return origin(orders * part[page] * share, journeys[page], cached=cached)

    running = orders * busy_seconds(each, prices)
    found: Load = {
        "API Gateway requests": total("requests"),
        "Lambda: functions running at once": running,
        "EventBridge PutEvents": total("calls:events"),
        "EventBridge deliveries to queues": total("messages"),
        "SSM GetParameter": running * CHECKING * (1 / WORKER_LIFE + 1 / tokens.KEPT_SECONDS),
        "Secrets Manager GetSecretValue": running / WORKER_LIFE,
        "KMS signatures (ECC)": total("calls:kms"),
        "partition: hottest SKU's level, writes": orders * HOTTEST * keys["inventory", "SKU"],
        "partition: hottest SKU's level, reads": hottest("stock of a product") * 0.5,
        "partition: hottest product, reads": hottest("product page") * 0.5,
        "partition: first page of the catalog, reads": hottest("list of 24 products", 1),
        "partition: hottest offer in carts, reads": orders
        * HOTTEST
        * 0.5
        * (part["put into the cart"] * 2 + part["show the cart"] + part["quote"]),
    }
    for service, kind in (
        ("orders", "OPEN"),
        ("inventory", "OPEN"),
        ("payments", "OPEN"),
        ("journal", "MINUTE"),
        ("journal", "ORDERS"),
    ):
        found[f"partition: {service} {kind}"] = orders * keys[service, kind] / SHARDS[kind]
    for service in SERVICES:
        for name, what in (("writes", "write_units"), ("reads", "read_units")):
            found[f"{service} table, {name}"] = orders * each[service, what]
    return found


def busy_seconds(tally: Tally, prices: Any) -> float:
    """Return for how long functions are busy, a real payment provider's wait at its fastest included."""
    waiting = prices["provider_milliseconds"]["between"][0] / 1000
    found = 0.0
    for (service, what), number in tally.items():
        if what.startswith("ran:"):
            _, function, work = what.split(":")
            size: Size = stacks().sizes[service, function]
            found += number * (waiting if work == "provider" else billing.seconds(work, size, prices))
    return found


def reached(limit: Limit, load: Callable[[float], Load]) -> float:
    """Return the orders a second at which a limit is reached; infinity where it is not at MOST."""
    low, high = 0.0, MOST
    if load(high)[limit.name] <= limit.limit:
        return math.inf
    while high - low > max(0.01, low / 10_000):
        middle = (low + high) / 2
        low, high = (middle, high) if load(middle)[limit.name] <= limit.limit else (low, middle)
    return low


def bill(
    orders: float, journeys: Mapping[str, Journey], prices: Any, *, cached: bool = False
) -> tuple[float, float]:
    """Return a month's dollars, the edge's included, and the gigabytes of its logs."""
    rate = orders / MONTH_SECONDS
    month = {
        key: number * orders for key, number in mix(journeys, hits(rate, journeys) if cached else {}).items()
    }
    asked = {key: number * orders for key, number in mix(journeys, {}).items()}
    requests, transfer = (
        sum(number for (_, kind), number in asked.items() if kind == what)
        for what in ("requests", "transfer_bytes")
    )
    every = [
        billing.bill(cost.gathered(month, MONTH_SECONDS), prices),
        billing.edge_bill(requests, transfer, requests, prices),
        billing.storage(month, 1, prices),
        cost.fixed(prices),
    ]
    logged = sum(number for (_, what), number in month.items() if what == "log_bytes")
    return sum(cost.total(every).values()), logged / billing.GIGABYTE


def main() -> None:
    """Print, for each scale, what is over its limit, and at what rate each limit is reached."""
    prices, journeys, keys = billing.assumed(os.environ), measure(), by_key()
    scales = [int(float(text)) for text in os.environ.get("ORDERS", "").split()] or list(SCALES)
    print("Write units of a one-line order, placing to captured, by kind of key:")
    for (service, kind), number in sorted(keys.items()):
        print(f"  {service:10} {kind:12} {number:g}")

    def load(orders: float, *, cached: bool) -> Load:
        return loads(orders, journeys, keys, prices, cached=cached)

    print(
        "\nOrders a second, with their visits, at which a limit is reached: without a cache, and with the edge's:"
    )
    _show_rates(functools.partial(load, cached=False), functools.partial(load, cached=True))
    for scale, cached in itertools.product(scales, (False, True)):
        mean = scale / MONTH_SECONDS
        dollars, gigabytes = bill(scale, journeys, prices, cached=cached)
        print(
            f"\n{scale:,} orders a month, {'behind the caches' if cached else 'no cache'}: {mean:,.1f} a second, "
            f"{mean * PEAK:,.1f} at the peak; ${dollars:,.0f} and {gigabytes:,.0f} GB of logs a month"
        )
        if cached:
            found = hits(mean * PEAK, journeys).items()
            print(
                "  at the peak the caches answer "
                + ", ".join(f"{name} {rate:.0%}" for name, rate in found if rate)
            )
        _show_over(load(mean * PEAK, cached=cached))


def _show_rates(bare: Callable[[float], Load], behind: Callable[[float], Load]) -> None:
    rates = {limit: (reached(limit, bare), reached(limit, behind)) for limit in LIMITS}
    for limit, pair in sorted(rates.items(), key=lambda found: found[1][0]):
        if pair[0] < math.inf:
            told = [f"{rate:,.0f}" if rate < math.inf else "never" for rate in pair]
            print(f"  {told[0]:>12} {told[1]:>12}  {limit.name} ({limit.limit:,.0f} a second)")


def _show_over(peak: Load) -> None:
    """Print the limits that are passed at a peak, and at least the four that are nearest."""
    over = sorted(LIMITS, key=lambda limit: peak[limit.name] / limit.limit, reverse=True)
    for number, limit in enumerate(over):
        share = peak[limit.name] / limit.limit
        if share > 1 or number < 4:
            print(f"  {share:>9.3f}x {limit.name} ({peak[limit.name]:,.0f} a second): {limit.remedy}")


if __name__ == "__main__":
    main()
