"""The facts payments publishes, and what it reads of others'."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.shared.types import Currency, CustomerId, Data, Minor, Money, OrderId, Timestamp

RefundId = Annotated[str, Meta(max_length=40, examples=["rfd_01kaqz5r7b8v0w3m2x4y6t9n1c"])]
DisputeId = Annotated[str, Meta(max_length=255, examples=["dp_1PgafyB7WZ01zgkWXz5Wl2Kq"])]

NotYet = Annotated[Minor, Meta(examples=[0])]

# --- published ---------------------------------------------------------------------------------------------------


class PaymentAuthorized(Data, frozen=True):
    """The provider holds an order's total: payments' yes. No money has moved."""

    order_id: OrderId
    amount: Money
    provider: Annotated[str, Meta(examples=["simulator"])]


class PaymentDeclined(Data, frozen=True):
    """Nothing is held for an order: payments' no. ``code`` is for people and programs, and never names a card."""

    order_id: OrderId
    code: Annotated[str, Meta(examples=["card_declined"])]
    amount: Money


class PaymentActionRequired(Data, frozen=True):
    """The buyer's bank wants to ask them before it holds anything; payments' yes or no follows, at the latest `until`.

    What they are asked, and where, is for them alone: ``GET /payments/{orderId}/action``.
    """

    order_id: OrderId
    until: Timestamp


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
    """Nothing is held for an order any more, or was before it was off; no money moved."""

    order_id: OrderId
    amount: Money


class MoneyBack(Data, frozen=True):
    """What went back of a payment, all told, in minor units: true as of the fact's version of the payment.

    ``refunding`` is on its way, ``refund_failed`` is what refunds that failed still owe, ``disputed`` is what the
    provider took back for disputes, of which ``open_disputes`` are not closed.
    """

    currency: Currency
    refunded: Minor = 0
    refunding: NotYet = 0
    refund_failed: NotYet = 0
    disputed: NotYet = 0
    open_disputes: Annotated[int, Meta(ge=0, examples=[0])] = 0


class PaymentRefundStarted(Data, frozen=True):
    """A refund is under way; whether the buyer gets it is told by PaymentRefunded or PaymentRefundFailed."""

    order_id: OrderId
    refund_id: RefundId
    amount: Money
    reason: Annotated[str, Meta(examples=["order_cancelled"])]
    back: MoneyBack


class PaymentRefunded(Data, frozen=True):
    """Money went back to the buyer; ``refunded_total`` is all that went back so far."""

    order_id: OrderId
    refund_id: RefundId
    amount: Money
    reason: Annotated[str, Meta(examples=["order_cancelled"])]
    refunded_total: Money
    back: MoneyBack | None = None


class PaymentRefundFailed(Data, frozen=True):
    """A refund will never reach the buyer; its amount can be given back by another.

    ``was_paid``: it had been told as paid before, and the bank sent it back.
    """

    order_id: OrderId
    refund_id: RefundId
    amount: Money
    reason: Annotated[str, Meta(examples=["order_cancelled"])]
    code: Annotated[str, Meta(examples=["lost_or_stolen_card"])]
    back: MoneyBack
    was_paid: bool = False


class PaymentDisputed(Data, frozen=True):
    """A buyer disputes a payment at the bank, or the provider moved money for that: it has ``withdrawn`` so much."""

    order_id: OrderId
    dispute_id: DisputeId
    amount: Money
    withdrawn: Money
    reason: Annotated[str, Meta(examples=["product_not_received"])]
    back: MoneyBack


class PaymentDisputeClosed(Data, frozen=True):
    """A dispute is over: ``won`` or ``lost`` by the shop, or ``closed``, an inquiry that came to nothing."""

    order_id: OrderId
    dispute_id: DisputeId
    amount: Money
    withdrawn: Money
    outcome: Annotated[str, Meta(examples=["won"])]
    back: MoneyBack


class SimulatorTroubleChanged(Data, frozen=True):
    """The simulated provider of the local stack is put through something else, or through nothing any more."""

    trouble: Annotated[str, Meta(examples=["slow"])]


PUBLISHED = (
    PaymentAuthorized,
    PaymentDeclined,
    PaymentActionRequired,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentVoided,
    PaymentRefundStarted,
    PaymentRefunded,
    PaymentRefundFailed,
    PaymentDisputed,
    PaymentDisputeClosed,
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
