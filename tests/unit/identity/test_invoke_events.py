"""The API Gateway events for `sam local invoke -e`: each is a call this service takes."""

from __future__ import annotations

import json
from typing import Any

from functions.identity.accounts.domain import Address
from functions.identity.accounts.service import add_address, register
from functions.identity.app import app
from functions.identity.table import IdentityTable
from functions.shared import gateway
from tests.support.lambda_events import Context, http_sample
from tests.support.templates import ROOT
from tests.unit.identity.conftest import NOW, PASSWORD, Front, token_of

CALLS = sorted((ROOT / "events/http/identity").glob("*.json"))
CUSTOMER, ADDRESS = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d", "adr_01kaqz5r7b8v0w3m2x4y6t9n1h"
WITH_A_MADE_UP_TOKEN = {"verify-email": 400, "reset-password": 400, "refresh": 401}


def test_the_events_to_invoke_with_are_answered(front: Front, table: IdentityTable) -> None:
    email = "amira@example.com"
    made = register(table, email, "Amira Haddad", PASSWORD, customer_id=CUSTOMER, at=NOW)
    add_address(table, made, Address(ADDRESS, "Amira", "Lane 1", "Ulm", "DE", "89073"))
    erasing = ("change-password", "remove-address", "erase-me")
    calls = sorted(
        CALLS, key=lambda path: (erasing.index(path.stem) if path.stem in erasing else -1, path.stem)
    )

    def event(name: str) -> dict[str, Any]:
        return http_sample(f"identity/{name}", lambda subject, roles: f"Bearer {token_of(subject, roles)}")

    answers = {path.stem: app(event(path.stem), Context())["statusCode"] for path in calls}
    expected = {name: WITH_A_MADE_UP_TOKEN.get(name) for name in answers}
    assert {name: code if expected[name] else code // 100 for name, code in answers.items()} == {
        name: code or 2 for name, code in expected.items()
    }


def test_every_route_has_an_event_to_invoke_it_with() -> None:
    calls = [gateway.read(json.loads(path.read_text())) for path in CALLS]
    assert {(call.method, app._resources.find(call.path)[0]) for call in calls} == {
        (operation.method, operation.path) for operation in app.operations
    }
