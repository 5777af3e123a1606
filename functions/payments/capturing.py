"""Taking the money that is held: once, or never, which is told as well."""

from __future__ import annotations

from datetime import datetime

from functions.payments import domain
from functions.payments.domain import Payment
from functions.payments.events import PaymentCaptured, PaymentCaptureFailed
from functions.payments.providers.domain import (
    AlreadyVoidedError,
    ProviderError,
    ProviderRefusedError,
    Providers,
    persistently,
)
from functions.payments.table import PaymentsTable
from functions.shared import log
from functions.shared.outbox import fact, pack
from functions.shared.types import Data, Money


def capture(
    table: PaymentsTable, providers: Providers, found: Payment, at: datetime, *, comes_again: bool = False
) -> Payment | None:
    """Capture, or leave it to the sweep where the provider cannot; return the payment then, None when it has moved on.

    Parameters
    ----------
    comes_again
        What led here does, so it tells of the capture.
    """
    try:
        persistently(lambda: providers.named(found.provider).capture(found))
    except AlreadyVoidedError:
        # It lapsed, or somebody called it off at the provider; where it was ourselves, that work's record comes next.
        return store_failed(table, found, "authorisation_ended", at)
    except ProviderRefusedError as refused:
        return store_failed(table, found, refused.code, at)
    except ProviderError as error:
        return postpone(table, found, "capturing", error, at)
    return store_captured(table, found, at, comes_again=comes_again)


def store_failed(
    table: PaymentsTable, found: Payment, code: str, at: datetime, attempt: Payment | None = None
) -> Payment | None:
    """Store that the money will never be taken, of the attempt where one is given; None when it has moved on."""
    log.note(level="error", orderId=found.order_id, captureFailed=code)
    after = domain.capture_failed(attempt or found, code)
    amount = Money(after.amount, after.currency)
    fact_ = PaymentCaptureFailed(
        order_id=after.order_id,
        amount=amount,
        provider=after.provider,
        code=code,
        attempt=after.attempt,
    )
    return after if table.move(found, after, _outbox(after, fact_, at), at) else None


def store_captured(
    table: PaymentsTable, found: Payment, at: datetime, *, comes_again: bool = False
) -> Payment | None:
    """Store that the money is taken, with its entry in the ledger; None when the payment has moved on."""
    after = domain.captured(found, at)
    entry = domain.capture_entry(after, at) if after.captured else None
    outbox = None if comes_again else _outbox(after, told(after), at)
    return after if table.move(found, after, outbox, at, entry=entry) else None


def told(payment: Payment) -> Data:
    """Return what is told of a capture, whatever went back of it since."""
    return PaymentCaptured(payment.order_id, Money(payment.amount, payment.currency))


def postpone(
    table: PaymentsTable, found: Payment, status: domain.Waiting, error: ProviderError, at: datetime
) -> Payment | None:
    """Leave a payment's next step to the sweep, where the provider could not do it; None when it has moved on."""
    log.note(level="error", orderId=found.order_id, provider=str(error))
    after = domain.postponed(found, status, at)
    return after if table.move(found, after, None, at) else None


def _outbox(after: Payment, data: Data, at: datetime) -> str:
    return pack(fact(data, after.order_id, after.version, at))
