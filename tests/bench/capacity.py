"""`make capacity`: this design at 1 million, 100 million and 10 billion orders a month, on paper.

Loads are the counted units and calls of the journeys (journeys.py), times the rate; limits are AWS's documented
defaults, with their pages (docs/capacity.md). The rate is that of a peak, ten times the month's mean. What an order
writes is counted by kind of key, because one partition takes 1,000 write units a second however large the table is.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from functions.platform import authoriser
from tests.bench import cost
from tests.bench.account import SERVICES, Account, Tally, actions_of
from tests.bench.journeys import Journey, Shop, measure
from tests.bench.units import write_units
from tests.simulation.fake_tables import Table

SCALES = (1_000_000, 100_000_000, 10_000_000_000)
PEAK = 10
VISITS_AN_ORDER = 20
HOTTEST = 0.01
"""The share of a shop's orders that have its best-selling SKU, and of its visits that look at it: an assumption."""
PUBLIC = ("list of 24 products", "product page", "stock of a product", "search")
CACHED = 0.95
"""The part of public pages that a cache in front answers, where there is one: an assumption."""
SHARDS = {"OPEN": 8, "MINUTE": 4, "ORDERS": 4}
PARTITION_WRITES, PARTITION_READS = 1000, 3000
WORKER_LIFE = 1800
"""Seconds that a Lambda worker lives, about: each new one asks for its secret or its keys once."""
AUTHORISERS = 0.2
"""The part of the running functions that are authorisers, at most; they ask for the keys again from time to time."""

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
                self._count(owner, action, old, self._image(action), 2 if transaction else 1)

    def _count(self, owner: str, action: Any, old: Any, new: Any, times: int) -> None:
        table = self.aws.dynamodb.tables[action["TableName"]]
        whole = write_units(table, old, new)
        item = write_units(_bare(table), old, new)
        kind = str((action.get("Key") or action["Item"])["pk"]["S"]).partition("#")[0]
        self.by_key[owner, kind] += item * times
        for index in table.indexes.values():
            place = index.place(new) or index.place(old)
            if place and whole > item:
                own = write_units(_bare(table, index), old, new) - item
                kind = place[0].partition("#")[0] if "#" in place[0] else f"by {index.hash_name}"
                self.by_key[owner, kind] += own * times


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


def mix(journeys: Mapping[str, Journey], cached: float = 0.0) -> Tally:
    """Return what an order and its visits take, where a cache answers so large a part of the public pages."""
    each: Tally = Counter()
    for name, times in _parts(cached).items():
        for key, number in journeys[name].tally.items():
            each[key] += number * times  # type: ignore[assignment]
    return each


def _parts(cached: float) -> dict[str, float]:
    seen = {
        name: share * VISITS_AN_ORDER * (1 - cached if name in PUBLIC else 1)
        for name, share in cost.VISIT.items()
    }
    return {**cost.ORDER, **seen}


def loads(
    orders: float,
    journeys: Mapping[str, Journey],
    keys: Mapping[tuple[str, str], float],
    prices: Any,
    cached: float = 0.0,
) -> Load:
    """Return what so many orders a second, with their visits, ask of each limit."""
    each, part = mix(journeys, cached), _parts(cached)

    def total(what: str) -> float:
        return orders * sum(number for (_, kind), number in each.items() if kind == what)

    lasts = prices["milliseconds"]
    busy = total("invocations") * lasts["invocation"] + total("calls:kms") * lasts["password"]
    busy += sum(
        total(f"calls:{name}") * lasts[name] for name in ("dynamodb", "events", "sqs", "kms", "ssm", "s3")
    )
    running = busy / 1000
    found: Load = {
        "API Gateway requests": total("requests"),
        "Lambda: functions running at once": running,
        "EventBridge PutEvents": total("calls:events"),
        "EventBridge deliveries to queues": total("messages"),
        "SSM GetParameter": running * AUTHORISERS * (1 / WORKER_LIFE + 1 / authoriser.KEPT_SECONDS),
        "Secrets Manager GetSecretValue": running / WORKER_LIFE,
        "KMS signatures (ECC)": total("calls:kms"),
        "partition: hottest SKU's level, writes": orders * HOTTEST * keys["inventory", "SKU"],
        "partition: hottest SKU's level, reads": orders * HOTTEST * part["stock of a product"] * 0.5,
        "partition: hottest product, reads": orders * HOTTEST * part["product page"] * 0.5,
        "partition: first page of the catalog, reads": orders * part["list of 24 products"],
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


def bill(
    orders: float, journeys: Mapping[str, Journey], prices: Any, cached: float = 0.0
) -> tuple[float, float]:
    """Return a month's dollars, without those of the cache, and the gigabytes of its logs."""
    month = {key: number * orders for key, number in mix(journeys, cached).items()}
    dollars = sum(cost.bill(month, prices).values()) + sum(cost.fixed(prices).values())
    return dollars, sum(number for (_, what), number in month.items() if what == "log_bytes") / 1e9


def main() -> None:
    """Print, for each scale, what is over its limit, and at what rate each limit is reached."""
    prices, journeys, keys = json.loads(cost.PRICES.read_text()), measure(), by_key()
    scales = [int(float(text)) for text in os.environ.get("ORDERS", "").split()] or list(SCALES)
    print("Write units of a one-line order, placing to captured, by kind of key:")
    for (service, kind), number in sorted(keys.items()):
        print(f"  {service:10} {kind:12} {number:g}")
    one, less = (loads(1, journeys, keys, prices, cached) for cached in (0, CACHED))
    print(
        f"\nOrders a second, with their visits, at which a limit is reached; and with {CACHED:.0%} of pages cached:"
    )
    for limit in sorted(LIMITS, key=lambda limit: limit.limit / max(one[limit.name], 1e-9)):
        if one[limit.name] > 0:
            print(
                f"  {limit.limit / one[limit.name]:>12,.0f} {limit.limit / less[limit.name]:>12,.0f}  "
                f"{limit.name} ({limit.limit:,.0f} a second)"
            )
    for scale, cached in ((scale, cached) for scale in scales for cached in (0, CACHED)):
        mean = scale / cost.MONTH_SECONDS
        dollars, gigabytes = bill(scale, journeys, prices, cached)
        print(
            f"\n{scale:,} orders a month, {cached:.0%} cached: {mean:,.1f} a second, {mean * PEAK:,.1f} at the peak; "
            f"${dollars:,.0f} and {gigabytes:,.0f} GB of logs a month"
        )
        peak = loads(mean * PEAK, journeys, keys, prices, cached)
        over = sorted(LIMITS, key=lambda limit: peak[limit.name] / limit.limit, reverse=True)
        for number, limit in enumerate(over):
            share = peak[limit.name] / limit.limit
            if share > 1 or number < 4:
                print(f"  {share:>9.3f}x {limit.name} ({peak[limit.name]:,.0f} a second): {limit.remedy}")


if __name__ == "__main__":
    main()
