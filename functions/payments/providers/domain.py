"""What a payment provider is to this service: a contract with two adapters, `simulator` and `stripe`.

Every call is safe to repeat: its effect is bound to the order and the step (or to the refund's id), so the same call
again finds what it did before, also when its first answer was lost. A call whose answer does not come raises
ProviderUnavailableError, and may have had its effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from msgspec import Struct

from functions.payments.domain import DisputeStatus, Payment, Refund, RefundStatus

T = TypeVar("T")

_WAITS = (0.1, 0.3)
_PATIENCE_SECONDS = 8.0


class Approved(Struct, frozen=True):
    """The money is held; `ref` is the provider's id of it."""

    ref: str


class Declined(Struct, frozen=True):
    """Nothing is held, and asking again would not change that; `code` says why."""

    code: str


class ActionRequired(Struct, frozen=True):
    """Nothing is held before the buyer has answered their bank; `ref` is the provider's id of what it will be."""

    ref: str


Outcome = Approved | Declined | ActionRequired


class Action(Struct, frozen=True):
    """Where the buyer answers: at an address (`redirect`), or in the provider's own code on the page (`provider`)."""

    kind: Literal["redirect", "provider"]
    url: str | None = None
    client_secret: str | None = None


class MadeRefund(Struct, frozen=True):
    """A refund as the provider knows it, by its own id; ``refund_id`` is ours where we asked for it."""

    ref: str
    amount: int
    currency: str
    status: RefundStatus
    refund_id: str | None = None
    code: str | None = None


class MadeDispute(Struct, frozen=True):
    """A dispute as the provider knows it, by its own id; ``withdrawn``: what of its amount is taken back now."""

    ref: str
    amount: int
    currency: str
    status: DisputeStatus
    withdrawn: int
    reason: str


class Notice(Struct, frozen=True):
    """What a provider told us unasked: that something happened to an order's payment.

    It is never believed, only taken as a reason to look. ``ref`` is the provider's own id of the payment, for what was
    made there and names no order of ours; ``is_money_back``: it tells of a refund or a dispute.
    """

    event_id: str
    kind: str
    order_id: str | None
    ref: str | None = None
    is_money_back: bool = False


class ProviderError(RuntimeError):
    """The provider did not do it. The text holds codes only, never what was sent."""


class ProviderUnavailableError(ProviderError):
    """No answer, or none that decides: it may have happened; asking again is safe."""


class ProviderRefusedError(ProviderError):
    """The provider will not do it, however often it is asked; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"refused: {code}")
        self.code = code


class AlreadyVoidedError(ProviderError):
    """The order's authorisation was voided before: it can be neither made nor captured any more."""


class AlreadyCapturedError(ProviderError):
    """The order's authorisation was captured before: it can only be refunded."""


class Provider(Protocol):
    """Holds, takes and gives back money; all of it safe to repeat."""

    @property
    def name(self) -> str:
        """The name it is chosen by, kept with each payment."""

    def authorise(self, draft: Payment, token: str) -> Outcome:
        """Hold the draft's amount; AlreadyVoidedError where the order was voided before, even before any hold."""

    def outcome(self, payment: Payment) -> Outcome:
        """Return how an authorisation stands of which the bank asked the buyer; AlreadyVoidedError."""

    def action(self, payment: Payment) -> Action:
        """Return where the buyer answers the bank; ProviderRefusedError where nothing is asked (any more)."""

    def capture(self, payment: Payment) -> None:
        """Take all that is held; AlreadyVoidedError where nothing is."""

    def void(self, payment: Payment) -> None:
        """See to it that nothing is held, now or later, also for a payment without `ref`; AlreadyCapturedError."""

    def refund(self, payment: Payment, refund: Refund) -> MadeRefund:
        """Give the refund's amount back, once for each refund id; return how it stands, now and each time again."""

    def money_back(self, payment: Payment) -> tuple[list[MadeRefund], list[MadeDispute]]:
        """Return all refunds and disputes of a captured payment, whoever made them."""

    def order_of(self, ref: str) -> str | None:
        """Return the order that a payment of the provider's id was made for, None where it is none of ours."""

    def notice(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notice:
        """Return a webhook's content; raise InvalidError for a bad signature or an old timestamp."""


class NothingToPay:
    """Stands in for the provider where an order costs nothing."""

    name = "none"

    def authorise(self, draft: Payment, token: str) -> Outcome:
        """Approve: there is nothing to hold."""
        return Approved("")

    def outcome(self, payment: Payment) -> Outcome:
        """Approve: nobody asks."""
        return Approved("")

    def action(self, payment: Payment) -> Action:
        """Refuse: nobody asks."""
        raise ProviderRefusedError("nothing_asked")

    def capture(self, payment: Payment) -> None:
        """Take nothing."""

    def void(self, payment: Payment) -> None:
        """Free nothing."""

    def refund(self, payment: Payment, refund: Refund) -> MadeRefund:
        """Refuse: nothing was taken."""
        raise ProviderRefusedError("nothing_captured")

    def money_back(self, payment: Payment) -> tuple[list[MadeRefund], list[MadeDispute]]:
        """Return none: nothing was taken."""
        return [], []

    def order_of(self, ref: str) -> str | None:
        """Know of none."""
        return None

    def notice(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notice:
        """Nobody calls."""
        raise ProviderRefusedError("no_webhooks")


class Providers:
    """The adapters by name, each made on first use.

    New payments go to the chosen one; what another one holds stays with it.
    """

    def __init__(self, chosen: str, adapters: Mapping[str, Callable[[], Provider]]) -> None:
        self.chosen = chosen
        self._adapters = {**adapters, NothingToPay.name: NothingToPay}
        self._made: dict[str, Provider] = {}

    def named(self, name: str) -> Provider:
        """Return the adapter of a name."""
        if name not in self._made:
            self._made[name] = self._adapters[name]()
        return self._made[name]

    def for_amount(self, amount: int) -> Provider:
        """Return the adapter that a new payment of that amount goes to."""
        return self.named(self.chosen if amount else NothingToPay.name)


def persistently(call: Callable[[], T]) -> T:
    """Return what the call returns, asking again shortly while the provider is unavailable and there is time."""
    started = time.monotonic()
    for wait in _WAITS:
        try:
            return call()
        except ProviderUnavailableError:
            if time.monotonic() - started > _PATIENCE_SECONDS:
                raise
        time.sleep(wait)
    return call()
