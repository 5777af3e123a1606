"""Payments' Lambda edge: payments and refunds over HTTP, facts from the inbox, facts to the bus, open work swept."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chalice.app import Response, SQSEvent

from functions.payments import authentication, reconciling, refunds, service
from functions.payments.events import OrderCancelled, OrderConfirmed, OrderPaymentChanged, OrderPlaced
from functions.payments.providers.domain import Provider, ProviderError, Providers
from functions.payments.providers.secret import secret
from functions.payments.table import PaymentsTable, SimulatorTable
from functions.payments.views import (
    ActionOutcomeView,
    ActionTaken,
    ActionView,
    AnswerBank,
    LedgerView,
    PaymentView,
    ReceivedView,
    RefundPayment,
    RefundView,
    SimulateTrouble,
    SimulatorView,
    action_outcome_view,
    action_view,
    entry_view,
    payment_view,
    refund_view,
)
from functions.shared import inbox, log, outbox
from functions.shared.clock import now
from functions.shared.errors import ForbiddenError, NotFoundError, UnavailableError
from functions.shared.http import IDEMPOTENCY_KEY, ORDER_TOKEN, Service, caller, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, new_id
from functions.shared.types import PageQuery

if TYPE_CHECKING:
    from functions.payments.providers.simulator import Simulator

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


def _simulator() -> Simulator:
    from functions.payments.providers.simulator import Simulator

    table, slow = SimulatorTable(os.environ["TABLE_NAME"]), float(os.environ["SIMULATOR_SLOW_SECONDS"])
    webhook = functools.partial(secret, os.environ["WEBHOOK_SECRET_NAME"])
    # Elsewhere nobody can put it through anything, so there is nothing to read before each call.
    trouble = table.trouble if _local() else None
    return Simulator(table, webhook, slow, trouble, os.environ["PUBLIC_URL"])


def _local() -> bool:
    return os.environ["ENVIRONMENT_NAME"] == "local"


def simulators() -> SimulatorTable:
    """Return the simulator's side, where operators may meddle with it; raise ForbiddenError elsewhere."""
    if not _local() or os.environ["PROVIDER_NAME"] != "simulator":
        raise ForbiddenError("local_only", "Only the simulator of the local stack is put into trouble.")
    return SimulatorTable(os.environ["TABLE_NAME"])


@contextlib.contextmanager
def _answered_by_the_provider() -> Iterator[None]:
    """Answer 503 where the provider does not answer: that is no fault of ours, and passes."""
    try:
        yield
    except ProviderError as error:
        log.note(provider=str(error))
        detail = "The payment provider does not answer. Try again."
        raise UnavailableError("provider_unavailable", detail, retry_after=2) from None


def _stripe() -> Provider:
    # Imported on demand: whoever simulates pays no cold start for it.
    from functions.payments.providers.stripe import Stripe

    key, webhook = os.environ["STRIPE_KEY_SECRET_NAME"], os.environ["WEBHOOK_SECRET_NAME"]
    return Stripe(
        os.environ["STRIPE_URL"],
        functools.partial(secret, key),
        functools.partial(secret, webhook),
        os.environ["PUBLIC_URL"],
    )


@app.endpoint("GET", "/payments/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "payments"})


@app.endpoint("GET", "/payments/simulator", roles=("staff", "admin"), returns=SimulatorView)
def get_simulator() -> Response:
    """Get what the simulated provider is put through, on the local stack: 200 | 403, elsewhere for everyone."""
    return json_response(SimulatorView(simulators().trouble()))


@app.endpoint("PUT", "/payments/simulator", roles=("admin",), body=SimulateTrouble, returns=SimulatorView)
def simulate_trouble(body: SimulateTrouble) -> Response:
    """Put the simulated provider through some trouble, on the local stack: 200 | 400 | 403, elsewhere for everyone."""
    service.simulate_trouble(simulators(), body.trouble, now())
    return json_response(SimulatorView(body.trouble))


@app.endpoint("GET", "/payments/{orderId}", returns=PaymentView)
def get_payment(order_id: str) -> Response:
    """Get the payment of an order, for staff or the buyer: 200 | 404 none, or another's."""
    who = caller()
    found = service.visible_payment(payments(), order_id, who)
    return json_response(payment_view(found, payments().refunds(order_id), payments().disputes(order_id)))


@app.endpoint(
    "GET", "/payments/{orderId}/ledger", roles=("staff", "admin"), query=PageQuery, returns=LedgerView
)
def get_ledger(order_id: str, query: PageQuery) -> Response:
    """List the ledger of an order, oldest first: 200 | 400 made-up cursor | 403 | 404."""
    service.payment(payments(), order_id)
    entries, following = payments().entries(order_id, query.limit, query.cursor)
    return json_response(LedgerView([entry_view(entry) for entry in entries], following))


@app.endpoint(
    "POST",
    "/payments/{orderId}/refunds",
    roles=("staff", "admin"),
    body=RefundPayment,
    headers=(IDEMPOTENCY_KEY,),
    returns=RefundView,
    status=201,
)
def refund_payment(order_id: str, body: RefundPayment, key: str | None) -> Response:
    """Refund a captured payment, in part or in full: 201 | 400 | 403 | 404 | 409 not captured, too much | 422."""
    at, by = now(), caller().required_subject()
    refund_id = f"rfd_{fingerprint(order_id, by, key)[:26]}" if key else new_id("rfd", at)

    def run() -> Response:
        refund = refunds.refund_payment(
            payments(),
            providers(),
            order_id,
            (body.amount.amount, body.amount.currency),
            body.reason,
            refund_id=refund_id,
            by=by,
            at=at,
        )
        return json_response(refund_view(refund), 201)

    return answered_once(app, payments(), f"refund#{by}", at, run, key=key)


@app.endpoint(
    "GET", "/payments/{orderId}/action", auth="optional", headers=(ORDER_TOKEN,), returns=ActionView
)
def get_action(order_id: str, order_token: str | None) -> Response:
    """Tell an order's buyer where their bank asks them: 200 | 404 none, or another's | 409 nothing asked | 503."""
    log.note(orderId=order_id[:64])
    found = service.buyers_payment(payments(), order_id, caller(), order_token, now())
    with _answered_by_the_provider():
        return json_response(action_view(found, authentication.action(found, providers())))


@app.endpoint(
    "POST",
    "/payments/{orderId}/action",
    auth="optional",
    body=ActionTaken | None,
    headers=(ORDER_TOKEN,),
    returns=ActionOutcomeView,
)
def action_taken(order_id: str, body: ActionTaken | None, order_token: str | None) -> Response:
    """Have the provider asked what the buyer told their bank: 200 how the payment stands | 404 | 409 busy | 503."""
    log.note(orderId=order_id[:64])
    found = service.buyers_payment(payments(), order_id, caller(), order_token, now())
    with _answered_by_the_provider():
        after = authentication.settle(payments(), providers(), found, now())
    return json_response(action_outcome_view(after))


@app.endpoint(
    "POST",
    "/payments/simulator/{orderId}/answer",
    auth="optional",
    body=AnswerBank,
    headers=(ORDER_TOKEN,),
    returns=ReceivedView,
)
def answer_bank(order_id: str, body: AnswerBank, order_token: str | None) -> Response:
    """Answer the simulated bank, as an order's buyer: 200 | 404, also where the provider is another."""
    log.note(orderId=order_id[:64])
    found = service.buyers_payment(payments(), order_id, caller(), order_token, now())
    if found.provider != "simulator":
        raise NotFoundError("no_payment", "There is no payment of that order at the simulated bank.")
    with _answered_by_the_provider():
        _simulator().answer(found, approve=body.approve)
    return json_response(ReceivedView(received=True))


@app.endpoint(
    "POST",
    "/payments/webhooks/{provider}",
    auth="none",
    body=bytes,
    max_bytes=MAX_NOTICE_BYTES,
    returns=ReceivedView,
)
def receive_notice(provider: str, body: bytes) -> Response:
    """Take a provider's webhook: 200, also repeated or of no order of ours | 400 bad signature, too old | 404 | 413."""
    if provider != providers().chosen:
        raise NotFoundError("no_such_provider", "No webhooks are taken from there.")
    headers: dict[str, str] = dict(app.request.headers)
    at = now()
    notice = providers().named(provider).notice(headers, body, at)
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
