"""A provider in memory that keeps the contract, and fails where a test says: before or after the effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec.structs import replace

from functions.payments.domain import Payment, Refund, RefundStatus
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

ORDER = "ord_01kaqz5r7b8v0w3m2x4y6t9n1c"


class Crash(BaseException):
    """The worker dies: no handler of ours catches it."""


class FakeProvider:
    """Holds, captures and refunds by order.

    `good` is approved, `asks` once the buyer has answered (`answer`), `declined` declined, the rest is unknown.
    """

    name = "fake"

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.captured: dict[str, int] = {}
        self.refunds: dict[str, dict[str, MadeRefund]] = {}
        self.disputes: dict[str, dict[str, MadeDispute]] = {}
        self.first: RefundStatus = "succeeded"
        self.calls: list[str] = []
        self.seen: list[str] = []
        self._before: dict[str, list[BaseException]] = {}
        self._after: dict[str, list[BaseException]] = {}
        self._meanwhile: dict[str, Callable[[], None]] = {}

    def down(self, step: str, times: int = 1_000) -> None:
        """Have a step fail without an effect."""
        self._before[step] = [ProviderUnavailableError("down")] * times

    def up(self) -> None:
        """Have everything work again."""
        self._before, self._after = {}, {}

    def lose(self, step: str, times: int = 1) -> None:
        """Have a step's answer lost after its effect."""
        self._after[step] = [ProviderUnavailableError("lost")] * times

    def refuse(self, step: str) -> None:
        """Have a step refused for good."""
        self._before[step] = [ProviderRefusedError("no")] * 1_000

    def lapse(self, key: str) -> None:
        """Have what is held under a key end, without anybody having asked for it."""
        self.status[key] = "voided"

    def given(self, key: str) -> dict[str, int]:
        """Return what the refunds of a payment gave back, or are about to, by their ids."""
        made = self.refunds.get(key, {}).values()
        return {one.refund_id or one.ref: one.amount for one in made if one.status != "failed"}

    def end(self, refund_id: str, status: RefundStatus, key: str = ORDER) -> None:
        """Have a refund end so, whatever it was."""
        code = "account_closed" if status == "failed" else None
        made = self.refunds[key][f"re_{refund_id}"]
        self.refunds[key][made.ref] = replace(made, status=status, code=code)

    def made_there(
        self,
        ref: str,
        amount: int,
        status: RefundStatus = "succeeded",
        key: str = ORDER,
        currency: str = "EUR",
    ) -> None:
        """Have somebody make a refund at the provider itself."""
        self.refunds.setdefault(key, {})[ref] = MadeRefund(ref, amount, currency, status)

    def dispute(self, dispute: MadeDispute, key: str = ORDER) -> None:
        """Have a buyer dispute a payment, or a dispute go on."""
        self.disputes.setdefault(key, {})[dispute.ref] = dispute

    def crash_after(self, step: str) -> None:
        """Have the worker die after a step's effect."""
        self._after[step] = [Crash(step)]

    def meanwhile(self, step: str, what: Callable[[], None]) -> None:
        """Have something else happen once, after a step's effect and before its answer."""
        self._meanwhile[step] = what

    def _begin(self, step: str) -> None:
        self.calls.append(step)
        if self._before.get(step):
            raise self._before[step].pop()

    def _end(self, step: str) -> None:
        if what := self._meanwhile.pop(step, None):
            what()
        if self._after.get(step):
            raise self._after[step].pop()

    def authorise(self, draft: Payment, token: str) -> Outcome:
        self._begin("authorise")
        self.seen.append(token)
        if token not in ("good", "asks") and draft.key not in self.status:
            return Declined("card_declined" if token == "declined" else "invalid_token")
        self.status.setdefault(draft.key, "authorized" if token == "good" else "asking")
        answer = self._standing(draft)
        self._end("authorise")
        return answer

    def outcome(self, payment: Payment) -> Outcome:
        self._begin("outcome")
        answer = self._standing(payment)
        self._end("outcome")
        return answer

    def _standing(self, payment: Payment) -> Outcome:
        match self.status[payment.key]:
            case "voided":
                raise AlreadyVoidedError(payment.order_id)
            case "asking":
                return ActionRequired(f"fake_{payment.key}")
            case "refused":
                return Declined("authentication_failed")
        return Approved(f"fake_{payment.key}")

    def answer(self, *, approve: bool, key: str = ORDER) -> None:
        """Have the buyer answer their bank."""
        if self.status[key] == "asking":
            self.status[key] = "authorized" if approve else "refused"

    def action(self, payment: Payment) -> Action:
        self._begin("action")
        if self.status.get(payment.key) != "asking":
            raise ProviderRefusedError("nothing_asked")
        return Action("redirect", "https://bank.example/ask")

    def capture(self, payment: Payment) -> None:
        self._begin("capture")
        match self.status.get(payment.key):
            case "voided":
                raise AlreadyVoidedError(payment.order_id)
            case None | "asking" | "refused":
                raise ProviderRefusedError("nothing_held")
            case "authorized":
                self.captured[payment.key] = payment.amount
                self.status[payment.key] = "captured"
        self._end("capture")

    def void(self, payment: Payment) -> None:
        self._begin("void")
        if self.status.get(payment.key) == "captured":
            raise AlreadyCapturedError(payment.order_id)
        self.status[payment.key] = "voided"
        self._end("void")

    def refund(self, payment: Payment, refund: Refund) -> MadeRefund:
        self._begin("refund")
        made = self.refunds.setdefault(payment.key, {})
        ref = refund.ref or f"re_{refund.refund_id}"
        if ref not in made:
            given = sum(self.given(payment.key).values())
            if refund.ref or given + refund.amount > self.captured.get(payment.key, 0):
                raise ProviderRefusedError("more_than_captured")
            made[ref] = MadeRefund(ref, refund.amount, refund.currency, self.first, refund.refund_id)
        answer = made[ref]
        self._end("refund")
        return answer

    def money_back(self, payment: Payment) -> tuple[list[MadeRefund], list[MadeDispute]]:
        self._begin("money_back")
        made = self.refunds.get(payment.key, {}), self.disputes.get(payment.key, {})
        answer = list(made[0].values())[::-1], list(made[1].values())  # newest first, as Stripe lists
        self._end("money_back")
        return answer

    def order_of(self, ref: str) -> str | None:
        self._begin("order_of")
        return ref.removeprefix("fake_") if ref.removeprefix("fake_") in self.status else None

    def notice(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notice:
        return Notice("evt_1", "something", None)
