"""Giving money back: recorded first, then paid by the provider, then recorded as paid.

The record comes first because a person's request comes only once, and because it claims the amount under the payment's
version: two refunds at once never exceed what was captured. Whoever finds a pending refund (the same request again, the
same message again, the sweep) goes on with it, and the provider pays each refund id once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from functions.payments import domain
from functions.payments.domain import Payment, Refund
from functions.payments.events import PaymentRefunded
from functions.payments.providers import (
    ProviderRefusedError,
    Providers,
    ProviderUnavailableError,
    persistently,
)
from functions.payments.table import PaymentsTable
from functions.shared import log
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError, NotFoundError, UnprocessableError
from functions.shared.ids import derived_id
from functions.shared.outbox import fact, pack
from functions.shared.types import Money

_TRIES = 8


def give_back(
    table: PaymentsTable,
    providers: Providers,
    order_id: str,
    money: tuple[int, str],
    reason: str,
    *,
    refund_id: str,
    by: str,
    at: datetime,
) -> Refund:
    """Give an amount of a captured payment back; safe to repeat with the same `refund_id`.

    A refund that comes back ``pending`` is promised: the provider did not answer, and the sweep goes on with it.

    Raises
    ------
    NotFoundError, ConflictError, UnprocessableError
        No such payment; not captured, or less is left; another currency, or refused by the provider.
    """
    amount, currency = money
    for _ in range(_TRIES):
        found = table.payment(order_id)
        if found is None:
            raise NotFoundError("no_payment", "There is no payment of that order.")
        begun = table.refund(order_id, refund_id)
        if begun is None:
            domain.check_refund(found, amount, currency)
            begun = _new_refund(found, refund_id, amount, reason, by, at)
            if not table.move(found, domain.refund_begun(found, begun), None, at, refund=begun):
                continue
        ended = finish(table, providers, order_id, refund_id, at)
        if ended.status == "failed":
            raise UnprocessableError("refund_refused", "The payment provider refused the refund.")
        return ended
    raise ConflictError("payment_busy", "The payment is being changed; try again.", retry_after=1)


def _new_refund(
    found: Payment, refund_id: str, amount: int, reason: str, by: str | None, at: datetime
) -> Refund:
    return Refund(
        found.order_id, refund_id, amount, found.currency, reason, "pending", rfc3339(at), by,
        open_at=rfc3339(at + domain.TRY_AGAIN),
    )  # fmt: skip


def finish(table: PaymentsTable, providers: Providers, order_id: str, refund_id: str, at: datetime) -> Refund:
    """Have the provider pay a refund that was begun, and record how it ended; return it as it is then."""
    for _ in range(_TRIES):
        found, begun = table.payment(order_id), table.refund(order_id, refund_id)
        if found is None or begun is None:
            raise LookupError(refund_id)
        if begun.status != "pending":
            return begun
        ended = _paid(table, providers, found, begun, at)
        if ended.status == "pending" or _store_ended(table, found, ended, at):
            return ended
    raise ConflictError("payment_busy", "The payment is being changed; try again.", retry_after=1)


def _paid(table: PaymentsTable, providers: Providers, found: Payment, begun: Refund, at: datetime) -> Refund:
    try:
        persistently(lambda: providers.named(found.provider).refund(found, begun))
    except ProviderUnavailableError as error:
        log.note(level="error", refundId=begun.refund_id, provider=str(error))
        table.postpone(begun, at + domain.TRY_AGAIN)
        return begun
    except ProviderRefusedError as error:
        log.note(level="error", refundId=begun.refund_id, provider=str(error))
        return replace(begun, status="failed", open_at="")
    return replace(begun, status="succeeded", open_at="")


def _store_ended(table: PaymentsTable, found: Payment, ended: Refund, at: datetime) -> bool:
    after = domain.refund_ended(found, ended)
    if ended.status == "failed":
        return table.move(found, after, None, at, refund=ended)
    amount, total = Money(ended.amount, after.currency), Money(after.refunded, after.currency)
    told = PaymentRefunded(after.order_id, ended.refund_id, amount, ended.reason, total)
    entry = domain.refund_entry(after, ended, at)
    return table.move(
        found, after, pack(fact(told, after.order_id, after.version, at)), at, entry=entry, refund=ended
    )


def give_everything_back(table: PaymentsTable, providers: Providers, found: Payment, at: datetime) -> bool:
    """Give back all that is left of a payment whose order was cancelled; False when the payment has moved on."""
    refund_id = derived_id("rfd", found.order_id)
    if table.refund(found.order_id, refund_id) is None:
        if found.refundable == 0:
            return True
        refund = _new_refund(found, refund_id, found.refundable, "order_cancelled", None, at)
        if not table.move(found, domain.refund_begun(found, refund), None, at, refund=refund):
            return False
    finish(table, providers, found.order_id, refund_id, at)
    return True
