"""The log: one JSON line per invocation, or per record of it, with ids and never with content."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from functions.shared import log
from functions.shared.context import begin, current
from functions.shared.log import begin_batch, end, logged, measure, note
from tests.support.lambda_events import Context


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_NAME", "wishes")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "souk-local-wishes-http")
    monkeypatch.setenv("ENVIRONMENT_NAME", "dev")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.strip("\n").split("\n")]


def test_an_invocation_writes_one_line_that_says_what_ran_and_how_it_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = Context()
    assert logged("sweep", lambda event, _: event["n"] + 1)({"n": 1}, context) == 2
    (line,) = lines(capsys)
    assert line.pop("durationMs") >= 0
    assert line.pop("coldStart") in (True, False)
    assert line == {
        "level": "info",
        "service": "wishes",
        "function": "souk-local-wishes-http",
        "kind": "sweep",
        "correlationId": context.aws_request_id,
        "requestId": context.aws_request_id,
        "outcome": "ok",
    }


@pytest.mark.parametrize("sampled", [True, False])
def test_a_run_that_is_traced_names_its_trace(
    sampled: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    header = f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={int(sampled)}"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    logged("sweep", lambda event, _: None)({}, Context())
    (line,) = lines(capsys)
    assert line.get("traceId") == ("1-5759e988-bd862e3fe1be46a994272793" if sampled else None)


def test_only_the_first_invocation_of_a_worker_is_a_cold_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "current", log.Invocation())
    for _ in range(3):
        logged("sweep", lambda event, context: None)({}, Context())
    assert [line["coldStart"] for line in lines(capsys)] == [True, False, False]


def test_what_a_handler_notes_is_in_its_line_and_not_in_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    logged("sweep", lambda event, context: note(asked=3, orderId="ord_1"))({}, Context())
    logged("sweep", lambda event, context: None)({}, Context())
    first, second = lines(capsys)
    assert (first["asked"], first["orderId"]) == (3, "ord_1")
    assert "asked" not in second


def test_on_whose_behalf_one_invocation_ran_is_forgotten_by_the_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logged("sweep", lambda event, context: begin("purchase-1", "ord_1.1.OrderPlaced"))({}, Context())
    context = Context()
    seen = []
    logged("sweep", lambda event, _: seen.append((current.correlation_id, current.causation_id)))({}, context)
    assert seen == [(context.aws_request_id, None)]
    assert [line["correlationId"] for line in lines(capsys)] == ["purchase-1", context.aws_request_id]


def test_an_invocation_that_raises_writes_its_line_and_still_raises(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def handler(event: Any, context: Any) -> None:
        note(facts=2)
        raise LookupError("table is gone")

    with pytest.raises(LookupError):
        logged("publish", handler)({}, Context())
    (line,) = lines(capsys)
    assert (line["outcome"], line["level"], line["error"]) == ("raised", "error", "LookupError")
    assert (line["message"], line["facts"]) == ("table is gone", 2)
    assert any("test_log.py" in frame and frame.endswith("handler") for frame in line["stack"])


def test_a_long_message_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(event: Any, context: Any) -> None:
        raise LookupError("x" * 5000)

    with pytest.raises(LookupError):
        logged("publish", handler)({}, Context())
    assert len(lines(capsys)[0]["message"]) == 500


def test_neither_the_event_nor_the_answer_is_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    logged("sweep", lambda event, context: {"answer": "secret-2"})({"body": "secret-1"}, Context())
    assert "secret" not in capsys.readouterr().out


def test_a_line_is_one_line_whatever_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    logged("sweep", lambda event, context: note(code="two\nlines \u2028 é"))({}, Context())
    (line,) = lines(capsys)
    assert line["code"] == "two\nlines \u2028 é"


def test_a_function_keeps_its_name_under_the_log() -> None:
    def sweep(event: Any, context: Any) -> None: ...

    assert logged("sweep", sweep).__name__ == "sweep"


def test_an_invocation_without_a_lambda_context_is_logged_too(capsys: pytest.CaptureFixture[str]) -> None:
    logged("sweep", lambda event, context: None)({}, None)
    assert lines(capsys)[0]["requestId"] == ""


def test_each_record_has_its_line_and_what_is_noted_after_them_one_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sweep(event: Any, context: Any) -> None:
        for order_id in ("ord_1", "ord_2"):
            begin(order_id)
            note(orderId=order_id)
            end()
        note(overdue=2)

    context = Context()
    logged("sweep", sweep)({}, context)
    told = [(line["correlationId"], line.get("orderId"), line.get("overdue")) for line in lines(capsys)]
    assert told == [("ord_1", "ord_1", None), ("ord_2", "ord_2", None), (context.aws_request_id, None, 2)]


def test_an_invocation_that_raises_after_its_records_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(event: Any, context: Any) -> None:
        begin("purchase-1")
        end()
        raise LookupError("table is gone")

    with pytest.raises(LookupError):
        logged("inbox", handler)({}, Context())
    assert [line["outcome"] for line in lines(capsys)] == ["ok", "raised"]


def test_numbers_that_are_measured_are_metrics_of_the_same_line_by_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logged("inbox", lambda event, context: measure(confirmed=1, decisionMs=412.5))({}, Context())
    (line,) = lines(capsys)
    assert (line["confirmed"], line["decisionMs"], line["service"]) == (1, 412.5, "wishes")
    told = line["_aws"]
    assert abs(told["Timestamp"] - time.time() * 1000) < 60_000
    assert told["CloudWatchMetrics"] == [
        {
            "Namespace": "souk-dev",
            "Dimensions": [["service"]],
            "Metrics": [{"Name": "confirmed"}, {"Name": "decisionMs"}],
        }
    ]


def test_a_line_without_numbers_has_not_a_byte_of_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    logged("sweep", lambda event, context: measure(undecided=0))({}, Context())
    logged("sweep", lambda event, context: note(asked=3))({}, Context())
    first, second = lines(capsys)
    assert "_aws" in first
    assert "_aws" not in second


def test_what_was_measured_once_is_counted_once_also_in_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(event: Any, context: Any) -> None:
        begin_batch([("purchase-1", {}), ("purchase-2", {})])
        measure(confirmed=1)
        measure(confirmed=1)
        end()

    logged("inbox", handler)({}, Context())
    first, second = lines(capsys)
    assert [one["Name"] for one in first["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["confirmed"]
    assert "_aws" not in second
