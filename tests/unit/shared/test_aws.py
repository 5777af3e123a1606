"""The door to AWS: one session, clients made once, the endpoint from the environment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from functions.shared import aws

DOORS = (
    aws.dynamodb,
    aws.eventbridge,
    aws.kms,
    aws.lambda_,
    aws.s3,
    aws.secretsmanager,
    aws.ses,
    aws.sqs,
    aws.ssm,
)


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_client_is_made_once(door: Callable[[], Any]) -> None:
    assert door() is door()


@pytest.mark.usefixtures("cloud")
def test_all_clients_share_one_session() -> None:
    for door in DOORS:
        door()
    assert aws._session.cache_info().currsize == 1


@pytest.mark.usefixtures("cloud")
def test_the_endpoint_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
    aws.use(None)  # forget the clients made so far
    try:
        assert {door().meta.endpoint_url for door in DOORS} == {"http://127.0.0.1:4599"}
    finally:
        aws.use(None)


@pytest.mark.usefixtures("cloud")
def test_no_call_waits_longer_than_a_function_may_run() -> None:
    for door in DOORS:
        config = door().meta.config
        assert config.connect_timeout + config.read_timeout < 10
        assert config.retries["mode"] == "standard"
        assert config.retries["total_max_attempts"] <= 3


def test_a_start_says_nothing_of_its_credentials(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "found")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "found")
    caplog.set_level(logging.INFO)  # as Lambda sets the root logger where lines are JSON
    boto3.session.Session().client("sqs", region_name="eu-west-1")
    assert caplog.messages == []


@pytest.mark.usefixtures("cloud")
def test_the_aws_underneath_can_be_another_and_boto3s_again() -> None:
    asked: list[str] = []
    aws.use(lambda name: asked.append(name) or "another AWS")
    try:
        assert {door() for door in DOORS} == {"another AWS"}
        assert asked == ["dynamodb", "events", "kms", "lambda", "s3", "secretsmanager", "sesv2", "sqs", "ssm"]
    finally:
        aws.use(None)
    assert aws.dynamodb().meta.service_model.service_name == "dynamodb"


@pytest.mark.usefixtures("cloud")
def test_a_call_names_its_client_without_composing_the_name() -> None:
    asked: list[bytes] = []

    def note(request: Any, **_: Any) -> None:
        asked.append(request.headers["User-Agent"])

    client: Any = aws.eventbridge()
    client.meta.events.register_first("before-send.eventbridge", note)
    try:
        client.list_event_buses()
    finally:
        client.meta.events.unregister("before-send.eventbridge", note)
    name, *versions = asked[0].split()
    assert (name, len(asked)) == (b"souk", 1)
    assert len(versions) <= 1  # of the dozen parts that botocore composes
