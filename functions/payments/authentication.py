"""The bank's question (3-D Secure): before it holds anything, the buyer's bank may want to ask them.

The order waits longer then, and its buyer answers at an address that the provider gives each time it is asked for.
That it is answered is told by the buyer's page or by a webhook; where both are lost, orders sends an order that nobody
has decided on its route again before its time is over. Whoever comes first has the provider asked what became of it,
and that is the vote. Nobody else is believed.

A further means of payment, of an order that is confirmed, may be asked about as well. That has no vote and moves no
deadline: payments' own sweep ends it.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from functions.payments import capturing, domain
from functions.payments.domain import Payment
from functions.payments.events import PaymentActionRequired, PaymentAuthorized, PaymentDeclined
from functions.payments.providers.domain import (
    Action,
    ActionRequired,
    AlreadyVoidedError,
    Declined,
    Outcome,
    Provider,
    ProviderRefusedError,
    Providers,
    persistently,
)
from functions.payments.table import PaymentsTable
from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError
from functions.shared.optimistic import optimistic
from functions.shared.outbox import Told, fact, pack
from functions.shared.types import Data, Money

_FAILED = "authentication_failed"


def answer_of(found: Payment) -> Told:
    """Return what was answered to an order, whatever became of its payment since: its vote, or that there is none yet.

    Only a yes goes on where the order is on a route.
    """
    if not found.voted_in:
        asked = PaymentActionRequired(found.order_id, found.asked_until)
        return replace(fact(asked, found.order_id, 1, parse(found.created_at)), goes_on=False)
    voted = fact(_vote(found), found.order_id, found.voted_in, parse(found.voted_at or found.created_at))
    return replace(voted, goes_on=found.status != "declined")


def _vote(answered: Payment) -> Data:
    amount = Money(answered.amount, answered.currency)
    if answered.status == "declined":
        return PaymentDeclined(answered.order_id, answered.code or "", amount)
    return PaymentAuthorized(answered.order_id, amount, answered.provider)


def action(found: Payment, providers: Providers) -> Action:
    """Return where the buyer answers their bank, as the provider says it now; ConflictError where nothing is asked."""
    if found.status == "authenticating":
        try:
            return persistently(lambda: providers.named(found.provider).action(found))
        except (ProviderRefusedError, AlreadyVoidedError):
            pass  # it is answered, or called off, and that is not known here yet
    raise ConflictError(
        "nothing_asked", "No bank asks anything of this payment: look at how its order stands."
    )


@optimistic("payment_busy")
def settle(table: PaymentsTable, providers: Providers, found: Payment, at: datetime) -> Payment | None:
    """Ask the provider what became of the bank's question, and vote once it is answered; return the payment then."""
    current = table.payment(found.order_id)
    if current is None or current.status != "authenticating":
        return current or found
    outcome = _outcome(providers.named(current.provider), current, at)
    if isinstance(outcome, ActionRequired):
        return current
    code = outcome.code if isinstance(outcome, Declined) else None
    if current.voted_in:
        return _attempted(table, providers, current, code, at)
    after = domain.answered(current, code, at)
    told = pack(fact(_vote(after), after.order_id, after.version, at))
    return after if table.move(current, after, told, at) else None


def _outcome(provider: Provider, current: Payment, at: datetime) -> Outcome:
    """Return what the bank was answered; whatever is no yes is called off, else it could be paid after all."""
    try:
        outcome = persistently(lambda: provider.outcome(current))
    except AlreadyVoidedError:
        # By a worker that died before it could say so; or with the order, and then this is stored in vain.
        return Declined(_FAILED)
    is_over = bool(current.open_at) and rfc3339(at) >= current.asked_until
    if isinstance(outcome, ActionRequired) and is_over:
        outcome = Declined(_FAILED)
    if isinstance(outcome, Declined):
        persistently(lambda: provider.void(current))
    return outcome


def _attempted(
    table: PaymentsTable, providers: Providers, current: Payment, code: str | None, at: datetime
) -> Payment | None:
    """Take what a further attempt of a confirmed order brought, or tell that it brought nothing."""
    if code:
        return capturing.store_failed(table, current, code, at)
    held = domain.attempt_held(current, current.ref, at)
    return capturing.capture(table, providers, held, at) if table.move(current, held, None, at) else None
