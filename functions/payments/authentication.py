"""The bank's question (3-D Secure): before it holds anything, the buyer's bank may want to ask them.

The order waits longer then, and its buyer answers at an address that the provider gives each time it is asked for.
That it is answered is told by the buyer's page or by a webhook; where both are lost, orders sends an order that nobody
has decided on its route again before its time is over. Whoever comes first has the provider asked what became of it,
and that is the vote. Nobody else is believed.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from functions.payments import domain
from functions.payments.domain import Payment
from functions.payments.events import PaymentActionRequired, PaymentAuthorized, PaymentDeclined
from functions.payments.providers.domain import (
    Action,
    ActionRequired,
    AlreadyVoidedError,
    Approved,
    Declined,
    ProviderRefusedError,
    Providers,
    persistently,
)
from functions.payments.table import PaymentsTable
from functions.shared.clock import parse
from functions.shared.errors import ConflictError
from functions.shared.optimistic import optimistic
from functions.shared.outbox import Told, fact, pack
from functions.shared.types import Data, Money


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
    provider = providers.named(current.provider)
    try:
        outcome = persistently(lambda: provider.outcome(current))
        if isinstance(outcome, Declined):
            persistently(
                lambda: provider.void(current)
            )  # else it could still be paid once it is declined here
    except AlreadyVoidedError:
        return current  # it was called off: that work's record comes next
    match outcome:
        case ActionRequired():
            return current
        case Approved():
            after = domain.answered(current, None, at)
        case Declined():
            after = domain.answered(current, outcome.code, at)
    told = pack(fact(_vote(after), after.order_id, after.version, at))
    return after if table.move(current, after, told, at) else None
