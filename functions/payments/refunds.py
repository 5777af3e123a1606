"""Giving money back: recorded first, then asked of the provider, then recorded as what came of it.

The record comes first because a person's request comes only once, and because it claims the amount under the payment's
version: two refunds at once never exceed what was captured. Whoever finds a pending refund (the same request again, the
same message again, the sweep) goes on with it, and the provider pays each refund id once. A refund is paid when the
provider says so: what it calls pending stays pending here, and is asked for until it has ended.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from functions.payments import domain
from functions.payments.domain import Payment, Refund
from functions.payments.events import MoneyBack, PaymentRefunded, PaymentRefundFailed, PaymentRefundStarted
from functions.payments.providers.domain import (
    ProviderRefusedError,
    Providers,
    ProviderUnavailableError,
    persistently,
)
from functions.payments.table import PaymentsTable
from functions.shared import log
from functions.shared.clock import rfc3339
from functions.shared.errors import NotFoundError, UnprocessableError
from functions.shared.ids import derived_id
from functions.shared.optimistic import optimistic
from functions.shared.outbox import fact, pack
from functions.shared.types import Data, Money


@optimistic("payment_busy")
def refund_payment(
    table: PaymentsTable,
    providers: Providers,
    order_id: str,
    money: tuple[int, str],
    reason: str,
    *,
    refund_id: str,
    by: str,
    at: datetime,
) -> Refund | None:
    """Give an amount of a captured payment back; safe to repeat with the same `refund_id`.

    A refund that comes back ``pending`` is promised: the provider did not answer, or has not paid it yet, and the sweep
    goes on with it.

    Raises
    ------
    NotFoundError, ConflictError, UnprocessableError
        No such payment; not captured, or less is left; another currency, or refused by the provider.
    """
    amount, currency = money
    found = table.payment(order_id)
    if found is None:
        raise NotFoundError("no_payment", "There is no payment of that order.")
    if table.refund(order_id, refund_id) is None:
        domain.check_refund(found, amount, currency)
        if store(table, found, None, begun(found, refund_id, amount, reason, at, by), at) is None:
            return None
    ended = finish(table, providers, order_id, refund_id, at)
    if ended.status == "failed":
        raise UnprocessableError("refund_refused", "The payment provider refused the refund.")
    return ended


def begun(
    found: Payment, refund_id: str, amount: int, reason: str, at: datetime, by: str | None = None
) -> Refund:
    """Return a refund that the provider is still to be asked for."""
    return Refund(
        order_id=found.order_id,
        refund_id=refund_id,
        amount=amount,
        currency=found.currency,
        reason=reason,
        status="pending",
        created_at=rfc3339(at),
        by=by,
        open_at=rfc3339(at + domain.TRY_AGAIN),
    )


@optimistic("payment_busy")
def finish(
    table: PaymentsTable, providers: Providers, order_id: str, refund_id: str, at: datetime
) -> Refund | None:
    """Have the provider pay a refund that was begun, and record what came of it; return it as it is then."""
    found, known = table.payment(order_id), table.refund(order_id, refund_id)
    if found is None or known is None:
        raise LookupError(refund_id)
    if known.status != "pending":
        return known
    ended = _asked(table, providers, found, known, at)
    if ended.status == "pending" or store(table, found, known, ended, at):
        return ended
    if ended.status == "failed":
        # Others may have stored an older answer: have the sweep ask what it is by now.
        table.hasten(order_id, at)
    return None


def _asked(table: PaymentsTable, providers: Providers, found: Payment, known: Refund, at: datetime) -> Refund:
    """Return the refund as the provider says it stands; where that is pending, the sweep asks again."""
    try:
        made = persistently(lambda: providers.named(found.provider).refund(found, known))
    except ProviderUnavailableError as error:
        log.note(level="error", refundId=known.refund_id, provider=str(error))
        table.postpone(known, at + domain.TRY_AGAIN)
        return known
    except ProviderRefusedError as error:
        log.note(level="error", refundId=known.refund_id, provider=str(error))
        return replace(known, status="failed", code=error.code, open_at="")
    if made.status == "pending":
        table.postpone(known, at + domain.ASK_FOR_REFUND, ref=made.ref)
        return replace(known, ref=made.ref)
    return replace(known, status=made.status, ref=made.ref, code=made.code, open_at="")


def store(
    table: PaymentsTable, found: Payment, before: Refund | None, refund: Refund, at: datetime
) -> Payment | None:
    """Store a refund that is new (`before` is None) or has ended, with its money and its fact.

    Return the payment as it is then, None when it has moved on.
    """
    after = domain.refund_changed(found, before, refund)
    told = pack(fact(_event_data(after, before, refund), after.order_id, after.version, at))
    entry = domain.refund_entry(after, before, refund, at)
    was = before.status if before else None
    return after if table.move(found, after, told, at, entry=entry, refund=refund, was=was) else None


def money_back(payment: Payment) -> MoneyBack:
    """Return what a payment's facts tell of the money that went back."""
    return MoneyBack(
        payment.currency,
        refunded=payment.refunded,
        refunding=payment.refunding,
        refund_failed=payment.refund_failed,
        disputed=payment.disputed,
        open_disputes=payment.open_disputes,
    )


def _event_data(after: Payment, before: Refund | None, refund: Refund) -> Data:
    order_id, refund_id, reason = refund.order_id, refund.refund_id, refund.reason
    amount, back = Money(refund.amount, refund.currency), money_back(after)
    match refund.status:
        case "pending":
            return PaymentRefundStarted(order_id, refund_id, amount, reason, back)
        case "succeeded":
            total = Money(after.refunded, after.currency)
            return PaymentRefunded(order_id, refund_id, amount, reason, total, back)
        case "failed":
            paid = before is not None and before.status == "succeeded"
            code = refund.code or "unknown"
            return PaymentRefundFailed(order_id, refund_id, amount, reason, code, back, was_paid=paid)
    assert_never(refund.status)


def refund_all(table: PaymentsTable, providers: Providers, found: Payment, at: datetime) -> bool:
    """Give back all that is left of a payment whose order was cancelled; False when the payment has moved on."""
    refund_id = derived_id("rfd", found.order_id)
    if not found.cancelled:
        off = replace(found, cancelled=True)
        if not found.refundable:  # what a dispute took may come back yet
            return table.move(found, domain.looked_at(off, found.open_at), None, at)
        if store(table, off, None, begun(off, refund_id, off.refundable, "order_cancelled", at), at) is None:
            return False
    if table.refund(found.order_id, refund_id):
        finish(table, providers, found.order_id, refund_id, at)
    return True
