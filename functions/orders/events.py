"""The facts orders publishes, what it reads of others', and the quote that carts sign."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.orders.domain import Address, Entry, News, OrderLine, Payment, Reason, Stock, Totals
from functions.shared.types import CartId, CustomerId, Data, Email, Money, OrderId, Sku, Timestamp

# Letters first, so that no card number can ever pass for one.
PaymentToken = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$(?!\n)", examples=["tok_visa"])
]

Total = Annotated[Money, Meta(examples=[{"amount": 5341, "currency": "EUR"}])]

# --- published ---------------------------------------------------------------------------------------------------


class OrderPlaced(Data, frozen=True, kw_only=True):
    """Someone wants to buy: hold the stock, hold the money, and say so before `decide_by`.

    ``customer_id`` is null for a guest. ``payment_token`` is for payments alone: never log it.
    """

    order_id: OrderId
    customer_id: CustomerId | None = None
    cart_id: CartId
    email: Email
    lines: tuple[OrderLine, ...]
    totals: Totals
    shipping_address: Address
    payment_token: PaymentToken
    placed_at: Timestamp
    decide_by: Annotated[Timestamp, Meta(examples=["2026-11-22T17:07:09.123Z"])]


class OrderConfirmed(Data, frozen=True, kw_only=True):
    """It is sold: take the stock off the shelf, take the money."""

    order_id: OrderId
    customer_id: CustomerId | None = None
    cart_id: CartId
    email: Email
    total: Total


class OrderCancelled(Data, frozen=True, kw_only=True):
    """It is off, before or after it was confirmed: give back whatever is held or taken."""

    order_id: OrderId
    customer_id: CustomerId | None = None
    cart_id: CartId
    email: Email
    reason: Reason
    total: Total


PUBLISHED = (OrderPlaced, OrderConfirmed, OrderCancelled)

# --- read --------------------------------------------------------------------------------------------------------


class StockReserved(Data, frozen=True):
    """inventory's yes; ``reminder``: no decision has reached it."""

    order_id: OrderId
    reminder: bool = False


class ShortLine(Data, frozen=True):
    """A SKU of which there was not enough."""

    sku: Sku


class StockRejected(Data, frozen=True):
    """inventory's no."""

    order_id: OrderId
    lines: tuple[ShortLine, ...]


class PaymentAuthorized(Data, frozen=True):
    """payments' yes; ``reminder``: no decision has reached it."""

    order_id: OrderId
    reminder: bool = False


class PaymentDeclined(Data, frozen=True):
    """payments' no."""

    order_id: OrderId
    code: str


class StockCommitted(Data, frozen=True):
    """inventory: the units have left the shelf."""

    order_id: OrderId


class StockReleased(Data, frozen=True):
    """inventory: the units are for sale again."""

    order_id: OrderId


class PaymentCaptured(Data, frozen=True):
    """payments: the money was taken."""

    order_id: OrderId


class PaymentVoided(Data, frozen=True):
    """payments: the money is not held any more."""

    order_id: OrderId


class PaymentRefunded(Data, frozen=True):
    """payments: money went back, and how much all told."""

    order_id: OrderId
    amount: Money
    refunded_total: Money


Vote = StockReserved | StockRejected | PaymentAuthorized | PaymentDeclined
Progress = StockCommitted | StockReleased | PaymentCaptured | PaymentVoided | PaymentRefunded

VOTES = (StockReserved, StockRejected, PaymentAuthorized, PaymentDeclined)
PROGRESS = (StockCommitted, StockReleased, PaymentCaptured, PaymentVoided, PaymentRefunded)


_STOCK: dict[type[Data], Stock] = {
    StockReserved: "reserved",
    StockRejected: "rejected",
    StockCommitted: "committed",
    StockReleased: "released",
}
_PAYMENT: dict[type[Data], Payment] = {
    PaymentAuthorized: "authorised",
    PaymentDeclined: "declined",
    PaymentCaptured: "captured",
    PaymentVoided: "voided",
    PaymentRefunded: "partially_refunded",
}


def news(data: Vote | Progress, event_id: str, time: str) -> News:
    """Return what a fact says of its order."""
    kind = type(data)
    entry = Entry(time, kind.__name__, event_id, _detail(data))
    refunded = data.refunded_total.amount if isinstance(data, PaymentRefunded) else 0
    return News(entry, _STOCK.get(kind), _PAYMENT.get(kind), refunded)


def _detail(data: Vote | Progress) -> str:
    match data:
        case StockRejected():
            return " ".join(line.sku for line in data.lines)[:200]
        case PaymentDeclined():
            return data.code[:100]
        case PaymentRefunded():
            return str(data.amount.amount)
    return ""


# --- signed by carts ---------------------------------------------------------------------------------------------


class Quote(Data, frozen=True, kw_only=True):
    """What the buyer was promised (signing purpose ``quote``); ``customer_id`` is null where a guest asked."""

    id: str
    cart_id: CartId
    customer_id: CustomerId | None = None
    email: Email
    lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1, max_length=50)]
    totals: Totals
    shipping_address: Address
    expires_at: Timestamp
