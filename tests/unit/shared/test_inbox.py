"""The inbox: each record to its handler, failures given back alone, the unreadable put aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from chalice.app import SQSEvent

from functions.shared import context, log
from functions.shared.errors import ConflictError
from functions.shared.http import Service
from functions.shared.inbox import BatchHandler, BatchResponse, BusEvent, Fact, deliver
from functions.shared.types import Data, Quantity
from tests.support.dlq import dead_letters
from tests.support.lambda_events import Context, sqs_event


class WishGranted(Data, frozen=True):
    wish_id: str
    quantity: Quantity = 1


class WishTold(Data, frozen=True):
    wish_id: str


class Consumer:
    """A service with one inbox that keeps what it is handed."""

    def __init__(self) -> None:
        self.app = Service("consumer")
        self.granted: list[Fact[WishGranted]] = []
        self.told: list[Fact[WishTold]] = []
        self.fails: Callable[[Fact[Any]], None] = lambda fact: None

        @self.app.on_sqs_message(queue="consumer-inbox")
        def on_inbox(batch: Any) -> BatchResponse:
            return deliver(batch, {WishGranted: self.on_granted, WishTold: self.told.append})

        self.on_inbox = on_inbox

    def on_granted(self, fact: Fact[WishGranted]) -> None:
        self.fails(fact)
        self.granted.append(fact)

    def receives(self, *bodies: Any) -> list[str]:
        answer = self.on_inbox(sqs_event(*bodies), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def consumer(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    queue = boto3.client("sqs").create_queue(QueueName="consumer-inbox-dlq")
    monkeypatch.setenv("INBOX_DLQ_URL", queue["QueueUrl"])
    return Consumer()


def event(number: int = 1, kind: str = "WishGranted", version: int = 1, **data: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "e",
        "detail-type": kind,
        "source": "souk.wishes",
        "account": "0",
        "region": "eu-west-1",
        "time": "2026-11-22T17:05:09Z",
        "resources": [],
        "detail": {
            "id": f"wsh_{number}.1.{kind}",
            "type": kind,
            "version": version,
            "time": "2026-11-22T17:05:09.123Z",
            "correlationId": f"purchase-{number}",
            "causationId": None,
            "aggregate": {"id": f"wsh_{number}", "version": 4},
            "data": {"wishId": f"wsh_{number}", **data},
        },
    }


def refuse(number: int, error: Exception) -> Callable[[Fact[Any]], None]:
    def fails(fact: Fact[Any]) -> None:
        if fact.data.wish_id == f"wsh_{number}":
            raise error

    return fails


def test_each_record_reaches_the_handler_of_its_type(consumer: Consumer) -> None:
    assert consumer.receives(event(1), event(2, "WishTold"), event(3, quantity=5)) == []
    assert [fact.data for fact in consumer.granted] == [WishGranted("wsh_1"), WishGranted("wsh_3", 5)]
    assert [fact.data for fact in consumer.told] == [WishTold("wsh_2")]


def test_a_handler_sees_the_envelope(consumer: Consumer) -> None:
    consumer.receives(event(1))
    (fact,) = consumer.granted
    assert (fact.id, fact.time) == ("wsh_1.1.WishGranted", "2026-11-22T17:05:09.123Z")
    assert (fact.aggregate.id, fact.aggregate.version) == ("wsh_1", 4)


def test_what_a_publisher_added_is_not_in_the_way(consumer: Consumer) -> None:
    grown = event(1, colour="blue")
    grown["detail"]["tenant"] = "t"
    assert consumer.receives(grown) == []
    assert len(consumer.granted) == 1


def test_only_the_record_that_failed_is_given_back(consumer: Consumer) -> None:
    consumer.fails = refuse(2, RuntimeError("table is busy"))
    assert consumer.receives(event(1), event(2), event(3)) == ["message-1"]
    assert [fact.data.wish_id for fact in consumer.granted] == ["wsh_1", "wsh_3"]
    assert dead_letters() == []


@pytest.mark.parametrize(
    "error", [KeyError("x"), ConflictError("busy", "…"), AssertionError(), RecursionError()]
)
def test_a_handler_may_fail_in_any_way(consumer: Consumer, error: Exception) -> None:
    consumer.fails = refuse(1, error)
    assert consumer.receives(event(1), event(2)) == ["message-0"]


POISON = {
    "no JSON": "not json at all",
    "no text": "",
    "no object": "[]",
    "no envelope": '{"detail": {"hello": 1}}',
    "no detail": "{}",
    "unknown type": json.dumps(event(9, "WishStolen")),
    "unknown version": json.dumps(event(9, version=2)),
    "missing field": json.dumps({**event(9), "detail": {**event(9)["detail"], "data": {}}}),
    "wrong type": json.dumps(event(9, quantity="many")),
    "out of range": json.dumps(event(9, quantity=0)),
    "no data": json.dumps({**event(9), "detail": {**event(9)["detail"], "data": None}}),
    "broken letters": '{"detail": {"id": "\\ud800"}}',
}


@pytest.mark.parametrize("body", POISON.values(), ids=POISON.keys())
def test_what_cannot_be_read_is_put_aside_with_its_reason_and_the_others_go_on(
    consumer: Consumer, body: str
) -> None:
    assert consumer.receives(event(1), body or " ", event(2)) == []
    assert [fact.data.wish_id for fact in consumer.granted] == ["wsh_1", "wsh_2"]
    (letter,) = dead_letters()
    assert letter["body"] == (body or " ")
    assert letter["reason"]


def test_the_reason_names_the_type_that_has_no_handler(consumer: Consumer) -> None:
    consumer.receives(event(1, "WishStolen"), event(2, version=2))
    assert {letter["reason"] for letter in dead_letters()} == {
        "WishStolen v1 has no handler here",
        "WishGranted v2 has no handler here",
    }


def test_a_reason_is_never_longer_than_an_attribute_may_be_read_at_a_glance(consumer: Consumer) -> None:
    consumer.receives(event(1, "Wish" * 200))
    assert len(dead_letters()[0]["reason"]) == 250


def test_what_cannot_be_put_aside_is_given_back(consumer: Consumer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INBOX_DLQ_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/nowhere")
    assert consumer.receives("poison", event(2)) == ["message-0"]
    assert len(consumer.granted) == 1


def test_without_a_dead_letter_queue_the_unreadable_is_given_back_and_the_line_says_why(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("INBOX_DLQ_URL")
    assert consumer.receives("poison") == ["message-0"]
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["error"], line["outcome"]) == ("error", "KeyError", "failed")


def test_a_consumer_may_take_every_fact_whatever_it_says(consumer: Consumer) -> None:
    seen: list[tuple[str, str, int]] = []
    app = Service("collector")

    @app.on_sqs_message(queue="collector-inbox")
    def on_inbox(batch: Any) -> BatchResponse:
        return deliver(
            batch, {BusEvent: lambda fact: seen.append((fact.source, fact.detail.type, fact.detail.version))}
        )

    answer = on_inbox(sqs_event(event(1), event(2, "WishStolen", version=7), "poison"), Context())
    assert answer == {"batchItemFailures": []}
    assert seen == [("souk.wishes", "WishGranted", 1), ("souk.wishes", "WishStolen", 7)]
    assert [letter["body"] for letter in dead_letters()] == ["poison"]


def test_versions_that_are_handled_together_each_go_to_their_own_handler(consumer: Consumer) -> None:
    got: dict[int, list[Any]] = {1: [], 2: []}
    newer = msgspec.defstruct("WishGrantedV2", [("wish_id", str)], bases=(Data,), frozen=True)
    handlers = {
        WishGranted: BatchHandler(lambda facts: got[1].extend(facts)),
        newer: BatchHandler(lambda facts: got[2].extend(facts)),
    }
    batch = SQSEvent(sqs_event(event(1), event(2, version=2), event(3), event(4, version=2)), Context())
    assert deliver(batch, handlers) == {"batchItemFailures": []}
    assert {version: [type(fact.data) for fact in facts] for version, facts in got.items()} == {
        1: [WishGranted] * 2,
        2: [newer] * 2,
    }


def test_who_takes_every_fact_takes_its_newest_version_alone(consumer: Consumer) -> None:
    seen: list[int] = []
    app = Service("collector")

    @app.on_sqs_message(queue="collector-inbox")
    def on_inbox(batch: Any) -> BatchResponse:
        return deliver(batch, {BusEvent: lambda fact: seen.append(fact.detail.version)})

    old, new = event(1, version=1), event(1, version=2)
    old["detail"]["also"], new["detail"]["also"] = [2], [1]
    assert on_inbox(sqs_event(old, new, old), Context()) == {"batchItemFailures": []}
    assert seen == [2]
    assert dead_letters() == []


def test_what_a_handler_raises_carries_on_the_correlation_and_names_its_cause(consumer: Consumer) -> None:
    seen = []
    consumer.fails = lambda fact: seen.append((context.current.correlation_id, context.current.causation_id))
    consumer.receives(event(1), event(2))
    assert seen == [("purchase-1", "wsh_1.1.WishGranted"), ("purchase-2", "wsh_2.1.WishGranted")]


def test_an_empty_batch_is_done(consumer: Consumer) -> None:
    assert consumer.receives() == []


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_record_of_a_batch_has_a_line_under_its_own_correlation_id(
    consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.fails = refuse(2, RuntimeError("busy"))
    consumer.receives(event(1), event(2), event(3, "WishTold"))
    told = lines(capsys)
    assert [(line["correlationId"], line["fact"], line["outcome"]) for line in told] == [
        ("purchase-1", "WishGranted", "ok"),
        ("purchase-2", "WishGranted", "failed"),
        ("purchase-3", "WishTold", "ok"),
    ]
    assert {line["kind"] for line in told} == {"inbox"}
    assert len({line["requestId"] for line in told}) == 1
    assert [line.get("error") for line in told] == [None, "RuntimeError", None]
    assert [line["level"] for line in told] == ["info", "error", "info"]


def test_what_is_noted_of_a_record_is_in_its_line_alone(
    consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.fails = lambda fact: log.note(wish=fact.data.wish_id) if fact.id.startswith("wsh_1") else None
    consumer.receives(event(1), event(2))
    assert [line.get("wish") for line in lines(capsys)] == ["wsh_1", None]


def test_a_record_that_comes_alone_has_one_line(
    consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.receives(event(1))
    (line,) = lines(capsys)
    assert (line["level"], line["outcome"], line["fact"]) == ("info", "ok", "WishGranted")


def test_only_the_first_line_of_a_batch_is_a_cold_start(
    consumer: Consumer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "current", log.Invocation())
    consumer.receives(event(1), event(2))
    assert [line["coldStart"] for line in lines(capsys)] == [True, False]


def test_a_record_that_is_put_aside_has_its_line_beside_the_others(
    consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.receives("poison", event(2))
    told = lines(capsys)
    assert [(line["outcome"], line.get("messageId")) for line in told] == [
        ("parked", "message-0"),
        ("ok", None),
    ]
    assert [line["correlationId"] for line in told] == [told[0]["requestId"], "purchase-2"]


def test_the_line_names_the_message_that_was_put_aside_and_not_its_content(
    consumer: Consumer, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer.receives(json.dumps(event(1, quantity="hunter2")))
    text = capsys.readouterr().out
    assert json.loads(text)["messageId"] == "message-0"
    assert "hunter2" not in text


# --- together ------------------------------------------------------------------------------------------------------


class Group:
    """A consumer that takes wishes together; `fails` is asked with the numbers of each group it is handed."""

    def __init__(self) -> None:
        self.handed: list[list[str]] = []
        self.told: list[str] = []
        self.fails: Callable[[list[str]], None] = lambda numbers: None
        app = Service("group")

        @app.on_sqs_message(queue="group-inbox")
        def on_inbox(batch: Any) -> BatchResponse:
            told = {WishTold: lambda fact: self.told.append(fact.data.wish_id)}
            return deliver(batch, {WishGranted: BatchHandler(self.on_granted), **told})

        self.on_inbox = on_inbox

    def on_granted(self, facts: Sequence[Fact[WishGranted]]) -> None:
        numbers = [fact.data.wish_id for fact in facts]
        self.fails(numbers)
        self.handed.append(numbers)

    def receives(self, *bodies: Any) -> list[str]:
        answer = self.on_inbox(sqs_event(*bodies), Context())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def group(consumer: Consumer) -> Group:
    return Group()


def test_the_facts_of_one_type_are_handed_over_together(group: Group) -> None:
    assert group.receives(event(1), event(2, "WishTold"), event(3)) == []
    assert (group.handed, group.told) == ([["wsh_1", "wsh_3"]], ["wsh_2"])


def test_a_fact_that_fails_the_group_fails_alone(group: Group) -> None:
    def fails(numbers: list[str]) -> None:
        if "wsh_2" in numbers:
            raise ValueError("wsh_2")

    group.fails = fails
    assert group.receives(event(1), event(2), event(3)) == ["message-1"]
    assert group.handed == [["wsh_1"], ["wsh_3"]]


def test_what_cannot_be_read_is_not_handed_to_the_group(group: Group) -> None:
    assert group.receives(event(1), "poison", event(2)) == []
    assert group.handed == [["wsh_1", "wsh_2"]]
    assert [letter["body"] for letter in dead_letters()] == ["poison"]


def raised(code: str, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize(
    "error",
    [
        raised("ThrottlingException"),
        raised("TransactionCanceledException", "None", "TransactionConflict"),
        EndpointConnectionError(endpoint_url="https://dynamodb"),
    ],
    ids=["throttled", "conflict", "unreachable"],
)
def test_where_aws_is_to_blame_the_group_comes_again_as_a_whole(group: Group, error: Exception) -> None:
    asked: list[list[str]] = []

    def fails(numbers: list[str]) -> None:
        asked.append(numbers)
        raise error

    group.fails = fails
    assert group.receives(event(1), event(2), event(3, "WishTold")) == ["message-0", "message-1"]
    assert (asked, group.told) == ([["wsh_1", "wsh_2"]], ["wsh_3"])


@pytest.mark.parametrize(
    "error",
    [raised("ValidationException"), raised("TransactionCanceledException", "None", "ValidationError")],
    ids=["call", "action"],
)
def test_what_aws_will_never_take_fails_alone(group: Group, error: Exception) -> None:
    def fails(numbers: list[str]) -> None:
        if "wsh_1" in numbers:
            raise error

    group.fails = fails
    assert group.receives(event(1), event(2)) == ["message-0"]
    assert group.handed == [["wsh_2"]]


def test_a_fact_of_a_group_says_on_whose_behalf_it_is_handled(group: Group) -> None:
    seen = []
    app = Service("begins")

    def on_granted(facts: Sequence[Fact[WishGranted]]) -> None:
        for fact in facts:
            fact.begin()
            seen.append((context.current.correlation_id, context.current.causation_id))

    @app.on_sqs_message(queue="begins-inbox")
    def on_inbox(batch: Any) -> BatchResponse:
        return deliver(batch, {WishGranted: BatchHandler(on_granted)})

    on_inbox(sqs_event(event(1), event(2)), Context())
    assert seen == [("purchase-1", "wsh_1.1.WishGranted"), ("purchase-2", "wsh_2.1.WishGranted")]


def test_each_fact_of_a_group_has_a_line_under_its_own_correlation_id(
    group: Group, capsys: pytest.CaptureFixture[str]
) -> None:
    group.receives(event(1), event(2), event(3, "WishTold"))
    assert [(line["correlationId"], line["fact"], line["outcome"]) for line in lines(capsys)] == [
        ("purchase-1", "WishGranted", "ok"),
        ("purchase-2", "WishGranted", "ok"),
        ("purchase-3", "WishTold", "ok"),
    ]


def test_a_group_that_has_to_come_again_says_so_of_each_fact(
    group: Group, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(numbers: list[str]) -> None:
        raise raised("ThrottlingException")

    group.fails = fails
    group.receives(event(1), event(2))
    assert [(line["correlationId"], line["outcome"], line["error"]) for line in lines(capsys)] == [
        ("purchase-1", "failed", "ClientError"),
        ("purchase-2", "failed", "ClientError"),
    ]


def test_facts_of_a_group_that_are_tried_alone_have_a_line_each(
    group: Group, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(numbers: list[str]) -> None:
        if "wsh_1" in numbers:
            raise ValueError("it is the first")

    group.fails = fails
    group.receives(event(1), event(2))
    assert [(line["correlationId"], line["outcome"]) for line in lines(capsys)] == [
        ("purchase-1", "failed"),
        ("purchase-2", "ok"),
    ]
