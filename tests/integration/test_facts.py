"""Facts that come twice, late, in the wrong order or broken: nothing changes, and nobody has to wait."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from functions.shared.ids import new_id
from tests.support.patience import eventually
from tools.local import drain
from tools.local.buyer import Buyer
from tools.local.stack import Stack

Stock = Callable[[str], tuple[int, int]]
Payment = Callable[[str], dict[str, Any]]
Goods = Callable[..., str]


def from_the_bus(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as one that comes by no route: the bus hands it to those on an order's way as well."""
    told = copy.deepcopy(event)
    told["detail"].pop("routed", None)
    return told


def about(event: dict[str, Any], order_id: str, kind: str | None = None) -> dict[str, Any]:
    """Return an event as it would be about another order, and of another type where one is given."""
    told = from_the_bus(event)
    told["detail-type"] = told["detail"]["type"] = kind or told["detail-type"]
    told["detail"]["id"] = f"{order_id}.1.{told['detail-type']}"
    told["detail"]["aggregate"]["id"] = told["detail"]["data"]["orderId"] = order_id
    return told


def test_facts_that_come_twice_and_backwards_change_nothing(
    stack: Stack,
    amira: Buyer,
    admin: Buyer,
    goods: Goods,
    stock: Stock,
    payment: Payment,
    tap: Any,
    calm: Any,
) -> None:
    sku = goods(10)
    order_id = amira.buy({sku: 3})["orderId"]
    assert amira.saw(order_id, "OrderConfirmed", "StockCommitted", "PaymentCaptured")
    calm()

    def state() -> list[Any]:
        return [
            amira.order(order_id),
            amira.steps(order_id),
            payment(order_id),
            stock(sku),
            admin.get(f"/payments/{order_id}/ledger"),
            admin.get(f"/inventory/stock/{sku}/movements"),
            admin.get(f"/inventory/reservations/{order_id}"),
        ]

    before, events = state(), tap.of(order_id)
    assert {event["detail-type"] for event in events} == {
        "OrderPlaced",
        "StockReserved",
        "PaymentAuthorized",
        "OrderConfirmed",
        "StockCommitted",
        "PaymentCaptured",
    }
    tap.put(*reversed(events))
    tap.put(*map(from_the_bus, events))
    calm()
    assert state() == before
    assert drain.waiting(stack, dead=True) == {}


def test_a_cancellation_that_overtakes_its_order_leaves_nothing_held(
    stack: Stack, amira: Buyer, admin: Buyer, goods: Goods, stock: Stock, tap: Any, calm: Any
) -> None:
    sku = goods(5)
    order_id = amira.buy({sku: 1})["orderId"]
    assert amira.saw(order_id, "StockCommitted", "PaymentCaptured")
    calm()
    (placed,) = [event for event in tap.of(order_id) if event["detail-type"] == "OrderPlaced"]
    other = new_id("ord", datetime.now(UTC))
    orders, key = stack.client("dynamodb"), {"sk": {"S": "ORDER"}, "pk": {"S": f"ORDER#{order_id}"}}
    known = orders.get_item(TableName="souk-local-orders", Key=key)["Item"]
    unanswered = {
        name: value for name, value in known.items() if name not in ("stock", "payment", "timeline")
    }
    off = {"pk": {"S": f"ORDER#{other}"}, "status": {"S": "cancelled"}, "reason": {"S": "customer"}}
    orders.put_item(TableName="souk-local-orders", Item=unanswered | off)
    cancelled = about(placed, other, "OrderCancelled")
    total = placed["detail"]["data"]["totals"]
    cancelled["detail"]["data"] |= {
        "reason": "customer",
        "total": {"amount": total["total"], "currency": total["currency"]},
    }
    tap.put(cancelled)
    calm()
    tap.put(about(placed, other))
    calm()
    assert stock(sku) == (4, 4)
    assert admin.get(f"/inventory/reservations/{other}")["status"] == "refused"
    assert admin.get(f"/payments/{other}")["status"] in ("refused", "voided")
    assert drain.waiting(stack, dead=True) == {}


def test_poison_ends_in_the_dead_letter_queue_and_holds_nobody_up(
    stack: Stack, amira: Buyer, goods: Goods, tap: Any, dead_letters: Any, calm: Any
) -> None:
    first = amira.buy({goods(5): 1})["orderId"]
    assert amira.decided(first)["status"] == "confirmed"
    calm()
    (placed,) = [event for event in tap.of(first) if event["detail-type"] == "OrderPlaced"]
    broken = about(placed, new_id("ord", datetime.now(UTC)))
    broken["detail"]["data"]["lines"] = "many"
    broken["detail"]["data"]["totals"] = None
    sqs = stack.client("sqs")
    inbox = sqs.get_queue_url(QueueName="souk-local-inventory-inbox")["QueueUrl"]
    sqs.send_message(QueueUrl=inbox, MessageBody="poison")
    tap.put(broken, {**broken, "detail": {"not": "an envelope"}})
    second = amira.buy({goods(5): 1})["orderId"]
    assert amira.decided(second)["status"] == "confirmed"
    calm()
    letters = {
        name: dead_letters(f"{name}-inbox-dlq") for name in ("cart", "inventory", "payments", "journal")
    }
    assert {name: len(some) for name, some in letters.items()} == {
        "cart": 2,
        "inventory": 3,
        "payments": 2,
        "journal": 1,
    }
    assert "poison" in {letter["Body"] for letter in letters["inventory"]}
    assert all(
        letter["MessageAttributes"]["reason"]["StringValue"] for some in letters.values() for letter in some
    )
    assert eventually(lambda: drain.waiting(stack, dead=True) == {})
