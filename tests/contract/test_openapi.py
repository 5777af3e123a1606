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
def test_what_a_view_asks_of_a_request_is_found_in_its_source(
    service: str, method: str, path: str, place: str, name: str
) -> None:
    asked = {(one["in"], one["name"]) for one in operations(service)[method, path].get("parameters", [])}
    assert (place, name) in asked


def test_a_docstring_lists_the_answers() -> None:
    assert documented("Get it (``?a=``), all: 200 the thing | 304 | 404 none, or not yours | 404 gone.") == (
        "Get it (`?a=`), all",
        {"200": "the thing", "304": "", "404": "none, or not yours; gone"},
    )
    assert documented("Drop it: 204, also where it was gone.") == (
        "Drop it",
        {"204": "also where it was gone"},
    )
