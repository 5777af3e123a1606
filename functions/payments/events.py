"""The facts payments publishes, and what it reads of others'."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.shared.types import Currency, CustomerId, Data, Minor, Money, OrderId, Timestamp

RefundId = Annotated[str, Meta(max_length=40, examples=["rfd_01kaqz5r7b8v0w3m2x4y6t9n1c"])]


# --- published ---------------------------------------------------------------------------------------------------


class PaymentAuthorized(Data, frozen=True):
    """The provider holds an order's total: payments' yes. No money has moved.

    ``reminder``: said again because no decision has come; orders answers with the decision.
    """

    order_id: OrderId
    amount: Money
    provider: Annotated[str, Meta(examples=["simulator"])]
    reminder: bool = False


class PaymentDeclined(Data, frozen=True):
    """Nothing is held for an order: payments' no. ``code`` is for people and programs, and never names a card."""

    order_id: OrderId
    code: Annotated[str, Meta(examples=["card_declined"])]
    amount: Money


class PaymentCaptured(Data, frozen=True):
    """An order's total was taken."""

    order_id: OrderId
    amount: Money


class PaymentCaptureFailed(Data, frozen=True):
    """What was held for a confirmed order will never be taken: it lapsed, or the provider refuses it for good.

    ``attempt`` counts the means of payment that the buyer gave, from 1; ``code`` is for people and programs.
    """

    order_id: OrderId
    amount: Money
    provider: Annotated[str, Meta(examples=["simulator"])]
    code: Annotated[str, Meta(examples=["authorisation_ended"])]
    attempt: Annotated[int, Meta(ge=1, examples=[1])] = 1


class PaymentVoided(Data, frozen=True):
    """What was held for an order is free again; no money moved."""

    order_id: OrderId
    amount: Money


class PaymentRefunded(Data, frozen=True):
    """Money went back to the buyer; ``refunded_total`` is all that went back so far."""

    order_id: OrderId
    refund_id: RefundId
    amount: Money
    reason: Annotated[str, Meta(examples=["order_cancelled"])]
    refunded_total: Money


class SimulatorTroubleChanged(Data, frozen=True):
    """The simulated provider of the local stack is put through something else, or through nothing any more."""

    trouble: Annotated[str, Meta(examples=["slow"])]


PUBLISHED = (
    PaymentAuthorized,
    PaymentDeclined,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentVoided,
    PaymentRefunded,
    SimulatorTroubleChanged,
)

# --- read --------------------------------------------------------------------------------------------------------


class OrderTotals(Data, frozen=True):
    """What an order costs."""

    currency: Currency
    total: Minor


class OrderPlaced(Data, frozen=True):
    """orders: someone wants to buy; hold the total until it is decided."""

    order_id: OrderId
    totals: OrderTotals
    payment_token: str
    decide_by: Timestamp
    customer_id: CustomerId | None = None


class OrderPaymentChanged(Data, frozen=True):
    """orders: the buyer gave another means of payment, because the capture of the one before had failed."""

    order_id: OrderId
    attempt: int
    payment_token: str


class OrderConfirmed(Data, frozen=True):
    """orders: it is sold."""

    order_id: OrderId


class OrderCancelled(Data, frozen=True):
    """orders: it is off, before or after it was confirmed."""

    order_id: OrderId
    total: Money
    customer_id: CustomerId | None = None
