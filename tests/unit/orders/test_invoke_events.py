"""The API Gateway events for `sam local invoke -e`: each is a call this service takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from functions.orders.app import app
from functions.shared import gateway
from tests.support.lambda_events import Context, http_sample
from tests.support.templates import ROOT

CALLS = sorted((ROOT / "events/http/orders").rglob("*.json"))


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_an_event_to_invoke_with_is_answered(table: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert app(http_sample("orders/place"), Context())["statusCode"] == 202
    # Of an order just placed there is nothing to mail, and nothing to pay again.
    wanted = (409,) if path.stem in ("send-mail", "pay-again") else (200, 202)
    name = path.relative_to(ROOT / "events/http").with_suffix("")
    assert app(http_sample(str(name)), Context())["statusCode"] in wanted


def test_every_route_has_an_event_to_invoke_it_with() -> None:
    calls = [gateway.read(json.loads(path.read_text())) for path in CALLS]
    assert {(call.method, app._resources.find(call.path)[0]) for call in calls} == {
        (operation.method, operation.path) for operation in app.operations
    }
