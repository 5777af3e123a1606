"""What functions are invoked with by hand: every function has at least one event, of the kind it is called with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from functions.shared import gateway
from tests.support import templates
from tests.support.lambda_events import CALLER
from tests.support.moto_stack import functions
from tests.support.services import app_of
from tests.support.templates import ROOT
from tools.contracts import http_events
from tools.intrinsics import Resolver
from tools.services import services

EVENTS = ROOT / "events"
SOURCES = {"SQS": "aws:sqs", "DynamoDB": "aws:dynamodb"}


def every_function() -> list[Any]:
    return [
        pytest.param(service, name, id=f"{service}/{name}")
        for service in services()
        for name in functions(service)
    ]


def events_of(service: str, function: str) -> list[Path]:
    """Return the events of a function: those of its service's routes, or the one named like the function."""
    if function == "HttpFunction":
        return sorted((EVENTS / "http" / service).rglob("*.json"))
    name = Resolver(templates.template(service)).name(function)
    suffix = name.removeprefix("souk-local-").removeprefix(f"{service}-")
    return sorted((EVENTS / "lambda" / service).glob(f"{suffix}.json"))


@pytest.mark.parametrize(("service", "function"), every_function())
def test_every_function_has_an_event_to_invoke_it_with(service: str, function: str) -> None:
    assert events_of(service, function)


@pytest.mark.parametrize("service", services())
def test_an_http_event_is_one_of_a_route_of_its_service(service: str) -> None:
    app = app_of(service).app
    routes = {(one.method, one.path): one for one in app.operations}
    for path in sorted((EVENTS / "http" / service).rglob("*.json")):
        call = gateway.read(json.loads(path.read_text()))
        resource, _ = app._resources.find(call.path) or ("", {})
        route = routes[call.method, resource]
        assert CALLER.fullmatch(call.headers.get("authorization", "")) or route.auth != "required", path


@pytest.mark.parametrize("service", services())
def test_http_events_are_as_the_two_gateways_send_them(service: str) -> None:
    written = {path: json.loads(path.read_text()) for path in (EVENTS / "http" / service).rglob("*.json")}
    assert written == http_events.samples(service)
    payloads = Counter(
        "rest" if path.parent.name == "rest" else event["version"] for path, event in written.items()
    )
    assert (payloads["rest"], payloads["2.0"]) == (1, len(written) - 1)


@pytest.mark.parametrize(("service", "function"), every_function())
def test_a_lambda_event_is_of_the_kind_the_function_is_fed_with(service: str, function: str) -> None:
    kinds = {one["Type"] for one in functions(service)[function].get("Events", {}).values()}
    for path in events_of(service, function):
        event = json.loads(path.read_text())
        for kind in kinds & set(SOURCES):
            assert {record["eventSource"] for record in event["Records"]} == {SOURCES[kind]}
        if "Schedule" in kinds:
            assert event["source"] == "aws.events"


def test_no_event_belongs_to_nothing() -> None:
    wanted = {
        path
        for service in services()
        for function in functions(service)
        for path in events_of(service, function)
    }
    assert {*(EVENTS / "http").rglob("*.json"), *(EVENTS / "lambda").rglob("*.json")} - wanted == set()
