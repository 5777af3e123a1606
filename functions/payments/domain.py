"""Payment rules as pure functions: what is held, what is taken, what may be given back.

Amounts are minor units of the payment's own currency.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError, UnprocessableError
from functions.shared.money import charge_step, format_amount

ASK_AGAIN = timedelta(minutes=5)
"""After an order's deadline, how long an authorisation waits for the decision before orders is asked for it."""

TRY_AGAIN = timedelta(minutes=1)
"""How long a step that the provider could not take waits for its next try."""

TOO_LATE = timedelta(hours=1)
"""After an order's deadline, when its payment is no longer begun.

The order has been cancelled by then, and providers forget idempotency keys after a day: an OrderPlaced that comes back
from a dead-letter queue must never hold money a second time.
"""

MAKE_SURE = timedelta(minutes=10)
"""After a cancellation that came first, when no authorisation of the order can be under way any more."""

Status = Literal[
    "authorized", "capturing", "captured", "capture_failed", "voiding", "voided", "declined", "refused"
]
"""A payment's life: authorized → captured, authorized → voided, or declined at once.

``capture_failed``: the provider will never take what was held (it lapsed, or was called off there). It ends there,
unless the buyer gives another means of payment (the next `attempt`) or the order is cancelled (→ voided).

``capturing`` and ``voiding``: decided, but the provider could not be reached; the sweep goes on with them. ``refused``
is the tombstone of an order cancelled before its OrderPlaced was answered.
"""

Waiting = Literal["capturing", "voiding", "refused"]
"""The states in which a payment waits for the provider."""

RefundStatus = Literal["pending", "succeeded", "failed"]

PROVIDER_RECEIVABLE = "provider_receivable"  # what the provider owes the shop
CUSTOMER_SALES = "customer_sales"
CUSTOMER_REFUNDS = "customer_refunds"

_CARD_NUMBER = re.compile(r"\d{12,}")


@dataclass(frozen=True)
class Payment:
    """What one order pays.

    ``refunding`` is promised to refunds under way; ``ref`` is the provider's own id; ``code`` says why it was declined,
    or not captured; ``open_at`` is when the sweep looks at it, empty where nothing is left to do. ``attempt`` counts
    the means of payment that the buyer gave, from 1.
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

    @property
    def key(self) -> str:
        """Return what the provider knows this attempt by: what it did for one is never taken for another's."""
        return self.order_id if self.attempt == 1 else f"{self.order_id}-{self.attempt}"

    @property
    def refundable(self) -> int:
        """Return what can still be given back."""
        return self.captured - self.refunded - self.refunding

    @property
    def standing(self) -> str:
        """Return the status as people read it: a captured payment tells what was given back."""
        if self.status == "captured" and self.refunded:
            return "refunded" if self.refunded == self.captured else "partially_refunded"
        return self.status


@dataclass(frozen=True)
class Refund:
    """Money on its way back to the buyer; ``by`` is the person who gave it, None where a cancellation did."""

    order_id: str
    refund_id: str
    amount: int
    currency: str
    reason: str
    status: RefundStatus
    created_at: str
    by: str | None = None
    open_at: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the ledger: the amount is debited to one account and credited to another, so it balances."""

    order_id: str
    number: int
    time: str
    kind: Literal["capture", "refund"]
    debit: str
    credit: str
    amount: int
    currency: str
    refund_id: str | None = None


def looks_like_a_card_number(token: str) -> bool:
    """Tell whether a token holds a card number, spaced or not: such a thing is refused and goes nowhere."""
    return _CARD_NUMBER.search(re.sub(r"[\s.-]", "", token)) is not None


def too_late(decide_by: str, at: datetime) -> bool:
    """Tell whether an order is so far past its deadline that its payment must not begin."""
    return at > parse(decide_by) + TOO_LATE


def authorized(draft: Payment, ref: str, decide_by: str) -> Payment:
    """Return the payment once the provider holds the money."""
    return replace(draft, ref=ref, open_at=rfc3339(parse(decide_by) + ASK_AGAIN))


def declined(draft: Payment, code: str) -> Payment:
    """Return the payment that will not be."""
    return replace(draft, status="declined", code=code)


def reminded(payment: Payment, at: datetime) -> Payment:
    """Return the payment after its decision was asked for."""
    return replace(payment, version=payment.version + 1, open_at=rfc3339(at + ASK_AGAIN))


def postponed(payment: Payment, status: Waiting, at: datetime) -> Payment:
    """Return the payment whose next step is decided and waits for the provider."""
    return replace(payment, status=status, version=payment.version + 1, open_at=rfc3339(at + TRY_AGAIN))


def captured(payment: Payment) -> Payment:
    """Return the payment once the money is taken: all of it, once."""
    return replace(
        payment, status="captured", captured=payment.amount, version=payment.version + 1, open_at=""
    )


def capture_failed(payment: Payment, code: str) -> Payment:
    """Return the payment whose money will never be taken, and why."""
    return replace(payment, status="capture_failed", code=code, version=payment.version + 1, open_at="")


def next_attempt(payment: Payment, attempt: int) -> Payment:
    """Return the payment as it begins another attempt: nothing is held for that yet."""
    return replace(payment, attempt=attempt, ref="", code=None)


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
            "wrong_currency", f"The payment was made in {payment.currency}.", pointer="/amount/currency"
        )
    if amount % (step := charge_step(payment.provider, currency)):
        raise UnprocessableError(
            "amount_not_chargeable",
            f"{payment.provider} pays {currency} back in steps of {format_amount(step, currency)}.",
            pointer="/amount/amount",
        )
    if amount > payment.refundable:
        raise ConflictError(
            "refund_too_large",
            f"Of {payment.captured} captured, {payment.refundable} can still be refunded.",
            pointer="/amount/amount",
        )


def refund_begun(payment: Payment, refund: Refund) -> Payment:
    """Return the payment with the refund's amount promised."""
    return replace(payment, refunding=payment.refunding + refund.amount, version=payment.version + 1)


def refund_ended(payment: Payment, refund: Refund) -> Payment:
    """Return the payment once a refund has succeeded (the amount is given back) or failed (it is not)."""
    given = refund.amount if refund.status == "succeeded" else 0
    return replace(
        payment,
        refunding=payment.refunding - refund.amount,
        refunded=payment.refunded + given,
        version=payment.version + 1,
    )


def capture_entry(after: Payment, at: datetime) -> Entry:
    """Return the ledger's line of a capture."""
    return Entry(
        after.order_id, after.version, rfc3339(at), "capture",
        PROVIDER_RECEIVABLE, CUSTOMER_SALES, after.captured, after.currency,
    )  # fmt: skip


def refund_entry(after: Payment, refund: Refund, at: datetime) -> Entry:
    """Return the ledger's line of a refund."""
    return Entry(
        after.order_id, after.version, rfc3339(at), "refund",
        CUSTOMER_REFUNDS, PROVIDER_RECEIVABLE, refund.amount, refund.currency, refund.refund_id,
    )  # fmt: skip


def totals(entries: Iterable[Entry]) -> tuple[int, int]:
    """Return what the ledger says was captured and refunded: a payment's own totals must agree."""
    taken = given = 0
    for entry in entries:
        taken += entry.amount if entry.debit == PROVIDER_RECEIVABLE else 0
        given += entry.amount if entry.credit == PROVIDER_RECEIVABLE else 0
    return taken, given


def balances(entries: Iterable[Entry]) -> dict[str, int]:
    """Return debits less credits by account; they sum to zero."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry.debit] = found.get(entry.debit, 0) + entry.amount
        found[entry.credit] = found.get(entry.credit, 0) - entry.amount
    return found
