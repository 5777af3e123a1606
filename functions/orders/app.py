"""Orders' Lambda edge: orders over HTTP, votes from the inbox, facts to the bus, mails, deadlines on a schedule."""

from __future__ import annotations

import functools
import os
from datetime import timedelta
from typing import Any

from chalice.app import Response, SQSEvent

from functions.orders import saga, service
from functions.orders.domain import Order
from functions.orders.events import (
    PROGRESS,
    VOTES,
    CustomerErased,
    OrderCancelled,
    OrderConfirmed,
    OrderMailRequested,
    OrderPaymentFailed,
    PaymentRefunded,
    PaymentRefundFailed,
)
from functions.orders.mails import service as mailing
from functions.orders.search import service as finding
from functions.orders.search.table import FindsTable
from functions.orders.table import OrdersTable
from functions.orders.views import (
    SEARCHED,
    ByToken,
    CancelOrder,
    DecideOrder,
    ListOpen,
    ListOrders,
    MailRequestedView,
    MailsView,
    OpenOrdersView,
    OrdersView,
    OrderView,
    PayAgain,
    PlacedView,
    PlaceOrder,
    SearchOrders,
    SendMail,
    TimelineView,
    mail_view,
    open_view,
    order_view,
    placed_view,
    timeline_view,
)
from functions.shared import inbox, log, outbox
from functions.shared.clock import now
from functions.shared.context import Caller
from functions.shared.errors import InvalidError
from functions.shared.http import IDEMPOTENCY_KEY, ORDER_TOKEN, Service, caller, json_response
from functions.shared.idempotency import answered_once
from functions.shared.ids import fingerprint, is_id, new_id
from functions.shared.mail import MailSettings

app = Service("orders")


@functools.cache
def orders() -> OrdersTable:
    """Return the service's table."""
    return OrdersTable(os.environ["TABLE_NAME"])


@functools.cache
def finds() -> FindsTable:
    """Return the index that staff find orders by."""
    return FindsTable(os.environ["TABLE_NAME"])


@app.endpoint("GET", "/orders/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "orders"})


@app.endpoint(
    "POST",
    "/orders",
    auth="optional",
    body=PlaceOrder,
    headers=(IDEMPOTENCY_KEY,),
    returns=PlacedView,
    status=202,
)
def place_order(body: PlaceOrder, key: str | None) -> Response:
    """Place the order of a quote: 202 the order | 400 forged | 404 another's | 409 bought already | 410 expired."""
    who = caller()
    quote = service.read_quote(body.quote, who)
    bound = idempotency_key(key, who.subject or quote.cart_id)
    wait = time_to_decide()
    order, again = service.place(orders(), quote, body.payment.token, bound, who=who, wait=wait, at=now())
    headers = {"Idempotency-Replayed": "true"} if again else None
    return json_response(placed_view(order, service.order_token(order)), 202, headers)


@app.endpoint("GET", "/orders", query=ListOrders, returns=OrdersView)
def list_orders(query: ListOrders) -> Response:
    """List own orders, or for staff a customer's (``?customerId=``), newest first: 200 | 400 made-up cursor | 403."""
    who, asked = caller(), query.customer_id
    customer_id = who.required_subject() if asked is None else customer_asked(asked, who)
    found, following = orders().orders_of(customer_id, query.limit, query.cursor)
    return json_response(OrdersView([shown(order) for order in found], following))


@app.endpoint("GET", "/orders/open", roles=("staff", "admin"), query=ListOpen, returns=OpenOrdersView)
def list_open(query: ListOpen) -> Response:
    """List the orders that wait for their votes, nearest deadline first (``?limit=``): 200 | 400 | 403."""
    return json_response(OpenOrdersView([open_view(order) for order in orders().open(query.limit)]))


@app.endpoint("GET", "/orders/unpaid", roles=("staff", "admin"), query=ListOpen, returns=OrdersView)
def list_unpaid(query: ListOpen) -> Response:
    """List the confirmed orders that could not be charged, oldest first, for staff (``?limit=``): 200 | 400 | 403."""
    return json_response(OrdersView([shown(order) for order in orders().unpaid(query.limit)], None))


@app.endpoint("GET", "/orders/unsettled", roles=("staff", "admin"), query=ListOpen, returns=OrdersView)
def list_unsettled(query: ListOpen) -> Response:
    """List the orders of which a refund failed or that are disputed, for staff (``?limit=``): 200 | 400 | 403."""
    return json_response(OrdersView([shown(order) for order in orders().unsettled(query.limit)], None))


@app.endpoint("GET", "/orders/search", roles=("staff", "admin"), query=SearchOrders, returns=OrdersView)
def search_orders(query: SearchOrders) -> Response:
    """Find orders by one of ``?number=``, ``email``, ``name``, ``sku``, newest first, for staff: 200 | 400 | 403."""
    asked = [(kind, text) for kind in SEARCHED if (text := getattr(query, kind)) is not None]
    if len(asked) != 1:
        raise InvalidError("one_search", f"Look for one of {', '.join(SEARCHED)}.")
    ((kind, text),) = asked
    page = finding.find(orders(), finds(), kind, text[:254], query.limit, query.cursor)
    return json_response(OrdersView([shown(order) for order in page.orders], page.following))


@app.endpoint(
    "GET",
    "/orders/{orderId}",
    auth="optional",
    query=ByToken,
    headers=(ORDER_TOKEN,),
    returns=OrderView,
)
def get_order(order_id: str, query: ByToken, order_token: str | None) -> Response:
    """Get an order, as its customer, with its order token, or as staff: 200 | 404."""
    who, token = asking(order_id, query, order_token)
    return json_response(shown(service.order_for(orders(), order_id, who, token, now())))


@app.endpoint(
    "GET",
    "/orders/{orderId}/timeline",
    auth="optional",
    query=ByToken,
    headers=(ORDER_TOKEN,),
    returns=TimelineView,
)
def get_timeline(order_id: str, query: ByToken, order_token: str | None) -> Response:
    """List what happened to an order, when and why: 200 | 404."""
    who, token = asking(order_id, query, order_token)
    return json_response(timeline_view(service.order_for(orders(), order_id, who, token, now())))


@app.endpoint(
    "POST",
    "/orders/{orderId}/cancel",
    auth="optional",
    query=ByToken,
    body=CancelOrder | None,
    headers=(ORDER_TOKEN,),
    returns=OrderView,
)
def cancel_order(
    order_id: str, query: ByToken, body: CancelOrder | None, order_token: str | None
) -> Response:
    """Call an order off: 200 the order, also when it is off already | 404 | 409 busy, or too late for customers."""
    who, token = asking(order_id, query, order_token)
    return json_response(shown(service.cancel(orders(), order_id, who, token, cancellation_window(), now())))


@app.endpoint(
    "POST",
    "/orders/{orderId}/payment",
    auth="optional",
    query=ByToken,
    body=PayAgain,
    headers=(ORDER_TOKEN, IDEMPOTENCY_KEY),
    returns=OrderView,
    status=202,
)
def pay_again(
    order_id: str, query: ByToken, body: PayAgain, order_token: str | None, key: str | None
) -> Response:
    """Pay an order that could not be charged by other means: 202 the order | 400 | 404 | 409 nothing to pay."""
    who, token = asking(order_id, query, order_token)
    at = now()

    def run() -> Response:
        order = service.pay_again(orders(), order_id, body.payment.token, who, token, at)
        return json_response(shown(order), 202)

    return answered_once(app, orders(), f"pay#{order_id}#{who.subject or token}", at, run, key=key)


@app.endpoint("POST", "/orders/{orderId}/decision", roles=("admin",), body=DecideOrder, returns=OrderView)
def decide_order(order_id: str, body: DecideOrder) -> Response:
    """Force the decision on an order that waits: 200 the order, also when it is off already | 403 | 404 | 409."""
    log.note(orderId=order_id[:64])
    words, by = " ".join(body.reason.split()), caller().required_subject()
    return json_response(shown(service.decide(orders(), order_id, words, by=by, at=now())))


@app.endpoint("GET", "/orders/{orderId}/mails", roles=("staff", "admin"), returns=MailsView)
def list_mails(order_id: str) -> Response:
    """List the mails sent about an order, for staff: 200 | 403 | 404."""
    order = service.order_of(orders(), order_id)
    return json_response(MailsView([mail_view(mail) for mail in orders().mails(order.order_id)]))


@app.endpoint(
    "POST",
    "/orders/{orderId}/mails",
    roles=("staff", "admin"),
    body=SendMail | None,
    headers=(IDEMPOTENCY_KEY,),
    returns=MailRequestedView,
    status=202,
)
def send_mail(order_id: str, body: SendMail | None, key: str | None) -> Response:
    """Send an order's mail again, as the order stands: 202 | 403 | 404 | 409 not decided yet."""
    at, by = now(), caller().required_subject()
    log.note(orderId=order_id[:64])
    mail_id = f"mai_{fingerprint(order_id, by, key)[:26]}" if key else new_id("mai", at)
    mailing.request(orders(), order_id, mail_id, by=by, at=at)
    return json_response(MailRequestedView(mail_id), 202)


@app.on_sqs_message(queue="orders-inbox")
def on_inbox(batch: SQSEvent) -> inbox.BatchResponse:
    """Facts from other services; only the records that failed are given back."""
    table = orders()
    votes: inbox.Handlers = dict.fromkeys(VOTES, lambda fact: saga.on_vote(table, fact, now()))
    progress: inbox.Handlers = dict.fromkeys(PROGRESS, lambda fact: saga.on_progress(table, fact, now()))
    return inbox.deliver(batch, {**votes, **progress})


@app.on_sqs_message(queue="orders-mail")
def on_mail(batch: SQSEvent) -> inbox.BatchResponse:
    """Mails to send, for decisions, refunds and staff; only the records that failed are given back."""
    settings = MailSettings(os.environ["MAIL_SENDER_NAME"], os.environ["PUBLIC_URL"])
    decided: inbox.Handlers = dict.fromkeys(
        (OrderConfirmed, OrderCancelled), lambda fact: mailing.on_decided(orders(), settings, fact, now())
    )
    requested: inbox.Handlers = {
        OrderMailRequested: lambda fact: mailing.on_requested(orders(), settings, fact, now())
    }
    failed: inbox.Handlers = {
        OrderPaymentFailed: lambda fact: mailing.on_payment_failed(orders(), settings, fact, now())
    }
    refunded: inbox.Handlers = {
        PaymentRefunded: lambda fact: mailing.on_refunded(orders(), settings, fact, now()),
        PaymentRefundFailed: lambda fact: mailing.on_refund_failed(orders(), settings, fact, now()),
    }
    return inbox.deliver(batch, {**decided, **requested, **failed, **refunded})


@app.on_sqs_message(queue="orders-finds")
def on_finds(batch: SQSEvent) -> inbox.BatchResponse:
    """Decided orders, for staff to find, and customers to forget; only the records that failed are given back."""
    decided: inbox.Handlers = dict.fromkeys(
        (OrderConfirmed, OrderCancelled), lambda fact: finding.on_decided(orders(), finds(), fact)
    )
    erased: inbox.Handlers = {CustomerErased: lambda fact: finding.on_erased(orders(), finds(), fact)}
    return inbox.deliver(batch, {**decided, **erased})


@app.lambda_function()
def publish(event: dict[str, Any], context: object) -> None:
    """Put the table's new facts on the bus; raises so that the batch is tried again."""
    outbox.publish(event, saga.build_data)


@app.lambda_function()
def sweep(event: object, context: object) -> dict[str, int]:
    """Every minute: cancel the orders that nobody decided in time, tell again what nobody has answered."""
    swept = saga.expire(orders(), time_to_decide(), now())._asdict()
    log.note(**swept)
    log.measure(
        undecided=swept["overdue"] + swept["failed"]
    )  # told again: the alarms of who is to follow ring
    return swept


def time_to_decide() -> timedelta:
    """Return how long stock and payment have for their vote on an order."""
    return timedelta(seconds=int(os.environ["ORDER_DEADLINE_SECONDS"]))


def cancellation_window() -> timedelta:
    """Return how long after its confirmation customers may cancel an order."""
    return timedelta(seconds=int(os.environ["CANCELLATION_WINDOW_SECONDS"]))


def shown(order: Order) -> OrderView:
    """Return an order as it is answered."""
    return order_view(order, cancellation_window())


def customer_asked(customer_id: str, who: Caller) -> str:
    """Return the customer whose orders are asked for; raise ForbiddenError where the caller may not see them."""
    if customer_id != who.subject:
        who.require("staff", "admin")
    if not is_id("cus", customer_id):
        raise InvalidError("invalid_customer", "customerId takes the id of a customer: cus_….")
    return customer_id


def asking(order_id: str, query: ByToken, order_token: str | None) -> tuple[Caller, str | None]:
    """Return who asks for an order, and the order token they show: X-Order-Token or ``?token=``."""
    log.note(orderId=order_id[:64])
    return caller(), order_token or query.token


def idempotency_key(key: str | None, whose: str) -> service.Key | None:
    """Return the request's Idempotency-Key with whose it is, None without one."""
    if key is None:
        return None
    return service.Key(key, fingerprint("place", whose, key), fingerprint(app.request.raw_body or b""))
