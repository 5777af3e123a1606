"""What handlers return is on the bus before their messages are done; where the bus refuses, these come again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from functions.shared.http import Service
from functions.shared.inbox import BatchHandler, BatchResponse, Fact, deliver
from functions.shared.outbox import Told, fact
from functions.shared.types import Data
from tests.support.lambda_events import Context, sqs_event
from tests.unit.shared.test_inbox import WishGranted, WishTold, event
from tests.unit.shared.test_outbox import AT

Receives = Callable[..., list[str]]
REFUSED = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}


class WishAnswered(Data, frozen=True):
    wish_id: str


def answers(facts: Sequence[Fact[Any]]) -> Iterator[Told]:
    for one in facts:
        one.begin()
        yield fact(WishAnswered(one.data.wish_id), one.data.wish_id, 1, AT)


@pytest.fixture
def receives() -> Receives:
    """What a consumer gives back that answers wishes together, and tales one by one."""
    app = Service("answering")

    @app.on_sqs_message(queue="answering-inbox")
    def on_inbox(batch: Any) -> BatchResponse:
        together = BatchHandler(lambda facts: list(answers(facts)))
        return deliver(batch, {WishGranted: together, WishTold: lambda one: answers([one])})

    def run(*bodies: Any) -> list[str]:
        failed = on_inbox(sqs_event(*bodies), Context())["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failed]

    return run


def answer(bus: Stubber, *entries: dict[str, str]) -> None:
    given = [entry or {"EventId": "e"} for entry in entries]
    failed = sum("ErrorCode" in entry for entry in given)
    bus.add_response("put_events", {"FailedEntryCount": failed, "Entries": given}, {"Entries": ANY})


def test_the_answers_of_a_group_go_to_the_bus_in_one_call(bus: Stubber, receives: Receives) -> None:
    answer(bus, {}, {}, {})
    assert receives(event(1), event(2), event(3)) == []


def test_only_the_message_behind_a_refused_answer_comes_again(bus: Stubber, receives: Receives) -> None:
    answer(bus, {}, REFUSED, {})
    assert receives(event(1), event(2), event(3)) == ["message-1"]


def test_where_the_bus_does_not_answer_all_of_the_group_comes_again(
    bus: Stubber, receives: Receives, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.add_client_error("put_events", "InternalException")
    assert receives(event(1), event(2)) == ["message-0", "message-1"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["outcome"] for line in lines] == ["failed", "failed"]


def test_an_answer_that_is_refused_holds_no_other_message_up(bus: Stubber, receives: Receives) -> None:
    answer(bus, REFUSED)
    answer(bus, {})
    assert receives(event(1, "WishTold"), event(2, "WishTold")) == ["message-0"]
