"""Payments' inbox and publisher: the publishers' samples in, facts out, and no token in any log."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.payments import domain, service
from functions.payments.app import on_inbox, providers, publish, sweep
from functions.payments.table import PaymentsTable
from functions.shared.clock import now, parse, rfc3339
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


PLACED = sample("orders/OrderPlaced.v1", decideBy=OPEN)
CONFIRMED = sample("orders/OrderConfirmed.v1")


@pytest.mark.parametrize(
    ("story", "kinds"),
    [
        ([PLACED], ["PaymentAuthorized"]),
        ([sample("orders/OrderPlaced.v1", decideBy=OPEN, paymentToken="tok_declined")], ["PaymentDeclined"]),
        ([PLACED, CONFIRMED], ["PaymentAuthorized", "PaymentCaptured"]),
    ],
    ids=lambda story: " ".join(map(str, story)) if isinstance(story[0], str) else "",
)
def test_each_message_is_answered_on_the_bus_and_a_repeat_with_the_same(
    table: PaymentsTable, arrived: Any, story: list[Any], kinds: list[str]
) -> None:
    assert deliver(*story) == []
    told = [event["detail"] for event in arrived()]
    assert [one["type"] for one in told] == kinds
    assert deliver(*story) == []
    assert [event["detail"] for event in arrived()] == told


def test_a_capture_is_told_again_as_it_was_though_money_went_back_since(
    table: PaymentsTable, arrived: Any
) -> None:
    deliver(PLACED, CONFIRMED)
    first = arrived()[-1]["detail"]
    deliver(sample("orders/OrderCancelled.v1"))
    deliver(CONFIRMED)
    (again,) = arrived()
    assert again["detail"] == first


def test_a_capture_of_the_sweep_is_told_by_the_outbox(table: PaymentsTable, arrived: Any) -> None:
    deliver(PLACED)
    arrived()
    found = table.payment(SAMPLE_ORDER)
    assert found
    assert service.sweep(table, providers(), parse(OPEN)) == 0
    waiting = domain.postponed(found, "capturing", parse(PLACED["detail"]["time"]))
    assert table.move(found, waiting, None, now())
    assert service.sweep(table, providers(), now()) == 1
    assert arrived() == []
    item = table.get({"pk": f"PAYMENT#{SAMPLE_ORDER}", "sk": "PAYMENT"})
    assert item
    publish(stream_event(encode_item(item)), Context())
    deliver(CONFIRMED)
    told, again = arrived()
    same = ("id", "type", "time", "data")
    assert [told["detail"][name] for name in same] == [again["detail"][name] for name in same]


def test_the_sweep_says_how_much_was_open(table: PaymentsTable) -> None:
    deliver(sample("orders/OrderCancelled.v1"))
    (order_id, _), *_ = table.due(now() + timedelta(minutes=11), 1)
    assert sweep({}, Context()) == {"open": 0}
    assert table.hasten(order_id, now() - timedelta(minutes=1)) is False
    key = {"pk": f"PAYMENT#{order_id}", "sk": "PAYMENT"}
    table.update(key, "SET open_at = :past", {":past": rfc3339(now() - timedelta(minutes=1))})
    assert sweep({}, Context()) == {"open": 1}
