"""The operator's commands on an environment in AWS: they find it by its name, and touch no other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from functions.shared import context
from tests.support import templates
from tools.operate import audit, dlq, logs, mail, replay
from tools.operate.environment import Deployed, chosen
from tools.report import ToolError

OPTIONS = ("SERVICE", "FOLLOW", "QUEUE", "REDRIVE", "DELETE", "REASON", "FROM", "TO")


@pytest.fixture(autouse=True)
def prod(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account that holds dev and prod; ENV says prod."""
    monkeypatch.setenv("ENV", "prod")
    for name in OPTIONS:
        monkeypatch.delenv(name, raising=False)
    actor = context.current.actor
    yield
    context.current.actor = actor


def tables(environment: str, *services: str) -> None:
    for service in services:
        request = templates.table_request(service)
        boto3.client("dynamodb").create_table(**{**request, "TableName": f"souk-{environment}-{service}"})


def put(table: str, **item: Any) -> None:
    wire = {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in item.items()
    }
    boto3.client("dynamodb").put_item(TableName=table, Item=wire)


def queue(name: str, *bodies: str) -> str:
    url: str = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    for body in bodies:
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    return url


def depth(url: str) -> int:
    what = "ApproximateNumberOfMessages"
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[what])["Attributes"]
    return int(found[what])


def test_an_environment_that_samconfig_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "moon")
    with pytest.raises(ToolError, match="no environment 'moon'; there are: local dev prod preview"):
        chosen()


def test_the_region_is_the_shells_and_otherwise_that_of_samconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert Deployed("prod").variables == {"AWS_DEFAULT_REGION": "eu-north-1", "AWS_REGION": "eu-north-1"}
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert Deployed("prod").variables["AWS_REGION"] == "eu-west-1"


def test_only_an_emulator_is_given_keys_and_only_where_the_shell_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "AWS_ACCESS_KEY_ID" not in Deployed("dev").variables
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    given = Deployed("dev").variables
    assert (given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]) == ("test", "mine")


def test_logs_are_those_of_the_environment_and_of_the_service_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for function in ("prod-orders-http", "prod-cart-http", "dev-orders-http"):
        group, client = f"/aws/lambda/souk-{function.removesuffix('-http')}", boto3.client("logs")
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="one")
        line = json.dumps({"function": f"souk-{function}"})
        events = [{"timestamp": int(time.time() * 1000), "message": line}]
        client.put_log_events(logGroupName=group, logStreamName="one", logEvents=events)
    logs.main()
    said = [line.split(maxsplit=2)[1:] for line in capsys.readouterr().out.splitlines()]
    assert sorted(said) == [
        ["cart-http", '{"function": "souk-prod-cart-http"}'],
        ["orders-http", '{"function": "souk-prod-orders-http"}'],
    ]
    monkeypatch.setenv("SERVICE", "orders")
    logs.main()
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["orders-http"]


def test_dead_letters_are_listed_for_the_environment_alone(capsys: pytest.CaptureFixture[str]) -> None:
    queue("souk-dev-orders-inbox-dlq", "a")
    queue("souk-prod-orders-inbox-dlq", "a", "b")
    dlq.main()
    assert capsys.readouterr().out.split() == ["2", "souk-prod-orders-inbox-dlq"]


def test_a_dead_letter_goes_back_in_its_environment_and_its_journal_says_who_did_it() -> None:
    tables("prod", "journal")
    name = "souk-prod-orders-inbox-dlq"
    home, dead = queue("souk-prod-orders-inbox"), queue(name, "a fact")
    dlq.use(chosen())
    dlq.redrive(name, None, seconds=0)
    assert (depth(home), depth(dead)) == (1, 0)
    rows = boto3.client("dynamodb").scan(TableName="souk-prod-journal")["Items"]
    assert any(dlq.OPERATOR in json.dumps(row, default=repr) for row in rows)


def test_the_audit_compares_the_environments_tables_and_leaves_its_result_there() -> None:
    for environment in ("dev", "prod"):
        tables(environment, "orders", "inventory", "payments", "journal")
    put("souk-prod-inventory", pk="SKU#MUG", sk="LEVEL", on_hand=10, available=10)
    put("souk-prod-inventory", pk="SKU#MUG", sk="MOVE#2026-11-22T17:05:10.000Z#a", delta=10)
    put("souk-dev-inventory", pk="SKU#CUP", sk="LEVEL", on_hand=1, available=3)
    assert audit.audit(chosen()) == (1, [])
    parameter = boto3.client("ssm").get_parameter(Name="/souk/prod/audit")["Parameter"]["Value"]
    assert json.loads(parameter)["checked"] == 1


def archived(environment: str, *consumers: str) -> None:
    events = boto3.client("events")
    bus = events.create_event_bus(Name=f"souk-{environment}")["EventBusArn"]
    for service in consumers:
        events.put_rule(
            Name=f"souk-{environment}-{service}-inbox",
            EventBusName=f"souk-{environment}",
            EventPattern=json.dumps({"source": ["souk.orders"]}),
        )
    events.create_archive(ArchiveName=f"souk-{environment}-facts", EventSourceArn=bus)


def test_facts_are_sent_again_once_and_to_the_rules_of_those_consumers_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archived("prod", "inventory", "payments")
    monkeypatch.setenv("SERVICE", "inventory")
    replay.main()
    events = boto3.client("events")
    ((one),) = events.list_replays()["Replays"]
    told = events.describe_replay(ReplayName=one["ReplayName"])
    (target,) = told["Destination"]["FilterArns"]
    assert target.endswith(":rule/souk-prod/souk-prod-inventory-inbox")
    assert told["EventEndTime"] - told["EventStartTime"] == timedelta(hours=1)
    assert "make audit ENV=prod" in capsys.readouterr().out
    patterns = [rule["EventPattern"] for rule in events.list_rules(EventBusName="souk-prod")["Rules"]]
    assert not any("replay-name" in pattern and "exists" not in pattern for pattern in patterns)


def test_who_consumes_nothing_is_refused_and_an_environment_without_an_archive_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    boto3.client("events").create_event_bus(Name="souk-prod")
    monkeypatch.setenv("SERVICE", "catalog")
    with pytest.raises(ToolError, match="catalog consumes nothing"):
        replay.main()
    with pytest.raises(ToolError, match="prod has no archive; deploy the platform"):
        replay.send(Deployed("prod"), "replay-1", datetime.now(UTC), datetime.now(UTC), [])


def test_mail_is_kept_by_the_emulator_alone() -> None:
    with pytest.raises(ToolError, match="SES keeps no e-mail"):
        mail.main()
