"""Alarms: all that can fail is watched, each rings for what it is there for, and its page says what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.alarms import (
    ENVIRONMENT,
    Metrics,
    Series,
    alarms,
    made,
    of_platform,
    of_shop,
    series_of,
    shown,
)
from tests.support.templates import ROOT, resources
from tools.operate import release
from tools.services import services
from tools.templates import template

PAGE = ROOT / "docs" / "operating.md"
KINDS = {
    "errors": ("AWS/Lambda", "Errors"),
    "throttles": ("AWS/Lambda", "Throttles"),
    "oldest": ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    "dlq": ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    "behind": ("AWS/Lambda", "IteratorAge"),
    "5xx": (f"souk-{ENVIRONMENT}", "serverErrors"),
    "p99": ("AWS/Lambda", "Duration"),
    "undecided": (f"souk-{ENVIRONMENT}", "undecided"),
    "unbalanced": (f"souk-{ENVIRONMENT}", "unbalanced"),
    "bounces": ("AWS/SES", "Reputation.BounceRate"),
    "complaints": ("AWS/SES", "Reputation.ComplaintRate"),
}
"""What the name of an alarm ends in, and the metric it listens to: AWS's by the names of its documentation."""
ALARMS = {name: alarm for service in services() for name, alarm in alarms(service).items()}
EVERY = {**ALARMS, **of_platform()}


def kind(name: str) -> str:
    return name.rpartition("-")[2]


def watched(metric: str) -> set[str]:
    return {alarm["Dimensions"][0]["Value"] for alarm in ALARMS.values() if alarm["MetricName"] == metric}


def named(service: str, of: str, attribute: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for properties in resources(service, of).values():
        yield properties[attribute]["Fn::Sub"].replace("${Environment}", ENVIRONMENT), properties


@pytest.mark.parametrize("service", services())
def test_every_function_of_every_template_is_watched(service: str) -> None:
    functions = {name for name, _ in named(service, "AWS::Serverless::Function", "FunctionName")}
    assert functions
    assert functions <= watched("Errors")
    assert functions <= watched("Throttles")
    assert f"souk-{ENVIRONMENT}-{service}-http" in watched("Duration")
    assert service in watched("serverErrors")


@pytest.mark.parametrize("service", services())
def test_every_queue_is_watched_and_every_dead_letter_queue_too(service: str) -> None:
    for name, properties in named(service, "AWS::SQS::Queue", "QueueName"):
        is_last = "RedrivePolicy" not in properties
        assert name in watched(
            "ApproximateNumberOfMessagesVisible" if is_last else "ApproximateAgeOfOldestMessage"
        )


@pytest.mark.parametrize("service", services())
def test_every_reader_of_a_stream_is_watched(service: str) -> None:
    readers = {
        name
        for name, properties in named(service, "AWS::Serverless::Function", "FunctionName")
        if any(event["Type"] in ("DynamoDB", "Kinesis") for event in properties.get("Events", {}).values())
    }
    assert readers <= watched("IteratorAge")


def test_nothing_is_watched_that_is_in_no_template() -> None:
    there = {
        name
        for service in services()
        for of, attribute in (("AWS::Serverless::Function", "FunctionName"), ("AWS::SQS::Queue", "QueueName"))
        for name, _ in named(service, of, attribute)
    }
    assert {one["Dimensions"][0]["Value"] for one in ALARMS.values()} == there | set(services())


def test_each_alarm_names_a_section_of_the_operators_page_and_each_of_these_has_its_alarm() -> None:
    sections = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (Alarm: .+)$", PAGE.read_text(), re.MULTILINE)
    }
    named_by = {alarm["AlarmDescription"].partition("docs/operating.md#")[2] for alarm in EVERY.values()}
    assert named_by == sections
    assert {f"alarm-{kind(name)}" for name in EVERY} == sections
    assert all(alarm["AlarmDescription"].endswith(f"#alarm-{kind(name)}") for name, alarm in EVERY.items())


def test_each_alarm_calls_through_the_platforms_topic() -> None:
    topic = resources("platform", "AWS::SNS::Topic")["AlarmsTopic"]
    name = topic["TopicName"]["Fn::Sub"].replace("${Environment}", ENVIRONMENT)
    called = {arn.rpartition(":")[2] for alarm in EVERY.values() for arn in alarm["AlarmActions"]}
    assert called == {name}


def test_each_alarm_listens_to_its_metric() -> None:
    for name, alarm in EVERY.items():
        assert (alarm["Namespace"], alarm["MetricName"]) == KINDS[kind(name)], name
        assert name.startswith(f"souk-{ENVIRONMENT}-")


def rings(name: str, *minutes: list[float]) -> bool:
    """Tell whether an alarm rings when this was recorded in the last minutes, the latest first."""
    metrics = Metrics()
    for number, values in enumerate(minutes):
        metrics.record(series_of(EVERY[name]), values, number)
    return metrics.rings(EVERY[name])


def of_kind(wanted: str) -> list[str]:
    return sorted(name for name in ALARMS if kind(name) == wanted)


@pytest.mark.parametrize(("what", "most"), [("bounces", 0.05), ("complaints", 0.001)])
def test_mail_that_comes_back_rings_before_ses_takes_a_look(what: str, most: float) -> None:
    name = f"souk-{ENVIRONMENT}-mail-{what}"
    assert rings(name, [most * 0.9])
    assert not rings(name, [most * 0.3])
    assert EVERY[name]["TreatMissingData"] == "ignore"  # told a few times a day
    assert "Dimensions" not in EVERY[name]  # of the whole account, as SES judges


COUNTED = [name for of in ("errors", "throttles", "5xx") for name in of_kind(of)]


@pytest.mark.parametrize("name", COUNTED)
def test_three_in_five_minutes_ring_and_two_do_not(name: str) -> None:
    assert rings(name, [1], [], [1], [], [1])
    assert not rings(name, [1], [], [1])
    assert not rings(name, [1], [1], [], [], [], [1])
    assert not rings(name)


@pytest.mark.parametrize("name", of_kind("oldest"))
def test_a_message_that_its_consumer_does_not_get_done_rings(name: str) -> None:
    most = float(ALARMS[name]["Threshold"])
    service = name.split("-")[2]
    slowest = max(
        float(one.get("Timeout", template(service)["Globals"]["Function"]["Timeout"]))
        for one in resources(service, "AWS::Serverless::Function").values()
        if any(event["Type"] == "SQS" for event in one.get("Events", {}).values())
    )
    assert most == 300 + slowest
    assert rings(name, [most + 120], [most + 60], [most + 1])
    assert not rings(name, [most + 60], [most + 1], [most])
    assert not rings(name)


@pytest.mark.parametrize("name", of_kind("dlq"))
def test_one_dead_letter_rings_at_once(name: str) -> None:
    assert rings(name, [1])
    assert not rings(name, [0], [1])


@pytest.mark.parametrize("name", of_kind("behind"))
def test_a_stream_that_is_not_read_for_minutes_rings(name: str) -> None:
    assert rings(name, [180_000], [120_000], [60_001])
    assert not rings(name, [0], [120_000], [60_001])


@pytest.mark.parametrize("name", of_kind("p99"))
def test_one_slow_call_of_a_hundred_rings_and_one_of_few_does_not(name: str) -> None:
    quarter = lambda values: [values if minute % 5 == 0 else [] for minute in range(15)]  # noqa: E731
    most = float(ALARMS[name]["Threshold"])
    assert rings(name, *quarter([20.0] * 1000 + [most + 1] * 20))
    assert not rings(name, *quarter([20.0] * 1000 + [most + 1] * 5))
    assert not rings(name, *quarter([20.0, most + 1]))


def test_orders_that_run_out_of_time_ring_and_so_does_a_sweep_that_tells_nothing() -> None:
    (name,) = of_kind("undecided")
    assert not rings(name, [0], [0], [0], [0], [0])
    assert not rings(name, [0], [2], [0], [0], [0])
    assert rings(name, [0], [3], [0], [0], [0])
    assert rings(name)


def test_one_payment_that_its_ledger_does_not_know_rings() -> None:
    (name,) = of_kind("unbalanced")
    assert rings(name, [], [1])
    assert not rings(name)


def test_what_another_service_or_environment_records_rings_for_nobody_else() -> None:
    metrics = Metrics()
    others: list[Series] = [
        ("souk-prod", "serverErrors", frozenset({("service", "orders")})),
        (f"souk-{ENVIRONMENT}", "serverErrors", frozenset({("service", "cart")})),
    ]
    for series in others:
        metrics.record(series, [9])
    assert not metrics.rings(ALARMS[f"souk-{ENVIRONMENT}-orders-http-5xx"])
    assert metrics.rings(ALARMS[f"souk-{ENVIRONMENT}-cart-http-5xx"])


@pytest.mark.parametrize("service", services())
def test_numbers_are_in_logs_of_the_class_that_metrics_are_made_of(service: str) -> None:
    """CloudWatch reads no embedded metrics in the class for infrequent access ("Log classes")."""
    groups = resources(service, "AWS::Logs::LogGroup").values()
    assert {one.get("LogGroupClass", "STANDARD") for one in groups} == {"STANDARD"}


# --- the canary (tools/operate/release.py) ---


@pytest.mark.parametrize("service", services())
def test_the_alarms_that_end_a_canary_are_there(service: str) -> None:
    for function in release.with_alias(template(service), "one", shift=True)["Resources"].values():
        preference = function.get("Properties", {}).get("DeploymentPreference", {"Alarms": []})
        wanted = {one["Fn::Sub"].replace("${Environment}", ENVIRONMENT) for one in preference["Alarms"]}
        assert wanted <= ALARMS.keys()
        assert wanted or function["Type"] != "AWS::Serverless::Function"


# --- dashboards ---


@pytest.mark.parametrize("service", services())
def test_each_service_has_a_dashboard_of_what_its_alarms_listen_to(service: str) -> None:
    (board,) = made(service, "AWS::CloudWatch::Dashboard")
    assert board["DashboardName"] == f"souk-{ENVIRONMENT}-{service}"
    listened = {KINDS[kind(name)] for name in alarms(service)} - {
        (f"souk-{ENVIRONMENT}", "undecided"),
        (f"souk-{ENVIRONMENT}", "unbalanced"),
    }
    assert listened <= shown(board["DashboardBody"])
    assert f"SOURCE '/aws/lambda/souk-{ENVIRONMENT}-{service}'" in board["DashboardBody"]


def test_the_shop_has_a_dashboard_of_orders_revenue_and_the_time_to_decide() -> None:
    names = {name for space, name in shown(of_shop()["DashboardBody"]) if space == "souk-local"}
    assert names == {"cancelled", "undecided", "revenue", "decisionMs", "serverErrors"}
