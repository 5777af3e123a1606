"""The OpenAPI pages: sound documents that follow from the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.services import app_of
from tests.support.templates import ROOT
from tools.contracts.openapi import documented
from tools.services import services


def page(service: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "docs" / "openapi" / f"{service}.json").read_text())
    return loaded


def operations(service: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): one
        for path, methods in page(service)["paths"].items()
        for method, one in methods.items()
    }


def test_the_pages_follow_from_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.contracts.openapi", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", services())
def test_a_page_is_openapi(service: str) -> None:
    OpenAPIV31SpecValidator(page(service)).validate()


@pytest.mark.parametrize("service", services())
def test_a_page_has_every_operation_with_its_authorisation(service: str) -> None:
    levels = {"required": [{"token": []}], "optional": [{}, {"token": []}], "none": []}
    assert {route: one["security"] for route, one in operations(service).items()} == {
        (one.method, one.path): levels[one.auth] for one in app_of(service).app.operations
    }


@pytest.mark.parametrize("service", services())
def test_an_operation_shows_its_body_its_success_and_its_problems(service: str) -> None:
    for one in app_of(service).app.operations:
        shown = operations(service)[one.method, one.path]
        if one.body:
            assert "content" in shown["requestBody"]
        assert str(one.status) in shown["responses"]
        if one.returns:
            assert "content" in shown["responses"][str(one.status)]
        problems = [
            answer for status, answer in shown["responses"].items() if not status.startswith(("2", "3"))
        ]
        assert all("application/problem+json" in answer["content"] for answer in problems)


@pytest.mark.parametrize("service", services())
def test_every_path_parameter_is_described(service: str) -> None:
    for (_, path), one in operations(service).items():
        named = {given["name"] for given in one.get("parameters", []) if given["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize(
    ("service", "method", "path", "place", "name"),
    [
        ("catalog", "GET", "/catalog/products", "query", "q"),
        ("catalog", "PUT", "/catalog/products/{id}", "header", "If-Match"),
        ("cart", "GET", "/carts/{cartId}", "header", "X-Cart-Token"),
        ("inventory", "GET", "/inventory/stock/{sku}/movements", "query", "cursor"),
        ("inventory", "POST", "/inventory/stock/{sku}/adjustments", "header", "Idempotency-Key"),
        ("orders", "POST", "/orders", "header", "Idempotency-Key"),
        ("orders", "GET", "/orders/{orderId}", "query", "token"),
        ("orders", "GET", "/orders/{orderId}", "header", "X-Order-Token"),
        ("payments", "POST", "/payments/{orderId}/refunds", "header", "Idempotency-Key"),
    ],
)
def test_what_a_route_declares_of_a_request_is_shown(
    service: str, method: str, path: str, place: str, name: str
) -> None:
    asked = {(one["in"], one["name"]) for one in operations(service)[method, path].get("parameters", [])}
    assert (place, name) in asked


def test_a_parameter_is_shown_with_its_type_its_bounds_and_what_it_is_without_being_given() -> None:
    shown = {one["name"]: one for one in operations("catalog")["GET", "/catalog/products"]["parameters"]}
    assert shown["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert (shown["q"]["schema"], shown["q"]["required"]) == ({"type": "string", "maxLength": 255}, False)
    assert {"", "newest", "-price"} <= set(shown["sort"]["schema"]["enum"])
    assert shown["cursor"]["schema"] == {"type": "string"}
    asked = {one["name"]: one for one in operations("journal")["GET", "/journal/orders"]["parameters"]}
    assert asked["day"]["schema"] == {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("service", "method", "path", "required", "types"),
    [
        ("orders", "POST", "/orders", True, {"application/json"}),
        ("orders", "POST", "/orders/{orderId}/cancel", False, {"application/json"}),
        ("catalog", "POST", "/catalog/imports", False, {"text/csv", "application/x-ndjson"}),
        ("payments", "POST", "/payments/webhooks/{provider}", True, {"application/json"}),
    ],
)
def test_a_body_is_shown_as_needed_or_not_and_of_which_types(
    service: str, method: str, path: str, required: bool, types: set[str]
) -> None:
    shown = operations(service)[method, path]["requestBody"]
    assert (shown["required"], set(shown["content"])) == (required, types)


def test_if_match_is_shown_as_needed_where_it_is() -> None:
    needed = {
        path: one["required"]
        for path in ("/catalog/products/{id}", "/identity/customers/{customerId}/roles")
        for service in (path.split("/")[1],)
        for one in operations(service)["PUT", path]["parameters"]
        if one["name"] == "If-Match"
    }
    assert needed == {"/catalog/products/{id}": True, "/identity/customers/{customerId}/roles": False}


def test_a_docstring_lists_the_answers() -> None:
    assert documented("Get it (``?a=``), all: 200 the thing | 304 | 404 none, or not yours | 404 gone.") == (
        "Get it (`?a=`), all",
        {"200": "the thing", "304": "", "404": "none, or not yours; gone"},
    )
    assert documented("Drop it: 204, also where it was gone.") == (
        "Drop it",
        {"204": "also where it was gone"},
    )
