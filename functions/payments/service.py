"""Payments' use cases: ask the provider, then store the result together with its facts. All are safe to repeat.

A hold, a capture and a void are bound to the order at the provider, so the message that asks for one is record enough:
whoever repeats it finds what was done. What the provider cannot do now is recorded, and the sweep goes on with it.
Votes, and captures on the decision, are told by the handler of that message, each time it comes; all else by the outbox
of the payment. Refunds are in refunds.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import assert_never

from functions.payments import authentication, capturing, domain, reconciling, refunds
from functions.payments.domain import Payment, Trouble
from functions.payments.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderPaymentChanged,
    OrderPlaced,
    PaymentVoided,
    SimulatorTroubleChanged,
)
from functions.payments.providers.domain import (
    ActionRequired,
    AlreadyCapturedError,
    AlreadyVoidedError,
    Approved,
    Declined,
    ProviderError,
    Providers,
    persistently,
)
from functions.payments.table import PaymentsTable, SimulatorTable
from functions.shared import context, log, order_links
from functions.shared.clock import parse, rfc3339
from functions.shared.context import Caller
from functions.shared.errors import NotFoundError
from functions.shared.inbox import Fact
from functions.shared.optimistic import optimistic
from functions.shared.outbox import Told, fact, pack
from functions.shared.types import Data, Money


class NotYetError(RuntimeError):
    """The order's OrderPlaced has not been answered yet; the message comes again."""


def simulate_trouble(simulator: SimulatorTable, trouble: Trouble, at: datetime) -> None:
    """Put the simulated provider through some trouble, or none. Safe to repeat."""
    milliseconds = int(
        at.timestamp() * 1000
    )  # nobody counts its versions, and each is to be a fact of its own
    told = fact(SimulatorTroubleChanged(trouble), "simulator", milliseconds, at)
    simulator.set_trouble(trouble, pack(told))


def payment(table: PaymentsTable, order_id: str) -> Payment:
    """Return the payment of an order; raise NotFoundError where there is none."""
    found = table.payment(order_id)
    if found is None:
        raise _no_payment()
    return found


def visible_payment(table: PaymentsTable, order_id: str, who: Caller) -> Payment:
    """Return the payment of an order for staff and its buyer; raise NotFoundError for everyone else."""
    found = payment(table, order_id)
    if not _is_of(found, who) and who.roles.isdisjoint({"staff", "admin"}):
        raise _no_payment()
    return found


def buyers_payment(
    table: PaymentsTable, order_id: str, who: Caller, order_token: str | None, at: datetime
) -> Payment:
    """Return the payment of an order for its buyer, and who holds its order token; NotFoundError also for staff."""
    found = payment(table, order_id)
    if not _is_of(found, who) and not (order_token and order_links.opens(order_token, order_id, at)):
        raise _no_payment()
    return found


def _is_of(found: Payment, who: Caller) -> bool:
    return who.subject is not None and who.subject == found.customer_id


def _no_payment() -> NotFoundError:
    return NotFoundError("no_payment", "There is no payment of that order.")


# --- authorise ---------------------------------------------------------------------------------------------------


def on_order_placed(
    table: PaymentsTable, providers: Providers, event: Fact[OrderPlaced], at: datetime
) -> list[Told]:
    """Hold the order's total and say yes or no; an order cancelled before, or meanwhile, leaves nothing held."""
    order = event.data
    found = table.payment(order.order_id)
    if found is None:
        answered = _answer(providers, order, at)
        found = answered if table.add(answered, at) else payment(table, order.order_id)
    elif found.status == "authenticating":
        # Its order waits, or is about to end, and what was answered may have been told to nobody.
        found = authentication.settle(table, providers, found, at)
    if found.status == "refused":
        refused = found
        persistently(lambda: providers.named(refused.provider).void(refused))
        return []
    return [authentication.answer_of(found)]


def _answer(providers: Providers, order: OrderPlaced, at: datetime) -> Payment:
    total, currency = order.totals.total, order.totals.currency
    provider = providers.for_amount(total)
    draft = Payment(
        order.order_id, "authorized", total, currency, provider.name, 1, rfc3339(at), order.customer_id
    )
    if domain.looks_like_a_card_number(order.payment_token):
        return domain.declined(draft, "card_number_refused")
    if domain.too_late(order.decide_by, at):
        persistently(lambda: provider.void(draft))
        return domain.declined(draft, "too_late")
    outcome = persistently(lambda: provider.authorise(draft, order.payment_token))
    match outcome:
        case Approved():
            return domain.authorized(draft, outcome.ref)
        case ActionRequired():
            return domain.asked(draft, outcome.ref, at)
        case Declined():
            return domain.declined(draft, outcome.code)


# --- capture -----------------------------------------------------------------------------------------------------


@optimistic("payment_busy")
def on_order_confirmed(
    table: PaymentsTable, providers: Providers, event: Fact[OrderConfirmed], at: datetime
) -> list[Told] | None:
    """Take the money that is held, once; what was voided stays voided, and what cannot be taken is told."""
    order_id = event.data.order_id
    found = table.payment(order_id)
    if found is None:
        raise NotYetError(order_id)
    after = found
    if found.status in ("authorized", "capturing"):
        done = capturing.capture(table, providers, found, at, comes_again=True)
        if done is None:
            return None
        after = done
    if not after.captured_in:
        return []
    return [fact(capturing.told(after), order_id, after.captured_in, parse(after.captured_at))]


# --- another means of payment --------------------------------------------------------------------------------------


def on_payment_given(
    table: PaymentsTable, providers: Providers, event: Fact[OrderPaymentChanged], at: datetime
) -> None:
    """Hold and take an order's total by another means, after the capture of what was held before had failed.

    Each attempt is bound to a key of its own at the provider, so a repeat finds what it did. One that comes after the
    order was cancelled, or meets its cancellation, leaves nothing held.
    """
    _pay_again(table, providers, event.data, at)


@optimistic("payment_busy")
def _pay_again(table: PaymentsTable, providers: Providers, given: OrderPaymentChanged, at: datetime) -> bool:
    found = table.payment(given.order_id)
    if found is None:
        raise NotYetError(given.order_id)
    draft = domain.next_attempt(found, given.attempt)
    match found.status:
        case "capture_failed" if found.attempt == given.attempt - 1:
            return _attempt(table, providers, found, draft, given.payment_token, at)
        case "capturing" if found.attempt == given.attempt:
            return capturing.capture(table, providers, found, at) is not None
        case "voided" if found.attempt < given.attempt:
            persistently(partial(providers.named(draft.provider).void, draft))
            return True
        case _:
            return True


def _attempt(
    table: PaymentsTable, providers: Providers, found: Payment, draft: Payment, token: str, at: datetime
) -> bool:
    provider = providers.named(draft.provider)
    try:
        persistently(partial(provider.void, found))
    except AlreadyCapturedError:
        # It was taken after all: that was paid, and nothing else is.
        return capturing.store_captured(table, found, at) is not None
    if domain.looks_like_a_card_number(token):
        return capturing.store_failed(table, found, "card_number_refused", at, draft) is not None
    try:
        outcome = persistently(lambda: provider.authorise(draft, token))
    except AlreadyVoidedError:
        return False  # the order was cancelled meanwhile
    match outcome:
        case Declined():
            return capturing.store_failed(table, found, outcome.code, at, draft) is not None
        case ActionRequired():
            return table.move(found, domain.attempt_asked(draft, outcome.ref, at), None, at)
        case Approved():
            held = domain.attempt_held(draft, outcome.ref, at)
            return (
                table.move(found, held, None, at)
                and capturing.capture(table, providers, held, at) is not None
            )


# --- void, or refund everything ----------------------------------------------------------------------------------


def on_order_cancelled(
    table: PaymentsTable, providers: Providers, event: Fact[OrderCancelled], at: datetime
) -> list[Told]:
    """Free what is held, or give back what was taken; leave a tombstone where OrderPlaced is still to be answered.

    orders tells it until it hears that nothing is held, so that is told again where it was so before.
    """
    order = event.data
    found = table.payment(order.order_id)
    if found is None:
        provider = providers.for_amount(order.total.amount)
        tombstone = Payment(
            order.order_id,
            "refused",
            order.total.amount,
            order.total.currency,
            provider.name,
            1,
            rfc3339(at),
            order.customer_id,
            open_at=rfc3339(at + domain.MAKE_SURE),
        )
        if table.add(tombstone, at):
            return []
    elif found.status == "voided" or (found.status == "refused" and not found.open_at):
        return [fact(_voided(found), found.order_id, found.version, parse(found.changed_at))]
    _cancel(table, providers, order.order_id, at)
    return []


@optimistic("payment_busy")
def _cancel(table: PaymentsTable, providers: Providers, order_id: str, at: datetime) -> bool:
    found = table.payment(order_id)
    if found is None:
        raise NotYetError(order_id)
    match found.status:
        case "authenticating" | "authorized" | "capturing" | "capture_failed" | "voiding":
            return _void(table, providers, found, at)
        case "captured" if found.captured == 0:
            return _store_voided(table, found, at)  # a free order: there is nothing to give back
        case "captured":
            return refunds.refund_all(table, providers, found, at)
        case "voided" | "declined" | "refused":
            return True
    assert_never(found.status)


def _void(table: PaymentsTable, providers: Providers, found: Payment, at: datetime) -> bool:
    try:
        persistently(lambda: providers.named(found.provider).void(found))
    except AlreadyCapturedError:
        # The capture's own record was lost or is on its way; with it in the ledger the money can go back.
        capturing.store_captured(table, found, at)
        return False
    except ProviderError as error:
        return capturing.postpone(table, found, "voiding", error, at) is not None
    return _store_voided(table, found, at)


def _store_voided(table: PaymentsTable, found: Payment, at: datetime) -> bool:
    after = domain.voided(found)
    return table.move(found, after, _told_of(after, at), at)


def _told_of(voided: Payment, at: datetime) -> str:
    return pack(fact(_voided(voided), voided.order_id, voided.version, at))


def _voided(payment: Payment) -> Data:
    return PaymentVoided(payment.order_id, Money(payment.amount, payment.currency))


# --- what was left open ------------------------------------------------------------------------------------------


def sweep(table: PaymentsTable, providers: Providers, at: datetime, limit: int = 25) -> int:
    """Go on with everything that is open and due; return how many things there were.

    What fails is looked at again later and holds nothing up.
    """
    due = table.due(at, limit)
    payments = [found for order_id, refund_id in due if not refund_id and (found := table.payment(order_id))]
    work: list[tuple[str, Callable[[], object]]] = [
        (found.order_id, partial(_go_on, table, providers, found, at)) for found in payments
    ]
    begun = [(order_id, refund_id) for order_id, refund_id in due if refund_id]
    work += [
        (order_id, partial(refunds.finish, table, providers, order_id, refund_id, at))
        for order_id, refund_id in begun
    ]
    for order_id, go_on in work:
        context.begin(order_id)
        log.note(orderId=order_id)
        try:
            go_on()
        except Exception as error:  # noqa: BLE001 one payment's trouble must not reach the others
            log.failed(error)
        log.end()
    return len(work)


def _go_on(table: PaymentsTable, providers: Providers, found: Payment, at: datetime) -> None:
    match found.status:
        case "authenticating" if found.open_at:
            authentication.settle(table, providers, found, at)
        case "capturing":
            capturing.capture(table, providers, found, at)
        case "voiding":
            _cancel(table, providers, found.order_id, at)
        case "refused":
            _make_sure(table, providers, found, at)
        case "captured" if found.open_at:
            reconciling.reconcile(table, providers, found.order_id, at)
        case "authenticating" | "authorized" | "captured" | "capture_failed" | "voided" | "declined":
            pass  # the index may lag behind: nothing is open
        case _:
            assert_never(found.status)


def _make_sure(table: PaymentsTable, providers: Providers, tombstone: Payment, at: datetime) -> None:
    """Free what a worker may have had held that died before it met the tombstone."""
    try:
        persistently(lambda: providers.named(tombstone.provider).void(tombstone))
    except ProviderError as error:
        capturing.postpone(table, tombstone, "refused", error, at)
        return
    after = domain.put_to_rest(tombstone)
    table.move(tombstone, after, _told_of(after, at), at)
