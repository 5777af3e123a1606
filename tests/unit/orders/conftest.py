"""An orders service on an empty account: quotes to order by, a way in for facts, and what it told the bus."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from functions.orders import app as orders_app
from functions.orders.events import OrderMailRequested
from functions.orders.table import OrdersTable
from functions.shared import signing
from functions.shared.clock import rfc3339
from functions.shared.ids import new_id
from tests.support.lambda_events import Context, sample, sqs_event

AMIRA = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"
CART = "crt_01kaqz5r7b8v0w3m2x4y6t9n1f"


@pytest.fixture
def table(deploy: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> OrdersTable:
    name = deploy("orders")
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="souk-local-inventory-inbox")
    monkeypatch.setenv("INBOX_URL", sqs.create_queue(QueueName="souk-local-orders-inbox")["QueueUrl"])
    monkeypatch.setenv("ORDER_DEADLINE_SECONDS", "120")
    monkeypatch.setenv("CANCELLATION_WINDOW_SECONDS", "3600")
    orders_app.orders.cache_clear()
    return OrdersTable(name)


@pytest.fixture
def send(table: OrdersTable, call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: call(orders_app.app, *args, **options)


@pytest.fixture
def quote(table: OrdersTable) -> Callable[..., str]:
    """Return a function that signs a quote as a cart does: Amira's, for two clay pots, unless told otherwise."""

    def make(*, valid_for: timedelta = timedelta(minutes=15), purpose: str = "quote", **changes: Any) -> str:
        at = datetime.now(UTC)
        placed = sample("orders/OrderPlaced.v1")["detail"]["data"]
        shown = {
            name: placed[name]
            for name in ("cartId", "cartVersion", "customerId", "email", "lines", "totals", "shippingAddress")
        }
        times = {"issuedAt": rfc3339(at), "expiresAt": rfc3339(at + valid_for)}
        payload = {"id": new_id("quo", at), **shown, **times, **changes}
        return signing.sign(purpose, json.dumps(payload).encode())

    return make


@pytest.fixture
def place(
    send: Callable[..., Any], quote: Callable[..., str], arrived: Callable[[], list[Any]]
) -> Callable[..., Any]:
    """Return a function that places an order of Amira's, and returns the answer; what it tells is heard."""

    def run(text: str | None = None, token: str = "tok_visa", **options: Any) -> Any:
        body = {"quote": text if text is not None else quote(), "payment": {"token": token}}
        return send("POST", "/orders", body, **{"subject": AMIRA, **options})

    return run


@pytest.fixture
def place_as_guest(place: Callable[..., Any], quote: Callable[..., str]) -> Callable[..., Any]:
    return lambda: place(quote(customerId=None), subject=None)


@pytest.fixture
def hear(table: OrdersTable) -> Callable[..., list[str]]:
    """Return a function that hands facts to the inbox in one batch, and returns the ids of those that failed."""

    def run(*facts: dict[str, Any]) -> list[str]:
        answer = orders_app.on_inbox(sqs_event(*facts), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return run


@pytest.fixture
def told(table: OrdersTable, arrived: Callable[[], list[Any]]) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that publishes what the stream has brought since, and returns what reached the bus."""
    streams = boto3.client("dynamodbstreams")
    stream = streams.list_streams(TableName=table.name)["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    position = [start["ShardIterator"]]

    def run() -> list[dict[str, Any]]:
        answer = streams.get_records(ShardIterator=position[0])
        position[0] = answer["NextShardIterator"]
        orders_app.publish({"Records": answer["Records"]}, Context())
        return arrived()

    return run


class Post:
    """What SES has taken, and the facts that mails are asked for by."""

    def __init__(self, told: Callable[[], list[dict[str, Any]]]) -> None:
        self._told = told

    @property
    def sent(self) -> list[Any]:
        """Return the mails, oldest first: ``.destinations``, ``.subject``, ``.body``."""
        return list(ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages)

    def hear(self, *facts: dict[str, Any]) -> int:
        """Hand facts to the mail function in one batch; return how many it gave back."""
        return len(orders_app.on_mail(sqs_event(*facts), Context())["batchItemFailures"])

    def waiting(self) -> list[dict[str, Any]]:
        """Return what staff have asked for since last time, as the bus got it."""
        return [fact for fact in self._told() if fact["detail-type"] == OrderMailRequested.__name__]


@pytest.fixture
def post(
    table: OrdersTable, told: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> Post:
    boto3.client("sesv2").create_email_identity(EmailIdentity="shop@souk.example")
    monkeypatch.setenv("MAIL_SENDER_NAME", "shop@souk.example")
    return Post(told)


def about(name: str, order_id: str, version: int = 1, **data: Any) -> dict[str, Any]:
    """Return the publisher's sample of a fact, told of another order, as its own event."""
    event = sample(name, orderId=order_id, **data)
    detail = event["detail"]
    detail["aggregate"] = {"id": order_id, "version": version}
    detail["id"] = f"{order_id}.{version}.{detail['type']}"
    return event


def reserved(order_id: str, **data: Any) -> dict[str, Any]:
    return about("inventory/StockReserved.v1", order_id, **data)


def rejected(order_id: str, **data: Any) -> dict[str, Any]:
    return about("inventory/StockRejected.v1", order_id, **data)


def authorised(order_id: str, **data: Any) -> dict[str, Any]:
    return about("payments/PaymentAuthorized.v1", order_id, **data)


def asks(order_id: str, **data: Any) -> dict[str, Any]:
    return about("payments/PaymentActionRequired.v1", order_id, **data)


def declined(order_id: str, **data: Any) -> dict[str, Any]:
    return about("payments/PaymentDeclined.v1", order_id, **data)
