"""The facts orders publishes, what it reads of others', and the quote that carts sign."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from functions.orders.domain import PARTICIPANTS, MoneyBack, OrderLine, Reason, Report, TimelineEntry, Totals
from functions.shared.addresses import PostalAddress
from functions.shared.clock import parse, rfc3339
from functions.shared.inbox import Fact
from functions.shared.types import (
    CartId,
    Country,
    CustomerId,
    Data,
    Email,
    Line,
    Money,
    OrderId,
    Quantity,
    Sku,
    Timestamp,
    event_type,
)

# Letters first, so that no card number can ever pass for one.
PaymentToken = Annotated[
    str, Meta(min_length=1, max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$(?!\n)", examples=["tok_visa"])
]

Total = Annotated[Money, Meta(examples=[{"amount": 5341, "currency": "EUR"}])]

# --- published ---------------------------------------------------------------------------------------------------

NO_POSTAL_CODE = "-"
"""What facts of version 1, in which a postal code is required, say of an address without one."""


class Address(Data, frozen=True):
    """Where the goods go."""

    name: Line
    line1: Annotated[Line, Meta(examples=["Lindenstraße 12"])]
    city: Annotated[Line, Meta(examples=["Berlin"])]
    postal_code: Annotated[str, Meta(min_length=1, max_length=20, examples=["10969"])]
    country: Country
    line2: Annotated[Line, Meta(examples=["2nd floor"])] | None = None
    region: Annotated[Line, Meta(examples=["Berlin"])] | None = None


def published_address(kept: PostalAddress) -> Address:
    """Return an address as facts tell it."""
    return Address(
        kept.name,
        kept.line1,
        kept.city,
        kept.postal_code or NO_POSTAL_CODE,
        kept.country,
        kept.line2,
        kept.region,
    )


class OrderPlaced(Data, frozen=True, kw_only=True):
    """Someone wants to buy: hold the stock, hold the money, and say so before `decide_by`.

    ``cart_version``: the cart's, when it was quoted. ``customer_id`` is null for a guest. ``payment_token`` is for
    payments alone: never log it.
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
    cart_version: Annotated[int, Meta(ge=0, examples=[3])] = 0


class SoldLine(Data, frozen=True):
    """Units of one SKU."""

    sku: Sku
    quantity: Quantity


class OrderConfirmed(Data, frozen=True, kw_only=True):
    """It is sold: take the stock off the shelf, take the money. Facts of before November 2026 name no lines."""

    order_id: OrderId
    customer_id: CustomerId | None = None
    cart_id: CartId
    email: Email
    total: Total
    lines: tuple[SoldLine, ...] = ()


class OrderCancelled(Data, frozen=True, kw_only=True):
    """It is off, before or after it was confirmed: give back whatever is held or taken. Lines as OrderConfirmed."""

    order_id: OrderId
    customer_id: CustomerId | None = None
    cart_id: CartId
    email: Email
    reason: Reason
    total: Total
    lines: tuple[SoldLine, ...] = ()


class OrderMailRequested(Data, frozen=True, kw_only=True):
    """Staff want an order's mail sent again, as the order stands by then; `by` is the subject of who asked."""

    order_id: OrderId
    mail_id: Annotated[str, Meta(examples=["mai_01kaqz5r7b8v0w3m2x4y6t9n1g"])]
    by: Annotated[str, Meta(examples=["cus_01kaqz5r7b8v0w3m2x4y6t9n1s"])]


class OrderPaymentFailed(Data, frozen=True):
    """A confirmed order could not be charged, and waits for other means of payment; `attempt` counts these, from 1."""

    order_id: OrderId
    customer_id: CustomerId | None
    cart_id: CartId
    email: Email
    total: Money
    attempt: Annotated[int, Meta(ge=1, examples=[1])]


class OrderPaymentChanged(Data, frozen=True):
    """The buyer gave another means of payment for a confirmed order that could not be charged; `attempt` from 2."""

    order_id: OrderId
    attempt: Annotated[int, Meta(ge=2, examples=[2])]
    payment_token: PaymentToken


PUBLISHED = (
    OrderPlaced,
    OrderConfirmed,
    OrderCancelled,
    OrderPaymentFailed,
    OrderPaymentChanged,
    OrderMailRequested,
)

# --- read --------------------------------------------------------------------------------------------------------


class ParticipantEvent(Data, frozen=True):
    """What a participant says of an order (domain.PARTICIPANTS); the class's name is the fact's."""

    order_id: OrderId

    def detail(self) -> str:
        """Return what the timeline keeps of it."""
        return ""

    def money_back(self, version: int) -> MoneyBack:
        """Return how much of the money went back, all told, as of a version of the payment."""
        return MoneyBack()

    def failed_attempt(self) -> int:
        """Return which of the means of payment that the buyer gave could not be charged, 0 for none."""
        return 0


class StockReserved(ParticipantEvent, frozen=True):
    """inventory's yes."""


class ShortLine(Data, frozen=True):
    """A SKU of which there was not enough."""

    sku: Sku


class StockRejected(ParticipantEvent, frozen=True):
    """inventory's no."""

    lines: tuple[ShortLine, ...]

    def detail(self) -> str:
        """Return the SKUs that fell short."""
        return " ".join(line.sku for line in self.lines)[:200]


class PaymentAuthorized(ParticipantEvent, frozen=True):
    """payments' yes."""


class PaymentActionRequired(ParticipantEvent, frozen=True):
    """payments: the buyer's bank asks them first, until a time."""

    until: Timestamp

    def detail(self) -> str:
        """Return until when."""
        return rfc3339(parse(self.until))


class PaymentDeclined(ParticipantEvent, frozen=True):
    """payments' no."""

    code: str

    def detail(self) -> str:
        """Return why."""
        return self.code[:100]


class StockCommitted(ParticipantEvent, frozen=True):
    """inventory: the units have left the shelf."""


class StockReleased(ParticipantEvent, frozen=True):
    """inventory: the units are for sale again, where any were held."""


class PaymentCaptured(ParticipantEvent, frozen=True):
    """payments: the money was taken."""


class PaymentCaptureFailed(ParticipantEvent, frozen=True):
    """payments: what was held for a confirmed order will never be taken."""

    code: str
    attempt: int = 1

    def detail(self) -> str:
        """Return why."""
        return self.code[:100]

    def failed_attempt(self) -> int:
        """Return which attempt it was."""
        return self.attempt


class PaymentVoided(ParticipantEvent, frozen=True):
    """payments: the money is not held any more."""


class Back(Data, frozen=True):
    """What went back of a payment, all told, in minor units."""

    refunded: int = 0
    refunding: int = 0
    refund_failed: int = 0
    disputed: int = 0
    open_disputes: int = 0


class _MoneyBack(ParticipantEvent, frozen=True):
    amount: Money
    back: Back | None = None

    def why(self) -> str:
        """Return what more the timeline keeps."""
        return ""

    def detail(self) -> str:
        """Return how much it is about, and why."""
        return f"{self.amount.amount} {self.why()[:100]}".rstrip()

    def money_back(self, version: int) -> MoneyBack:
        """Return how much went back all told."""
        return MoneyBack(version, *msgspec.structs.astuple(self.back)) if self.back else MoneyBack()


class PaymentRefundStarted(_MoneyBack, frozen=True):
    """payments: money is on its way back."""


class PaymentRefunded(_MoneyBack, frozen=True, kw_only=True):
    """payments: money went back, and how much all told; ``back`` is missing in old facts."""

    refund_id: str
    refunded_total: Money

    def money_back(self, version: int) -> MoneyBack:
        """Return how much went back all told."""
        return super().money_back(version) if self.back else MoneyBack(version, self.refunded_total.amount)


class PaymentRefundFailed(_MoneyBack, frozen=True, kw_only=True):
    """payments: money that was on its way back, or (``was_paid``) had gone back, is with the shop again."""

    refund_id: str
    was_paid: bool = False
    code: str

    def why(self) -> str:
        """Return why."""
        return self.code


class PaymentDisputed(_MoneyBack, frozen=True, kw_only=True):
    """payments: the buyer disputes what was taken."""

    reason: str

    def why(self) -> str:
        """Return why."""
        return self.reason


class PaymentDisputeClosed(_MoneyBack, frozen=True, kw_only=True):
    """payments: a dispute is over."""

    outcome: str

    def why(self) -> str:
        """Return how it ended."""
        return self.outcome


PARTICIPANT_EVENTS = tuple(
    kind
    for kind in (*ParticipantEvent.__subclasses__(), *_MoneyBack.__subclasses__())
    if kind is not _MoneyBack
)
ABOUT_MONEY = frozenset(event_type(kind).name for kind in _MoneyBack.__subclasses__())
"""The facts whose detail begins with an amount."""
_VOTES = {fact for who in PARTICIPANTS.values() for fact in (who.yes, who.no, who.asks)}
_STATES = {fact for who in PARTICIPANTS.values() for fact in who.states}
VOTES = tuple(kind for kind in PARTICIPANT_EVENTS if event_type(kind).name in _VOTES)
PROGRESS = tuple(kind for kind in PARTICIPANT_EVENTS if event_type(kind).name in _STATES - _VOTES)


def report_of(fact: Fact[ParticipantEvent]) -> Report:
    """Return what a fact says of its order."""
    said = fact.data
    entry = TimelineEntry(fact.time, event_type(type(said)).name, fact.id, said.detail())
    return Report(entry, said.money_back(fact.aggregate.version), said.failed_attempt())


class CustomerErased(Data, frozen=True):
    """identity: a customer wants to be forgotten."""

    customer_id: CustomerId


# --- signed by carts ---------------------------------------------------------------------------------------------


class Quote(Data, frozen=True, kw_only=True):
    """What the buyer was promised (signing purpose ``quote``); ``customer_id`` is null where a guest asked.

    ``id`` names a purchase: a cart gives quotes of the same id until one of them is ordered. ``replaces``: purchases of
    carts that were merged into this one; of all of these, one is ordered.
    """

    id: str
    cart_id: CartId
    customer_id: CustomerId | None = None
    email: Email
    lines: Annotated[tuple[OrderLine, ...], Meta(min_length=1, max_length=50)]
    totals: Totals
    shipping_address: PostalAddress
    expires_at: Timestamp
    cart_version: int = 0
    replaces: Annotated[tuple[str, ...], Meta(max_length=16)] = ()
