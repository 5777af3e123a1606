"""Payments' requests and answers, and how answers are made of domain objects."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from msgspec import Meta

from functions.payments.domain import Dispute, LedgerEntry, Payment, Refund, Trouble
from functions.payments.providers.domain import Action
from functions.shared.types import Body, Money, MoneyBody, View


class RefundView(View, frozen=True):
    """Money given back; ``pending`` until the provider has paid it, ``failed`` where the buyer never gets it.

    ``code``: why it failed.
    """

    refund_id: str
    amount: Money
    reason: str
    status: str
    created_at: str
    code: str | None


class DisputeView(View, frozen=True):
    """A buyer's complaint at the bank: ``open``, ``won``, ``lost`` or ``closed``, and what the provider took for it."""

    dispute_id: str
    amount: Money
    withdrawn: Money
    reason: str
    status: str
    created_at: str


class PaymentView(View, frozen=True):
    """What an order pays, in which state, and what went back."""

    order_id: str
    status: str
    amount: Money
    captured: Money
    refunded: Money
    refundable: Money
    refunding: Money
    disputed: Money
    provider: str
    decline_code: str | None
    created_at: str
    refunds: list[RefundView]
    disputes: list[DisputeView]


class EntryView(View, frozen=True):
    """One line of the ledger: the amount is debited to one account and credited to another."""

    number: int
    time: str
    kind: str
    debit: str
    credit: str
    amount: Money
    refund_id: str | None
    dispute_id: str | None


class LedgerView(View, frozen=True):
    """A page of an order's ledger, oldest first."""

    items: list[EntryView]
    next_cursor: str | None


class SimulatorView(View, frozen=True):
    """What the simulated provider is put through."""

    trouble: Trouble


class SimulateTrouble(Body, frozen=True):
    """Put the simulated provider through some trouble, or none."""

    trouble: Trouble


class ActionView(View, frozen=True):
    """Where the buyer answers their bank, until when.

    ``redirect``: at ``url``, which leads back to the order's page; ``provider``: in the provider's own code on the
    page, which takes the ``client_secret``.
    """

    kind: Literal["redirect", "provider"]
    url: str | None
    client_secret: str | None
    until: str


class ActionTaken(Body, frozen=True):
    """Nothing: what became of it is asked of the provider."""


class ActionOutcomeView(View, frozen=True):
    """How the payment stands: ``authenticating`` while the bank has no answer, which it waits for until then."""

    status: str
    until: str | None


class AnswerBank(Body, frozen=True):
    """What the buyer says to the simulated bank."""

    approve: bool


class ReceivedView(View, frozen=True):
    """A provider's notice was taken."""

    received: bool


class RefundPayment(Body, frozen=True):
    """A refund: how much, and why."""

    amount: MoneyBody
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


def refund_view(refund: Refund) -> RefundView:
    """Shape a refund."""
    amount = Money(refund.amount, refund.currency)
    return RefundView(refund.refund_id, amount, refund.reason, refund.status, refund.created_at, refund.code)


def dispute_view(dispute: Dispute) -> DisputeView:
    """Shape a dispute."""
    money = functools.partial(Money, currency=dispute.currency)
    return DisputeView(
        dispute_id=dispute.dispute_id,
        amount=money(dispute.amount),
        withdrawn=money(dispute.withdrawn),
        reason=dispute.reason,
        status=dispute.status,
        created_at=dispute.created_at,
    )


def payment_view(payment: Payment, refunds: list[Refund], disputes: list[Dispute]) -> PaymentView:
    """Shape a payment with its refunds and disputes."""
    money = functools.partial(Money, currency=payment.currency)
    return PaymentView(
        order_id=payment.order_id,
        status=payment.standing,
        amount=money(payment.amount),
        captured=money(payment.captured),
        refunded=money(payment.refunded),
        refundable=money(payment.refundable),
        refunding=money(payment.refunding),
        disputed=money(payment.disputed),
        provider=payment.provider,
        decline_code=payment.code,
        created_at=payment.created_at,
        refunds=[refund_view(refund) for refund in refunds],
        disputes=[dispute_view(dispute) for dispute in disputes],
    )


def action_view(payment: Payment, action: Action) -> ActionView:
    """Shape where a buyer answers their bank."""
    return ActionView(action.kind, action.url, action.client_secret, payment.asked_until)


def action_outcome_view(payment: Payment) -> ActionOutcomeView:
    """Shape what became of a bank's question."""
    until = payment.asked_until if payment.status == "authenticating" else None
    return ActionOutcomeView(payment.standing, until)


def entry_view(entry: LedgerEntry) -> EntryView:
    """Shape a line of the ledger."""
    return EntryView(
        entry.number,
        entry.time,
        entry.kind,
        entry.debit,
        entry.credit,
        Money(entry.amount, entry.currency),
        entry.refund_id,
        entry.dispute_id,
    )
