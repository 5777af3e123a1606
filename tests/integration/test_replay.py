"""Facts sent again from the archive: what a consumer lost comes back, and a second time changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.patience import eventually
from tools.local import drain
from tools.local.buyer import Buyer
from tools.local.stack import Stack
from tools.operate import replay

Payment = Callable[[str], dict[str, Any]]
CONSUMERS = ["cart", "inventory", "journal", "orders", "payments"]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    """Let what other tests have sent fall out of the seconds that are replayed: events have whole seconds."""
    time.sleep(3)


def test_lost_facts_come_back_and_a_second_time_changes_nothing(
    stack: Stack, amira: Buyer, goods: Callable[..., str], silenced: Any, calm: Any
) -> None:
    since = datetime.now(UTC) - timedelta(seconds=2)
    sqs = stack.client("sqs")
    with silenced("journal-inbox"):
        order = amira.buy({goods(5): 2})["orderId"]
        amira.decided(order)
        sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName="souk-local-journal-inbox")["QueueUrl"])
    calm()
    lost = replay.fingerprints(stack, ["journal"])
    assert replay.replay(stack, since, datetime.now(UTC), ["journal"]) > 0
    found = replay.fingerprints(stack, ["journal"])
    assert any(order in key for key in replay.changes(lost, found)["journal"])
    assert replay.replay(stack, since, datetime.now(UTC), ["journal"]) > 0
    assert replay.changes(found, replay.fingerprints(stack, ["journal"])) == {}


def test_a_whole_purchase_sent_again_to_everybody_changes_nothing(
    stack: Stack, amira: Buyer, goods: Callable[..., str], payment: Payment, calm: Any
) -> None:
    since = datetime.now(UTC) - timedelta(seconds=2)
    order = amira.buy({goods(5): 1})["orderId"]
    amira.decided(order)
    assert eventually(lambda: payment(order)["status"] == "captured")
    calm()
    before = replay.fingerprints(stack, CONSUMERS)
    assert replay.replay(stack, since, datetime.now(UTC), CONSUMERS) >= 6
    assert replay.changes(before, replay.fingerprints(stack, CONSUMERS)) == {}


def test_a_replay_for_one_consumer_reaches_no_other(
    stack: Stack, amira: Buyer, goods: Callable[..., str], silenced: Any, calm: Any
) -> None:
    since = datetime.now(UTC) - timedelta(seconds=2)
    patterns = {
        name: rule["EventPattern"] for name, rule in replay.rules(stack).items() if "EventPattern" in rule
    }
    amira.decided(amira.buy({goods(5): 1})["orderId"])
    calm()
    with silenced("payments-inbox"):  # which takes the same facts; what inventory answers again, it does not
        assert replay.replay(stack, since, datetime.now(UTC), ["inventory"]) > 0
        assert not drain.waiting(stack)["souk-local-payments-inbox"]
    now = {name: rule["EventPattern"] for name, rule in replay.rules(stack).items() if "EventPattern" in rule}
    assert {name: json.loads(text) for name, text in now.items()} == {
        name: json.loads(text) for name, text in patterns.items()
    }
