"""The checkout saga: votes and deadlines decide an order; its decision and the fact of it are one write.

All of it is safe to repeat, in any order: domain.py says what a fact changes, and the version that it changes nothing
that it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, assert_never

from functions.orders.domain import Order, expired, noted, republished, voted
from functions.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderPaymentChanged,
    OrderPaymentFailed,
    OrderPlaced,
    ParticipantEvent,
    published_address,
    report_of,
)
from functions.orders.table import OrdersTable, order_of
from functions.shared import context, log
from functions.shared.clock import rfc3339
from functions.shared.dynamo import Item
from functions.shared.inbox import Fact
from functions.shared.optimistic import optimistic
from functions.shared.outbox import fact, pack
from functions.shared.types import Data, Money


class UnknownOrderError(RuntimeError):
    """A fact about an order that is not here; the message comes again, and ends in the dead-letter queue."""


def placed(order: Order, at: datetime) -> str:
    """Return the outbox of a new order."""
    return pack(fact(OrderPlaced, order.order_id, order.version, at))


def decision(order: Order, at: datetime) -> str | None:
    """Return the outbox of an order that was just decided, None while it is open."""
    match order.status:
        case "placed":
            return None
        case "confirmed":
            return pack(fact(OrderConfirmed, order.order_id, order.version, at))
        case "cancelled":
            return pack(fact(OrderCancelled, order.order_id, order.version, at))
    assert_never(order.status)


def payment_given(order: Order, payment_token: str, at: datetime) -> str:
    """Return the outbox of an order that is to be charged by other means."""
    given = OrderPaymentChanged(order.order_id, order.attempts, payment_token)
    return pack(fact(given, order.order_id, order.version, at))


def build_data(kind: str, item: Item) -> Data:
    """Return the data of a fact, given its type and the item that carries it."""
    order = order_of(item)
    content, total = order.content, Money(order.content.totals.total, order.content.totals.currency)
    common: dict[str, Any] = {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "cart_id": content.cart_id,
        "email": content.email,
    }
    match kind:
        case "OrderPlaced":
            return OrderPlaced(
                **common,
                lines=content.lines,
                totals=content.totals,
                shipping_address=published_address(content.shipping_address),
                payment_token=content.payment_token,
                placed_at=order.placed_at,
                decide_by=content.decide_by,
                cart_version=content.cart_version,
            )
        case "OrderConfirmed":
            return OrderConfirmed(**common, total=total)
        case "OrderPaymentFailed":
            return OrderPaymentFailed(**common, total=total, attempt=order.failed_attempt)
        case "OrderCancelled":
            assert order.reason  # noqa: S101 a cancelled order has one
            return OrderCancelled(**common, total=total, reason=order.reason)
    raise LookupError(f"{kind} is no fact of an order")


def on_vote(table: OrdersTable, event: Fact[ParticipantEvent], at: datetime) -> None:
    """Take a participant's vote on an order, and decide it where no other is needed.

    After the decision a vote changes nothing; but one that is a reminder has the decision told again.
    """
    vote = report_of(event)
    reminder = getattr(event.data, "reminder", False)

    def rule(order: Order) -> Order:
        if reminder and order.status != "placed":
            return republished(order)
        return voted(order, vote, rfc3339(at))

    _change(table, event.data.order_id, rule, lambda after: decision(after, at))


def on_progress(table: OrdersTable, event: Fact[ParticipantEvent], at: datetime) -> None:
    """Write down what became of what a participant held for an order; tell where it is to be paid by other means."""
    said = report_of(event)

    def facts(after: Order) -> str | None:
        if not (said.failed_attempt and after.unpaid):
            return None
        return pack(fact(OrderPaymentFailed, after.order_id, after.version, at))

    _change(table, event.data.order_id, lambda order: noted(order, said), facts)


def expire(table: OrdersTable, at: datetime, limit: int = 100) -> tuple[int, int]:
    """Cancel orders whose votes are not in by their deadline; return how many had reached it, how many failed.

    One that fails does not hold up the others: it is tried again with the next sweep.
    """
    overdue, failed = table.overdue(at, limit), 0
    for order_id in overdue:
        context.begin(order_id)
        try:
            _change(
                table, order_id, lambda order: expired(order, rfc3339(at)), lambda after: decision(after, at)
            )
        except Exception as error:  # noqa: BLE001 see above
            log.failed(error)
            failed += 1
        log.end()
    return len(overdue), failed


@optimistic("order_busy")
def _change(
    table: OrdersTable, order_id: str, rule: Callable[[Order], Order], facts: Callable[[Order], str | None]
) -> bool:
    """Apply a rule to an order and store what it changes together with its facts."""
    log.note(orderId=order_id)
    order = table.order(order_id)
    if order is None:
        raise UnknownOrderError(order_id)
    after = rule(order)
    return after is order or table.change(order, after, facts(after))
