"""Payments' inbox and publisher: the publishers' samples in, facts out, and no token in any log."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.payments.app import on_inbox, publish, sweep
from functions.payments.table import PaymentsTable
from functions.shared.clock import now, rfc3339
from functions.shared.dynamo import encode_item
from tests.support.dlq import dead_letters
from tests.support.lambda_events import Context, sample, sqs_event, stream_event

SAMPLE_ORDER = "ord_01kaqz5r7b8v0w3m2x4y6t9n1c"
OPEN = "2099-01-01T00:00:00.000Z"


def deliver(*events: Any) -> list[dict[str, str]]:
    answer = on_inbox(sqs_event(*events), Context())
    failed: list[dict[str, str]] = answer["batchItemFailures"]
    return failed


def test_the_publishers_samples_lead_to_a_captured_payment(table: PaymentsTable) -> None:
    placed = sample("orders/OrderPlaced.v1", decideBy=OPEN)
    assert deliver(placed, sample("orders/OrderConfirmed.v1")) == []
    found = table.payment(SAMPLE_ORDER)
    assert found
    assert (found.status, found.captured) == ("captured", placed["detail"]["data"]["totals"]["total"])


def test_the_publishers_sample_of_a_cancellation_frees_the_hold(table: PaymentsTable) -> None:
    assert deliver(sample("orders/OrderPlaced.v1", decideBy=OPEN), sample("orders/OrderCancelled.v1")) == []
    found = table.payment(SAMPLE_ORDER)
    assert found
    assert found.status == "voided"


def test_a_confirmation_that_overtakes_its_order_is_given_back_alone(table: PaymentsTable) -> None:
    other = "ord_01kaqz5r7b8v0w3m2x4y6t9n2c"
    failed = deliver(
        sample("orders/OrderConfirmed.v1", orderId=other), sample("orders/OrderPlaced.v1", decideBy=OPEN)
    )
    assert failed == [{"itemIdentifier": "message-0"}]


@pytest.mark.parametrize("body", ["not json", "{}", '{"detail": {"type": "OrderPlaced"}}'])
def test_a_message_nobody_can_read_goes_to_the_dead_letters(table: PaymentsTable, body: str) -> None:
    assert deliver(body) == []
    assert [letter["body"] for letter in dead_letters()] == [body]


def test_the_tokens_name_is_in_no_log_and_no_item(
    table: PaymentsTable, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "tok_of_somebody"
    deliver(sample("orders/OrderPlaced.v1", decideBy=OPEN, paymentToken=token))
    deliver(sample("orders/OrderPlaced.v1", decideBy="no time", orderId="ord_2", paymentToken=token))
    assert "ValueError" in (logged := capsys.readouterr().out)
    items = boto3.client("dynamodb").scan(TableName=table.name)["Items"]
    assert token not in logged + json.dumps(items)


def test_the_hold_reaches_the_bus(table: PaymentsTable) -> None:
    deliver(sample("orders/OrderPlaced.v1", decideBy=OPEN))
    events = boto3.client("events")
    queue = boto3.client("sqs").create_queue(QueueName="listening")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:123456789012:listening"
    pattern = json.dumps({"source": ["souk.payments"], "detail-type": ["PaymentAuthorized"]})
    events.put_rule(Name="all", EventBusName="souk-local", EventPattern=pattern)
    events.put_targets(Rule="all", EventBusName="souk-local", Targets=[{"Id": "q", "Arn": arn}])
    item = table.get({"pk": f"PAYMENT#{SAMPLE_ORDER}", "sk": "PAYMENT"})
    assert item
    publish(stream_event(encode_item(item)), Context())
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["detail"]["data"]["orderId"] == SAMPLE_ORDER


def test_the_sweep_says_how_much_was_open(table: PaymentsTable) -> None:
    past = rfc3339(now() - timedelta(minutes=30))
    deliver(sample("orders/OrderPlaced.v1", decideBy=past))
    assert sweep({}, Context()) == {"open": 1}
