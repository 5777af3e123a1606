"""Streams after a restart: every mapping of a table stream is made anew, and only those."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tools.local import streams

FILTER = {
    "Filters": [{"Pattern": json.dumps({"dynamodb": {"NewImage": {"outbox": {"S": [{"exists": True}]}}}})}]
}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Lambda client of an account with one function."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", "")
        client = boto3.client("lambda")
        client.create_function(
            FunctionName="publish",
            Runtime="python3.11",
            Role=role,
            Handler="app.f",
            Code={"ZipFile": content.getvalue()},
        )
        yield client


def a_stream() -> str:
    """Make a table with a stream; return the stream's ARN."""
    table = boto3.client("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return str(table["TableDescription"]["LatestStreamArn"])


def test_a_mapping_is_made_anew_with_what_it_had(function: Any) -> None:
    before = function.create_event_source_mapping(
        FunctionName="publish",
        EventSourceArn=a_stream(),
        StartingPosition="TRIM_HORIZON",
        BatchSize=50,
        FilterCriteria=FILTER,
    )
    assert streams.resume(function) == 1
    (after,) = function.list_event_source_mappings()["EventSourceMappings"]
    assert after["UUID"] != before["UUID"]
    for kept in ("EventSourceArn", "FunctionArn", "BatchSize", "FilterCriteria"):
        assert after[kept] == before[kept]


def test_a_mapping_of_a_queue_is_left_alone(function: Any) -> None:
    url = boto3.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    sqs = boto3.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    before = function.create_event_source_mapping(FunctionName="publish", EventSourceArn=arn)
    assert streams.resume(function) == 0
    (after,) = function.list_event_source_mappings()["EventSourceMappings"]
    assert after["UUID"] == before["UUID"]


def test_an_account_without_mappings_is_left_alone(function: Any) -> None:
    assert streams.resume(function) == 0
