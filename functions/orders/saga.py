"""The checkout saga: votes and deadlines decide an order, and whatever dies on the way, its decision is told.

All of it is safe to repeat, in any order: domain.py says what a fact changes, and the version that it changes nothing
that it has not seen. Who tells what is stored:

 - that an order was placed: who placed it; after a crash the same request again, or the sweep, as long as there is no
   vote. Who decides it before there is one tells it once more (`decision`): else the decision would overtake it.
 - a decision by votes: the vote that brought it, each time it comes (functions/shared/outbox.py).
 - what people or the deadline decide, and what is rare: the order's outbox.
 - any decision once more: the sweep, until every participant has told that they have followed it. They hold what they
   hold until they hear of it, and have no clock of their own (docs/adr/0032).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from functions.orders.domain import PARTICIPANTS, Order, TimelineEntry, expired, fact_of, noted, voted
from functions.orders.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderPaymentChanged,
    OrderPaymentFailed,
    OrderPlaced,
    ParticipantEvent,
    SoldLine,
    published_address,
    report_of,
)
from functions.orders.table import OrdersTable, order_of
from functions.shared import context, log, routing
from functions.shared.clock import parse, rfc3339
from functions.shared.dynamo import Item
from functions.shared.inbox import Fact
from functions.shared.optimistic import optimistic
from functions.shared.outbox import PublishError, Told, fact, pack, tell
from functions.shared.types import Data, Money


class UnknownOrderError(RuntimeError):
    """A fact about an order that is not here; the message comes again, and ends in the dead-letter queue."""


ROUTE = (*PARTICIPANTS, "orders")
"""The services that an order goes through, one after the other, and home (docs/adr/0031)."""

UNTOLD_AFTER = timedelta(seconds=20)
"""How long after its placing an order without any vote may never have been told."""


def tell_placed(order: Order) -> None:
    """Tell that an order was placed, and send it on its route, unless it is decided; the sweep looks whether it was."""
    if order.status != "placed":
        return
    try:
        placed = _told(order, order.placing)
        # The bus first: by the answer that comes home it counts as told.
        if tell([placed]) or routing.send([routing.begun(placed.detail, ROUTE)]):
            raise PublishError("OrderPlaced was refused")
    except Exception as error:  # noqa: BLE001 the order is stored, and its buyer gets it
        log.failure(error)


def decision(before: Order, after: Order) -> str | None:
    """Return the outbox of an order that people or its deadline just decided, None while it is open."""
    if after.status == "placed":
        return None
    kind = fact_of(after.status)
    decided = next(step for step in reversed(after.timeline) if step.type == kind)
    steps = [before.placing, decided] if _may_be_untold(before) else [decided]
    return pack(*(_told(after, step, _KINDS[step.type]) for step in steps))


def _may_be_untold(order: Order) -> bool:
    """Tell whether nobody has answered an order yet: perhaps nobody has heard of it."""
    return order.status == "placed" and not order.parts


_KINDS: dict[str, type[Data]] = {
    kind.__name__: kind for kind in (OrderPlaced, OrderConfirmed, OrderCancelled, OrderPaymentFailed)
}


def _told(order: Order, step: TimelineEntry, data: Data | type[Data] | None = None) -> Told:
    """Return the fact of a step: the same one whoever has it told, and whatever became of the order since."""
    made = fact(
        data or _data(step.type, order), order.order_id, step.version or order.version, parse(step.time)
    )
    by_fact = "." in step.cause  # subjects have none
    actor = None if by_fact or step.cause in ("guest", "deadline") else step.cause
    detail = replace(
        made.detail,
        correlation_id=order.correlation_id or made.detail.correlation_id,
        causation_id=step.cause if by_fact else None,
        actor=actor,
        routed=step.type == fact_of("placed"),
    )
    return replace(made, detail=detail)


def payment_given(order: Order, payment_token: str, at: datetime) -> str:
    """Return the outbox of an order that is to be charged by other means."""
    given = OrderPaymentChanged(order.order_id, order.attempts, payment_token)
    return pack(fact(given, order.order_id, order.version, at))


def build_data(kind: str, item: Item) -> Data:
    """Return the data of a fact, given its type and the item that carries it."""
    return _data(kind, order_of(item))


def _data(kind: str, order: Order) -> Data:
    content, total = order.content, Money(order.content.totals.total, order.content.totals.currency)
    common: dict[str, Any] = {
        "order_id": order.order_id,
        "customer_id": order.customer_id,
        "cart_id": content.cart_id,
        "email": content.email,
    }
    lines = tuple(SoldLine(line.sku, line.quantity) for line in content.lines)
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
            return OrderConfirmed(**common, total=total, lines=lines)
        case "OrderPaymentFailed":
            return OrderPaymentFailed(**common, total=total, attempt=order.failed_attempt)
        case "OrderCancelled":
            assert order.reason  # noqa: S101 a cancelled order has one
            return OrderCancelled(**common, total=total, reason=order.reason, lines=lines)
    raise LookupError(f"{kind} is no fact of an order")


def on_vote(table: OrdersTable, event: Fact[ParticipantEvent], at: datetime) -> list[Told]:
    """Take a participant's vote on an order, and decide it where no other is needed; return the decision it brought.

    After the decision a vote decides nothing, but the one that brought it tells it again. One that comes home from its
    route brings those that were given before it.
    """
    votes = [report_of(one) for one in (*event.answers, event)]
    causes = {vote.entry.cause for vote in votes}

    def rule(order: Order) -> Order:
        after = order
        for vote in votes:  # they are one change
            further = voted(replace(after, version=order.version), vote, rfc3339(at))
            after = after if further.timeline == after.timeline else further
        return after

    after = _change(table, event.data.order_id, rule)
    return [_told(after, step) for step in after.decisions if step.cause in causes]


def on_progress(table: OrdersTable, event: Fact[ParticipantEvent], at: datetime) -> None:
    """Write down what became of what a participant held for an order; tell where it is to be paid by other means."""
    said = report_of(event)

    def facts(before: Order, after: Order) -> str | None:
        if not (said.failed_attempt and after.unpaid):
            return None
        return pack(fact(OrderPaymentFailed, after.order_id, after.version, at))

    _change(table, event.data.order_id, lambda order: noted(order, said), facts)


class Swept(NamedTuple):
    """How many orders had reached their deadline, were told as placed or as decided once more, and failed.

    Those whose buyers did not answer their banks are not counted: nothing is wrong there.
    """

    overdue: int = 0
    told: int = 0
    again: int = 0
    failed: int = 0


def expire(table: OrdersTable, wait: timedelta, at: datetime, limit: int = 100) -> Swept:
    """Cancel orders whose votes are not in by their deadline, and tell again what nobody has answered.

    That is an order without a vote, and a decision that not every participant has followed.

    One that fails does not hold up the others: it is tried again with the next sweep.

    Parameters
    ----------
    wait
        How long orders have for their votes.
    """
    swept = Swept()
    for order_id, due_at in table.waiting(max(at, at + wait - UNTOLD_AFTER), limit):
        context.begin(order_id)
        try:
            swept = _looked_at(table, order_id, at, swept, is_due=due_at <= rfc3339(at))
        except Exception as error:  # noqa: BLE001 see above
            log.failed(error)
            swept = swept._replace(failed=swept.failed + 1)
        log.end()
    return swept


def _looked_at(table: OrdersTable, order_id: str, at: datetime, swept: Swept, *, is_due: bool) -> Swept:
    order = _change(
        table,
        order_id,
        lambda order: expired(order, rfc3339(at)),
        decision,
    )
    if order.status == "placed":
        tell_placed(order)
        return swept._replace(told=swept.told + 1)
    if not is_due:
        return swept
    if order.decisions[-1].time == rfc3339(at):
        if order.waits_for_buyer:
            log.note(unanswered=True)
            return swept
        return swept._replace(overdue=swept.overdue + 1)
    if not order.is_open:
        return swept
    _tell_again(table, order, at)
    return swept._replace(again=swept.again + 1)


def _tell_again(table: OrdersTable, order: Order, at: datetime) -> None:
    """Tell an order's decision once more, and have it looked at later; what dies in between is done again."""
    log.note(toldAgain=order.status)
    if tell([_told(order, order.decisions[-1])]):
        raise PublishError("the decision was refused")
    table.postpone(order, order.tell_again_at(at))


@optimistic("order_busy")
def _change(
    table: OrdersTable,
    order_id: str,
    rule: Callable[[Order], Order],
    facts: Callable[[Order, Order], str | None] = lambda before, after: None,
) -> Order | None:
    """Apply a rule to an order, store what it changes with the outbox of that, and return the order then."""
    log.note(orderId=order_id)
    order = table.order(order_id)
    if order is None:
        raise UnknownOrderError(order_id)
    after = rule(order)
    if after is order:
        return after
    if not table.change(order, after, facts(order, after)):
        return None
    if order.status == "placed" != after.status:
        _measure(after)
    return after


def _measure(order: Order) -> None:
    """Measure an order that was just decided; a decision that is told again is measured no more.

    ``decisionMs``: milliseconds since it was placed. ``revenue``: minor units of its currency, once for each confirmed.
    """
    waited = parse(order.decisions[-1].time) - parse(order.placed_at)
    log.measure(decisionMs=waited // timedelta(milliseconds=1))
    if order.status == "confirmed":
        log.measure(revenue=order.content.totals.total)
    else:
        log.measure(cancelled=1)
