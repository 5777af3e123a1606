"""Payment rules as pure functions: what is held, what is taken, what may be given back.

Amounts are minor units of the payment's own currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError, UnprocessableError
from functions.shared.money import charge_step, format_amount

TRY_AGAIN = timedelta(minutes=1)
"""How long a step that the provider could not take waits for its next try."""

TOO_LATE = timedelta(hours=1)
"""After an order's deadline, when its payment is no longer begun.

The order has been cancelled by then, and providers forget idempotency keys after a day: an OrderPlaced that comes back
from a dead-letter queue must never hold money a second time.
"""

ASK_FOR_REFUND = timedelta(minutes=30)
"""How long a refund that the provider has taken on is waited for before it is asked; its webhook mostly comes first."""

MAKE_SURE = timedelta(minutes=10)
"""After a cancellation that came first, when no authorisation of the order can be under way any more."""

ASKED_FOR = timedelta(minutes=15)
"""How long a buyer has to answer the bank's question (strong customer authentication)."""

Status = Literal[
    "authenticating",
    "authorized",
    "capturing",
    "captured",
    "capture_failed",
    "voiding",
    "voided",
    "declined",
    "refused",
]
"""A payment's life: authorized → captured, authorized → voided, or declined at once.

``authenticating``: the buyer's bank asks them before it holds anything (3-D Secure); authorized, declined or voided
afterwards.

``capture_failed``: the provider will never take what was held (it lapsed, or was called off there). It ends there,
unless the buyer gives another means of payment (the next `attempt`) or the order is cancelled (→ voided).

``capturing`` and ``voiding``: decided, but the provider could not be reached; the sweep goes on with them. ``refused``
is the tombstone of an order cancelled before its OrderPlaced was answered.
"""

Waiting = Literal["capturing", "voiding", "refused"]
"""The states in which a payment waits for the provider."""

Trouble = Literal["none", "slow", "failing", "silent"]
"""What the simulator as a whole is put through (providers/simulator.py)."""

RefundStatus = Literal["pending", "succeeded", "failed"]
"""A refund's life: pending → succeeded or failed; one that succeeded may fail later, when the bank sends it back."""

_REFUND_WAY: tuple[RefundStatus, ...] = ("pending", "succeeded", "failed")

DisputeStatus = Literal["open", "won", "lost", "closed"]
"""``won`` and ``lost`` by the shop; ``closed``: an inquiry that came to nothing."""

PROVIDER_RECEIVABLE = "provider_receivable"  # what the provider owes the shop
CUSTOMER_SALES = "customer_sales"
CUSTOMER_REFUNDS = "customer_refunds"
CUSTOMER_DISPUTES = "customer_disputes"  # what the provider took back because buyers disputed it

_CARD_NUMBER = re.compile(r"\d{12,}")


class Payment(Struct, frozen=True, omit_defaults=True):
    """What one order pays.

    ``refunding`` is promised to refunds under way, ``refund_failed`` was promised to refunds that failed and was not
    given back since, ``disputed`` is what the provider took back for disputes. ``ref`` is the provider's own id;
    ``code`` says why it was declined, or not captured; ``open_at`` is when the sweep looks at it, empty where nothing
    is left to do. ``attempt`` counts the means of payment that the buyer gave, from 1. ``cancelled``: the order was
    called off after the capture, so whatever comes back of it is the buyer's. ``noticed``: the provider told of it
    before its capture was known here, so what went back of it is to be looked at once that is. ``captured_in`` is the
    version in which it was captured, 0 where it was not, ``captured_at`` when (RFC 3339). ``changed_at`` is when it was
    stored as it is. ``asked_until``: until when the buyer may answer the bank, empty where it asked nothing; then
    ``voted_in`` is the version in which the payment got its yes or no, 0 where it has none, and ``voted_at`` when.
    """

    order_id: str
    status: Status
    amount: int
    currency: str
    provider: str
    version: int
    created_at: str
    customer_id: str | None = None
    ref: str = ""
    code: str | None = None
    captured: int = 0
    refunded: int = 0
    refunding: int = 0
    open_at: str = ""
    attempt: int = 1
    refund_failed: int = 0
    disputed: int = 0
    open_disputes: int = 0
    cancelled: bool = False
    noticed: bool = False
    captured_in: int = 0
    captured_at: str = ""
    changed_at: str = ""
    asked_until: str = ""
    voted_in: int = 1
    voted_at: str = ""

    @property
    def key(self) -> str:
        """Return what the provider knows this attempt by: what it did for one is never taken for another's."""
        return self.order_id if self.attempt == 1 else f"{self.order_id}-{self.attempt}"

    @property
    def refundable(self) -> int:
        """Return what can still be given back: a dispute can take what was given back already, so not below 0."""
        return max(0, self.captured - self.refunded - self.refunding - self.disputed)

    @property
    def standing(self) -> str:
        """Return the status as people read it: a captured payment tells what was given back."""
        if self.status == "captured" and self.refunded:
            return "refunded" if self.refunded >= self.captured else "partially_refunded"
        return self.status


class Refund(Struct, frozen=True, omit_defaults=True):
    """Money on its way back to the buyer.

    ``by`` is the person who gave it, None where a cancellation or the provider did. ``ref`` is the provider's own id
    once it has taken the refund on; ``code`` says why it failed.
    """

    order_id: str
    refund_id: str
    amount: int
    currency: str
    reason: str
    status: RefundStatus
    created_at: str
    by: str | None = None
    open_at: str = ""
    ref: str = ""
    code: str | None = None


class Dispute(Struct, frozen=True):
    """A buyer's complaint at the bank, by the provider's own id; ``withdrawn`` is what the provider took for it."""

    order_id: str
    dispute_id: str
    amount: int
    currency: str
    reason: str
    status: DisputeStatus
    created_at: str
    withdrawn: int = 0


class LedgerEntry(Struct, frozen=True):
    """One line of the ledger: the amount is debited to one account and credited to another, so it balances."""

    order_id: str
    number: int
    time: str
    kind: Literal["capture", "refund", "refund_failed", "dispute", "dispute_reinstated"]
    debit: str
    credit: str
    amount: int
    currency: str
    refund_id: str | None = None
    dispute_id: str | None = None


def looks_like_a_card_number(token: str) -> bool:
    """Tell whether a token holds a card number, spaced or not: such a thing is refused and goes nowhere."""
    return _CARD_NUMBER.search(re.sub(r"[\s.-]", "", token)) is not None


def too_late(decide_by: str, at: datetime) -> bool:
    """Tell whether an order is so far past its deadline that its payment must not begin."""
    return at > parse(decide_by) + TOO_LATE


def authorized(draft: Payment, ref: str) -> Payment:
    """Return the payment once the provider holds the money; it waits for the decision, which orders tells."""
    return replace(draft, ref=ref)


def declined(draft: Payment, code: str) -> Payment:
    """Return the payment that will not be."""
    return replace(draft, status="declined", code=code)


def asked(draft: Payment, ref: str, at: datetime) -> Payment:
    """Return the payment once the bank wants to ask the buyer, before which there is no vote."""
    until = rfc3339(at + ASKED_FOR)
    return replace(draft, status="authenticating", ref=ref, asked_until=until, voted_in=0)


def answered(payment: Payment, code: str | None, at: datetime) -> Payment:
    """Return the payment once the buyer has answered the bank: held, or declined with a code."""
    version = payment.version + 1
    return replace(
        payment,
        status="declined" if code else "authorized",
        code=code,
        version=version,
        voted_in=version,
        voted_at=rfc3339(at),
    )


def postponed(payment: Payment, status: Waiting, at: datetime) -> Payment:
    """Return the payment whose next step is decided and waits for the provider."""
    return replace(payment, status=status, version=payment.version + 1, open_at=rfc3339(at + TRY_AGAIN))


def captured(payment: Payment, at: datetime) -> Payment:
    """Return the payment once the money is taken: all of it, once."""
    return replace(
        payment,
        status="captured",
        captured=payment.amount,
        version=payment.version + 1,
        captured_in=payment.version + 1,
        captured_at=rfc3339(at),
        open_at=payment.created_at if payment.noticed else "",
        noticed=False,
    )


def capture_failed(payment: Payment, code: str) -> Payment:
    """Return the payment whose money will never be taken, and why."""
    return replace(payment, status="capture_failed", code=code, version=payment.version + 1, open_at="")


def next_attempt(payment: Payment, attempt: int) -> Payment:
    """Return the payment as it begins another attempt: nothing is held for that yet."""
    return replace(payment, attempt=attempt, ref="", code=None)


def attempt_asked(draft: Payment, ref: str, at: datetime) -> Payment:
    """Return the payment once the bank wants to ask the buyer about a further attempt: until then, and no longer."""
    until, version = rfc3339(at + ASKED_FOR), draft.version + 1
    return replace(draft, status="authenticating", ref=ref, asked_until=until, open_at=until, version=version)


def attempt_held(draft: Payment, ref: str, at: datetime) -> Payment:
    """Return the payment once the provider holds what a further attempt brought: it is to be taken at once."""
    return postponed(replace(draft, ref=ref), "capturing", at)


def voided(payment: Payment) -> Payment:
    """Return the payment once the provider holds nothing any more."""
    return replace(payment, status="voided", version=payment.version + 1, open_at="")


def put_to_rest(tombstone: Payment) -> Payment:
    """Return the tombstone once the provider is known to hold nothing."""
    return replace(tombstone, version=tombstone.version + 1, open_at="")


def check_refund(payment: Payment, amount: int, currency: str) -> None:
    """Check that an amount may be given back.

    Raises
    ------
    ConflictError
        Nothing was captured, or less is left of it.
    UnprocessableError
        It is of another currency.
    """
    if payment.status != "captured":
        raise ConflictError(
            "not_captured", f"The payment is {payment.status}; only captured money is refunded."
        )
    if currency != payment.currency:
        raise UnprocessableError(
            "wrong_currency", f"The payment was made in {payment.currency}.", field=("amount", "currency")
        )
    if amount % (step := charge_step(payment.provider, currency)):
        raise UnprocessableError(
            "amount_not_chargeable",
            f"{payment.provider} pays {currency} back in steps of {format_amount(step, currency)}.",
            field=("amount", "amount"),
        )
    if amount > payment.refundable:
        raise ConflictError(
            "refund_too_large",
            f"Of {payment.captured} captured, {payment.refundable} can still be refunded.",
            field=("amount", "amount"),
        )


def comes_later(status: RefundStatus, than: RefundStatus) -> bool:
    """Tell whether a refund of one status can still become another: what is said late of it changes nothing."""
    return _REFUND_WAY.index(status) > _REFUND_WAY.index(than)


def refund_changed(payment: Payment, before: Refund | None, after: Refund) -> Payment:
    """Return the payment once a refund is new (`before` is None), has succeeded, or has failed.

    A pending one holds its amount, one that succeeded has given it back, and one that failed leaves it to be given
    back by another.
    """
    pending, given, failed = (_amount(after, status) - _amount(before, status) for status in _REFUND_WAY)
    made_good = min(payment.refund_failed, after.amount) if before is None and not failed else 0
    return replace(
        payment,
        refunding=payment.refunding + pending,
        refunded=payment.refunded + given,
        refund_failed=payment.refund_failed + failed - made_good,
        version=payment.version + 1,
    )


def _amount(refund: Refund | None, status: RefundStatus) -> int:
    return refund.amount if refund and refund.status == status else 0


def dispute_changed(payment: Payment, before: Dispute | None, after: Dispute) -> Payment:
    """Return the payment once a dispute is new (`before` is None), has moved money, or is closed."""
    opened = (after.status == "open") - (before is not None and before.status == "open")
    return replace(
        payment,
        disputed=payment.disputed + after.withdrawn - (before.withdrawn if before else 0),
        open_disputes=payment.open_disputes + opened,
        version=payment.version + 1,
    )


def looked_at(payment: Payment, again_at: str = "") -> Payment:
    """Return the payment once the provider's refunds and disputes are known, or are to be asked for again."""
    return replace(payment, version=payment.version + 1, open_at=again_at, noticed=False)


def capture_entry(after: Payment, at: datetime) -> LedgerEntry:
    """Return the ledger's line of a capture."""
    return LedgerEntry(
        after.order_id,
        after.version,
        rfc3339(at),
        "capture",
        PROVIDER_RECEIVABLE,
        CUSTOMER_SALES,
        after.captured,
        after.currency,
    )


def refund_entry(after: Payment, before: Refund | None, refund: Refund, at: datetime) -> LedgerEntry | None:
    """Return the ledger's line of a refund that was paid, or came back after it was; None where no money moved."""
    moved = _amount(refund, "succeeded") - _amount(before, "succeeded")
    if not moved:
        return None
    accounts = (CUSTOMER_REFUNDS, PROVIDER_RECEIVABLE)
    debit, credit = accounts if moved > 0 else accounts[::-1]
    return LedgerEntry(
        order_id=after.order_id,
        number=after.version,
        time=rfc3339(at),
        kind="refund" if moved > 0 else "refund_failed",
        debit=debit,
        credit=credit,
        amount=abs(moved),
        currency=refund.currency,
        refund_id=refund.refund_id,
    )


def dispute_entry(
    after: Payment, before: Dispute | None, dispute: Dispute, at: datetime
) -> LedgerEntry | None:
    """Return the ledger's line of what a dispute took, or gave back; None where no money moved."""
    moved = dispute.withdrawn - (before.withdrawn if before else 0)
    if not moved:
        return None
    accounts = (CUSTOMER_DISPUTES, PROVIDER_RECEIVABLE)
    debit, credit = accounts if moved > 0 else accounts[::-1]
    return LedgerEntry(
        order_id=after.order_id,
        number=after.version,
        time=rfc3339(at),
        kind="dispute" if moved > 0 else "dispute_reinstated",
        debit=debit,
        credit=credit,
        amount=abs(moved),
        currency=dispute.currency,
        dispute_id=dispute.dispute_id,
    )


def totals(entries: Iterable[LedgerEntry]) -> tuple[int, int, int]:
    """Return what the ledger says was captured, refunded and disputed: a payment's own totals must agree."""
    sums = balances(entries)
    return -sums.get(CUSTOMER_SALES, 0), sums.get(CUSTOMER_REFUNDS, 0), sums.get(CUSTOMER_DISPUTES, 0)


def balances(entries: Iterable[LedgerEntry]) -> dict[str, int]:
    """Return debits less credits by account; they sum to zero."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.debit] = found.get(entry.debit, 0) + entry.amount
        found[entry.credit] = found.get(entry.credit, 0) - entry.amount
    return found
