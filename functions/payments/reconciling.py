"""What went back of a payment without us: refunds made at the provider, refunds that failed late, disputes.

A webhook is never believed: it has the sweep ask the provider for all refunds and disputes of the payment, and what
they are by then is recorded. So webhooks may come late, twice, in any order, or forged in what they say. All that is
recorded of one answer stands under the payment's version from before the question: where anything else happened to the
payment meanwhile, the provider is asked again, and an older answer never replaces a newer one.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from hashlib import sha256

from msgspec.structs import replace

from functions.payments import authentication, domain, refunds
from functions.payments.domain import Dispute, Payment, Refund
from functions.payments.events import PaymentDisputeClosed, PaymentDisputed
from functions.payments.providers.domain import (
    MadeDispute,
    MadeRefund,
    Notice,
    ProviderError,
    ProviderRefusedError,
    Providers,
    persistently,
)
from functions.payments.table import PaymentsTable
from functions.shared import log
from functions.shared.clock import rfc3339
from functions.shared.optimistic import optimistic
from functions.shared.outbox import fact, pack
from functions.shared.types import Data, Money

MADE_AT_PROVIDER = "made_at_provider"
"""The reason of a refund that nobody asked us for."""


def on_notice(
    table: PaymentsTable, providers: Providers, provider: str, notice: Notice, at: datetime
) -> None:
    """Take a provider's notice, once: have the next sweep look at what it is about. Safe to repeat.

    It is noted after that, so that one whose worker dies comes again. What is about no order of ours is logged.
    """
    log.note(orderId=notice.order_id, notice=notice.kind)
    if table.noted(provider, notice.event_id):
        return
    order_id = notice.order_id or _order_of(providers, provider, notice)
    found = table.payment(order_id) if order_id else None
    if found is None:
        log.note(unknownPayment=order_id or notice.ref or "unnamed")
    else:
        log.note(orderId=found.order_id)
        if found.status == "authenticating":  # somebody waits
            authentication.settle(table, providers, found, at)
        else:
            _hasten(table, found, notice, at)
    table.take_note(provider, notice.event_id, order_id, notice.kind, at)


def _order_of(providers: Providers, provider: str, notice: Notice) -> str | None:
    ref = notice.ref
    return persistently(lambda: providers.named(provider).order_of(ref)) if ref else None


def _hasten(table: PaymentsTable, found: Payment, notice: Notice, at: datetime) -> None:
    if notice.is_money_back or found.status != "captured":
        table.hasten(found.order_id, at)
    for begun in table.refunds(found.order_id):
        table.postpone(begun, at)


@optimistic("payment_busy")
def reconcile(table: PaymentsTable, providers: Providers, order_id: str, at: datetime) -> bool:
    """Record all that the provider has given or taken back of a captured payment.

    Where others were faster it is asked again, also if by their older answer there is nothing left to look at.
    """
    found = table.payment(order_id)
    if found is None or found.status != "captured":
        return True
    try:
        made, disputes = persistently(partial(providers.named(found.provider).money_back, found))
    except ProviderError as error:
        log.note(level="error", orderId=order_id, provider=str(error))
        again = "" if isinstance(error, ProviderRefusedError) else rfc3339(at + domain.TRY_AGAIN)
        table.move(found, domain.looked_at(found, again), None, at)
        return True
    return _record(table, found, made, disputes, at)


def _record(
    table: PaymentsTable, found: Payment, made: list[MadeRefund], disputes: list[MadeDispute], at: datetime
) -> bool:
    """Record an answer of the provider; False when the payment has moved on meanwhile."""
    after: Payment | None = found
    # What came back first: else the same money would for a moment be given back twice.
    for refund in sorted(made, key=lambda one: one.status != "failed"):
        after = after and _take_refund(table, after, refund, at)
    for dispute in disputes:
        after = after and _take_dispute(table, after, dispute, at)
    if after and after.cancelled and after.disputed < found.disputed:
        after = _give_back_too(table, after, found.disputed - after.disputed, at)
    return after is not None and table.move(after, domain.looked_at(after), None, at)


def _take_refund(table: PaymentsTable, found: Payment, made: MadeRefund, at: datetime) -> Payment | None:
    known = table.refund(found.order_id, made.refund_id) if made.refund_id else None
    refund_id = f"rfd_{sha256(f'{found.provider} {made.ref}'.encode()).hexdigest()[:26]}"
    known = known or table.refund(found.order_id, refund_id)
    if known is None:
        if not _is_ours(found, made):
            return found
        new = Refund(
            order_id=found.order_id,
            refund_id=refund_id,
            amount=made.amount,
            currency=made.currency,
            reason=MADE_AT_PROVIDER,
            status=made.status,
            created_at=rfc3339(at),
            open_at=rfc3339(at + domain.ASK_FOR_REFUND) if made.status == "pending" else "",
            ref=made.ref,
            code=made.code,
        )
        return refunds.store(table, found, None, new, at)
    if not domain.comes_later(made.status, known.status):
        return found
    ended = replace(known, status=made.status, ref=made.ref, code=made.code, open_at="")
    return refunds.store(table, found, known, ended, at)


def _take_dispute(table: PaymentsTable, found: Payment, made: MadeDispute, at: datetime) -> Payment | None:
    known = table.dispute(found.order_id, made.ref)
    unchanged = known is not None and (known.status, known.withdrawn) == (made.status, made.withdrawn)
    if unchanged or not _is_ours(found, made):
        return found
    dispute = Dispute(
        order_id=found.order_id,
        dispute_id=made.ref,
        amount=made.amount,
        currency=made.currency,
        reason=made.reason,
        status=made.status,
        created_at=known.created_at if known else rfc3339(at),
        withdrawn=made.withdrawn,
    )
    after = domain.dispute_changed(found, known, dispute)
    told = pack(fact(_event_data(after, dispute), after.order_id, after.version, at))
    entry = domain.dispute_entry(after, known, dispute, at)
    return after if table.move(found, after, told, at, entry=entry, dispute=dispute) else None


def _give_back_too(table: PaymentsTable, found: Payment, won: int, at: datetime) -> Payment | None:
    """Begin a refund of what a dispute gave back for an order that was called off; the sweep goes on with it."""
    amount = min(won, found.refundable)
    if not amount:
        return found
    refund_id = f"rfd_{sha256(f'{found.order_id} {found.version}'.encode()).hexdigest()[:26]}"
    return refunds.store(
        table, found, None, refunds.begun(found, refund_id, amount, "order_cancelled", at), at
    )


def _is_ours(found: Payment, made: MadeRefund | MadeDispute) -> bool:
    """Tell whether something new at the provider can be booked: in the payment's own currency, and of some amount."""
    if made.currency == found.currency and made.amount > 0:
        return True
    log.note(level="error", orderId=found.order_id, notBooked=f"{made.ref}: {made.amount} {made.currency}")
    return False


def _event_data(after: Payment, dispute: Dispute) -> Data:
    amount, withdrawn = (Money(units, dispute.currency) for units in (dispute.amount, dispute.withdrawn))
    back = refunds.money_back(after)
    names = (dispute.order_id, dispute.dispute_id)
    if dispute.status == "open":
        return PaymentDisputed(*names, amount, withdrawn, dispute.reason, back)
    return PaymentDisputeClosed(*names, amount, withdrawn, dispute.status, back)
