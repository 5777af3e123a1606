"""A journal on an empty account: a way in for facts, people who read it, and what it put on the bus."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from functions.journal.app import app, journal, on_inbox, publish
from functions.shared.clock import now, rfc3339
from tests.support.lambda_events import Context, sample, sqs_event

STAFF = {"subject": "cus_staff", "roles": "staff"}
ADMIN = {"subject": "cus_admin", "roles": "admin"}


@pytest.fixture
def send(deploy: Callable[[str], str], call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that sends a request to the journal."""
    deploy("journal")
    journal.cache_clear()
    return lambda *args, **options: call(app, *args, **options)


@pytest.fixture
def published(send: Any) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that publishes what the stream has brought, and returns what is new on the bus."""
    sqs, events, streams = (boto3.client(name) for name in ("sqs", "events", "dynamodbstreams"))
    stream = streams.list_streams(TableName="souk-local-journal")["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    position = [start["ShardIterator"]]
    queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
    events.put_rule(Name="seen", EventBusName="souk-local", EventPattern='{"source": ["souk.journal"]}')
    target = {"Id": "seen", "Arn": "arn:aws:sqs:eu-west-1:123456789012:seen"}
    events.put_targets(Rule="seen", EventBusName="souk-local", Targets=[target])

    def run() -> list[dict[str, Any]]:
        answer = streams.get_records(ShardIterator=position[0])
        position[0] = answer["NextShardIterator"]
        publish({"Records": answer["Records"]}, Context())
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in got:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["detail"] for message in got]

    return run


def told(*events: dict[str, Any]) -> list[Any]:
    """Hand facts to the inbox, and return those it gave back."""
    failed: list[Any] = on_inbox(sqs_event(*events), Context())["batchItemFailures"]
    return failed


def now_told(name: str, version: int = 1, **data: Any) -> dict[str, Any]:
    """Return the publisher's sample of a fact, told now of the order ord_1."""
    event = sample(name, orderId="ord_1", **data)
    event["detail"]["time"] = rfc3339(now())
    event["detail"]["id"] = f"ord_1.{version}.{event['detail-type']}"
    event["detail"]["aggregate"]["version"] = version
    return event
