"""What the gateway answers by itself is a problem like the services' own, in every template and at the local edge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from functions.shared import http
from tests.support import templates
from tests.unit.tools.test_edge import assert_problem, gateway_says, through_the_edge
from tools.local import edge
from tools.services import services

HEADERS = {
    "Content-Type": "'application/problem+json'",
    "Cache-Control": "'no-store'",
    "X-Correlation-Id": "context.requestId",
}
NO_SUCH_ROUTE = (404, "no_such_route", "There is nothing at this path.")
FAILED = (502, "service_failed", "This service failed to answer.")
OF_THE_EDGE = edge._GATEWAY_PROBLEMS
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
EXPECTED = {
    "DEFAULT_4XX": OF_THE_EDGE[400],
    "DEFAULT_5XX": FAILED,
    "MISSING_AUTHENTICATION_TOKEN": NO_SUCH_ROUTE,
    "REQUEST_TOO_LARGE": OF_THE_EDGE[413],
    "THROTTLED": OF_THE_EDGE[429],
    "INTEGRATION_TIMEOUT": OF_THE_EDGE[504],
}
# What either gateway says, and what the edge makes of it. REST: the page above; HTTP: its own words cannot be changed.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
BOTH = {
    "unreadable": ((400, "Bad Request Exception"), (400, "Bad Request"), (400, "bad_request")),
    "too large": ((413, "Request Too Long"), (413, "Request Entity Too Large"), (413, "body_too_large")),
    "throttled": ((429, "Too Many Requests"), (429, "Too Many Requests"), (503, "service_unavailable")),
    "not deployed": ((404, "Not Found"), (404, "Not Found"), (503, "service_unavailable")),
    "failed": ((502, "Internal server error"), (500, "Internal Server Error"), (502, "service_failed")),
}
MORE_HEADERS = {503: {"Retry-After": "'1'"}}


def responses(service: str) -> Any:
    return templates.template(service)["Globals"]["Api"]["GatewayResponses"]


@pytest.mark.parametrize("service", services())
def test_every_template_has_the_same_answers(service: str) -> None:
    assert responses(service) == responses(services()[0])


def test_each_answer_is_the_one_that_the_local_edge_gives() -> None:
    problems = {
        kind: json.loads(one["ResponseTemplates"]["application/json"]) for kind, one in found().items()
    }
    told = {kind: (one["status"], one["code"], one["detail"]) for kind, one in problems.items()}
    assert told == EXPECTED


def found() -> Any:
    return responses(services()[0])


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_answer_has_the_form_of_a_services_problem(kind: str) -> None:
    (text,) = found()[kind]["ResponseTemplates"].values()
    status, code, detail = EXPECTED[kind]
    own = json.loads(http._problem(status, code, detail).body)
    titles = edge._TITLES | http._TITLES
    assert json.loads(text) == {**own, "title": titles[status], "correlationId": "$context.requestId"}
    assert found()[kind]["StatusCode"] == status


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_answer_says_what_it_is_and_is_not_kept(kind: str) -> None:
    status, *_ = EXPECTED[kind]
    parameters = found()[kind]["ResponseParameters"]
    assert parameters == {"Headers": {**HEADERS, **MORE_HEADERS.get(status, {})}}


@pytest.mark.parametrize("kind", BOTH)
def test_an_error_of_either_gateway_is_one_problem_at_the_edge(kind: str) -> None:
    *gateways, problem = BOTH[kind]

    async def test(client: TestClient[Any, Any]) -> None:
        await assert_problem(await client.get("/orders/1"), *problem)

    for gateway in gateways:
        through_the_edge(gateway_says(*gateway), test)


def test_a_title_is_the_same_at_the_edge_and_in_a_service() -> None:
    both = edge._TITLES.keys() & http._TITLES.keys()
    assert {status: edge._TITLES[status] for status in both} == {
        status: http._TITLES[status] for status in both
    }
