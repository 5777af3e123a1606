"""The templates and the code say the same: routes, handlers, the settings of functions."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support import templates
from tests.support.moto_stack import functions, handler
from tests.support.services import app_of
from tools.intrinsics import Resolver
from tools.services import services

GIVEN_BY_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_ENDPOINT_URL"}


def template_routes(service: str) -> set[tuple[str, str]]:
    """Return method and path of each Api event of a service's template."""
    found = set()
    for function in functions(service).values():
        for event in function.get("Events", {}).values():
            if event["Type"] == "Api":
                route = event["Properties"]
                found.add((route["Method"], route["Path"]))
    return found


def code_routes(service: str) -> set[tuple[str, str, str]]:
    """Return method, path and authorisation of each endpoint of a service's app."""
    return {(one.method, one.path, one.auth) for one in app_of(service).app.operations}


def every_function() -> list[Any]:
    return [
        pytest.param(service, name, properties, id=f"{service}/{name}")
        for service in services()
        for name, properties in functions(service).items()
    ]


@pytest.mark.parametrize("service", services())
def test_the_template_has_the_routes_of_the_code(service: str) -> None:
    assert template_routes(service) == {(method, path) for method, path, _ in code_routes(service)}


@pytest.mark.parametrize("service", services())
def test_every_route_of_chalice_is_an_endpoint(service: str) -> None:
    app = app_of(service).app
    routes = {(method, path) for path, entries in app.routes.items() for method in entries}
    assert routes == {(one.method, one.path) for one in app.operations}


@pytest.mark.parametrize("service", services())
def test_all_routes_of_a_service_begin_with_its_segment(service: str) -> None:
    segments = {path.split("/")[1] for _, path, _ in code_routes(service)}
    assert segments == {{"cart": "carts"}.get(service, service)}


@pytest.mark.parametrize("service", services())
def test_every_service_tells_everyone_that_it_is_there(service: str) -> None:
    segment = {"cart": "carts"}.get(service, service)
    assert ("GET", f"/{segment}/health", "none") in code_routes(service)


@pytest.mark.parametrize("service", services())
def test_every_route_documents_its_answers(service: str) -> None:
    for operation in app_of(service).app.operations:
        assert re.search(rf": .*\b{operation.status}\b", operation.summary), operation


@pytest.mark.parametrize(("service", "name", "properties"), every_function())
def test_every_handler_can_be_called(service: str, name: str, properties: Any) -> None:
    assert properties["Handler"].startswith(f"functions.{service}.")
    assert callable(handler(properties))


@pytest.mark.parametrize("service", services())
def test_no_two_functions_have_one_name(service: str) -> None:
    resolver = Resolver(templates.template(service))
    names = [resolver.name(logical) for logical in functions(service)]
    assert len(set(names)) == len(names)


def environment_names(service: str) -> set[str]:
    """Return the names that a service's code, and the shared code it uses, asks os.environ for."""
    found: set[str] = set()
    for path in (templates.ROOT / "functions" / service).rglob("*.py"):
        found |= _asked(path)
    return found


def _asked(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            names.add(ast.literal_eval(node.slice))
    return names


@pytest.mark.parametrize("service", services())
def test_what_the_code_asks_of_its_environment_the_template_sets(service: str) -> None:
    resolver = Resolver(templates.template(service))
    given = [set(resolver.variables(name)) for name in functions(service)]
    assert environment_names(service) - GIVEN_BY_LAMBDA <= set.union(*given)


@pytest.mark.parametrize("service", services())
def test_every_inbox_knows_its_dead_letter_queue(service: str) -> None:
    resolver = Resolver(templates.template(service))
    for name, properties in functions(service).items():
        if properties["Handler"].endswith(".on_inbox"):
            assert resolver.variables(name)["INBOX_DLQ_URL"] == resolver.name("InboxDeadLetterQueue")
        if properties["Handler"].endswith(".publish"):
            assert resolver.variables(name)["BUS_NAME"] == "souk-local"


@pytest.mark.parametrize("service", services())
def test_the_edge_finds_the_api_by_its_name(service: str) -> None:
    resolver = Resolver(templates.template(service))
    names = {
        resolver.value(one["Name"]): one["Value"]
        for one in templates.resources(service, "AWS::SSM::Parameter").values()
    }
    assert names[f"/souk/local/apis/{service}"] == {"Ref": "Api"}
