"""Whatever staff change over HTTP is told by a fact that names them, in every service; no such call is forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import boto3
import pytest

from functions.shared import signing
from functions.shared.clock import now, rfc3339
from functions.shared.ids import new_id
from tests.support.lambda_events import Context, api_event, sample, sqs_event, stream_event
from tests.support.moto_stack import MotoStack, forget, stand_ins
from tests.support.services import app_of
from tools.services import services

ACTOR = "cus_01kaqz5r7b8v0w3m2x4y6t9n1s"
BEFORE = {"subject": "cus_01kaqz5r7b8v0w3m2x4y6t9n1b", "roles": "customer,staff,admin"}
AMIRA = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
DEAD = "souk-local-journal-inbox-dlq"


class Desk:
    """One service on an empty account, as staff use it."""

    def __init__(self, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service, self.stack, self._set = service, MotoStack(service), monkeypatch.setenv
        self.app = app_of(service)
        self.works_as("HttpFunction")
        sqs, events = boto3.client("sqs"), boto3.client("events")
        self._bus = sqs.create_queue(QueueName="seen")["QueueUrl"]
        pattern = json.dumps({"source": [f"souk.{service}"]})
        events.put_rule(Name="seen", EventBusName="souk-local", EventPattern=pattern)
        target = {"Id": "seen", "Arn": "arn:aws:sqs:eu-west-1:123456789012:seen"}
        events.put_targets(Rule="seen", EventBusName="souk-local", Targets=[target])

    def works_as(self, function: str) -> None:
        """Take a function's environment from the template."""
        for name, value in self.stack.environment(function).items():
            self._set(name, value)
        forget(self.app)

    def call(self, method: str, resource: str, body: Any = None, **options: Any) -> Any:
        """Send a request, as those who were here before unless told otherwise; return body and headers."""
        event = api_event(method, resource, body, **{**BEFORE, **options})
        answer = self.app.app(event, Context())
        assert answer["statusCode"] < 300, answer["body"]
        return json.loads(answer["body"] or "null"), answer["headers"]

    def hear(self, *facts: dict[str, Any]) -> None:
        """Hand facts to the inbox."""
        self.works_as("InboxFunction")
        assert self.app.on_inbox(sqs_event(*facts), Context()) == {"batchItemFailures": []}
        self.works_as("HttpFunction")

    def told(self) -> set[str]:
        """Publish what the stream brings, and return the types of the facts on the bus that name the actor."""
        if waiting := [image for image in self._stream() if "outbox" in image]:
            self.app.publish(stream_event(*waiting), Context())
        got = boto3.client("sqs").receive_message(QueueUrl=self._bus, MaxNumberOfMessages=10)
        details = [json.loads(message["Body"])["detail"] for message in got.get("Messages", [])]
        return {detail["type"] for detail in details if detail.get("actor") == ACTOR}

    def _stream(self) -> list[dict[str, Any]]:
        streams = boto3.client("dynamodbstreams")
        found = streams.list_streams(TableName=f"souk-local-{self.service}")["Streams"]
        if not found:
            return []
        stream = found[0]["StreamArn"]
        shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
        start = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        records = streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
        return [record["dynamodb"].get("NewImage", {}) for record in records]


class Act(NamedTuple):
    """A write by staff: the facts that tell it, and the request, made after whatever has to be there before."""

    facts: set[str]
    request: Callable[[Desk], dict[str, Any]]


# --- what has to be there before ----------------------------------------------------------------------------------


def a_product(status: str, title: str = "Clay pot") -> dict[str, Any]:
    price = {"amount": 1999, "currency": "EUR"}
    return {"title": title, "slug": "clay-pot", "status": status, "variants": [{"price": price}]}


def with_product(
    before: str, after: str | None = None, title: str = "Clay pot"
) -> Callable[[Desk], dict[str, Any]]:
    def request(desk: Desk) -> dict[str, Any]:
        made, headers = desk.call("POST", "/catalog/products", a_product(before))
        given = {"path": {"id": made["id"]}, "headers": {"If-Match": headers["ETag"]}}
        return {**given, "body": a_product(after, title)} if after else given

    return request


def with_upload(desk: Desk) -> dict[str, Any]:
    options: dict[str, Any] = {"headers": {"content-type": "text/csv"}, "query": {"upload": "true"}}
    made, _ = desk.call("POST", "/catalog/imports", "", **options)
    bucket = desk.stack.resolver.made["ImportsBucket"]
    boto3.client("s3").put_object(Bucket=bucket, Key=made["importId"], Body=CSV.encode())
    return {"path": {"id": made["importId"]}}


def with_stock(desk: Desk) -> dict[str, Any]:
    path = {"sku": "MUG"}
    body = {"delta": 5, "reason": "received"}
    desk.call("POST", "/inventory/stock/{sku}/adjustments", body, path=path)
    _, headers = desk.call("GET", "/inventory/stock/{sku}/shards", path=path)
    return {"path": path, "headers": {"If-Match": headers["ETag"]}, "body": {"shards": 2}}


def with_order(body: Any = None, *, cancelled: bool = False) -> Callable[[Desk], dict[str, Any]]:
    def request(desk: Desk) -> dict[str, Any]:
        at = now()
        placed = sample("orders/OrderPlaced.v1")["detail"]["data"]
        names = ("cartId", "customerId", "email", "lines", "totals", "shippingAddress")
        times = {"issuedAt": rfc3339(at), "expiresAt": rfc3339(at + timedelta(minutes=15))}
        quote = {"id": new_id("quo", at), **{name: placed[name] for name in names}, **times}
        given = {
            "quote": signing.sign("quote", json.dumps(quote).encode()),
            "payment": {"token": "tok_visa"},
        }
        order, _ = desk.call("POST", "/orders", given, subject=AMIRA, roles="customer")
        path = {"orderId": order["orderId"]}
        if cancelled:
            desk.call("POST", "/orders/{orderId}/cancel", path=path)
        return {"path": path, "body": body}

    return request


def with_payment(desk: Desk) -> dict[str, Any]:
    order_id = sample("orders/OrderConfirmed.v1")["detail"]["data"]["orderId"]
    later = rfc3339(now() + timedelta(minutes=2))
    desk.hear(sample("orders/OrderPlaced.v1", decideBy=later), sample("orders/OrderConfirmed.v1"))
    body = {"amount": {"amount": 100, "currency": "EUR"}, "reason": "a scratch"}
    return {"path": {"orderId": order_id}, "body": body}


def with_account(desk: Desk) -> dict[str, Any]:
    body = {"email": "amira@example.com", "password": "a long one of hers", "name": "Amira Haddad"}
    made, _ = desk.call("POST", "/identity/register", body)
    return {"path": {"customerId": made["customerId"]}, "body": {"roles": ["staff"]}}


def with_dead_letter(**body: Any) -> Callable[[Desk], dict[str, Any]]:
    def request(desk: Desk) -> dict[str, Any]:
        sent = boto3.client("sqs").send_message(
            QueueUrl=desk.stack.resolver.made["InboxDeadLetterQueue"], MessageBody="no event"
        )
        return {"path": {"name": DEAD}, "body": {"messageId": sent["MessageId"], **body}}

    return request


def with_service(desk: Desk) -> dict[str, Any]:
    stand_ins("souk-local-catalog-http")
    return {"path": {"service": "catalog"}, "body": {"slow": True}}


def just(**options: Any) -> Callable[[Desk], dict[str, Any]]:
    return lambda desk: options


PRODUCT = "/catalog/products/{id}"
CSV = "Handle,Title,Variant Price\nclay-pot,Clay pot,19.99\n"
ACTS: dict[tuple[str, str], list[Act]] = {
    ("POST", "/catalog/products"): [
        Act({"ProductSaved"}, just(body=a_product("draft"))),
        Act({"ProductPublished"}, just(body=a_product("published"))),
    ],
    ("PUT", PRODUCT): [
        Act({"ProductSaved"}, with_product("draft", "draft", "Vase")),
        Act({"ProductPublished"}, with_product("draft", "published")),
        Act({"ProductChanged"}, with_product("published", "published", "Vase")),
        Act({"ProductWithdrawn"}, with_product("published", "draft")),
    ],
    ("DELETE", PRODUCT): [
        Act({"ProductDeleted"}, with_product("draft")),
        Act({"ProductWithdrawn"}, with_product("published")),
    ],
    ("POST", "/catalog/imports"): [
        Act({"ImportAccepted"}, just(body=CSV, headers={"content-type": "text/csv"}))
    ],
    ("POST", "/catalog/imports/{id}/start"): [Act({"ImportAccepted"}, with_upload)],
    ("POST", "/catalog/exports"): [Act(set(), just())],  # changes nothing of the shop
    ("PUT", "/identity/customers/{customerId}/roles"): [Act({"CustomerRolesChanged"}, with_account)],
    ("POST", "/identity/keys/rotations"): [Act({"SigningKeysChanged"}, just())],
    ("POST", "/inventory/stock/{sku}/adjustments"): [
        Act({"StockLevelChanged"}, just(path={"sku": "MUG"}, body={"delta": 5, "reason": "received"}))
    ],
    ("PUT", "/inventory/stock/{sku}/shards"): [Act({"StockShardsChanged"}, with_stock)],
    ("POST", "/journal/queues/{name}/redrive"): [Act({"DeadLettersReturned"}, with_dead_letter())],
    ("POST", "/journal/queues/{name}/deletions"): [
        Act({"DeadLetterDeleted"}, with_dead_letter(reason="no event at all"))
    ],
    ("PUT", "/journal/faults/{service}"): [Act({"FaultSwitched"}, with_service)],
    ("POST", "/orders/{orderId}/cancel"): [Act({"OrderCancelled"}, with_order())],
    ("POST", "/orders/{orderId}/decision"): [
        Act({"OrderCancelled"}, with_order({"decision": "cancel", "reason": "it hangs"}))
    ],
    ("POST", "/orders/{orderId}/mails"): [Act({"OrderMailRequested"}, with_order(cancelled=True))],
    ("POST", "/payments/{orderId}/refunds"): [Act({"PaymentRefundStarted", "PaymentRefunded"}, with_payment)],
    ("PUT", "/payments/simulator"): [Act({"SimulatorTroubleChanged"}, just(body={"trouble": "slow"}))],
}
"""Every write that staff or admins make, in each of the ways that end in another fact."""

BOTH = {("POST", "/orders/{orderId}/cancel")}
"""Writes by the owner of a thing as well as by staff, so that no role is asked for."""


def writes_of_staff() -> set[tuple[str, str]]:
    """Return every call that writes and asks for a role."""
    return {
        (one.method, one.path)
        for service in services()
        for one in app_of(service).app.operations
        if one.method in WRITES and one.roles
    }


def test_every_write_by_staff_is_known() -> None:
    assert set(ACTS) == writes_of_staff() | BOTH


def every_act() -> list[Any]:
    return [
        pytest.param(method, path, act, id=f"{method} {path} {'+'.join(sorted(act.facts))}")
        for (method, path), acts in ACTS.items()
        for act in acts
    ]


@pytest.mark.parametrize(("method", "path", "act"), every_act())
def test_a_write_by_staff_is_told_with_them_as_its_actor(
    cloud: None, monkeypatch: pytest.MonkeyPatch, method: str, path: str, act: Act
) -> None:
    (service,) = (
        name
        for name in services()
        if any((one.method, one.path) == (method, path) for one in app_of(name).app.operations)
    )
    desk = Desk(service, monkeypatch)
    options = act.request(desk)
    assert desk.told() == set()
    desk.call(method, path, **{**options, "subject": ACTOR})
    assert desk.told() == act.facts
