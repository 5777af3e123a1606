"""What orders' HTTP calls take and give; the JSON Schemas of the OpenAPI page come from these."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from functions.orders.domain import (
    PARTICIPANTS,
    Mail,
    MailKind,
    Order,
    OrderLine,
    Status,
    Totals,
    fact_of,
)
from functions.orders.events import ABOUT_MONEY, PaymentToken
from functions.shared.addresses import PostalAddress
from functions.shared.ids import order_number
from functions.shared.types import Body, Limit, Money, PageQuery, Query, View

SEARCHED = ("number", "email", "name", "sku")
"""What staff find orders by."""


class ListOrders(PageQuery, frozen=True):
    """Whose orders: the caller's own, where nobody is named."""

    customer_id: Annotated[str, Meta(description="Whose orders, for staff")] | None = None


class ListOpen(Query, frozen=True):
    """How many to list."""

    limit: Limit = 50


class SearchOrders(PageQuery, frozen=True):
    """What to find orders by: one of the four."""

    number: str | None = None
    email: str | None = None
    name: str | None = None
    sku: str | None = None


class ByToken(Query, frozen=True):
    """What else than X-Order-Token can open a guest's order: a link."""

    token: Annotated[str, Meta(description="The same as X-Order-Token, for links")] | None = None


class Pay(Body, frozen=True):
    """How it is paid: a token of the payment provider, never a card number."""

    token: PaymentToken


class PlaceOrder(Body, frozen=True):
    """A quote as the cart gave it, and how it is paid."""

    quote: Annotated[str, Meta(min_length=1, max_length=50_000)]
    payment: Pay


class PayAgain(Body, frozen=True):
    """Another means of payment for an order that could not be charged."""

    payment: Pay


class CancelOrder(Body, frozen=True):
    """Nothing: the path says which order."""


class OrderView(View, frozen=True):
    """An order; amounts in minor units of the totals' currency. ``number`` is what people call it by: ``K7-4R92``.

    ``status``: placed, confirmed, cancelled (``reason``: out_of_stock, payment_declined, timeout, customer, operator).
    ``payment_status``: action_required (the buyer's bank asks them: ``GET /payments/{orderId}/action``), authorised,
    declined, captured, capture_failed, voided, partially_refunded, refunded; null before any of it. ``unpaid``: it is
    confirmed, could not be charged, and waits for another means of payment.
    ``cancellable_until``: until when its customer may cancel it, RFC 3339; null where no time is set (it is placed, or
    unpaid) and where it is cancelled.
    ``refunded`` has gone back, ``refunding`` is on its way, ``refund_failed`` should have gone back and did not,
    ``disputed`` was taken back by the bank. ``unsettled``: a refund failed, or a dispute is open.
    """

    order_id: str
    number: str
    status: str
    reason: str | None
    payment_status: str | None
    unpaid: bool
    customer_id: str | None
    email: str
    lines: tuple[OrderLine, ...]
    totals: Totals
    refunded: Money
    refunding: Money
    refund_failed: Money
    disputed: Money
    unsettled: bool
    shipping_address: PostalAddress
    placed_at: str
    decide_by: str
    cancellable_until: str | None


class PlacedView(OrderView, frozen=True):
    """An order as it was placed; ``order_token`` opens a guest's later, null for a customer's."""

    order_token: str | None


class OrdersView(View, frozen=True):
    """A page of orders, newest first."""

    items: list[OrderView]
    next_cursor: str | None


class DecideOrder(Body, frozen=True):
    """A decision forced on an order that waits for its votes, and why; the buyer sees the reason in the timeline."""

    decision: Literal["cancel"]
    reason: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]


class OpenOrderView(View, frozen=True):
    """An order that is not decided yet; past ``decide_by`` it is stuck until the next sweep.

    ``votes``: what ``stock`` and ``payment`` have said so far, null while one is waited for.
    """

    order_id: str
    number: str
    placed_at: str
    decide_by: str
    total: Money
    votes: dict[str, str | None]


class OpenOrdersView(View, frozen=True):
    """The open orders with the nearest deadlines; what lies beyond waits its turn, so there is no next page."""

    items: list[OpenOrderView]
    next_cursor: str | None = None


class EntryView(View, frozen=True):
    """One step of an order: a fact, when it came about, and what led to it.

    ``status``: the order's from then on. ``cause``: the id of an event, the subject who asked for it, ``guest`` or
    ``deadline``. ``detail``: why it was cancelled (``operator: …`` in an operator's words), the code of a decline, the
    SKUs that fell short, why a refund failed, why a payment is disputed or how that ended. ``amount``: what the fact
    is about.
    """

    time: str
    type: str
    status: str
    cause: str
    detail: str | None
    amount: Money | None


class TimelineView(View, frozen=True):
    """All steps of an order, in the order in which it learnt of them."""

    items: list[EntryView]


class SendMail(Body, frozen=True):
    """Nothing: the path says about which order, and its state what there is to tell."""


class MailRequestedView(View, frozen=True):
    """The mail that will be sent, as it will be listed."""

    mail_id: str


class MailView(View, frozen=True):
    """A mail that was sent about an order; ``by``: who asked for it, null where it tells of a decision or a refund."""

    mail_id: str
    kind: MailKind
    by: str | None
    sent_at: str


class MailsView(View, frozen=True):
    """The mails sent about an order, oldest first, at most 100."""

    items: list[MailView]
    next_cursor: str | None = None


def mail_view(mail: Mail) -> MailView:
    """Shape a mail."""
    return MailView(mail.mail_id, mail.kind, mail.by, str(mail.sent_at))


def order_view(order: Order, window: timedelta) -> OrderView:
    """Shape an order, given how long after its confirmation its customer may cancel it."""
    return OrderView(**_shown(order), cancellable_until=order.cancellable_until(window))


def open_view(order: Order) -> OpenOrderView:
    """Shape an order that waits for its votes."""
    totals = order.content.totals
    return OpenOrderView(
        order_id=order.order_id,
        number=order_number(order.order_id),
        placed_at=order.placed_at,
        decide_by=order.deadline,
        total=Money(totals.total, totals.currency),
        votes={who.part: order.parts.get(name) for name, who in PARTICIPANTS.items()},
    )


def placed_view(order: Order, order_token: str | None) -> PlacedView:
    """Shape an order that was just placed."""
    return PlacedView(**_shown(order), cancellable_until=None, order_token=order_token)


def _shown(order: Order) -> dict[str, Any]:
    content = order.content
    return {
        "order_id": order.order_id,
        "number": order_number(order.order_id),
        "status": order.status,
        "reason": order.reason,
        "payment_status": order.parts.get("payments"),
        "unpaid": order.unpaid,
        "customer_id": order.customer_id,
        "email": content.email,
        "lines": content.lines,
        "totals": content.totals,
        **{
            name: Money(getattr(order.back, name), content.totals.currency)
            for name in ("refunded", "refunding", "refund_failed", "disputed")
        },
        "unsettled": order.unsettled,
        "shipping_address": content.shipping_address,
        "placed_at": order.placed_at,
        "decide_by": order.deadline,
    }


_STATUS_AFTER: dict[str, Status] = {fact_of(status): status for status in get_args(Status)}


def timeline_view(order: Order) -> TimelineView:
    """Shape an order's timeline, from its placing on."""
    items: list[EntryView] = []
    status: Status = "placed"
    for time, kind, cause, detail, _ in (order.placing, *order.timeline):
        status = _STATUS_AFTER.get(kind, status)
        amount, _, why = detail.partition(" ") if kind in ABOUT_MONEY else ("", "", detail)
        money = Money(int(amount), order.content.totals.currency) if amount else None
        items.append(EntryView(time, kind, status, cause, why or None, money))
    return TimelineView(items)
