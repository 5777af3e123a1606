"""Payments' Lambda edge: payments and refunds over HTTP, facts from the inbox, facts to the bus, open work swept."""

from __future__ import annotations

import functools
import os
from typing import Annotated, Any

from chalice.app import Response, SQSEvent
from msgspec import Meta

from functions.payments import reconciling, refunds, service
from functions.payments.domain import Dispute, LedgerEntry, Payment, Refund
from functions.payments.events import OrderCancelled, OrderConfirmed, OrderPaymentChanged, OrderPlaced
from functions.payments.providers import Provider, Providers
from functions.payments.providers.secret import secret
from functions.payments.table import PaymentsTable, SimulatorTable, Trouble
from functions.shared import inbox, log, outbox
from functions.shared.clock import now
from functions.shared.errors import ForbiddenError, NotFoundError
from functions.shared.http import (
    Service,
    caller,
    json_response,
    page_limit,
    query_parameters,
    raw_body,
    read_body,
)
from functions.shared.idempotency import answered_once, fingerprint, key_of
from functions.shared.ids import new_id
from functions.shared.types import Body, Money, MoneyBody, View

app = Service("payments")

MAX_NOTICE_BYTES = 256 * 1024
CAPTURE_ON = {"confirmation": OrderConfirmed}
"""By the shop's choice, the fact that takes the money."""


@functools.cache
def payments() -> PaymentsTable:
    """Return the service's table."""
    return PaymentsTable(os.environ["TABLE_NAME"])


@functools.cache
def providers() -> Providers:
    """Return the provider adapters, set up from the environment."""
    return Providers(os.environ["PROVIDER_NAME"], {"simulator": _simulator, "stripe": _stripe})


def _simulator() -> Provider:
    from functions.payments.providers.simulator import Simulator

    table, slow = SimulatorTable(os.environ["TABLE_NAME"]), float(os.environ["SIMULATOR_SLOW_SECONDS"])
    webhook = functools.partial(secret, os.environ["WEBHOOK_SECRET_NAME"])
    # Elsewhere nobody can put it through anything, so there is nothing to read before each call.
    return Simulator(table, webhook, slow, table.trouble) if _local() else Simulator(table, webhook, slow)


def _local() -> bool:
    return os.environ["ENVIRONMENT_NAME"] == "local"


def simulators() -> SimulatorTable:
    """Return the simulator's side, where operators may meddle with it; raise ForbiddenError elsewhere."""
    if not _local() or os.environ["PROVIDER_NAME"] != "simulator":
        raise ForbiddenError("local_only", "Only the simulator of the local stack is put into trouble.")
    return SimulatorTable(os.environ["TABLE_NAME"])


def _stripe() -> Provider:
    # Imported on demand: whoever simulates pays no cold start for it.
    from functions.payments.providers.stripe import Stripe

    key, webhook = os.environ["STRIPE_KEY_SECRET_NAME"], os.environ["WEBHOOK_SECRET_NAME"]
    return Stripe(
        os.environ["STRIPE_URL"], functools.partial(secret, key), functools.partial(secret, webhook)
    )


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


def entry_view(entry: LedgerEntry) -> EntryView:
    """Shape a line of the ledger."""
    return EntryView(
        entry.number, entry.time, entry.kind, entry.debit, entry.credit,
        Money(entry.amount, entry.currency), entry.refund_id, entry.dispute_id,
    )  # fmt: skip


@app.endpoint("GET", "/payments/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "payments"})


@app.endpoint("GET", "/payments/simulator", returns=SimulatorView)
def get_simulator() -> Response:
    """Get what the simulated provider is put through, on the local stack: 200 | 403, elsewhere for everyone."""
    caller(app).require("staff", "admin")
    return json_response(SimulatorView(simulators().trouble()))


@app.endpoint("PUT", "/payments/simulator", body=SimulateTrouble, returns=SimulatorView)
def simulate_trouble() -> Response:
    """Put the simulated provider through some trouble, on the local stack: 200 | 400 | 403, elsewhere for everyone."""
    caller(app).require("admin")
    wanted = read_body(app, SimulateTrouble)
    service.simulate_trouble(simulators(), wanted.trouble, now())
    return json_response(SimulatorView(wanted.trouble))


@app.endpoint("GET", "/payments/{orderId}", returns=PaymentView)
def get_payment(orderId: str) -> Response:  # noqa: N803 the name in the path
    """Get the payment of an order, for staff or the buyer: 200 | 404 none, or another's."""
    who = caller(app)
    found = service.visible_payment(payments(), orderId, who.subject, who.roles)
    return json_response(payment_view(found, payments().refunds(orderId), payments().disputes(orderId)))


@app.endpoint("GET", "/payments/{orderId}/ledger", returns=LedgerView)
def get_ledger(orderId: str) -> Response:  # noqa: N803
    """List the ledger of an order, oldest first: 200 | 400 made-up cursor | 403 | 404."""
    caller(app).require("staff", "admin")
    given = query_parameters(app, "limit", "cursor")
    service.payment(payments(), orderId)
    entries, following = payments().entries(orderId, page_limit(given), given.get("cursor"))
    return json_response(LedgerView([entry_view(entry) for entry in entries], following))


@app.endpoint("POST", "/payments/{orderId}/refunds", body=RefundPayment, returns=RefundView, status=201)
def refund_payment(orderId: str) -> Response:  # noqa: N803
    """Refund a captured payment, in part or in full: 201 | 400 | 403 | 404 | 409 not captured, too much | 422."""
    who = caller(app)
    who.require("staff", "admin")
    request, at, by = read_body(app, RefundPayment), now(), who.required_subject()
    key = key_of(app)
    refund_id = f"rfd_{fingerprint(orderId, by, key)[:26]}" if key else new_id("rfd", at)

    def run() -> Response:
        refund = refunds.refund_payment(
            payments(), providers(), orderId, (request.amount.amount, request.amount.currency), request.reason,
            refund_id=refund_id, by=by, at=at,
        )  # fmt: skip
        return json_response(refund_view(refund), 201)

    return answered_once(app, payments(), f"refund#{by}", at, run)


@app.endpoint("POST", "/payments/webhooks/{provider}", auth="none", returns=ReceivedView)
def receive_notice(provider: str) -> Response:
    """Take a provider's webhook: 200, also repeated or of no order of ours | 400 bad signature, too old | 404 | 413."""
    if provider != providers().chosen:
        raise NotFoundError("no_such_provider", "No webhooks are taken from there.")
    headers: dict[str, str] = dict(app.request.headers)
    at = now()
    notice = providers().named(provider).notice(headers, raw_body(app, MAX_NOTICE_BYTES), at)
    reconciling.on_notice(payments(), providers(), provider, notice, at)
    return json_response(ReceivedView(received=True))


@app.on_sqs_message(queue="payments-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Facts from other services; only the records that failed are given back."""
    table, adapters = payments(), providers()
    return inbox.deliver(
        batch,
        {
            OrderPlaced: lambda fact: service.on_order_placed(table, adapters, fact, now()),
            CAPTURE_ON[os.environ["CAPTURE_ON_NAME"]]: lambda fact: service.on_order_confirmed(
                table, adapters, fact, now()
            ),
            OrderCancelled: lambda fact: service.on_order_cancelled(table, adapters, fact, now()),
            OrderPaymentChanged: lambda fact: service.on_payment_given(table, adapters, fact, now()),
        },
    )


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put the table's new facts on the bus; raises so that the batch is tried again."""
    outbox.publish(event)


@app.lambda_function()
def sweep(event: object, context: object) -> dict[str, int]:
    """Every minute: ask for late decisions, and go on with captures, voids and refunds that were left open.

    What a webhook told of is asked of the provider.
    """
    open_ = service.sweep(payments(), providers(), now())
    log.note(open=open_)
    return {"open": open_}
