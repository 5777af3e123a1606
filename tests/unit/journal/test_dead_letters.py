"""Dead letters are read without being hidden, go back or are deleted one by one or all, and counts say what is so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.unit.journal.conftest import ADMIN, STAFF

DLQ = "souk-local-journal-inbox-dlq"
MESSAGES, REDRIVE, DELETIONS = (
    f"/journal/queues/{{name}}/{what}" for what in ("messages", "redrive", "deletions")
)


def _url(name: str) -> str:
    return str(boto3.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def put(*bodies: str) -> list[str]:
    """Put messages into the dead-letter queue; return their ids."""
    sqs = boto3.client("sqs")
    return [sqs.send_message(QueueUrl=_url(DLQ), MessageBody=body)["MessageId"] for body in bodies]


def count(name: str) -> tuple[int, int]:
    """Return how many messages of a queue wait, and how many somebody has in their hands."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = boto3.client("sqs").get_queue_attributes(QueueUrl=_url(name), AttributeNames=names)["Attributes"]
    return int(counts[names[0]]), int(counts[names[1]])


def take(most: int = 10) -> list[Any]:
    """Take messages, as another reader does."""
    got = boto3.client("sqs").receive_message(QueueUrl=_url(DLQ), MaxNumberOfMessages=most)
    return list(got.get("Messages", []))


@pytest.fixture
def home(send: Any) -> str:
    name = "souk-local-journal-inbox"
    boto3.client("sqs").create_queue(QueueName=name)
    return name


def ask(send: Any, path: str, body: Any = None, **options: Any) -> Any:
    method = "GET" if path == MESSAGES else "POST"
    return send(method, path, body, path={"name": DLQ}, **{**ADMIN, **options})


def test_what_is_shown_is_there_for_the_next_click(send: Any, home: str) -> None:
    sent = put(*map(str, range(23)))
    for _ in range(3):
        items = ask(send, MESSAGES).body["items"]
        assert sorted(item["id"] for item in items) == sorted(sent)
        assert count(DLQ) == (23, 0)
    assert ask(send, REDRIVE, {}).body == {"moved": 23, "left": 0}


def test_at_most_fifty_are_shown_and_all_stay(send: Any) -> None:
    put(*map(str, range(53)))
    assert len(ask(send, MESSAGES).body["items"]) == 50
    assert count(DLQ) == (53, 0)


def test_an_empty_queue_shows_nothing(send: Any) -> None:
    assert ask(send, MESSAGES).body == {"items": []}


def test_all_go_back_to_their_queue_and_are_told(send: Any, home: str, published: Any) -> None:
    sent = put(*map(str, range(12)))
    assert ask(send, REDRIVE, {}).body == {"moved": 12, "left": 0}
    assert (count(home), count(DLQ)) == ((12, 0), (0, 0))
    (fact,) = published()
    assert (fact["type"], fact["actor"], fact["data"]["queue"]) == ("DeadLettersReturned", "cus_admin", DLQ)
    assert sorted(fact["data"]["messageIds"]) == sorted(sent)


@pytest.mark.parametrize("which", [0, 11, 24])
def test_one_goes_back_wherever_it_lies_and_the_others_stay(
    send: Any, home: str, published: Any, which: int
) -> None:
    wanted = put(*map(str, range(25)))[which]
    assert ask(send, REDRIVE, {"messageId": wanted}).body == {"moved": 1, "left": 24}
    assert (count(home), count(DLQ)) == ((1, 0), (24, 0))
    assert [fact["data"]["messageIds"] for fact in published()] == [[wanted]]


def test_nothing_to_send_back_is_said_so_and_not_told(send: Any, home: str, published: Any) -> None:
    assert ask(send, REDRIVE, {}).body == {"moved": 0, "left": 0}
    assert published() == []


@pytest.mark.parametrize(("path", "more"), [(REDRIVE, {}), (DELETIONS, {"reason": "not needed"})])
def test_a_message_that_is_not_there_any_more_is_said_so(
    send: Any, home: str, published: Any, path: str, more: dict[str, str]
) -> None:
    put("another")
    answer = ask(send, path, {"messageId": "gone", **more})
    assert (answer.status, answer.body["code"]) == (404, "no_such_message")
    assert (count(DLQ), published()) == ((1, 0), [])


@pytest.mark.parametrize(("path", "more"), [(REDRIVE, {}), (DELETIONS, {"reason": "not needed"})])
def test_a_message_in_somebody_elses_hands_is_left_to_them(
    send: Any, home: str, published: Any, path: str, more: dict[str, str]
) -> None:
    (sent,) = put("one")
    assert [message["MessageId"] for message in take()] == [sent]
    answer = ask(send, path, {"messageId": sent, **more})
    assert (answer.status, answer.body["code"]) == (409, "messages_in_use")
    assert (count(DLQ), published()) == ((0, 1), [])


def test_all_says_so_where_others_hold_them_all(send: Any, home: str) -> None:
    put("one")
    take()
    assert ask(send, REDRIVE, {}).body["code"] == "messages_in_use"


def test_what_others_hold_is_counted_as_left(send: Any, home: str) -> None:
    put("one", "two")
    take(1)
    assert ask(send, REDRIVE, {}).body == {"moved": 1, "left": 1}


def test_one_is_deleted_with_a_reason_and_told_with_what_it_was(send: Any, published: Any) -> None:
    event = json.dumps({"detail": {"id": "ord_1.1.OrderPlaced"}})
    one, other, last = put("no event", event, "another")
    assert ask(send, DELETIONS, {"messageId": other, "reason": " an old test "}).body == {
        "moved": 0,
        "left": 2,
    }
    assert sorted(item["id"] for item in ask(send, MESSAGES).body["items"]) == sorted([one, last])
    (fact,) = published()
    assert (fact["type"], fact["actor"]) == ("DeadLetterDeleted", "cus_admin")
    said = {"queue": DLQ, "messageId": other, "reason": "an old test", "fact": "ord_1.1.OrderPlaced"}
    assert fact["data"] == said


@pytest.mark.parametrize("body", ["[]", "1", "{", '{"detail": 1}', '{"detail": {"id": 1}}', '{"detail": {}}'])
def test_what_is_no_event_is_deleted_too(send: Any, published: Any, body: str) -> None:
    (one,) = put(body)
    assert ask(send, DELETIONS, {"messageId": one, "reason": "no event"}).body["left"] == 0
    assert "fact" not in published()[0]["data"]


@pytest.mark.parametrize("reason", [None, "", "  ", "ab", "two\nlines", "x" * 201])
def test_nothing_is_deleted_without_a_reason(send: Any, reason: str | None) -> None:
    (one,) = put("one")
    body = {"messageId": one} | ({"reason": reason} if reason is not None else {})
    assert ask(send, DELETIONS, body).status == 400
    assert count(DLQ) == (1, 0)


@pytest.mark.parametrize(("path", "body"), [(REDRIVE, {}), (DELETIONS, {"messageId": "m", "reason": "why"})])
def test_only_admins_change_dead_letters(send: Any, path: str, body: dict[str, str]) -> None:
    put("one")
    assert ask(send, path, body, **STAFF).status == 403
    assert count(DLQ) == (1, 0)


def test_nothing_is_done_that_cannot_be_told(send: Any, home: str) -> None:
    put("one")
    boto3.client("dynamodb").delete_table(TableName="souk-local-journal")
    assert ask(send, REDRIVE, {}).status == 500
    assert (count(home), count(DLQ)) == ((0, 0), (1, 0))


def test_records_of_a_stream_have_no_queue_to_go_back_to(send: Any) -> None:
    put("one")
    answer = ask(send, REDRIVE, {})
    assert (answer.status, answer.body["code"]) == (404, "no_home_queue")
    assert count(DLQ) == (1, 0)


@pytest.mark.parametrize("name", ["souk-local-orders-inbox", "other-dlq", "souk-local-none-dlq"])
def test_only_dead_letter_queues_of_this_shop_are_shown(send: Any, name: str) -> None:
    call: Callable[..., Any] = send
    assert call("GET", MESSAGES, path={"name": name}, **STAFF).status == 404
