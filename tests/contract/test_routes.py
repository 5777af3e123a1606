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
def test_the_template_opens_the_segment_of_the_code_and_all_below_it(service: str) -> None:
    (segment,) = {path.split("/")[1] for _, path, _ in code_routes(service)}
    routes = templates.resources(service, "AWS::ApiGatewayV2::Route")
    assert {name: route["RouteKey"] for name, route in routes.items()} == {
        "Route": f"ANY /{segment}",
        "ProxyRoute": f"ANY /{segment}/{{proxy+}}",
    }


@pytest.mark.parametrize("service", services())
def test_both_gateways_call_the_same_function_and_it_lets_both_call_it(service: str) -> None:
    (integration,) = templates.resources(service, "AWS::ApiGatewayV2::Integration").values()
    assert (integration["IntegrationType"], integration["PayloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    assert integration["IntegrationUri"] == {"Fn::GetAtt": ["HttpFunction", "Arn"]}
    (api,) = templates.resources(service, "AWS::Serverless::Api").values()
    (calls,) = api["DefinitionBody"]["paths"].values()
    assert set(calls) == {"get", "head", "options", "post", "put", "patch", "delete"}
    for call in calls.values():
        assert "functions/${HttpFunction.Arn}/" in call["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    (permission,) = templates.resources(service, "AWS::Lambda::Permission").values()
    assert permission["FunctionName"] == {"Ref": "HttpFunction"}
    assert permission["SourceArn"]["Fn::Sub"][1]["Api"] == {
        "Fn::If": ["Http", integration["ApiId"], {"Ref": "RestApi"}]
    }


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


HTTP_API = {"Fn::If": ["Http", {"Ref": "HttpApi"}, "none"]}


@pytest.mark.parametrize(
    ("stack", "api"), [("platform", HTTP_API), *((one, {"Ref": "RestApi"}) for one in services())]
)
def test_an_api_is_found_by_its_name(stack: str, api: Any) -> None:
    resolver = Resolver(templates.template(stack))
    names = {
        resolver.value(one["Name"]): one["Value"]
        for one in templates.resources(stack, "AWS::SSM::Parameter").values()
    }
    assert names[f"/souk/local/apis/{stack}"] == api


@pytest.mark.parametrize("service", services())
def test_routes_are_plugged_into_the_api_that_the_platform_names(service: str) -> None:
    (named,) = templates.resources("platform", "AWS::SSM::Parameter").values()
    plugged = {
        one["ApiId"]["Fn::Sub"]
        for kind in ("Route", "Integration")
        for one in templates.resources(service, f"AWS::ApiGatewayV2::{kind}").values()
    }
    assert plugged == {"{{resolve:ssm:" + named["Name"]["Fn::Sub"] + "}}"}
