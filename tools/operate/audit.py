"""`make audit`: recompute stock and money from ledgers and facts, and compare with the tables; ENV=prod there.

Work under way makes books differ for a moment, so what differs is looked at again until it has either settled or stayed
for SETTLE seconds. Prints the differences and leaves with status 1 where there are any. The result is also kept in the
parameter /souk/<environment>/audit, where the console shows it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, assert_never

from functions.inventory.domain import Reservation
from functions.inventory.table import holds_of, reservation_of
from functions.orders.domain import PARTICIPANTS, Order, Status
from functions.orders.table import order_of
from functions.shared.clock import rfc3339
from functions.shared.dynamo import Item, decode_item
from tools.operate.environment import Environment, chosen
from tools.report import step

SETTLE = 30.0
PAUSE = 2.0

RECORDS: dict[str, dict[Status, set[str | None]]] = {
    "inventory": {
        "confirmed": {"reserved", "committed"},
        "cancelled": {None, "rejected", "refused", "released", "returned"},
    },
    "payments": {
        "confirmed": {"authorized", "capturing", "captured", "capture_failed"},
        "cancelled": {None, "declined", "refused", "voiding", "voided", "captured"},
    },
}
"""By participant, what its own record of an order may say once the order is decided."""


@dataclass
class Books:
    """The tables of the services that hold goods or money, as they are at one moment; by order id or SKU.

    A level has its shards added up: ``{"on_hand", "available", "least", "policy", "shards"}``; ``least`` is what
    is available of the shard that has least, at most 0. ``holds`` are the reservations inside levels.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    levels: dict[str, Item] = field(default_factory=dict)
    movements: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reservations: dict[str, Item] = field(default_factory=dict)
    holds: dict[str, Reservation] = field(default_factory=dict)
    payments: dict[str, Item] = field(default_factory=dict)
    entries: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    refunds: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    intents: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    told: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(dict))


def main() -> None:
    """Audit the environment that ENV names."""
    checked, differences = audit(chosen())
    for difference in differences:
        print(difference)
    step(f"{checked} orders, payments and stock levels compared, {len(differences)} differences")
    sys.exit(1 if differences else 0)


def audit(environment: Environment) -> tuple[int, list[str]]:
    """Return how many things were compared, and the differences that do not settle."""
    until = time.monotonic() + SETTLE
    while True:
        books = read(environment)
        differences = sorted({*stock(books), *money(books), *orders(books), *facts(books)})
        if not differences or time.monotonic() > until:
            break
        time.sleep(PAUSE)
    checked = len(books.orders) + len(books.payments) + len(books.levels)
    result = {"time": rfc3339(datetime.now(UTC)), "checked": checked, "differences": differences[:40]}
    environment.client("ssm").put_parameter(
        Name=f"/souk/{environment.name}/audit", Type="String", Value=json.dumps(result)[:4000], Overwrite=True
    )
    return checked, differences


def read(environment: Environment) -> Books:
    """Return the books of an environment."""
    books = Books()
    for item in _items(environment, "orders"):
        if item["sk"] == "ORDER" and "bought_by" not in item:
            books.orders[_id(item)] = order_of(item)
    for item in _items(environment, "inventory"):
        _stock_item(books, item)
    for item in _items(environment, "payments"):
        _money_item(books, item)
    for item in _items(environment, "journal"):
        if "entry" in item:
            entry = json.loads(item["entry"])
            books.told[entry["subject"]][entry["id"]] = entry
    return books


def _items(environment: Environment, service: str) -> Iterator[Item]:
    pages = environment.client("dynamodb").get_paginator("scan")
    for page in pages.paginate(TableName=f"souk-{environment.name}-{service}", ConsistentRead=True):
        yield from map(decode_item, page["Items"])


def _id(item: Item) -> str:
    return str(item["pk"]).partition("#")[2]


def _stock_item(books: Books, item: Item) -> None:
    if item["sk"] in ("LEVEL", "SHARD"):
        level = books.levels.setdefault(
            _id(item).partition("#")[0], {"on_hand": 0, "available": 0, "least": 0, "shards": 0}
        )
        level["shards"] += 1
        level["policy"] = item.get("stock_policy", "tracked")
        level["on_hand"] += item["on_hand"]
        level["available"] += item["available"]
        level["least"] = min(level["least"], item["available"])
        books.holds |= holds_of(item)
    elif item["sk"].startswith("MOVE#"):
        books.movements[_id(item)] += item["delta"]
    elif item["sk"] == "RESERVATION":
        books.reservations[_id(item)] = item


def _money_item(books: Books, item: Item) -> None:
    kind = item["sk"].partition("#")[0]
    if kind == "PAYMENT":
        books.payments[_id(item)] = item
    elif kind == "INTENT":
        books.intents[_id(item).partition("-")[0]].append(item)  # one for each attempt to pay
    elif kind in ("ENTRY", "REFUND"):
        (books.entries if kind == "ENTRY" else books.refunds)[_id(item)].append(item)


def stock(books: Books) -> Iterator[str]:
    """Yield where levels are not what movements and reservations say.

    Below zero are back-orders, and levels of one shard that are short: a count found fewer units than are promised, or
    the SKU was sold on below zero until it was tracked. A shard beside others is never below zero while it is tracked.
    """
    gone: dict[str, int] = defaultdict(int)
    reserved: dict[str, int] = defaultdict(int)
    for item in books.reservations.values():
        for sku, left, promised in taken(item):
            gone[sku] += left
            reserved[sku] += promised
    for held in books.holds.values():
        for sku, units in held.lines.items():
            reserved[sku] += units
    for sku, level in books.levels.items():
        on_hand = books.movements[sku] - gone[sku]
        rebuilt = (on_hand, on_hand - reserved[sku])
        if (level["on_hand"], level["available"]) != rebuilt:
            yield f"stock {sku}: {level['on_hand']} on hand, {level['available']} available; the ledger says {rebuilt}"
        if level["policy"] == "tracked" and level["shards"] > 1 and level["least"] < 0:
            yield f"stock {sku}: a shard is below zero"


def taken(reservation: Item) -> Iterator[tuple[str, int, int]]:
    """Yield of each SKU of a reservation the units that it took off the shelf, and those it still keeps promised.

    What a count had seen go or come back (``seen``) was in the level by that count already.
    """
    held = reservation_of(reservation)
    units: dict[str, int] = defaultdict(int)
    for (sku, _), drawn in held.places.items():
        units[sku] += drawn
    for sku, drawn in units.items():
        went = (
            drawn
            if held.status in ("committed", "returned") and sku not in held.seen.get("committed", ())
            else 0
        )
        back = drawn if held.status == "returned" and sku not in held.seen.get("returned", ()) else 0
        yield sku, went - back, drawn if held.status == "reserved" else 0


def money(books: Books) -> Iterator[str]:
    """Yield where payments are not what their ledger and the provider say."""
    balance: dict[str, int] = defaultdict(int)
    for order_id, entries in books.entries.items():
        for entry in entries:
            balance[entry["debit"]] += entry["amount"]
            balance[entry["credit"]] -= entry["amount"]
        if order_id not in books.payments:
            yield f"money {order_id}: ledger entries without a payment"
    if sum(balance.values()):
        yield f"money: the ledger is out of balance by {sum(balance.values())}"
    yield from _unrecorded(books)
    for order_id, payment in books.payments.items():
        yield from _payment(books, order_id, payment)


def _unrecorded(books: Books) -> Iterator[str]:
    for order_id, intents in books.intents.items():
        for intent in intents:
            if intent["status"] in ("authorized", "captured") and order_id not in books.payments:
                yield f"money {order_id}: the provider has {intent['status']} what no payment records"


def _payment(books: Books, order_id: str, payment: Item) -> Iterator[str]:
    sums: dict[str, int] = defaultdict(int)
    for entry in books.entries[order_id]:
        sums[entry["kind"]] += entry["amount"]
    taken, given = sums["capture"], sums["refund"] - sums["refund_failed"]
    disputed = sums["dispute"] - sums["dispute_reinstated"]
    recorded = payment["captured"], payment["refunded"], payment.get("disputed", 0)
    if recorded != (taken, given, disputed):
        yield f"money {order_id}: captured, refunded, disputed {recorded}; the ledger says {taken, given, disputed}"
    if given > taken or taken not in (0, payment["amount"]):
        yield f"money {order_id}: took {taken} and gave back {given} of {payment['amount']}"
    taken_there = [intent for intent in books.intents.get(order_id, ()) if intent["status"] == "captured"]
    if payment["provider"] == "simulator":
        charged = sum(intent["amount"] - intent["refunded"] for intent in taken_there)
        kept = payment["captured"] - payment["refunded"]
        if not kept - payment["refunding"] <= charged <= kept:  # a refund under way may be done there already
            yield f"money {order_id}: the provider keeps {charged}, we {kept}"


def orders(books: Books) -> Iterator[str]:
    """Yield where an order's stock or money is not what its status promises."""
    now = rfc3339(datetime.now(UTC))
    for order_id, order in books.orders.items():
        payment = books.payments.get(order_id, {})
        match order.status:
            case "placed":
                if order.deadline < now:
                    yield f"order {order_id}: past its deadline and not decided"
                continue
            case "confirmed" | "cancelled":
                yield from _participants(books, order)
            case _:
                assert_never(order.status)
        kept = payment.get("captured", 0) - payment.get("refunded", 0) - payment.get("disputed", 0)
        if order.status == "cancelled" and kept > 0 and not _is_seen_to(order):
            yield f"order {order_id}: cancelled, and {kept} is kept"
        total = order.content.totals.total
        if payment and payment["amount"] != total:
            yield f"order {order_id}: ordered for {total}, payment of {payment['amount']}"


def _is_seen_to(order: Order) -> bool:
    """Tell whether what was not given back is on its way, with people, or with the bank."""
    return bool(order.unsettled or order.back.refunding or order.back.disputed)


def _participants(books: Books, order: Order) -> Iterator[str]:
    """Yield where what a participant records, or has told the order, does not fit the order's decision."""
    held = {order_id: {"status": one.status} for order_id, one in books.holds.items()}
    records = {"inventory": {**held, **books.reservations}, "payments": books.payments}
    for name, who in PARTICIPANTS.items():
        told, record = order.parts.get(name), records[name].get(order.order_id, {}).get("status")
        if record not in RECORDS[name][order.status]:
            yield f"order {order.order_id}: {order.status}, and its {who.part} is {record}"
        kept = who.has_agreed(told) if order.status == "confirmed" else who.holds_nothing(told)
        if not kept and not (name == "payments" and _is_seen_to(order)):
            yield f"order {order.order_id}: {order.status}, and {name} has told it of {told}"


def facts(books: Books) -> Iterator[str]:
    """Yield where the facts that were published tell of other money or stock than the tables.

    The journal forgets after a month, and knows nothing of a fact that is still on its way.
    """
    for order_id, told in books.told.items():
        if order_id not in books.payments:
            continue
        by_type: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for entry in told.values():
            by_type[entry["type"]].append(entry["data"])
        taken = sum(data["amount"]["amount"] for data in by_type["PaymentCaptured"])
        given = sum(data["amount"]["amount"] for data in by_type["PaymentRefunded"])
        given -= sum(
            data["amount"]["amount"] for data in by_type["PaymentRefundFailed"] if data.get("wasPaid")
        )
        payment = books.payments[order_id]
        if (taken, given) != (payment["captured"], payment["refunded"]):
            yield f"facts {order_id}: told of {taken} captured, {given} refunded; the payment says otherwise"
        status = books.reservations.get(order_id, {}).get("status")
        if (status in ("committed", "returned")) != bool(by_type["StockCommitted"]):
            times = len(by_type["StockCommitted"])
            yield f"facts {order_id}: stock is {status}, and StockCommitted was told {times} times"
