"""Every call of every service gets the same answer through an HTTP API (payload 2.0) and a REST API (payload 1.0)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from functions.shared.http import Operation
from tests.support.lambda_events import Context, api_event
from tests.support.moto_stack import MotoStack, forget
from tests.support.services import app_of
from tools.services import segments, services

ULID = "01kaqz5r7b8v0w3m2x4y6t9n1d"


def ask(service: str, one: Operation, payload: str, **options: Any) -> tuple[Any, ...]:
    """Return status and headers of a call, and its body where that is a refusal or only read."""
    names = re.findall(r"{(\w+)}", one.path)
    event = api_event(
        one.method,
        one.path,
        "{}" if one.body_required else None,
        path=dict.fromkeys(names, f"x%20y%C3%A9_{ULID}"),
        query={"limit": "a,b"} if one.query else None,
        headers={"content-type": one.content_types[0]},
        subject=f"cus_{ULID}",
        roles="customer,staff,admin",
        payload=payload,
        **options,
    )
    answer = app_of(service).app(event, Context())
    headers = {name: value for name, value in answer["headers"].items() if name != "X-Correlation-Id"}
    same = answer["statusCode"] >= 400 or one.method == "GET"
    body = re.sub(r'"(correlationId|time|\w+At)":"[^"]*"', "", answer["body"]) if same else ""
    return answer["statusCode"], headers, body


@pytest.mark.parametrize("service", services())
def test_both_payloads_of_a_call_get_the_same_answer(
    service: str, cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, app = MotoStack(service), app_of(service)
    for name, value in stack.environment("HttpFunction").items():
        monkeypatch.setenv(name, value)
    forget(app)
    for one in app.app.operations:
        assert ask(service, one, "2.0") == ask(service, one, "1.0"), one.path


def test_no_service_has_the_name_of_a_gateways_stage_as_its_segment() -> None:
    assert {"v1", "$default"}.isdisjoint(segments())
