"""The catalog under test: its real table, bucket and queue, and people who call it."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.catalog import api
from functions.catalog import app as edge
from functions.catalog.lists import table as table_lists
from functions.shared import aws, outbox
from tests.support import templates
from tests.support.lambda_events import Context, sqs_event

ADMIN = {"subject": "cus_admin", "roles": "admin"}
CSV = {**ADMIN, "headers": {"content-type": "text/csv"}}
JSONL = {**ADMIN, "headers": {"content-type": "application/x-ndjson"}}

Send = Callable[..., Any]


@pytest.fixture
def send(deploy: Callable[[str], str], call: Send, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Return a function that sends a request to the deployed service."""
    table = deploy("catalog")
    # moto copies a table with its whole stream for each transaction: without a stream that takes a third of the time.
    request = templates.table_request("catalog")
    del request["StreamSpecification"]
    aws.dynamodb().delete_table(TableName=table)
    aws.dynamodb().create_table(**request)
    monkeypatch.setenv("SHOP_CURRENCY_NAME", "EUR")
    api.catalog.cache_clear()
    api.importing.cache_clear()
    api.exporting.cache_clear()
    table_lists._learnt.clear()
    return lambda *args, **options: call(edge.app, *args, **options)


@pytest.fixture
def desk(send: Send, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Return the same for a service that has its bucket and its queue of imports too."""
    (properties,) = templates.resources("catalog", "AWS::S3::Bucket").values()
    bucket = (
        properties["BucketName"]["Fn::Sub"]
        .replace("${Environment}", "local")
        .replace("${AWS::AccountId}", "1")
    )
    aws.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    monkeypatch.setenv("IMPORTS_BUCKET_NAME", bucket)
    for name in ("FILES", "IMPORTS"):
        queue = aws.sqs().create_queue(QueueName=f"souk-local-catalog-{name.lower()}")
        monkeypatch.setenv(f"{name}_QUEUE_URL", queue["QueueUrl"])
    return send


def a_product(slug: str = "clay-pot", **changes: Any) -> dict[str, Any]:
    """Return the body of a product with one variant, on sale."""
    return {
        "title": slug.replace("-", " ").title(),
        "slug": slug,
        "status": "published",
        "variants": [{"price": euro(1999)}],
        **changes,
    }


def euro(amount: int) -> dict[str, Any]:
    """Return a price."""
    return {"amount": amount, "currency": "EUR"}


def create(send: Send, slug: str = "clay-pot", **changes: Any) -> Any:
    """Create a product and return the answer."""
    return send("POST", "/catalog/products", a_product(slug, **changes), **ADMIN)


def read(send: Send, id_or_slug: str) -> Any:
    """Return the answer to a guest who asks for a product."""
    return send("GET", "/catalog/products/{id}", path={"id": id_or_slug})


def product(send: Send, id_or_slug: str) -> Any:
    """Return a product as staff see it."""
    return send("GET", "/catalog/admin/products/{id}", path={"id": id_or_slug}, **ADMIN).body


def listed(send: Send, **query: str) -> list[str]:
    """Return the slugs of a list, all pages of it."""
    found: list[str] = []
    while True:
        answer = send("GET", "/catalog/products", query=query or None)
        assert answer.status == 200, answer.body
        found += [item["slug"] for item in answer.body["items"]]
        if answer.body["nextCursor"] is None:
            return found
        query = {**query, "cursor": answer.body["nextCursor"]}


def facts() -> list[dict[str, Any]]:
    """Return the facts that wait in the table's items, as they go onto the bus."""
    items = aws.dynamodb().scan(TableName=os.environ["TABLE_NAME"])["Items"]
    return [
        {
            "id": fact.id,
            "type": fact.type,
            "version": fact.aggregate.version,
            "data": json.loads(bytes(fact.data)),
        }
        for item in items
        if "outbox" in item
        for fact in outbox.unpack(item)
    ]


def bring(send: Send, text: str, options: dict[str, Any] = CSV) -> str:
    """Send a file to be imported and return the import's id."""
    answer = send("POST", "/catalog/imports", text, **options)
    assert answer.status == 202, answer.body
    import_id: str = answer.body["importId"]
    return import_id


def messages(queue: str = "FILES") -> list[str]:
    """Take messages out of a queue of files (FILES) or of parts of them (IMPORTS)."""
    sqs, url = aws.sqs(), os.environ[f"{queue}_QUEUE_URL"]
    taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in taken:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in taken]


def work() -> list[dict[str, str]]:
    """Work off both queues until they are empty; return what was given back."""
    failed: list[dict[str, str]] = []
    workers = {"FILES": edge.on_file, "IMPORTS": edge.on_import}
    for queue, worker in workers.items():
        while bodies := messages(queue):
            for body in bodies:
                failed += worker(sqs_event(body), Context())["batchItemFailures"]
    return failed


def exported(send: Send, form: str = "csv") -> str:
    """Have all products exported and return the file."""
    asked = send("POST", "/catalog/exports", query={"format": form}, **ADMIN)
    assert asked.status == 202, asked.body
    assert work() == []
    answer = send("GET", "/catalog/exports/{id}", path={"id": asked.body["exportId"]}, **ADMIN)
    assert answer.body["status"] == "completed", answer.body
    stored = aws.s3().get_object(Bucket=os.environ["IMPORTS_BUCKET_NAME"], Key=asked.body["exportId"])
    return stored["Body"].read().decode()


def outcome(send: Send, import_id: str) -> dict[str, Any]:
    """Return what is told of an import."""
    body: dict[str, Any] = send("GET", "/catalog/imports/{id}", path={"id": import_id}, **ADMIN).body
    return body


def imported(send: Send, text: str, options: dict[str, Any] = CSV) -> dict[str, Any]:
    """Import a file and return how it went."""
    import_id = bring(send, text, options)
    assert work() == []
    return outcome(send, import_id)


class CrashError(Exception):
    """The process dies."""


@contextlib.contextmanager
def crashing(after: int, *operations: str) -> Iterator[None]:
    """Have the process die before it calls DynamoDB for the (`after` + 1)th of these operations."""
    left = iter(range(after))
    events = aws.dynamodb().meta.events

    def die(**_: Any) -> None:
        if next(left, None) is None:
            raise CrashError

    for operation in operations:
        events.register(f"before-call.dynamodb.{operation}", die)
    try:
        yield
    finally:
        for operation in operations:
            events.unregister(f"before-call.dynamodb.{operation}", die)


@contextlib.contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """Count the calls of DynamoDB by operation."""
    calls: Counter[str] = Counter()
    events = aws.dynamodb().meta.events

    def count(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    events.register("before-call.dynamodb", count)
    try:
        yield calls
    finally:
        events.unregister("before-call.dynamodb", count)


@contextlib.contextmanager
def meanwhile(after: int, act: Callable[[], Any]) -> Iterator[None]:
    """Have something else happen as a whole before DynamoDB is called for the (`after` + 1)th time."""
    left = iter(range(after))
    events = aws.dynamodb().meta.events
    begun: list[bool] = []

    def come_between(**_: Any) -> None:
        if not begun and next(left, None) is None:
            begun.append(True)
            act()

    events.register("before-call.dynamodb", come_between)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb", come_between)


def real_files() -> list[Path]:
    """Return Shopify's own sample files where they are at hand, else the sample catalog of this repository."""
    for folder in (templates.ROOT.parent / "shared", Path("/work/shared")):
        if found := sorted((folder / "data/shopify").glob("*.csv")):
            return found
    return [templates.ROOT / "data/catalog.csv"]
