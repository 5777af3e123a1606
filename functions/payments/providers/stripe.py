"""Stripe: a PaymentIntent with manual capture for each order (https://docs.stripe.com/api/payment_intents).

An intent is created unconfirmed, under an idempotency key derived from the order, without the buyer's payment method.
So whoever knows the order and its amount finds the one intent it has, or makes one that nobody confirmed: that is how a
lost answer is resolved, and how an order that was cancelled first is barred.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from functions.payments.domain import DisputeStatus, Payment, Refund, RefundStatus
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
from functions.payments.providers.stripe_api import (
    OTHER_FIELDS,
    CardDeclinedError,
    Intent,
    Reason,
    StripeApi,
    StripeDispute,
    StripeRefund,
)
from functions.shared.errors import InvalidError
from functions.shared.ids import fingerprint
from functions.shared.money import AmountError, provider_amount, shop_amount

# Codes that a buyer can act on; every other reason is card_declined, as Stripe advises for lost and stolen cards.
_TOLD = {"insufficient_funds", "expired_card", "incorrect_cvc", "authentication_required"}
_REFUSALS = {
    "resource_missing": "invalid_token",
    "404": "invalid_token",
    "amount_too_small": "amount_too_small",
    "amount_too_large": "amount_too_large",
    "amount_not_chargeable": "amount_not_chargeable",
}


_REFUNDS: dict[str, RefundStatus] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}
"""A refund's status by Stripe's (docs.stripe.com/api/refunds/object); no word at all is still to be decided."""

_DISPUTES: dict[str, DisputeStatus] = {
    "won": "won",
    "lost": "lost",
    "warning_closed": "closed",
    "prevented": "closed",
}
"""A dispute's status by Stripe's (docs.stripe.com/api/disputes/object); every other is open."""


class _Object(Struct, frozen=True):
    id: str = ""
    metadata: dict[str, str] | None = None
    payment_intent: str | None = None


class _EventData(Struct, frozen=True):
    object: _Object


class _Event(Struct, frozen=True):
    id: Annotated[str, Meta(max_length=255)]
    type: str
    data: _EventData


class Stripe:
    """The adapter for Stripe, and for what speaks like it at another address."""

    name = "stripe"

    def __init__(
        self, url: str, api_key: Callable[[], str], webhook_secret: Callable[[], str], shop_url: str = ""
    ) -> None:
        self._shop_url = shop_url
        self._api = StripeApi(url, api_key)
        self._webhook_secret = webhook_secret

    def authorise(self, draft: Payment, token: str) -> Outcome:
        """Go on with the order's intent from wherever it is: create it, give it its method, confirm it."""
        if not token.startswith("pm_"):
            return Declined("invalid_token")
        try:
            intent = self._intent(draft)
        except ProviderRefusedError as refused:
            return Declined(_REFUSALS.get(refused.code, "provider_refused"))
        try:
            intent = self._confirmed(draft, intent, token)
        except CardDeclinedError as declined:
            return Declined(_told(declined.reason))
        except ProviderRefusedError as refused:
            intent = self._api.get(f"payment_intents/{intent.id}", Intent)
            if intent.status in ("requires_payment_method", "requires_confirmation"):
                return Declined(_REFUSALS.get(refused.code, "provider_refused"))
        return self._outcome(draft, intent)

    def _confirmed(self, draft: Payment, intent: Intent, token: str) -> Intent:
        path = f"payment_intents/{intent.id}"
        if intent.status == "requires_payment_method" and intent.last_payment_error is None:
            intent = self._api.post(path, Intent, {"payment_method": token})
        if intent.status == "requires_confirmation":
            back = f"{self._shop_url}/order.html?id={draft.order_id}"
            # A key stands for one body: by another address of the shop it is another.
            key = f"{draft.key}-confirm-{fingerprint(back)[:8]}"
            intent = self._api.post(f"{path}/confirm", Intent, {"return_url": back}, key=key)
        return intent

    def outcome(self, payment: Payment) -> Outcome:
        """Return what became of the bank's question."""
        return self._outcome(payment, self._api.get(f"payment_intents/{payment.ref}", Intent))

    def action(self, payment: Payment) -> Action:
        """Return where the bank asks: an address, or what Stripe's own code on the page is given."""
        intent = self._api.get(f"payment_intents/{payment.ref}", Intent)
        if intent.status != "requires_action" or intent.next_action is None:
            raise ProviderRefusedError("nothing_asked")
        if there := intent.next_action.redirect_to_url:
            return Action("redirect", there.url)
        return Action("provider", client_secret=intent.client_secret)

    def _outcome(self, draft: Payment, intent: Intent) -> Outcome:
        match intent.status:
            case "requires_capture" | "succeeded":
                return Approved(intent.id)
            case "canceled":
                raise AlreadyVoidedError(draft.order_id)
            case "requires_payment_method":
                return Declined(_told(intent.last_payment_error or Reason()))
            case "requires_action":
                return ActionRequired(intent.id)
        raise ProviderUnavailableError(f"intent is {intent.status}")

    def capture(self, payment: Payment) -> None:
        """Take all that is held."""
        path = f"payment_intents/{payment.ref}"
        try:
            intent = self._api.post(f"{path}/capture", Intent, key=f"{payment.key}-capture")
        except ProviderRefusedError:
            intent = self._api.get(path, Intent)
        if intent.status == "canceled":
            raise AlreadyVoidedError(payment.order_id)
        if intent.status != "succeeded":
            raise ProviderRefusedError(f"intent_{intent.status}")

    def void(self, payment: Payment) -> None:
        """Cancel the order's intent; one without `ref` is found, or made, by its idempotency key.

        No idempotency key for the cancelling: it is safe to repeat, and a refusal must not be remembered.
        """
        ref = payment.ref or self._barred(payment)
        if ref is None:
            return
        path = f"payment_intents/{ref}"
        try:
            intent = self._api.post(f"{path}/cancel", Intent)
        except ProviderRefusedError:
            intent = self._api.get(path, Intent)
        if intent.status == "succeeded":
            raise AlreadyCapturedError(payment.order_id)
        if intent.status != "canceled":
            raise ProviderRefusedError(f"intent_{intent.status}")

    def _barred(self, payment: Payment) -> str | None:
        """Return the intent to cancel, None where Stripe never takes one of that amount or currency."""
        try:
            return self._intent(payment).id
        except ProviderRefusedError as refused:
            if refused.code == OTHER_FIELDS:
                raise
            return None

    def refund(self, payment: Payment, refund: Refund) -> MadeRefund:
        """Give back, once for each refund id: looked for first, because Stripe forgets idempotency keys."""
        if refund.ref:
            return _made(self._api.get(f"refunds/{quote(refund.ref, safe='')}", StripeRefund))
        made = self._api.all("refunds", {"payment_intent": payment.ref}, StripeRefund)
        found = next((one for one in made if _ours(one) == refund.refund_id), None)
        found = found or self._api.post(
            "refunds",
            StripeRefund,
            {
                "payment_intent": payment.ref,
                "amount": _amount(refund.amount, refund.currency),
                "metadata[order_id]": payment.order_id,
                "metadata[refund_id]": refund.refund_id,
            },
            key=refund.refund_id,
        )
        return _made(found)

    def money_back(self, payment: Payment) -> tuple[list[MadeRefund], list[MadeDispute]]:
        """Return the refunds and disputes of the order's intent, whoever made them."""
        of = {"payment_intent": payment.ref}
        refunds = [_made(one) for one in self._api.all("refunds", of, StripeRefund)]
        return refunds, [_dispute(one) for one in self._api.all("disputes", of, StripeDispute)]

    def order_of(self, ref: str) -> str | None:
        """Return the order that an intent was made for."""
        try:
            intent = self._api.get(f"payment_intents/{quote(ref, safe='')}", Intent)
        except ProviderRefusedError:
            return None
        return (intent.metadata or {}).get("order_id")

    def notice(self, headers: Mapping[str, str], body: bytes, at: datetime) -> Notice:
        """Read an event of Stripe, signed in the header Stripe-Signature."""
        verify(headers.get("stripe-signature", ""), body, self._webhook_secret(), at)
        try:
            event = msgspec.json.decode(body, type=_Event)
        except msgspec.MsgspecError:
            raise InvalidError("invalid_body", "This is not an event of Stripe.") from None
        about = event.data.object
        ref = about.payment_intent or (about.id if about.id.startswith("pi_") else None)
        back = event.type.startswith(("refund.", "charge.refund", "charge.dispute."))
        return Notice(event.id, event.type, (about.metadata or {}).get("order_id"), ref, back)

    def _intent(self, payment: Payment) -> Intent:
        """Return the order's one intent, making it if there is none."""
        fields = {
            "amount": _amount(payment.amount, payment.currency),
            "currency": payment.currency.lower(),
            "capture_method": "manual",
            "payment_method_types[]": "card",
            "metadata[order_id]": payment.order_id,
        }
        return self._api.create("payment_intents", fields, f"{payment.key}-create")


def _told(reason: Reason) -> str:
    given = reason.decline_code or reason.code
    if given == "payment_intent_authentication_failure":
        return "authentication_failed"
    return given if given in _TOLD else "card_declined"


def _ours(made: StripeRefund) -> str | None:
    given = (made.metadata or {}).get("refund_id", "")
    return given if len(given) <= 40 and given.startswith("rfd_") else None


def _made(made: StripeRefund) -> MadeRefund:
    currency, status = made.currency.upper(), _REFUNDS.get(made.status or "pending", "pending")
    return MadeRefund(
        ref=made.id,
        amount=shop_amount(Stripe.name, made.amount, currency),
        currency=currency,
        status=status,
        refund_id=_ours(made),
        code=made.failure_reason or made.status if status == "failed" else None,
    )


def _dispute(made: StripeDispute) -> MadeDispute:
    # What was moved is told in the currency that is paid out: only its sign is the same for every shop.
    taken = sum(moved.amount for moved in made.balance_transactions) < 0
    currency = made.currency.upper()
    amount = shop_amount(Stripe.name, made.amount, currency)
    status = _DISPUTES.get(made.status, "open")
    return MadeDispute(made.id, amount, currency, status, amount if taken else 0, made.reason[:60])


def _amount(amount: int, currency: str) -> int:
    try:
        return provider_amount(Stripe.name, amount, currency)
    except AmountError:
        raise ProviderRefusedError("amount_not_chargeable") from None
