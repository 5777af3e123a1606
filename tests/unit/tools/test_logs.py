"""`make logs`: the lines of the services asked for, each with the function that wrote it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tools.operate.logs import lines, log_groups

AT = int(time.time() * 1000)
"""CloudWatch Logs takes no lines of another month."""


@pytest.fixture
def logs() -> Iterator[Any]:
    """CloudWatch Logs with the groups of three services, one of them another environment's."""
    with mock_aws():
        client = boto3.client("logs", region_name="eu-west-1")
        for name in ("souk-local-orders", "souk-local-cart", "souk-dev-cart"):
            client.create_log_group(logGroupName=f"/aws/lambda/{name}")
        yield client


def write(logs: Any, service: str, *texts: str) -> None:
    name = {"logGroupName": f"/aws/lambda/souk-local-{service}", "logStreamName": "one"}
    logs.create_log_stream(**name)
    logs.put_log_events(**name, logEvents=[{"timestamp": AT, "message": text} for text in texts])


def test_a_service_that_is_named_has_its_own_group_alone(logs: Any) -> None:
    assert log_groups(logs, ["cart"]) == ["/aws/lambda/souk-local-cart"]


def test_localstacks_groups_of_single_functions_are_read_too(logs: Any) -> None:
    logs.create_log_group(logGroupName="/aws/lambda/souk-local-cart-http")
    logs.create_log_group(logGroupName="/aws/lambda/souk-local-cartons-http")
    assert log_groups(logs, ["cart"]) == ["/aws/lambda/souk-local-cart", "/aws/lambda/souk-local-cart-http"]


def test_nobody_named_is_every_service_of_this_stack(logs: Any) -> None:
    assert log_groups(logs, []) == ["/aws/lambda/souk-local-cart", "/aws/lambda/souk-local-orders"]


def test_a_service_that_is_not_deployed_has_no_group(logs: Any) -> None:
    assert log_groups(logs, ["order"]) == []


def test_each_line_says_which_function_of_the_service_wrote_it(logs: Any) -> None:
    write(
        logs, "orders", *(json.dumps({"function": f"souk-local-orders-{one}"}) for one in ("http", "inbox"))
    )
    found = lines(logs, log_groups(logs, ["orders"]), AT)
    assert [line.function for line in found] == ["orders-http", "orders-inbox"]


@pytest.mark.parametrize(
    "text", ["Traceback (most recent call last):", '"text"', '{"type": "platform.fault"}']
)
def test_a_line_without_a_function_is_its_services(logs: Any, text: str) -> None:
    write(logs, "orders", text)
    assert [(line.function, line.text) for line in lines(logs, log_groups(logs, []), AT)] == [
        ("orders", text)
    ]


def test_what_lambda_says_of_each_invocation_is_left_out(logs: Any) -> None:
    write(logs, "cart", "START RequestId: 1", "END RequestId: 1", "REPORT RequestId: 1", "INIT_START 1", "\n")
    assert lines(logs, log_groups(logs, []), AT) == []
