"""The saga through the inbox and the sweeper: samples of what inventory and payments publish, in every order."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import jsonschema
import pytest
from botocore.exceptions import EndpointConnectionError

from functions.orders import app as orders_app
from functions.orders import saga
from functions.orders.events import PaymentAuthorized
from functions.orders.table import OrdersTable
from functions.shared import aws
from functions.shared.clock import now, rfc3339
from functions.shared.dynamo import decode
from functions.shared.inbox import Fact
from functions.shared.open_work import SHARDS
from functions.shared.outbox import Aggregate
from tests.support.dlq import dead_letters
from tests.support.lambda_events import Context, sample
from tests.support.templates import ROOT
from tests.unit.orders.conftest import AMIRA, about, asks, authorised, declined, rejected, reserved

ORDER = {
    "POST": "/orders/{orderId}/cancel",
    "GET": "/orders/{orderId}",
    "TIMELINE": "/orders/{orderId}/timeline",
}


@pytest.fixture
def order_id(place: Any) -> str:
    placed: str = place().body["orderId"]
    return placed


@pytest.fixture
def shown(send: Any, order_id: str) -> Callable[[], Any]:
    """Return a function that shows the order as it is now."""
    return lambda: send("GET", "/orders/{orderId}", path={"orderId": order_id}, subject=AMIRA).body


@pytest.fixture
def timeline(send: Any, order_id: str) -> Callable[[], list[str]]:
    """Return a function that lists the types of the order's steps."""

    def run() -> list[str]:
        path = {"orderId": order_id}
        items = send("GET", "/orders/{orderId}/timeline", path=path, subject=AMIRA).body["items"]
        return [entry["type"] for entry in items]

    return run


def types(events: list[Any]) -> list[str]:
    return [event["detail-type"] for event in events]


WAIT = timedelta(seconds=120)


def later() -> Any:
    return now() + timedelta(seconds=121)


# --- votes ---------------------------------------------------------------------------------------------------------


def test_both_yes_confirm(order_id: str, hear: Any, shown: Any, told: Any) -> None:
    assert hear(reserved(order_id)) == []
    assert shown()["status"] == "placed"
    assert hear(authorised(order_id)) == []
    assert (shown()["status"], shown()["paymentStatus"]) == ("confirmed", "authorised")
    assert types(told()) == ["OrderPlaced", "OrderConfirmed"]


def test_a_vote_that_brings_those_before_it_decides_in_one_write(
    order_id: str, hear: Any, shown: Any, table: OrdersTable, timeline: Any, told: Any
) -> None:
    home = authorised(order_id) | {"slip": {"route": [], "answers": [reserved(order_id)["detail"]]}}
    assert hear(home, home) == []
    order = table.order(order_id)
    assert order
    assert (order.status, order.version) == ("confirmed", 2)
    assert timeline() == ["OrderPlaced", "StockReserved", "PaymentAuthorized", "OrderConfirmed"]
    assert types(told()) == ["OrderPlaced", "OrderConfirmed", "OrderConfirmed"]


def test_a_bank_that_asks_gives_the_order_time_and_its_buyer_the_news(
    order_id: str, hear: Any, shown: Any, table: OrdersTable, timeline: Any, told: Any
) -> None:
    until = rfc3339(now() + timedelta(minutes=15))
    home = asks(order_id, until=until) | {"slip": {"route": [], "answers": [reserved(order_id)["detail"]]}}
    assert hear(home, home) == []
    order = table.order(order_id)
    assert order
    assert (order.status, order.version) == ("placed", 2)
    seen = shown()
    assert (seen["paymentStatus"], seen["decideBy"]) == ("action_required", until)
    assert timeline() == ["OrderPlaced", "StockReserved", "PaymentActionRequired"]
    assert saga.expire(table, WAIT, later()).overdue == 0
    assert table.order(order_id) == order
    assert hear(authorised(order_id, version=2)) == []
    assert shown()["status"] == "confirmed"
    assert types(told()) == ["OrderPlaced", "OrderConfirmed"]


def test_an_order_is_off_once_the_banks_time_is_over(
    order_id: str, hear: Any, shown: Any, table: OrdersTable
) -> None:
    hear(reserved(order_id), asks(order_id, until=rfc3339(now() + timedelta(minutes=15))))
    assert saga.expire(table, WAIT, now() + timedelta(minutes=15, seconds=1)).overdue == 0, (
        "nobody here is to blame"
    )
    assert (shown()["status"], shown()["reason"]) == ("cancelled", "timeout")


def test_an_order_that_is_called_off_while_its_bank_asks_is_told_of_again_before_the_banks_time_is_over(
    order_id: str, hear: Any, send: Any, told: Any, table: OrdersTable
) -> None:
    hear(reserved(order_id), asks(order_id, until=rfc3339(now() + timedelta(minutes=15))))
    send("POST", ORDER["POST"], path={"orderId": order_id}, subject=AMIRA)
    told()
    assert saga.expire(table, WAIT, now() + timedelta(minutes=8)).again == 1
    assert types(told()) == ["OrderCancelled"]


def test_a_question_about_an_order_that_is_off_has_the_decision_told_until_it_is_followed(
    order_id: str, hear: Any, table: OrdersTable, send: Any, told: Any
) -> None:
    hear(reserved(order_id))
    send("POST", ORDER["POST"], path={"orderId": order_id}, subject=AMIRA)
    hear(about("inventory/StockReleased.v1", order_id, 2))
    hear(asks(order_id, until=rfc3339(now() + timedelta(minutes=15))))
    assert table.order(order_id).is_open
    told()
    assert saga.expire(table, WAIT, now() + timedelta(minutes=20)).again == 1
    assert types(told()) == ["OrderCancelled"]
    hear(about("payments/PaymentVoided.v1", order_id, 2))
    assert not table.order(order_id).is_open


@pytest.fixture
def sent() -> Callable[[], list[Any]]:
    """Return a function that takes what was sent to inventory's inbox."""
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="souk-local-inventory-inbox")["QueueUrl"]

    def take() -> list[Any]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    return take


def test_an_order_is_sent_on_its_way_through_those_who_have_a_say(
    order_id: str, sent: Any, told: Any
) -> None:
    (body,) = sent()
    assert (body["detail-type"], body["detail"]["data"]["orderId"]) == ("OrderPlaced", order_id)
    assert [event["detail"] for event in told()] == [body["detail"]]
    assert body["detail"]["routed"]
    assert [one.rpartition("/")[2] for one in body["slip"]["route"]] == [
        "souk-local-payments-inbox",
        "souk-local-orders-inbox",
    ]


@pytest.mark.parametrize(
    ("vote", "reason", "payment"),
    [(rejected, "out_of_stock", None), (declined, "payment_declined", "declined")],
)
def test_one_no_cancels_at_once(
    order_id: str, hear: Any, shown: Any, told: Any, vote: Any, reason: str, payment: str
) -> None:
    hear(vote(order_id))
    assert (shown()["status"], shown()["reason"], shown()["paymentStatus"]) == ("cancelled", reason, payment)
    assert told()[-1]["detail"]["data"]["reason"] == reason


def test_a_decision_names_the_vote_that_led_to_it(order_id: str, hear: Any, told: Any) -> None:
    vote = authorised(order_id)
    hear(reserved(order_id), vote)
    placed, confirmed = (event["detail"] for event in told())
    assert (confirmed["causationId"], confirmed["correlationId"]) == (
        vote["detail"]["id"],
        placed["correlationId"],
    )
    assert confirmed["aggregate"] == {"id": order_id, "version": 3}


def test_votes_in_every_order_and_twice_over_decide_once(place: Any, hear: Any, told: Any) -> None:
    orders = {}
    for order in sorted(set(itertools.permutations(["stock", "stock", "payment", "payment"]))):
        order_id = place().body["orderId"]
        facts = {"stock": reserved(order_id), "payment": authorised(order_id)}
        assert hear(*(facts[one] for one in order)) == []
        orders[order_id] = order
    decided = [
        event["detail"]["aggregate"]["id"] for event in told() if event["detail-type"] != "OrderPlaced"
    ]
    assert set(decided) == set(orders)
    assert len(decided) <= 2 * len(orders), "the vote that decided it tells it again when it comes again"


def test_a_decision_is_measured_once_in_the_line_of_the_vote_that_brought_it(
    order_id: str, hear: Any, table: OrdersTable, capsys: pytest.CaptureFixture[str]
) -> None:
    order = table.order(order_id)
    assert order
    capsys.readouterr()
    hear(reserved(order_id), authorised(order_id))
    hear(authorised(order_id))
    first, decided, again = map(json.loads, capsys.readouterr().out.splitlines())
    assert decided["revenue"] == order.content.totals.total
    assert 0 <= decided["decisionMs"] < 120_000
    names = [one["Name"] for one in decided["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert names == ["decisionMs", "revenue"]
    assert "_aws" not in first
    assert "_aws" not in again


def test_an_order_that_comes_to_nothing_brings_nothing(
    order_id: str, hear: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    hear(rejected(order_id))
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["cancelled"] == 1
    assert "revenue" not in line


@pytest.mark.parametrize("late", [reserved, authorised, rejected, declined])
def test_a_vote_after_the_decision_decides_nothing(
    order_id: str, hear: Any, shown: Any, timeline: Any, table: OrdersTable, told: Any, late: Any
) -> None:
    saga.expire(table, WAIT, later())
    vote = late(order_id)
    assert hear(vote, vote) == []
    assert (shown()["status"], shown()["reason"]) == ("cancelled", "timeout")
    assert timeline() == ["OrderPlaced", "OrderCancelled", vote["detail-type"]]
    assert types(told()) == ["OrderPlaced", "OrderPlaced", "OrderCancelled"], (
        "nobody had answered: told again"
    )


def test_a_vote_for_an_order_that_is_not_here_comes_again(order_id: str, hear: Any, shown: Any) -> None:
    facts = (reserved("ord_01kaqz5r7b8v0w3m2x4y6t9n1z"), reserved(order_id), authorised(order_id))
    assert hear(*facts) == ["message-0"]
    assert shown()["status"] == "confirmed"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event["detail"]["data"].pop("orderId"),
        lambda event: event["detail"].update(version=2),
        lambda event: event["detail"].update(type="StockVanished"),
        lambda event: event.pop("detail"),
    ],
    ids=["without its order", "of another version", "of another type", "without detail"],
)
def test_a_fact_that_cannot_be_read_is_put_aside_and_the_rest_goes_on(
    order_id: str, hear: Any, shown: Any, spoil: Any
) -> None:
    poison = reserved(order_id, version=5)
    spoil(poison)
    assert hear(reserved(order_id), poison, authorised(order_id)) == []
    assert shown()["status"] == "confirmed"
    (parked,) = dead_letters()
    assert json.loads(parked["body"]) == poison


# --- the deadline --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("votes", [(), (reserved,), (authorised,)], ids=["silence", "no payment", "no stock"])
def test_what_is_not_decided_in_time_is_cancelled(
    order_id: str, hear: Any, shown: Any, table: OrdersTable, votes: Any
) -> None:
    hear(*(vote(order_id) for vote in votes))
    assert saga.expire(table, WAIT, now()) == (0, 0, 0, 0)
    assert saga.expire(table, WAIT, later()) == (1, 0, 0, 0)
    assert (shown()["status"], shown()["reason"]) == ("cancelled", "timeout")


def test_a_timeout_is_told_and_in_the_timeline(
    order_id: str, send: Any, table: OrdersTable, told: Any
) -> None:
    saga.expire(table, WAIT, later())
    assert told()[-1]["detail"]["data"]["reason"] == "timeout"
    answer = send("GET", "/orders/{orderId}/timeline", path={"orderId": order_id}, subject=AMIRA)
    last = answer.body["items"][-1]
    assert (last["type"], last["cause"], last["detail"]) == ("OrderCancelled", "deadline", "timeout")


@pytest.fixture
def followed(place: Any, hear: Any) -> Callable[[str], str]:
    """Return a function that has an order decided, and stock and payment follow; it returns the order's id."""

    def run(decision: str) -> str:
        order_id = str(place().body["orderId"])
        votes = (reserved(order_id), authorised(order_id))
        facts = {
            "confirmed": (*votes, *(about(name, order_id, 2) for name in AFTER)),
            "unpaid": (
                *votes,
                about(AFTER[0], order_id, 2),
                about("payments/PaymentCaptureFailed.v1", order_id, 2),
            ),
            "rejected": (rejected(order_id), about("payments/PaymentVoided.v1", order_id, 2)),
            "declined": (declined(order_id), about("inventory/StockReleased.v1", order_id, 2)),
        }
        assert hear(*facts[decision]) == []
        return order_id

    return run


@pytest.mark.parametrize("decision", ["confirmed", "unpaid", "rejected", "declined"])
def test_what_everybody_has_followed_is_not_swept(followed: Any, table: OrdersTable, decision: str) -> None:
    followed(decision)
    assert table.waiting(later() + timedelta(days=1), 10) == []
    assert saga.expire(table, WAIT, later() + timedelta(days=1)) == (0, 0, 0, 0)


@pytest.mark.parametrize("followed_by", [(), ("inventory",), ("payments",)])
@pytest.mark.parametrize("decision", ["OrderConfirmed", "OrderCancelled"])
def test_a_decision_is_told_again_until_everybody_has_followed_it(
    order_id: str, hear: Any, send: Any, table: OrdersTable, told: Any, decision: str, followed_by: Any
) -> None:
    hear(reserved(order_id), authorised(order_id))
    after = dict(zip(("inventory", "payments"), AFTER, strict=True))
    if decision == "OrderCancelled":
        send("POST", "/orders/{orderId}/cancel", path={"orderId": order_id}, subject=AMIRA)
        after = {"inventory": BACK[0], "payments": "payments/PaymentVoided.v1"}
    first = told()[-1]
    hear(*(about(after[name], order_id, 2) for name in followed_by))
    assert saga.expire(table, WAIT, now() + timedelta(seconds=30)) == (0, 0, 0, 0)
    at = later()
    assert saga.expire(table, WAIT, at) == (0, 0, 1, 0)
    (again,) = told()
    assert (again["detail-type"], same(again)) == (decision, same(first))
    assert saga.expire(table, WAIT, at + timedelta(minutes=4)) == (0, 0, 0, 0)
    assert saga.expire(table, WAIT, at + timedelta(minutes=5)) == (0, 0, 1, 0)
    hear(*(about(name, order_id, 2) for name in after.values()))
    assert saga.expire(table, WAIT, at + timedelta(days=9)) == (0, 0, 0, 0)


def test_a_decision_is_told_less_and_less_often_but_four_times_a_day(
    order_id: str, hear: Any, table: OrdersTable
) -> None:
    hear(reserved(order_id), authorised(order_id))
    begun = now()
    at = begun + timedelta(minutes=2, seconds=1)
    times = [begun]
    while at < begun + timedelta(days=2):
        if saga.expire(table, WAIT, at).again:
            times.append(at)
        # As a sweep would each minute, but for where hours pass.
        at += timedelta(minutes=1 if at < begun + timedelta(minutes=40) else 10)
    waits = [(later - sooner).total_seconds() // 60 for sooner, later in itertools.pairwise(times)]
    assert waits[:4] == [2, 5, 8, 16]
    assert max(waits) == 360


def test_a_decision_that_the_bus_refuses_is_told_with_the_next_sweep(
    order_id: str, hear: Any, table: OrdersTable, told: Any, dead_bus: Any
) -> None:
    hear(reserved(order_id), authorised(order_id))
    told()
    dead_bus(True)
    assert saga.expire(table, WAIT, later()) == (0, 0, 0, 1)
    dead_bus(False)
    assert saga.expire(table, WAIT, later()) == (0, 0, 1, 0)
    assert types(told()) == ["OrderConfirmed"]


def test_an_order_called_off_after_it_was_followed_is_told_until_that_is_followed_too(
    followed: Any, send: Any, hear: Any, table: OrdersTable, told: Any
) -> None:
    order_id = followed("confirmed")
    send("POST", "/orders/{orderId}/cancel", path={"orderId": order_id}, subject=AMIRA)
    told()
    assert saga.expire(table, WAIT, now() + timedelta(minutes=4)) == (0, 0, 0, 0)
    assert saga.expire(table, WAIT, now() + timedelta(minutes=6)) == (0, 0, 1, 0)
    assert types(told()) == ["OrderCancelled"]
    hear(about(BACK[0], order_id, 3), refunded(order_id, 3, 5341, 5341))
    assert table.waiting(now() + timedelta(days=9), 10) == []


def test_a_yes_beside_the_no_that_decided_has_the_decision_told_again(
    followed: Any, hear: Any, table: OrdersTable, told: Any
) -> None:
    order_id = followed("rejected")
    hear(reserved(order_id), rejected(order_id))
    told()
    assert saga.expire(table, WAIT, now() + timedelta(minutes=6)) == (0, 0, 1, 0)
    assert types(told()) == ["OrderCancelled"]
    hear(about(BACK[0], order_id, 2))
    assert table.waiting(now() + timedelta(days=9), 10) == []


def test_an_order_decided_while_the_sweeper_looked_at_it_stays(
    order_id: str, hear: Any, shown: Any, table: OrdersTable
) -> None:
    class Slow(OrdersTable):
        """Votes arrive between the sweeper's look at the index and its look at the order."""

        def waiting(self, at: datetime, limit: int) -> list[tuple[str, str]]:
            found = super().waiting(at, limit)
            hear(reserved(order_id), authorised(order_id))
            return found

    assert saga.expire(Slow(table.name), WAIT, later()).overdue == 0
    assert shown()["status"] == "confirmed"


def test_an_order_that_cannot_be_read_does_not_hold_up_the_others(place: Any, table: OrdersTable) -> None:
    placed = [place().body["orderId"] for _ in range(2 * SHARDS)]
    boto3.client("dynamodb").update_item(
        TableName=table.name,
        Key={"pk": {"S": f"ORDER#{placed[0]}"}, "sk": {"S": "ORDER"}},
        UpdateExpression="SET content = :broken",
        ExpressionAttributeValues={":broken": {"S": "{"}},
    )
    assert saga.expire(table, WAIT, later()) == (2 * SHARDS - 1, 0, 0, 1)
    assert {table.order(order_id).status for order_id in placed[1:]} == {"cancelled"}  # type: ignore[union-attr]


def test_a_sweep_takes_so_many_of_each_shard_and_the_next_goes_on(place: Any, table: OrdersTable) -> None:
    for _ in range(2 * SHARDS + 1):
        place()
    first, *_ = saga.expire(table, WAIT, later(), limit=1)
    assert 0 < first <= SHARDS
    assert first + saga.expire(table, WAIT, later())[0] == 2 * SHARDS + 1


def test_the_sweeper_runs_as_a_function(
    place: Any, table: OrdersTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_DEADLINE_SECONDS", "0")
    place()
    assert orders_app.sweep({}, Context()) == {
        "overdue": 1,
        "told": 0,
        "again": 0,
        "failed": 0,
    }


def test_the_sweep_counts_the_orders_that_nobody_decided_in_time_also_where_there_are_none(
    place: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDER_DEADLINE_SECONDS", "0")
    place()
    place()
    capsys.readouterr()
    for undecided in (2, 0):
        orders_app.sweep({}, Context())
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert last["undecided"] == undecided
        assert [one["Name"] for one in last["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["undecided"]


def test_each_order_that_is_overdue_has_its_line_and_its_own_trace(
    place: Any, monkeypatch: pytest.MonkeyPatch, told: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORDER_DEADLINE_SECONDS", "0")
    placed = {place().body["orderId"] for _ in range(2)}
    capsys.readouterr()
    orders_app.sweep({}, Context())
    *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert {(line["correlationId"], line["orderId"]) for line in lines} == {(one, one) for one in placed}
    assert (len(lines), last["overdue"], last["correlationId"]) == (2, 2, last["requestId"])
    every = [event["detail"] for event in told()]
    traces = {(one["type"], one["aggregate"]["id"]): one["correlationId"] for one in every}
    assert all(traces["OrderCancelled", one] == traces["OrderPlaced", one] for one in placed)


# --- races ---------------------------------------------------------------------------------------------------------


class Overtaken(OrdersTable):
    """A table on which another vote is always quicker, as often as told."""

    def __init__(self, name: str, others: list[Callable[[], Any]]) -> None:
        super().__init__(name)
        self.others = others

    def change(self, *args: Any) -> bool:
        if self.others:
            self.others.pop()()
        return super().change(*args)


def test_two_votes_at_the_same_time_both_count(order_id: str, hear: Any, table: OrdersTable) -> None:
    fact = Fact("pay.1", "2026-11-22T17:05:09.123Z", Aggregate(order_id, 1), PaymentAuthorized(order_id))
    (told,) = saga.on_vote(Overtaken(table.name, [lambda: hear(reserved(order_id))]), fact, now())
    assert told.detail.type == "OrderConfirmed"


# --- what becomes of stock and money -------------------------------------------------------------------------------

AFTER = "inventory/StockCommitted.v1", "payments/PaymentCaptured.v1"
BACK = "inventory/StockReleased.v1", "payments/PaymentRefunded.v1"


def refunded(order_id: str, version: int, amount: int, total: int) -> Any:
    euros = [{"amount": one, "currency": "EUR"} for one in (amount, total)]
    back = {"currency": "EUR", "refunded": total}
    name = "payments/PaymentRefunded.v1"
    return about(name, order_id, version, amount=euros[0], refundedTotal=euros[1], back=back)


def test_capture_and_commit_are_written_down_once(
    order_id: str, hear: Any, shown: Any, timeline: Any, told: Any
) -> None:
    hear(reserved(order_id), authorised(order_id))
    for _ in range(2):
        assert hear(*(about(name, order_id, 2) for name in AFTER)) == []
    assert (shown()["status"], shown()["paymentStatus"]) == ("confirmed", "captured")
    assert timeline()[-2:] == ["StockCommitted", "PaymentCaptured"]
    assert types(told()) == ["OrderPlaced", "OrderConfirmed"]


def test_refunds_are_told_with_their_amounts(order_id: str, hear: Any, shown: Any, send: Any) -> None:
    hear(
        reserved(order_id),
        authorised(order_id),
        about(AFTER[1], order_id, 2),
        refunded(order_id, 3, 341, 341),
    )
    assert (shown()["paymentStatus"], shown()["refunded"]) == (
        "partially_refunded",
        {"amount": 341, "currency": "EUR"},
    )
    hear(refunded(order_id, 4, 5000, 5341))
    assert (shown()["paymentStatus"], shown()["refunded"]["amount"]) == ("refunded", 5341)
    items = send("GET", "/orders/{orderId}/timeline", path={"orderId": order_id}, subject=AMIRA).body["items"]
    assert [entry["amount"]["amount"] for entry in items if entry["type"] == "PaymentRefunded"] == [341, 5000]


def test_what_is_taken_back_after_a_late_cancellation_is_written_down(
    order_id: str, hear: Any, send: Any, shown: Any, timeline: Any
) -> None:
    hear(reserved(order_id), authorised(order_id), *(about(name, order_id, 2) for name in AFTER))
    send("POST", "/orders/{orderId}/cancel", path={"orderId": order_id}, subject=AMIRA)
    hear(refunded(order_id, 3, 5341, 5341), about(BACK[0], order_id, 3))
    assert (shown()["status"], shown()["paymentStatus"]) == ("cancelled", "refunded")
    assert timeline()[-3:] == ["OrderCancelled", "PaymentRefunded", "StockReleased"]


def test_a_void_is_written_down(order_id: str, hear: Any, shown: Any) -> None:
    hear(authorised(order_id), rejected(order_id), about("payments/PaymentVoided.v1", order_id, 2))
    assert (shown()["status"], shown()["paymentStatus"]) == ("cancelled", "voided")


def test_progress_of_an_order_that_is_not_here_comes_again(hear: Any) -> None:
    assert hear(about(AFTER[1], "ord_01kaqz5r7b8v0w3m2x4y6t9n1z")) == ["message-0"]


# --- what it tells -------------------------------------------------------------------------------------------------


def test_all_that_is_told_fits_its_schema(place: Any, place_as_guest: Any, hear: Any, told: Any) -> None:
    confirmed, off = place().body["orderId"], place_as_guest().body["orderId"]
    hear(reserved(confirmed), authorised(confirmed), rejected(off))
    events = told()
    assert sorted(types(events)) == ["OrderCancelled", "OrderConfirmed", "OrderPlaced", "OrderPlaced"]
    for event in events:
        path = ROOT / f"events/schemas/orders/{event['detail-type']}.v1.json"
        jsonschema.validate(event, json.loads(path.read_text()))


def same(event: dict[str, Any]) -> Any:
    """Return what is told of a fact: the same, whoever had it told."""
    return event["detail"]


def test_a_decision_is_told_again_by_the_vote_that_brought_it_and_by_no_other(
    order_id: str, hear: Any, told: Any
) -> None:
    hear(reserved(order_id), authorised(order_id))
    first = told()[-1]
    hear(reserved(order_id))
    assert told() == []
    hear(authorised(order_id))
    (again,) = told()
    assert again["detail"] == first["detail"]


def test_a_decision_that_was_overtaken_by_another_is_still_told_by_its_vote(
    order_id: str, hear: Any, send: Any, told: Any
) -> None:
    hear(reserved(order_id), authorised(order_id))
    confirmed = told()[-1]
    hear(about(AFTER[0], order_id, 2))
    send("POST", "/orders/{orderId}/cancel", path={"orderId": order_id}, subject=AMIRA)
    assert types(told()) == ["OrderCancelled"]
    hear(authorised(order_id))
    (again,) = told()
    assert same(again) == same(confirmed)


def test_a_decision_of_before_steps_had_versions_is_told_as_of_the_orders(
    order_id: str, hear: Any, table: OrdersTable, told: Any
) -> None:
    hear(reserved(order_id), authorised(order_id))
    told()
    key = {"pk": f"ORDER#{order_id}", "sk": "ORDER"}
    steps = [step.replace("@3", "") for step in table.get(key)["timeline"]]  # type: ignore[index]
    table.update(key, "SET timeline = :steps", {":steps": steps})
    hear(authorised(order_id))
    assert told()[0]["detail"]["aggregate"]["version"] == 3


# --- what nobody has told yet ---------------------------------------------------------------------------------------


class DeadBus:
    """A bus that nobody reaches: what a caller has stored stays untold."""

    def put_events(self, **_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://events")


@pytest.fixture
def dead_bus() -> Iterator[Callable[[bool], None]]:
    """Return a function that has the bus die, or live again."""

    def switch(dead: bool) -> None:
        aws.use((lambda name: DeadBus() if name == "events" else boto3.client(name)) if dead else None)

    yield switch
    aws.use(None)


def test_an_order_is_placed_though_nobody_can_be_told_and_the_sweep_tells(
    place: Any, table: OrdersTable, told: Any, dead_bus: Any
) -> None:
    dead_bus(True)
    answer = place()
    dead_bus(False)
    assert (answer.status, told()) == (202, [])
    assert saga.expire(table, WAIT, now() + timedelta(seconds=15)) == (0, 0, 0, 0)
    assert saga.expire(table, WAIT, now() + timedelta(seconds=25)) == (0, 1, 0, 0)
    (event,) = told()
    assert (event["detail"]["id"], event["detail"]["actor"]) == (
        f"{answer.body['orderId']}.1.OrderPlaced",
        AMIRA,
    )
    assert event["detail"]["time"] == answer.body["placedAt"]


def test_an_order_that_was_refused_by_the_bus_is_told_when_it_is_placed_again(
    place: Any, quote: Any, told: Any, dead_bus: Any
) -> None:
    text = quote()
    dead_bus(True)
    assert place(text).status == 202
    dead_bus(False)
    assert place(text).status == 202
    assert types(told()) == ["OrderPlaced"]


@pytest.mark.parametrize("vote", [reserved, authorised])
def test_an_order_is_sent_on_its_way_again_as_long_as_an_answer_is_missing(
    place: Any, hear: Any, table: OrdersTable, told: Any, sent: Any, vote: Any
) -> None:
    order_id = place().body["orderId"]
    hear(vote(order_id))
    first = sent()
    assert saga.expire(table, WAIT, now() + timedelta(seconds=25)) == (0, 1, 0, 0)
    assert sent() == first
    assert types(told()) == ["OrderPlaced", "OrderPlaced"]


def test_an_order_that_is_decided_is_sent_nowhere(place: Any, quote: Any, hear: Any, sent: Any) -> None:
    text = quote()
    hear(rejected(place(text).body["orderId"]))
    sent()
    assert place(text).status == 202
    assert sent() == []


def test_who_decides_an_order_that_nobody_answered_tells_that_it_was_placed(
    place: Any, send: Any, told: Any, dead_bus: Any
) -> None:
    dead_bus(True)
    order_id = place().body["orderId"]
    dead_bus(False)
    send("POST", "/orders/{orderId}/cancel", path={"orderId": order_id}, subject=AMIRA)
    assert types(told()) == ["OrderPlaced", "OrderCancelled"]


def test_votes_whose_decision_the_bus_did_not_take_come_again(
    order_id: str, hear: Any, told: Any, dead_bus: Any
) -> None:
    dead_bus(True)
    assert hear(reserved(order_id), authorised(order_id)) == ["message-1"]
    dead_bus(False)
    assert types(told()) == ["OrderPlaced"]
    assert hear(authorised(order_id)) == []
    assert types(told()) == ["OrderConfirmed"]


# --- what it costs -------------------------------------------------------------------------------------------------


def size(item: dict[str, Any]) -> int:
    """Return an item's bytes as DynamoDB counts them: names and values, 3 for a list and 1 for each element.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """

    def value(one: Any) -> int:
        if isinstance(one, list):
            return 3 + sum(1 + value(inner) for inner in one)
        return len(one.encode()) if isinstance(one, str) else len(str(one)) // 2 + 2

    return sum(len(name) + value(decode(wire)) for name, wire in item.items())


@pytest.mark.parametrize("lines", [1, 3])
def test_an_order_of_a_few_lines_fits_the_kilobyte_of_a_write_unit_at_every_step(
    place: Any, quote: Any, hear: Any, table: OrdersTable, lines: int
) -> None:
    line = sample("orders/OrderPlaced.v1")["detail"]["data"]["lines"][0]
    order_id = place(quote(lines=[{**line, "sku": f"POT-CLAY-{number}"} for number in range(lines)])).body[
        "orderId"
    ]
    sizes = []
    for fact in (None, reserved(order_id), authorised(order_id)):
        if fact:
            hear(fact)
        sizes.append(size(boto3.client("dynamodb").scan(TableName=table.name)["Items"][0]))
    assert max(sizes) <= 1024, sizes
