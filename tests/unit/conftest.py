"""What every unit test stands on: moto's AWS in this process, tables made from the real templates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from moto import mock_aws

from functions.shared import aws, context, signing
from functions.shared.dynamo import Item, Table, decode_item
from tests.support import moto_transactions, templates, tokens
from tests.support.lambda_events import Context, api_event

moto_transactions.install()

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": "eu-west-1",
    "ENVIRONMENT_NAME": "local",
    "BUS_NAME": "souk-local",
    "SIGNING_SECRET_NAME": "souk-local-signing",
    "JWKS_NAME": tokens.PARAMETER,
    "PUBLIC_URL": "http://localhost:8080",
}


class Answer(NamedTuple):
    """An HTTP answer: its status, its JSON body, its headers."""

    status: int
    body: Any
    headers: dict[str, str]


PERSONAL = re.compile(
    r"[\w.+-]+@[\w-]+\.\w|Haddad|Lindenstra|tok_\w|eyJ\w{10}|\$argon2|(?i:pass(word|phrase) )"
)
"""What no log line may hold: addresses, names and streets of the samples, cards, tokens, passwords."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Fail a test whose handlers wrote something personal into the log, whatever else it tests."""
    report: Any = yield
    lines = [line for line in report.capstdout.splitlines() if line.startswith('{"level"')]
    if (
        report.when == "call"
        and report.passed
        and (told := [line for line in lines if PERSONAL.search(line)])
    ):
        report.outcome, report.longrepr = "failed", f"personal data in the log: {told[0]}"
    return report


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS account with nothing but Souk's bus, its signing secret and the keys of callers."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        forget_keys()
        aws.eventbridge().create_event_bus(Name="souk-local")
        aws.secretsmanager().create_secret(Name="souk-local-signing", SecretString="k" * 64)
        tokens.publish()
        yield
    forget_keys()


def forget_keys() -> None:
    """Drop what is kept of another test's account. The clients stay: making one costs more than most tests."""
    signing._keys.clear()
    context.begin("test-correlation")


@pytest.fixture
def deploy(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that makes a service's table and dead-letter queue and sets its environment."""

    def make(service: str) -> str:
        request = templates.table_request(service)
        aws.dynamodb().create_table(**request)
        queue = aws.sqs().create_queue(QueueName=f"souk-local-{service}-inbox-dlq")
        monkeypatch.setenv("SERVICE_NAME", service)
        monkeypatch.setenv("TABLE_NAME", request["TableName"])
        monkeypatch.setenv("INBOX_DLQ_URL", queue["QueueUrl"])
        name: str = request["TableName"]
        return name

    return make


@pytest.fixture
def arrived(cloud: None) -> Callable[[], list[Any]]:
    """Return a function that returns the events which have come over the bus since it was last asked."""
    sqs, events = boto3.client("sqs"), boto3.client("events")
    queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
    events.put_rule(Name="all", EventBusName="souk-local", EventPattern='{"source": [{"prefix": "souk."}]}')
    target = {"Id": "seen", "Arn": "arn:aws:sqs:eu-west-1:123456789012:seen"}
    events.put_targets(Rule="all", EventBusName="souk-local", Targets=[target])

    def receive() -> list[Any]:
        found: list[Any] = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        return found

    return receive


@pytest.fixture
def stored() -> Callable[[Table], list[Item]]:
    """Return a function that reads all items of a table, in the order of their keys."""

    def read(table: Table) -> list[Item]:
        items = map(decode_item, aws.dynamodb().scan(TableName=table.name)["Items"])
        return sorted(items, key=lambda item: (item["pk"], item["sk"]))

    return read


@pytest.fixture
def call() -> Callable[..., Answer]:
    """Return a function that sends a request to an app: ``call(app, "GET", "/route/{id}", path={…})``."""

    def send(app: Any, method: str, resource: str, body: Any = None, **options: Any) -> Answer:
        answer = app(api_event(method, resource, body, **options), Context())
        text = answer["body"]
        is_json = "json" in str(answer["headers"].get("Content-Type", "")) and bool(text)
        return Answer(answer["statusCode"], json.loads(text) if is_json else text, answer["headers"])

    return send
