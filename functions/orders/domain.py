"""Order rules as pure functions: what others said of an order, what that decides, and what may still change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Literal, NamedTuple, TypeVar

from msgspec import Meta

from functions.shared.types import (
    CartId,
    Country,
    Currency,
    Data,
    Email,
    Line,
    Minor,
    ProductId,
    Quantity,
    Sku,
    Timestamp,
)

LINK_KEPT = timedelta(days=30)
"""How long after placing a guest's order link is good."""

MAX_NOTES = 100
"""Timeline entries of one order, decisions aside: a hundred small refunds must not fill the item (400 KB)."""

Status = Literal["placed", "confirmed", "cancelled"]
"""An order's life: placed → confirmed → cancelled, or placed → cancelled. Shipping adds states after confirmed."""

Reason = Literal["out_of_stock", "payment_declined", "timeout", "customer", "operator"]
Stock = Literal["reserved", "rejected", "committed", "released"]
Payment = Literal["authorised", "declined", "captured", "voided", "partially_refunded", "refunded"]

# The order in which they come about, so that news which arrive late do not set them back.
_STOCK: tuple[Stock, ...] = ("reserved", "rejected", "committed", "released")
_PAYMENT: tuple[Payment, ...] = (
    "authorised", "declined", "captured", "voided", "partially_refunded", "refunded",
)  # fmt: skip


class OrderLine(Data, frozen=True):
    """What is bought of one SKU; amounts in minor units of the totals' currency."""

    sku: Sku
    product_id: ProductId
    title: Annotated[Line, Meta(examples=["Clay pot, large"])]
    quantity: Quantity
    unit_price: Minor
    total: Annotated[Minor, Meta(examples=[3998])]


class Totals(Data, frozen=True):
    """What is charged, in minor units."""

    currency: Currency
    subtotal: Annotated[Minor, Meta(examples=[3998])]
    shipping: Annotated[Minor, Meta(examples=[490])]
    tax: Annotated[Minor, Meta(examples=[853])]
    total: Annotated[Minor, Meta(examples=[5341])]


class Address(Data, frozen=True):
    """Where the goods go."""

    name: Line
    line1: Annotated[Line, Meta(examples=["Lindenstraße 12"])]
    city: Annotated[Line, Meta(examples=["Berlin"])]
    postal_code: Annotated[str, Meta(min_length=1, max_length=20, examples=["10969"])]
    country: Country
    line2: Annotated[Line, Meta(examples=["2nd floor"])] | None = None
    region: Annotated[Line, Meta(examples=["Berlin"])] | None = None


class Content(Data, frozen=True):
    """What was ordered, as the quote promised it, and how it is paid; it never changes."""

    cart_id: CartId
    email: Email
    lines: tuple[OrderLine, ...]
    totals: Totals
    shipping_address: Address
    payment_token: str
    decide_by: Timestamp


class Entry(NamedTuple):
    """One step of an order's timeline.

    ``type`` is the name of the fact; ``cause`` the id of the event behind it, the subject who asked for it, ``guest``
    or ``deadline``; ``detail`` a reason, a code, the SKUs that fell short, or what was refunded in minor units.
    """

    time: str
    type: str
    cause: str
    detail: str = ""


class News(NamedTuple):
    """What a fact of another service says of an order: a vote, or what became of its stock and money."""

    entry: Entry
    stock: Stock | None = None
    payment: Payment | None = None
    refunded: int = 0


@dataclass(frozen=True)
class Order:
    """An order: what was bought, where it stands, and how it got there; ``refunded`` in minor units."""

    order_id: str
    customer_id: str | None
    placed_at: str
    content: Content
    status: Status = "placed"
    reason: Reason | None = None
    stock: Stock | None = None
    payment: Payment | None = None
    refunded: int = 0
    timeline: tuple[Entry, ...] = ()
    version: int = 1


class Mail(NamedTuple):
    """A mail about an order: its id within the order, what it tells, who asked for it (None: the decision itself)."""

    mail_id: str
    kind: Status
    by: str | None = None
    sent_at: str | None = None


class Decision(NamedTuple):
    """How an order stands from now on, and why it is off."""

    status: Status
    reason: Reason | None = None


def decide(stock: Stock | None, payment: Payment | None, *, overdue: bool = False) -> Decision | None:
    """Return the decision the votes allow, None while one is missing and there is time.

    A single no decides at once. Once the deadline has passed, a missing vote is a no.
    """
    if stock == "rejected":
        return Decision("cancelled", "out_of_stock")
    if payment == "declined":
        return Decision("cancelled", "payment_declined")
    if stock == "reserved" and payment == "authorised":
        return Decision("confirmed")
    return Decision("cancelled", "timeout") if overdue else None


def voted(order: Order, vote: News, at: str) -> Order:
    """Return the order after a vote, decided where no other is needed; a late or repeated vote changes nothing."""
    if order.status != "placed":
        return order
    after = _moved(order, vote)
    if (after.stock, after.payment) == (order.stock, order.payment):
        return order
    after = replace(after, timeline=(*order.timeline, vote.entry), version=order.version + 1)
    decision = decide(after.stock, after.payment)
    return _decided(after, decision, at, vote.entry.cause) if decision else after


def noted(order: Order, news: News) -> Order:
    """Return the order after what became of its stock or money; the same news again changes nothing."""
    if any(entry.cause == news.entry.cause for entry in order.timeline):
        return order
    after = _moved(order, news)
    if len(order.timeline) < MAX_NOTES:
        after = replace(after, timeline=(*order.timeline, news.entry))
    return order if after == order else replace(after, version=order.version + 1)


def expired(order: Order, at: str) -> Order:
    """Return the order as its deadline leaves it; unchanged before that, and once it is decided."""
    if order.status != "placed" or at < order.content.decide_by:
        return order
    decision = decide(order.stock, order.payment, overdue=True)
    return (
        _decided(replace(order, version=order.version + 1), decision, at, "deadline") if decision else order
    )


def cancelled(
    order: Order, reason: Literal["customer", "operator"], at: str, by: str, *, words: str = ""
) -> Order:
    """Return the order called off, placed or confirmed; unchanged where it is off already, for whatever reason.

    `words` are what an operator says of it; they stand in the timeline after the reason.
    """
    if order.status == "cancelled":
        return order
    after = replace(order, version=order.version + 1)
    return _decided(after, Decision("cancelled", reason), at, by, words)


def told_again(order: Order) -> Order:
    """Return a decided order whose decision is to be published once more, as a new version of it."""
    return replace(order, version=order.version + 1)


def as_placed(order: Order) -> Order:
    """Return the order as it was when it was placed."""
    return Order(order.order_id, order.customer_id, order.placed_at, order.content)


def _decided(order: Order, decision: Decision, at: str, cause: str, words: str = "") -> Order:
    """Return the order with a decision, in the same version as what led to it."""
    kind = "OrderConfirmed" if decision.status == "confirmed" else "OrderCancelled"
    entry = Entry(at, kind, cause, ": ".join(filter(None, (decision.reason, words))))
    return replace(order, status=decision.status, reason=decision.reason, timeline=(*order.timeline, entry))


def _moved(order: Order, news: News) -> Order:
    """Return the order with the news's word on stock or money, where it is not behind what is known."""
    refunded = max(order.refunded, news.refunded)
    payment = _later(_PAYMENT, order.payment, news.payment)
    if payment == "partially_refunded" and refunded >= order.content.totals.total:
        payment = "refunded"
    return replace(order, stock=_later(_STOCK, order.stock, news.stock), payment=payment, refunded=refunded)


T = TypeVar("T")


def _later(way: tuple[T, ...], one: T | None, other: T | None) -> T | None:
    known = [state for state in (one, other) if state is not None]
    return max(known, key=way.index, default=None)
