"""A provider that exists only here: tokens say what happens, and its side of things is kept in the table.

| token                  | what happens                                              |
| tok_visa               | approved                                                  |
| tok_slow               | approved, after some seconds                              |
| tok_flaky              | fails twice, then approved                                |
| tok_lost               | approved, but the first answer is lost                    |
| tok_lapses             | approved, but the hold is gone when it is to be captured  |
| tok_captureRefused     | approved, but the capture is refused for good             |
| tok_pendingRefund      | approved; a refund is pending first, and succeeds         |
| tok_pendingRefundFails | approved; a refund is pending first, and fails            |
| tok_refundFails        | approved; a refund succeeds, and fails when asked about   |
| tok_createDispute      | approved, and disputed as soon as it is captured          |
| tok_3ds                | the bank asks (a page of our own), and takes the answer   |
| tok_3dsDeclined        | the bank asks, and says no whatever is answered           |
| tok_3dsAbandoned       | the bank asks, and hears no answer                        |
| tok_3dsLate            | the bank asks, and says yes once the time is over         |
| tok_chargeDeclined     | declined: card_declined                                   |
| tok_insufficientFunds  | declined: insufficient_funds                              |
| anything else          | declined: invalid_token                                   |

On the local stack an operator can put it into trouble as a whole, whatever the token (the console's Faults):

| trouble | what happens to each call                                    |
| none    | what its token says                                          |
| slow    | the same, some seconds later                                 |
| failing | it is answered with an error; nothing is done                |
| silent  | it is done, but the answer does not come                     |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, TypeVar, assert_never

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from functions.payments.domain import Payment, Refund, RefundStatus, Trouble
from functions.payments.providers.domain import (
    Action,
    ActionRequired,
    AlreadyCapturedError,
    AlreadyVoidedError,
    Approved,
    Declined,
    MadeDispute,
    MadeRefund,
    Notice,
    Outcome,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from functions.payments.providers.signature import verify
from functions.payments.table import Intent, IntentRefund, SimulatorTable
from functions.shared.clock import now, parse
from functions.shared.errors import InvalidError
from functions.shared.ids import derived_id
from functions.shared.types import Data

T = TypeVar("T")

SIGNATURE_HEADER = "simulator-signature"
_DECLINES = {"tok_chargeDeclined": "card_declined", "tok_insufficientFunds": "insufficient_funds"}
_DOOMED = {"tok_lapses": "lapsed", "tok_captureRefused": "capture_refused"}
_WAYS: dict[str, tuple[RefundStatus, RefundStatus]] = {
    "tok_pendingRefund": ("pending", "succeeded"),
    "tok_pendingRefundFails": ("pending", "failed"),
    "tok_refundFails": ("succeeded", "failed"),
}
"""What becomes of a refund, by the token that paid: at first, and once the provider is asked for it again."""
_DISPUTED = "tok_createDispute"
_ASKS = {"tok_3ds", "tok_3dsDeclined", "tok_3dsAbandoned", "tok_3dsLate"}
_APPROVES = {"tok_visa", "tok_slow", "tok_flaky", "tok_lost", _DISPUTED, *_DOOMED, *_WAYS}
_FAILURES_OF_FLAKY = 2


class _Event(Data, frozen=True):
    id: Annotated[str, Meta(max_length=255)]
    type: str
    order_id: str | None = None
    payment_ref: str | None = None


class Simulator:
    """The provider of the simulator's tokens; an intent in its table for each order."""

    name = "simulator"

    def __init__(
        self,
        table: SimulatorTable,
        webhook_secret: Callable[[], str],
        slow_seconds: float = 3,
        trouble: Callable[[], Trouble] | None = None,
        shop_url: str = "",
    ) -> None:
        self._shop_url = shop_url
        self._table = table
        self._webhook_secret = webhook_secret
        self._slow_seconds = slow_seconds
        self._trouble = trouble

    def authorise(self, draft: Payment, token: str) -> Outcome:
        """Hold the amount, decline, or ask, as the token says."""
        return self._called(lambda: self._authorise(draft, token))

    def outcome(self, payment: Payment) -> Outcome:
        """Return what became of the bank's question."""
        return self._called(lambda: self._outcome(payment))

    def action(self, payment: Payment) -> Action:
        """Return the page that stands for the bank's."""
        intent = self._called(lambda: self._table.intent(payment.key))
        if intent.status != "asking":
            raise ProviderRefusedError("nothing_asked")
        return Action("redirect", f"{self._shop_url}/bank.html?id={payment.order_id}")

    def answer(self, payment: Payment, *, approve: bool) -> None:
        """Take the buyer's answer to the bank, which is not the shop's to give. Safe to repeat."""
        way = self._table.intent(payment.key).answer_way
        if way == "tok_3ds":
            self._table.answer(payment.key, "authorized" if approve else "refused")
        elif way == "tok_3dsDeclined":
            self._table.answer(payment.key, "refused")

    def capture(self, payment: Payment) -> None:
        """Take what is held."""
        self._called(lambda: self._capture(payment))

    def void(self, payment: Payment) -> None:
        """Free what is held; an order never seen is barred from then on."""
        self._called(lambda: self._void(payment))

    def refund(self, payment: Payment, refund: Refund) -> MadeRefund:
        """Give back, once for each refund id."""
        return self._called(lambda: self._refund(payment, refund))

    def money_back(self, payment: Payment) -> tuple[list[MadeRefund], list[MadeDispute]]:
        """Return the refunds and disputes of an intent."""
        return self._called(lambda: self._money_back(payment))

    def order_of(self, ref: str) -> str | None:
        """Return the order of an intent."""
        return derived_id("ord", ref).partition("-")[0] if ref.startswith("sim_") else None

    def _called(self, work: Callable[[], T]) -> T:
        """Return what a call comes to, in the trouble that an operator asked for."""
        trouble = self._trouble() if self._trouble else "none"
        if trouble == "failing":
            raise ProviderUnavailableError("simulated: an error for everyone")
        if trouble in ("slow", "silent"):
            time.sleep(self._slow_seconds)
        answer = work()
        if trouble == "silent":
            raise ProviderUnavailableError("simulated: no answer for anyone")
        return answer

    def _authorise(self, draft: Payment, token: str) -> Outcome:
        intent = self._table.intent(draft.key)
        if intent.status in ("none", "trying"):
            if token in _ASKS:
                self._table.ask(draft, token)
                return self._outcome(draft)
            if token not in _APPROVES:
                return Declined(_DECLINES.get(token, "invalid_token"))
            self._hesitate(draft, token)
            held = self._table.authorise(
                draft,
                doomed=_DOOMED.get(token),
                way=token if token in _WAYS else None,
                disputed=token == _DISPUTED,
            )
            if held and token == "tok_lost":  # noqa: S105 a test token's name
                raise ProviderUnavailableError("simulated: the answer is lost")
        return self._outcome(draft)

    def _outcome(self, payment: Payment) -> Outcome:
        intent, ref = self._table.intent(payment.key), derived_id("sim", payment.key)
        match intent.status:
            case "none" | "voided" | "trying":
                raise AlreadyVoidedError(payment.order_id)
            case "asking" if intent.answer_way == "tok_3dsLate" and _is_over(payment):
                self._table.answer(payment.key, "authorized")
                return self._outcome(payment)
            case "asking":
                return ActionRequired(ref)
            case "refused":
                return Declined("authentication_failed")
            case "authorized" | "captured":
                return Approved(ref)
        assert_never(intent.status)

    def _hesitate(self, draft: Payment, token: str) -> None:
        if token == "tok_slow":  # noqa: S105
            time.sleep(self._slow_seconds)
        if token == "tok_flaky" and 0 < self._table.tried(draft.key) <= _FAILURES_OF_FLAKY:  # noqa: S105
            raise ProviderUnavailableError("simulated: try again")

    def _capture(self, payment: Payment) -> None:
        if self._table.turn(payment.key, "captured"):
            return
        intent = self._table.intent(payment.key)
        match intent.status, intent.doomed:
            case "captured", _:
                return
            case ("voided", _) | (_, "lapsed"):
                raise AlreadyVoidedError(payment.order_id)
            case _, doomed:
                raise ProviderRefusedError(doomed or "not_authorised")

    def _void(self, payment: Payment) -> None:
        if self._table.turn(payment.key, "voided"):
            return
        if self._table.intent(payment.key).status == "captured":
            raise AlreadyCapturedError(payment.order_id)

    def _refund(self, payment: Payment, refund: Refund) -> MadeRefund:
        name = refund.ref or refund.refund_id
        first, _ = _WAYS.get(self._table.intent(payment.key).refund_way or "", ("succeeded", "succeeded"))
        if not refund.ref and self._table.give_back(payment, name, refund.amount, first):
            return _made(payment.currency, name, IntentRefund(refund.amount, first))
        intent = self._table.intent(payment.key)  # as it is now: the try before may have been done unheard
        if name not in intent.refunds:
            raise ProviderRefusedError("not_captured" if intent.status == "none" else "more_than_captured")
        if intent.refunds[name].status != "pending":
            return _made(payment.currency, name, intent.refunds[name])
        return self._asked(payment, intent, name)

    def _money_back(self, payment: Payment) -> tuple[list[MadeRefund], list[MadeDispute]]:
        intent = self._table.intent(payment.key)
        refunds = [self._asked(payment, intent, name) for name in intent.refunds]
        disputes = [
            MadeDispute(ref, currency=intent.currency, **asdict(made))
            for ref, made in intent.disputes.items()
        ]
        return refunds, disputes

    def _asked(self, payment: Payment, intent: Intent, name: str) -> MadeRefund:
        """Return how a refund stands once it has been asked for: a step further on its way."""
        made = intent.refunds[name]
        first, last = _WAYS.get(intent.refund_way or "", ("pending", "succeeded"))
        steps: dict[RefundStatus, RefundStatus] = {"pending": "succeeded", first: last}
        following = steps.get(made.status, made.status)
        if following != made.status:
            self._table.end_refund(payment.key, name, made.status, following, made.amount)
        return _made(payment.currency, name, IntentRefund(made.amount, following))

    def notice(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notice:
        """Read ``{id, type, orderId or paymentRef}``, signed as Stripe signs, in the header Simulator-Signature."""
        verify(headers.get(SIGNATURE_HEADER, ""), body, self._webhook_secret(), at)
        try:
            event = msgspec.json.decode(body, type=_Event)
        except msgspec.MsgspecError:
            raise InvalidError("invalid_body", "This is not an event of the simulator.") from None
        back = event.type.startswith(("refund.", "dispute."))
        return Notice(event.id, event.type, event.order_id, event.payment_ref, back)


def _is_over(payment: Payment) -> bool:
    return bool(payment.asked_until) and now() >= parse(payment.asked_until)


def _made(currency: str, name: str, made: IntentRefund) -> MadeRefund:
    code = "bank_account_closed" if made.status == "failed" else None
    ours = name if name.startswith("rfd_") else None
    return MadeRefund(name, made.amount, currency, made.status, ours, code)
