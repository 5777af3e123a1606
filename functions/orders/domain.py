"""Order rules as pure functions: what others said of an order, what that decides, and what may still change."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal, NamedTuple, assert_never

from msgspec import Meta, Struct
from msgspec.structs import replace

from functions.shared.addresses import PostalAddress
from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError
from functions.shared.types import (
    CartId,
    Currency,
    Data,
    Email,
    Line,
    Millionths,
    Minor,
    ProductId,
    Quantity,
    Rounding,
    Sku,
    Timestamp,
)

TELL_AGAIN = timedelta(minutes=5)
"""How long a decision that is not answered waits at least until it is told again; later as long as it has waited."""
TELL_AT_LEAST_EVERY = timedelta(hours=6)

LINK_KEPT = timedelta(days=30)
"""How long after placing a guest's order link is good."""

MAX_NOTES = 100
"""Timeline entries of one order, decisions aside: a hundred small refunds must not fill the item (400 KB)."""

ERASED = "erased"
"""What stands in the place of what named a person who was erased; a token of a provider is never that."""
ERASED_EMAIL = "erased@erased.invalid"
"""No address there can be (RFC 2606): no mail is sent to it."""

Status = Literal["placed", "confirmed", "cancelled"]
"""An order's life: placed → confirmed → cancelled, or placed → cancelled. Shipping adds states after confirmed."""

Reason = Literal["out_of_stock", "payment_declined", "timeout", "customer", "operator"]


class Participant(NamedTuple):
    """Who has a say in an order, the facts by which they say it, and what these mean.

    Parameters
    ----------
    part
        What of the order they speak of: the item's attribute, and the name of their vote in views.
    yes, no
        The facts that are their vote.
    undone_by
        The facts that tell that what they held, or took, is given back.
    refused
        Why an order is off on their no.
    asks
        The fact that tells that somebody has to act before they can vote; the detail of its timeline entry is until
        when.
    states
        What each fact makes of their part, the facts in the order in which they come about, so that news which arrive
        late do not set it back. Where there are three, it is by whether none, some or all of the order's total went
        back, which what the order knows of that decides.
    kept_by
        The states from which on they have followed a confirmation. A cancellation they have followed once they hold
        nothing, and have said so.
    """

    part: str
    yes: str
    no: str
    undone_by: tuple[str, ...]
    refused: Reason
    states: Mapping[str, tuple[str, ...]]
    kept_by: frozenset[str]
    asks: str = ""

    def state(self, fact: str) -> str:
        """Return what a fact makes of the part."""
        return self.states[fact][0]

    def later(self, one: str | None, other: str) -> str:
        """Return which of two states comes later."""
        way = [state for states in self.states.values() for state in states]
        return max(other, one or other, key=way.index)

    def has_agreed(self, state: str | None) -> bool:
        """Tell whether the vote is in, and is a yes, or may become one."""
        return state not in (None, self.state(self.no))

    def holds_nothing(self, state: str | None) -> bool:
        """Tell whether nothing is held or kept: they never agreed, or all of it is given back."""
        return not self.has_agreed(state) or state in {self.states[fact][-1] for fact in self.undone_by}


TAKEN = ("captured", "partially_refunded", "refunded")

PARTICIPANTS: Mapping[str, Participant] = {
    "inventory": Participant(
        part="stock",
        yes="StockReserved",
        no="StockRejected",
        undone_by=("StockReleased",),
        refused="out_of_stock",
        states={
            "StockReserved": ("reserved",),
            "StockRejected": ("rejected",),
            "StockCommitted": ("committed",),
            "StockReleased": ("released",),
        },
        kept_by=frozenset({"committed", "released"}),
    ),
    "payments": Participant(
        part="payment",
        yes="PaymentAuthorized",
        no="PaymentDeclined",
        undone_by=("PaymentVoided", "PaymentRefunded"),
        refused="payment_declined",
        asks="PaymentActionRequired",
        states={
            "PaymentActionRequired": ("action_required",),
            "PaymentAuthorized": ("authorised",),
            "PaymentDeclined": ("declined",),
            "PaymentCaptureFailed": ("capture_failed",),
            "PaymentCaptured": TAKEN,
            "PaymentRefundStarted": TAKEN,
            "PaymentRefunded": TAKEN,
            "PaymentRefundFailed": TAKEN,
            "PaymentDisputed": TAKEN,
            "PaymentDisputeClosed": TAKEN,
            "PaymentVoided": ("voided",),
        },
        kept_by=frozenset({"capture_failed", *TAKEN, "voided"}),
    ),
}
"""By service. The first who refuses gives the reason."""


class OrderLine(Data, frozen=True):
    """What is bought of one SKU; amounts in minor units of the totals' currency.

    ``tax``: of all its units, in ``total`` where prices include tax, on top of it where they do not; ``tax_rate`` is in
    millionths. Of the units the first bear what does not divide evenly.
    """

    sku: Sku
    product_id: ProductId
    title: Annotated[Line, Meta(examples=["Clay pot, large"])]
    quantity: Quantity
    unit_price: Minor
    total: Annotated[Minor, Meta(examples=[3998])]
    tax_rate: Annotated[Millionths, Meta(examples=[190_000])] = 0
    tax: Annotated[Minor, Meta(examples=[760])] = 0


class TaxPart(Data, frozen=True):
    """What an order bears at one rate, shipping's share included; `rate` in millionths, amounts in minor units."""

    rate: Annotated[Millionths, Meta(examples=[190_000])]
    net: Annotated[Minor, Meta(examples=[4488])]
    tax: Annotated[Minor, Meta(examples=[853])]


class Totals(Data, frozen=True):
    """What is charged, in minor units: ``total`` is the sum of the rest, but for tax where the rest contains it.

    ``rounding``: what was added, or taken off where negative, so that the provider can charge the total exactly.
    ``taxes``: by rate, what goods and shipping are without tax, and the tax; ``tax`` is their sum. ``tax_included``:
    whether the amounts of lines and shipping contain it.
    """

    currency: Currency
    subtotal: Annotated[Minor, Meta(examples=[3998])]
    shipping: Annotated[Minor, Meta(examples=[490])]
    tax: Annotated[Minor, Meta(examples=[853])]
    total: Annotated[Minor, Meta(examples=[5341])]
    rounding: Rounding = 0
    taxes: tuple[TaxPart, ...] = ()
    tax_included: bool = False


class Content(Data, frozen=True):
    """What was ordered, as the quote promised it, and how it is paid; it never changes."""

    cart_id: CartId
    email: Email
    lines: tuple[OrderLine, ...]
    totals: Totals
    shipping_address: PostalAddress
    payment_token: str
    decide_by: Timestamp
    cart_version: int = 0


class TimelineEntry(NamedTuple):
    """One step of an order's timeline.

    ``type`` is the name of the fact; ``cause`` the id of the event behind it, the subject who asked for it, ``guest``
    or ``deadline``; ``detail`` a reason, a code, the SKUs that fell short, until when a bank asks, or what was
    refunded in minor units. ``version`` is the order's where the step is its placing or a decision, else 0.
    """

    time: str
    type: str
    cause: str
    detail: str = ""
    version: int = 0


class MoneyBack(NamedTuple):
    """What went back of an order's money, all told, in minor units, as of a version of its payment.

    ``refunding`` is on its way, ``refund_failed`` is what refunds that failed still owe, ``disputed`` is what the
    provider took back for disputes, of which ``open_disputes`` are not closed.
    """

    version: int = 0
    refunded: int = 0
    refunding: int = 0
    refund_failed: int = 0
    disputed: int = 0
    open_disputes: int = 0


NOTHING_BACK = MoneyBack()


class Report(NamedTuple):
    """What a participant's fact says of an order: a vote, or what became of what they held.

    ``back``: of its money. ``failed_attempt``: which of the means of payment that the buyer gave could not be charged.
    """

    entry: TimelineEntry
    back: MoneyBack = NOTHING_BACK
    failed_attempt: int = 0


class Order(Struct, frozen=True):
    """An order: what was bought, where it stands, and how it got there.

    ``parts``: by participant, the state of what they speak of. ``attempts`` counts the means of payment that the buyer
    gave, ``failed_attempt`` is the last of them that could not be charged. ``correlation_id`` is the purchase's.
    """

    order_id: str
    customer_id: str | None
    placed_at: str
    content: Content
    status: Status = "placed"
    reason: Reason | None = None
    parts: Mapping[str, str] = {}
    back: MoneyBack = NOTHING_BACK
    timeline: tuple[TimelineEntry, ...] = ()
    version: int = 1
    attempts: int = 1
    failed_attempt: int = 0
    correlation_id: str = ""

    @property
    def placing(self) -> TimelineEntry:
        """Return the step that no timeline stores: it was placed."""
        return TimelineEntry(self.placed_at, fact_of("placed"), self.customer_id or "guest", version=1)

    @property
    def decisions(self) -> list[TimelineEntry]:
        """Return the steps that decided it, oldest first: a confirmed order may be called off."""
        return [
            entry for entry in self.timeline if entry.type in (fact_of("confirmed"), fact_of("cancelled"))
        ]

    @property
    def deadline(self) -> str:
        """Return when it is off without its votes (RFC 3339): a bank that asks the buyer moves that, once."""
        asking = {who.asks for who in PARTICIPANTS.values()}
        until = (entry.detail for entry in self.timeline if entry.type in asking)
        return max(next(until, ""), self.content.decide_by)

    @property
    def waits_for_buyer(self) -> bool:
        """Tell whether all that is missing, or was, is what the buyer answers: everybody has said yes, or asks them."""
        states = [(self.parts.get(name), who) for name, who in PARTICIPANTS.items()]
        asks = [who for state, who in states if who.asks and state == who.state(who.asks)]
        return bool(asks) and all(who.has_agreed(state) for state, who in states)

    @property
    def is_open(self) -> bool:
        """Tell whether votes are missing, or somebody has not told yet that they have followed the decision."""
        return self.status == "placed" or not all(
            self._is_followed(who, self.parts.get(name)) for name, who in PARTICIPANTS.items()
        )

    def _is_followed(self, who: Participant, state: str | None) -> bool:
        if self.status == "confirmed":
            return state in who.kept_by
        if state in TAKEN:  # a refund that failed is for people to see to
            back = self.back
            total = back.refunded + back.refunding + back.refund_failed + back.disputed
            return total >= self.content.totals.total
        return state is not None and who.holds_nothing(state)

    def tell_again_at(self, at: datetime) -> datetime:
        """Return when the decision is to be told again, once it was told at a time and is not answered."""
        waited = at - parse(self.decisions[-1].time)
        return at + min(max(waited, TELL_AGAIN), TELL_AT_LEAST_EVERY)

    @property
    def unpaid(self) -> bool:
        """Tell whether it is confirmed, could not be charged, and no other means of payment is being tried."""
        failed = self.parts.get("payments") == "capture_failed"
        return self.status == "confirmed" and failed and self.failed_attempt == self.attempts

    def cancellable_until(self, window: timedelta) -> str | None:
        """Return until when its customer may call it off, this moment not included; None where no time is set.

        None is set before it is confirmed, and while it is unpaid: nothing is delivered then.
        """
        match self.status:
            case "placed" | "cancelled":
                return None
            case "confirmed" if self.unpaid:
                return None
            case "confirmed":
                confirmed = next(entry for entry in self.timeline if entry.type == "OrderConfirmed")
                return rfc3339(parse(confirmed.time) + window)
        assert_never(self.status)

    @property
    def is_erased(self) -> bool:
        """Tell whether its customer was erased."""
        return self.content.email == ERASED_EMAIL

    @property
    def unsettled(self) -> bool:
        """Tell whether people have to see to its money: a refund failed, or the buyer disputes the payment."""
        return self.status != "placed" and bool(self.back.refund_failed or self.back.open_disputes)


MailKind = Status | Literal["payment_failed", "refunded", "refund_returned"]


class Mail(Struct, frozen=True):
    """A mail about an order: its id within the order, what it tells, who asked for it (None: what it tells of)."""

    mail_id: str
    kind: MailKind
    by: str | None = None
    sent_at: str | None = None


class Term(NamedTuple):
    """Something staff find an order by: an ``email``, a word of a ``name``, or a ``sku``; in small letters."""

    kind: str
    word: str


def personal_terms(order: Order) -> set[Term]:
    """Return what finds an order by who it is for."""
    names = {Term("name", word) for word in name_words(order.content.shipping_address.name)}
    return names | {Term("email", order.content.email.strip().casefold())}


def terms(order: Order) -> set[Term]:
    """Return all that finds an order but its number."""
    return personal_terms(order) | {Term("sku", line.sku.casefold()) for line in order.content.lines}


def name_words(name: str) -> list[str]:
    """Return the words of a name as they are looked for: small letters, without the accents of Latin ones, 6 at most.

    Marks of other scripts stay: they are letters there.
    """
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name).casefold())
    letters = "".join(one for one in plain if not "\u0300" <= one <= "\u036f")
    words = "".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in letters).split()
    return [unicodedata.normalize("NFC", word)[:60] for word in words][:6]


class Decision(NamedTuple):
    """How an order stands from now on, and why it is off."""

    status: Status
    reason: Reason | None = None


def fact_of(status: Status) -> str:
    """Return the fact that tells of an order's status."""
    match status:
        case "placed":
            return "OrderPlaced"
        case "confirmed":
            return "OrderConfirmed"
        case "cancelled":
            return "OrderCancelled"
    assert_never(status)


def decide(
    parts: Mapping[str, str],
    participants: Mapping[str, Participant] = PARTICIPANTS,
    *,
    overdue: bool = False,
) -> Decision | None:
    """Return the decision the votes allow, None while one is missing and there is time.

    A single no decides at once. Once the deadline has passed, a missing vote is a no.
    """
    for name, who in participants.items():
        if parts.get(name) == who.state(who.no):
            return Decision("cancelled", who.refused)
    if all(parts.get(name) == who.state(who.yes) for name, who in participants.items()):
        return Decision("confirmed")
    return Decision("cancelled", "timeout") if overdue else None


def voted(
    order: Order, vote: Report, at: str, participants: Mapping[str, Participant] = PARTICIPANTS
) -> Order:
    """Return the order after a vote, decided where no other is needed; a repeated vote changes nothing.

    One that comes late decides nothing any more: what it says of stock or money is written down.
    """
    if order.status != "placed":
        return _voted_late(order, vote, participants)
    after = _moved(order, vote, participants)
    if after.parts == order.parts:
        return order
    after = replace(after, timeline=(*order.timeline, vote.entry), version=order.version + 1)
    decision = decide(after.parts, participants)
    return _decided(after, decision, at, vote.entry.cause) if decision else after


def _voted_late(order: Order, vote: Report, participants: Mapping[str, Participant]) -> Order:
    """Return the decided order knowing what somebody had answered; it is open again where they hold something.

    A yes beside a no is of a delivery that came twice and was answered in two ways: something is held after all.
    """
    name, who = _participant(vote, participants)
    known, said = order.parts.get(name), who.state(vote.entry.type)
    asked = who.state(who.asks) if who.asks else None
    if known == said or known not in (None, who.state(who.no), asked) or (known and said == asked):
        return order
    timeline, parts = (*order.timeline, vote.entry), {**order.parts, name: said}
    return replace(order, parts=parts, timeline=timeline, version=order.version + 1)


def noted(order: Order, report: Report) -> Order:
    """Return the order after what became of its stock or money; the same report again changes nothing."""
    if any(entry.cause == report.entry.cause for entry in order.timeline):
        return order
    after = _moved(order, report, PARTICIPANTS)
    if len(order.timeline) < MAX_NOTES:
        after = replace(after, timeline=(*order.timeline, report.entry))
    return order if after == order else replace(after, version=order.version + 1)


def expired(order: Order, at: str) -> Order:
    """Return the order as its deadline leaves it; unchanged before that, and once it is decided."""
    if order.status != "placed" or at < order.deadline:
        return order
    decision = decide(order.parts, overdue=True)
    return (
        _decided(replace(order, version=order.version + 1), decision, at, "deadline") if decision else order
    )


def cancelled(
    order: Order, reason: Literal["customer", "operator"], at: str, by: str, *, words: str = ""
) -> Order:
    """Return the order called off, placed or confirmed; unchanged where it is off already, for whatever reason.

    `words` are what an operator says of it; they stand in the timeline after the reason.
    """
    match order.status:
        case "placed" | "confirmed":
            after = replace(order, version=order.version + 1)
            return _decided(after, Decision("cancelled", reason), at, by, words)
        case "cancelled":
            return order
    assert_never(order.status)


def called_off(order: Order, at: str, by: str, window: timedelta) -> Order:
    """Return the order called off by its customer; raise ConflictError once the time for that is over."""
    until = order.cancellable_until(window)
    if until is not None and at >= until:
        raise ConflictError(
            "cancellation_window_over",
            "The time in which you could cancel this order yourself is over; ask the shop.",
            parameters={"until": until},
        )
    return cancelled(order, "customer", at, by)


def paid_again(order: Order, at: str, by: str) -> Order:
    """Return the order once the buyer gave another means of payment; raise ConflictError where none is called for."""
    if not order.unpaid:
        raise ConflictError(
            "nothing_to_pay", "This order waits for no payment: look at how it stands, then try again."
        )
    entry = TimelineEntry(at, "OrderPaymentChanged", by)
    timeline = (*order.timeline, entry)
    return replace(order, attempts=order.attempts + 1, timeline=timeline, version=order.version + 1)


def without_person(order: Order) -> Order:
    """Return a decided order without what told of its customer; unchanged where nothing of that is left.

    What was sold keeps whom it was sold to, as delivery and books have to (invoices name their recipient); nothing
    was sold by a cancelled order: it keeps the country alone. An order that waits for its decision is left as it is.
    """
    address = order.content.shipping_address
    match order.status:
        case "placed":
            return order
        case "confirmed":
            pass
        case "cancelled":
            address = PostalAddress(
                name=ERASED, line1=ERASED, city=ERASED, postal_code=ERASED, country=address.country
            )
        case _:
            assert_never(order.status)
    content = replace(order.content, email=ERASED_EMAIL, payment_token=ERASED, shipping_address=address)
    return order if content == order.content else replace(order, content=content, version=order.version + 1)


def as_placed(order: Order) -> Order:
    """Return the order as it was when it was placed."""
    return Order(order.order_id, order.customer_id, order.placed_at, order.content)


def _decided(order: Order, decision: Decision, at: str, cause: str, words: str = "") -> Order:
    """Return the order with a decision, in the same version as what led to it."""
    detail = ": ".join(filter(None, (decision.reason, words)))
    entry = TimelineEntry(at, fact_of(decision.status), cause, detail, order.version)
    return replace(order, status=decision.status, reason=decision.reason, timeline=(*order.timeline, entry))


def _moved(order: Order, report: Report, participants: Mapping[str, Participant]) -> Order:
    """Return the order with the report's word on their part, where it is not behind what is known."""
    name, who = _participant(report, participants)
    back = max(order.back, report.back, key=lambda known: known.version)
    state = who.later(order.parts.get(name), who.state(report.entry.type))
    if state in TAKEN:
        state = TAKEN[(back.refunded > 0) + (back.refunded >= order.content.totals.total)]
    failed = max(order.failed_attempt, report.failed_attempt)
    return replace(order, parts={**order.parts, name: state}, back=back, failed_attempt=failed)


def _participant(report: Report, participants: Mapping[str, Participant]) -> tuple[str, Participant]:
    return next((name, who) for name, who in participants.items() if report.entry.type in who.states)
