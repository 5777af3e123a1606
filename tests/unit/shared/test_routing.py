"""What has a route goes from inbox to inbox with the answers it has had, and home with the last of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from chalice.app import SQSEvent
from msgspec.structs import replace

from functions.shared import inbox, routing
from functions.shared.outbox import Told, fact
from functions.shared.types import Data
from tests.support.lambda_events import Context, sqs_event

AT = datetime(2026, 11, 30, tzinfo=UTC)
WAY = ("inventory", "payments", "orders")


class OrderPlaced(Data, frozen=True):
    """What is asked."""

    order_id: str


class OrderPlacedV2(OrderPlaced, frozen=True):
    """What is asked in the next version."""


class Agreed(Data, frozen=True):
    """A yes."""

    order_id: str


class Refused(Data, frozen=True):
    """A no."""

    order_id: str


@pytest.fixture
def received(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Any]]:
    """Return a function that takes what has come to a service's inbox."""
    sqs = boto3.client("sqs")
    urls = {name: sqs.create_queue(QueueName=f"souk-local-{name}-inbox")["QueueUrl"] for name in WAY}
    urls["orders-dead"] = sqs.create_queue(QueueName="souk-local-orders-inbox-dlq")["QueueUrl"]
    monkeypatch.setenv("INBOX_URL", urls["orders"])
    monkeypatch.setenv("INBOX_DLQ_URL", urls["orders-dead"])
    monkeypatch.setenv("SERVICE_NAME", "orders")

    def take(service: str) -> list[Any]:
        answer = sqs.receive_message(QueueUrl=urls[service], MaxNumberOfMessages=10)
        messages = answer.get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=urls[service], ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    return take


def placed(order_id: str = "ord_1") -> Told:
    return fact(OrderPlaced(order_id), order_id, 1, AT)


def answer(event: inbox.Fact[OrderPlaced], service: str, *, yes: bool) -> list[Told]:
    """Return what a service says to an order."""
    event.begin()
    kind = Agreed if yes else Refused
    return [replace(fact(kind(event.data.order_id), f"{service}_1", 1, AT), goes_on=yes)]


def deliver(
    service: str, bodies: list[Any], *, yes: bool = True, kind: type[Any] = OrderPlaced
) -> list[dict[str, str]]:
    """Have a service take messages and say yes or no to each."""
    handlers: inbox.Handlers = {
        kind: inbox.BatchHandler(
            lambda facts: [told for one in facts for told in answer(one, service, yes=yes)]
        )
    }
    return inbox.deliver(SQSEvent(sqs_event(*bodies), Context()), handlers)["batchItemFailures"]


def send(*told: Told) -> None:
    assert routing.send(routing.begun(one.detail, WAY) for one in told) == set()


def test_what_everybody_agrees_to_comes_home_with_all_answers(received: Any) -> None:
    send(placed())
    assert deliver("inventory", received("inventory")) == []
    assert deliver("payments", received("payments")) == []
    ((home,), others) = received("orders"), received("inventory")
    assert (home["detail-type"], home["detail"]["aggregate"]["id"], others) == ("Agreed", "payments_1", [])
    assert [one["aggregate"]["id"] for one in home["slip"]["answers"]] == ["inventory_1"]


def test_a_no_goes_home_at_once(received: Any) -> None:
    send(placed())
    deliver("inventory", received("inventory"), yes=False)
    assert received("payments") == []
    (home,) = received("orders")
    assert (home["detail-type"], home["slip"]) == ("Refused", {})


def test_whoever_gets_it_home_has_the_answers_in_their_order(received: Any) -> None:
    send(placed())
    deliver("inventory", received("inventory"))
    deliver("payments", received("payments"))
    heard: list[str] = []

    def take(event: inbox.Fact[Agreed]) -> None:
        heard.extend(one.id for one in (*event.answers, event))

    assert (
        inbox.deliver(SQSEvent(sqs_event(*received("orders")), Context()), {Agreed: take})[
            "batchItemFailures"
        ]
        == []
    )
    assert heard == ["inventory_1.1.Agreed", "payments_1.1.Agreed"]


def test_each_of_a_batch_goes_its_own_way(received: Any) -> None:
    send(*(placed(f"ord_{number}") for number in range(10)))
    deliver("inventory", received("inventory"))
    assert {one["detail"]["data"]["orderId"] for one in received("payments")} == {
        f"ord_{n}" for n in range(10)
    }


def test_a_message_that_could_not_go_on_comes_again_and_holds_up_no_other(received: Any) -> None:
    send(placed("ord_1"), placed("ord_2"))
    bodies = received("inventory")
    bodies[0]["slip"]["route"][0] += "-gone"
    assert deliver("inventory", bodies) == [{"itemIdentifier": "message-0"}]
    (going_on,) = received("payments")
    assert going_on["detail"]["id"] == bodies[1]["detail"]["id"]


def test_where_the_bus_does_not_answer_all_come_again(received: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    send(placed("ord_1"), placed("ord_2"))
    bodies = received("inventory")
    bodies[0]["slip"]["route"][0] += "-gone"
    monkeypatch.setenv("BUS_NAME", "")  # no call is valid with it
    both = [{"itemIdentifier": f"message-{number}"} for number in range(2)]
    assert deliver("inventory", bodies) == both


def test_a_message_that_comes_again_goes_on_again(received: Any) -> None:
    send(placed())
    bodies = received("inventory")
    deliver("inventory", bodies)
    first = received("payments")
    deliver("inventory", bodies)
    assert received("payments") == first != []


def test_what_has_no_route_goes_nowhere_and_is_answered_on_the_bus(received: Any, arrived: Any) -> None:
    send(placed())
    (body,) = received("inventory")
    del body["slip"]
    assert deliver("inventory", [body]) == []
    assert (received("payments"), received("orders")) == ([], [])
    assert [event["detail"].get("routed") for event in arrived()] == [None]


def test_the_bus_gets_what_goes_on_marked(received: Any, arrived: Any) -> None:
    send(placed())
    deliver("inventory", received("inventory"))
    deliver("payments", received("payments"), yes=False)
    assert [event["detail"]["routed"] for event in arrived()] == [True, True]


def test_a_fact_of_a_second_version_goes_on_too(received: Any) -> None:
    send(placed())
    (body,) = received("inventory")
    body["detail"] |= {"id": "ord_1.1.OrderPlacedV2", "version": 2}
    assert deliver("inventory", [body], kind=OrderPlacedV2) == []
    (going_on,) = received("payments")
    assert going_on["detail"]["id"] == "ord_1.1.OrderPlacedV2"
    alone: inbox.Handlers = {
        OrderPlacedV2: lambda _: [replace(fact(Agreed("ord_1"), "payments_1", 1, AT), goes_on=True)]
    }
    inbox.deliver(SQSEvent(sqs_event(going_on), Context()), alone)
    assert [home["detail"]["type"] for home in received("orders")] == ["Agreed"]


def test_answers_on_their_way_are_nobodys_and_one_that_comes_home_unknown_is_put_aside(received: Any) -> None:
    send(placed())
    (body,) = received("inventory")
    unknown = {**body["detail"], "type": "Unheard"}
    body["slip"]["answers"] = [unknown]
    assert deliver("inventory", [body]) == []
    deliver("payments", received("payments"))
    (home,) = received("orders")
    handlers: inbox.Handlers = {Agreed: lambda _: pytest.fail("not all answers are known")}
    assert inbox.deliver(SQSEvent(sqs_event(home), Context()), handlers)["batchItemFailures"] == []
    assert received("orders-dead") == [home]
