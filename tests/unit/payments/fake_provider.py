"""A provider in memory that keeps the contract, and fails where a test says: before or after the effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from functions.payments.domain import Payment, Refund
from functions.payments.providers import (
    AlreadyCapturedError,
    AlreadyVoidedError,
    Approved,
    Declined,
    Notice,
    ProviderRefusedError,
    ProviderUnavailableError,
)


class Crash(BaseException):
    """The worker dies: no handler of ours catches it."""


class FakeProvider:
    """Holds, captures and refunds by order. `good` is approved, `declined` declined, the rest is unknown."""

    name = "fake"

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.captured: dict[str, int] = {}
        self.refunds: dict[str, dict[str, int]] = {}
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

    def authorise(self, draft: Payment, token: str) -> Approved | Declined:
        self._begin("authorise")
        self.seen.append(token)
        if token != "good" and draft.key not in self.status:
            return Declined("card_declined" if token == "declined" else "invalid_token")
        if self.status.setdefault(draft.key, "authorized") == "voided":
            raise AlreadyVoidedError(draft.order_id)
        self._end("authorise")
        return Approved(f"fake_{draft.key}")

    def capture(self, payment: Payment) -> None:
        self._begin("capture")
        match self.status.get(payment.key):
            case "voided":
                raise AlreadyVoidedError(payment.order_id)
            case None:
                raise ProviderRefusedError("unknown")
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

    def refund(self, payment: Payment, refund: Refund) -> None:
        self._begin("refund")
        given = self.refunds.setdefault(payment.key, {})
        if refund.refund_id not in given:
            if sum(given.values()) + refund.amount > self.captured.get(payment.key, 0):
                raise ProviderRefusedError("more_than_captured")
            given[refund.refund_id] = refund.amount
        self._end("refund")

    def notice(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notice:
        return Notice("evt_1", "something", None)
