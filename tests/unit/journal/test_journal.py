"""The journal keeps every fact once, nothing personal, and an order's newest status in any order of arrival."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta, timezone
from typing import Any

import boto3
import pytest

from functions.shared.clock import now, rfc3339
from tests.support.lambda_events import sample
from tests.support.moto_stack import stand_ins
from tests.support.templates import ROOT
from tests.unit.journal.conftest import ADMIN, STAFF, now_told, told

SAMPLES = sorted(
    path.relative_to(ROOT / "events/samples") for path in (ROOT / "events/samples").rglob("*.json")
)


@pytest.mark.parametrize("name", SAMPLES, ids=str)
def test_every_published_fact_is_kept(send: Any, name: Any) -> None:
    assert told(sample(str(name).removesuffix(".json"))) == []


def test_a_fact_told_twice_is_kept_once(send: Any) -> None:
    event = now_told("inventory/StockReserved.v1")
    told(event, event)
    items = send("GET", "/journal/subjects/{subject}", path={"subject": "ord_1"}, **STAFF).body["items"]
    assert [item["type"] for item in items] == ["StockReserved"]


def test_what_is_not_a_fact_goes_to_the_dead_letters_and_holds_up_nothing(send: Any) -> None:
    assert told({"detail": 1}, now_told("inventory/StockReserved.v1")) == []
    messages = send(
        "GET", "/journal/queues/{name}/messages", path={"name": "souk-local-journal-inbox-dlq"}, **STAFF
    ).body["items"]
    assert len(messages) == 1
    assert "detail" in messages[0]["reason"]


def test_the_feed_shows_what_happened_since(send: Any) -> None:
    told(now_told("inventory/StockReserved.v1"), now_told("inventory/StockCommitted.v1", 2))
    after = rfc3339(now() - timedelta(minutes=1))
    items = send("GET", "/journal/events", query={"after": after}, **STAFF).body["items"]
    assert [item["type"] for item in items] == ["StockReserved", "StockCommitted"]


@pytest.mark.parametrize("roles", ["customer", ""])
def test_the_journal_is_for_staff(send: Any, roles: str) -> None:
    assert send("GET", "/journal/events", subject="cus_1", roles=roles).status == 403


ORDER_FACTS = ("orders/OrderPlaced.v1", "orders/OrderConfirmed.v1", "orders/OrderCancelled.v1")


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(3))), ids=str)
def test_an_order_shows_its_newest_status_whatever_arrives_first(send: Any, arrival: tuple[int, ...]) -> None:
    facts = [now_told(name, version) for version, name in enumerate(ORDER_FACTS, 1)]
    facts[0]["detail"]["data"]["placedAt"] = rfc3339(now())
    told(*(facts[index] for index in arrival))
    (order,) = send("GET", "/journal/orders", **STAFF).body["items"]
    assert (order["orderId"], order["status"]) == ("ord_1", "cancelled")


def test_nothing_personal_is_kept(send: Any) -> None:
    told(now_told("orders/OrderPlaced.v1"))
    (entry,) = send("GET", "/journal/subjects/{subject}", path={"subject": "ord_1"}, **STAFF).body["items"]
    assert not {"email", "shippingAddress", "paymentToken"} & set(entry["data"])


def logged(service: str, *lines: dict[str, Any]) -> None:
    logs = boto3.client("logs")
    name = {"logGroupName": f"/aws/lambda/souk-local-{service}"}
    logs.create_log_group(**name)
    logs.create_log_stream(**name, logStreamName="one")
    at = int(now().timestamp() * 1000)
    events = [{"timestamp": at, "message": text} for text in (*map(json.dumps, lines), "END RequestId")]
    for first in range(0, len(events), 5000):
        logs.put_log_events(**name, logStreamName="one", logEvents=events[first : first + 5000])


def test_errors_and_cold_starts_are_counted_by_service_from_the_logs(send: Any) -> None:
    fine = {"service": "orders", "level": "info", "coldStart": False}
    both = {**fine, "level": "error", "coldStart": True}
    logged("orders", fine, {**fine, "coldStart": True}, {**fine, "level": "error"}, both)
    items = send("GET", "/journal/services", **STAFF).body["items"]
    assert items == [{"service": "orders", "errors": 2, "coldStarts": 2}]


def trace(send: Any, correlation_id: str) -> Any:
    return send("GET", "/journal/traces/{correlationId}", path={"correlationId": correlation_id}, **STAFF)


def test_a_trace_is_every_invocation_of_one_request(send: Any) -> None:
    line = {
        "service": "orders",
        "kind": "http",
        "correlationId": "c-1",
        "durationMs": 12.5,
        "orderId": "ord_1",
    }
    logged("orders", line, {**line, "correlationId": "c-2"})
    logged("payments", {**line, "kind": "inbox", "error": "BusyError"})
    items = trace(send, "c-1").body["items"]
    assert {(item["kind"], item["error"], item["fields"]["orderId"]) for item in items} == {
        ("http", None, "ord_1"),
        ("inbox", "BusyError", "ord_1"),
    }


def test_a_trace_goes_through_all_pages_of_a_services_lines(send: Any) -> None:
    line = {"service": "orders", "correlationId": "c-1"}
    logged("orders", *[{**line, "durationMs": number} for number in range(10_001)])
    assert len(trace(send, "c-1").body["items"]) == 10_001


@pytest.mark.parametrize("made_up", ['c" || $.level = "info', "a b", "x" * 129])
def test_a_correlation_id_that_cannot_be_is_refused(send: Any, made_up: str) -> None:
    assert trace(send, made_up).status == 400


def test_what_people_asked_for_is_listed_newest_first(send: Any) -> None:
    first, second, third = (now_told("inventory/StockReserved.v1", version) for version in (1, 2, 3))
    first["detail"]["actor"], third["detail"]["actor"] = "cus_staff", "cus_admin"
    second["detail"]["actor"] = None
    told(first, second, third)
    items = send("GET", "/journal/acts", **STAFF).body["items"]
    assert [item["actor"] for item in items] == ["cus_admin", "cus_staff"]


# --- faults -------------------------------------------------------------------------------------------------------

FAULT = "/journal/faults/{service}"


@pytest.fixture
def shop(send: Any) -> None:
    """The functions of three services, as the templates name them."""
    names = ("cart-http", "cart-inbox", "catalog-http", "journal-http")
    stand_ins(*(f"souk-local-{name}" for name in names))


def test_what_answers_over_http_can_be_broken_but_for_the_journal(send: Any, shop: None) -> None:
    items = send("GET", "/journal/faults", **STAFF).body["items"]
    assert [one["service"] for one in items] == ["cart", "catalog"]
    assert send("PUT", FAULT, {"slow": True}, path={"service": "journal"}, **ADMIN).status == 404


def test_a_service_that_is_down_takes_no_call_on_any_of_its_functions(send: Any, shop: None) -> None:
    ask = boto3.client("lambda").get_function_concurrency
    for down, limit in ((True, 0), (False, None)):
        answer = send("PUT", FAULT, {"down": down}, path={"service": "cart"}, **ADMIN)
        assert answer.body == {"service": "cart", "down": down, "slow": False}
        limits = [
            ask(FunctionName=f"souk-local-{name}") for name in ("cart-http", "cart-inbox", "catalog-http")
        ]
        assert [one.get("ReservedConcurrentExecutions") for one in limits] == [limit, limit, None]


def test_a_service_is_made_slow_and_quick_again(send: Any, shop: None) -> None:
    boto3.client("ssm").put_parameter(Name="/souk/local/audit", Value="{}", Type="String")
    for slow in (True, True, False, False):
        answer = send("PUT", FAULT, {"slow": slow}, path={"service": "catalog"}, **ADMIN)
        assert answer.body == {"service": "catalog", "down": False, "slow": slow}
        listed = send("GET", "/journal/faults", **STAFF).body["items"]
        assert [one["service"] for one in listed if one["slow"]] == (["catalog"] if slow else [])


@pytest.mark.parametrize("body", [{"slow": True}, {"down": True}])
def test_faults_are_for_admins_of_the_local_stack(
    send: Any, shop: None, monkeypatch: pytest.MonkeyPatch, body: dict[str, bool]
) -> None:
    assert send("PUT", FAULT, body, path={"service": "catalog"}, **STAFF).status == 403
    assert send("PUT", FAULT, body, path={"service": "weather"}, **ADMIN).status == 404
    monkeypatch.setenv("ENVIRONMENT_NAME", "prod")
    assert send("PUT", FAULT, body, path={"service": "catalog"}, **ADMIN).body["code"] == "local_only"


# --- times and days -----------------------------------------------------------------------------------------------


def test_the_feed_takes_any_time_by_rfc_3339(send: Any) -> None:
    told(now_told("inventory/StockReserved.v1"))
    moment = now() - timedelta(minutes=1)
    there = timezone(timedelta(hours=5, minutes=30))
    for after in (f"{moment:%Y-%m-%dT%H:%M:%SZ}", moment.astimezone(there).isoformat()):
        items = send("GET", "/journal/events", query={"after": after}, **STAFF).body["items"]
        assert [item["type"] for item in items] == ["StockReserved"], after


@pytest.mark.parametrize("path", ["/journal/events", "/journal/traces/{correlationId}"])
@pytest.mark.parametrize("text", ["2026-02-30T10:00:00Z", "yesterday", "9999-12-31T23:59:59-01:00", ""])
def test_a_time_that_cannot_be_is_refused(send: Any, path: str, text: str) -> None:
    name = "after" if path.endswith("events") else "since"
    answer = send("GET", path, query={name: text}, path={"correlationId": "c-1"}, **STAFF)
    assert (answer.status, answer.body["code"], answer.body["parameters"]) == (
        400,
        "invalid_time",
        {"parameter": name},
    )


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("path", ["/journal/events", "/journal/traces/{correlationId}"])
def test_a_time_far_from_now_is_one_too(send: Any, path: str, text: str) -> None:
    name = "after" if path.endswith("events") else "since"
    answer = send("GET", path, query={name: text}, path={"correlationId": "c-1"}, **STAFF)
    assert (answer.status, answer.body["items"]) == (200, [])


@pytest.mark.parametrize("path", ["/journal/acts", "/journal/orders"])
@pytest.mark.parametrize("day", ["2026-02-30", "2026-13-01", "today", ""])
def test_a_day_that_cannot_be_is_refused(send: Any, path: str, day: str) -> None:
    answer = send("GET", path, query={"day": day}, **STAFF)
    assert (answer.status, answer.body["code"]) == (400, "invalid_day")
