"""The alarms as an emulator has them: the template as it is written, and a fault that calls through the topic.

The emulator records no metrics of Lambda and SQS: they are sent as AWS would. Whether an alarm is right about its
metric is tests/contract/test_alarms.py's.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import alarms
from tests.support.patience import eventually
from tools.build import sam
from tools.local.stack import Stack
from tools.operate import deploy


@pytest.fixture(scope="module")
def watched(bare: Stack) -> Stack:
    """An emulator with what watches over two services that are not there."""
    target = sam.Target("local", variables=bare.variables)
    for service in ("cart", "orders"):
        sam.deploy_stack(*deploy.in_order(sam.StackTemplate(service), target)[0])
    return bare


def test_what_watches_is_deployed_as_the_template_is_expanded_in_tests(watched: Stack) -> None:
    pages = watched.client("cloudwatch").get_paginator("describe_alarms").paginate()
    deployed = {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}
    expected = {
        name.replace("souk-dev", "souk-local"): alarm
        for service in ("cart", "orders")
        for name, alarm in alarms.alarms(service).items()
    }
    assert deployed.keys() == expected.keys()
    for name, alarm in expected.items():
        assert deployed[name]["MetricName"] == alarm["MetricName"]
        assert float(deployed[name]["Threshold"]) == float(alarm["Threshold"])
        assert deployed[name]["Dimensions"] == [
            {**one, "Value": one["Value"].replace("souk-dev", "souk-local")} for one in alarm["Dimensions"]
        ]


def test_a_fault_calls_through_the_topic_and_names_its_page(watched: Stack) -> None:
    sqs, sns = watched.client("sqs"), watched.client("sns")
    queue = sqs.create_queue(QueueName="pager")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    (topic,) = (
        one["TopicArn"] for one in sns.list_topics()["Topics"] if "souk-local-alarms" in one["TopicArn"]
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    watched.client("cloudwatch").put_metric_data(
        Namespace="souk-local",
        MetricData=[
            {"MetricName": "undecided", "Dimensions": [{"Name": "service", "Value": "orders"}], "Value": 3}
        ],
    )
    calls: list[dict[str, Any]] = []

    def called() -> bool:
        watched.client("cloudwatch").describe_alarms()  # the emulator looks when it is asked
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        calls.extend(json.loads(json.loads(message["Body"])["Message"]) for message in messages)
        return bool(calls)

    assert eventually(called)
    (call,) = calls
    assert (call["AlarmName"], call["NewStateValue"]) == ("souk-local-orders-sweep-undecided", "ALARM")
    assert "docs/operating.md#alarm-undecided" in call["AlarmDescription"]
