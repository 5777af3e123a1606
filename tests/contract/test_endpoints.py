"""What routes declare of a request holds: views take just that, and who may not call is told so first."""

from __future__ import annotations

import inspect
import json
import re
from datetime import date
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from functions.shared.http import IF_MATCH, Operation
from tests.support.lambda_events import Context, api_event
from tests.support.services import app_of
from tools.services import services


@pytest.fixture(autouse=True)
def keys(cloud: None) -> None:
    """Have every test in an account in which the keys of callers are known."""


HEADERS: dict[str, Any] = {"version": (int, int | None), "key": (str | None,)}
"""By argument what a header may be to a view; any other is a text, or None."""


CHECKED_IN_THE_VIEW = {("GET", "/orders")}
"""Routes that refuse only some of what a customer asks for."""


def every_operation() -> list[Any]:
    return [
        pytest.param(service, one, id=f"{one.method} {one.path}")
        for service in services()
        for one in app_of(service).app.operations
    ]


def of_staff() -> list[Any]:
    return [given for given in every_operation() if given.values[1].roles]


def expected(one: Operation) -> dict[str, tuple[Any, ...]]:
    """Return the arguments that a view is called with, and which types each may say it takes."""
    path = {
        re.sub("[A-Z]", lambda big: f"_{big[0].lower()}", name): (str,)
        for name in re.findall(r"{(\w+)}", one.path)
    }
    query = {"query": (one.query,)} if one.query else {}
    body = {"body": (one.body,)} if one.body else {}
    headers = {header.argument: HEADERS.get(header.argument, (str | None,)) for header in one.headers}
    return {**path, **query, **body, **headers}


@pytest.mark.parametrize(("service", "one"), every_operation())
def test_a_view_takes_what_its_route_declares_and_by_the_same_types(service: str, one: Operation) -> None:
    taken = inspect.signature(one.view).parameters
    assert set(taken) == set(expected(one))
    assert all(given.default is inspect.Parameter.empty for given in taken.values())
    hints = get_type_hints(one.view, include_extras=True)
    for name, kinds in expected(one).items():
        assert hints[name] in kinds, name
    if IF_MATCH in one.headers:
        assert hints["version"] is int


@pytest.mark.parametrize(("service", "one"), every_operation())
def test_a_route_that_may_answer_403_declares_for_whom_it_is(service: str, one: Operation) -> None:
    if (one.method, one.path) not in CHECKED_IN_THE_VIEW:
        assert bool(one.roles) == bool(re.search(r"\b403\b", one.summary))


@pytest.mark.parametrize(("service", "one"), of_staff())
def test_who_may_not_call_is_told_so_whatever_they_send(service: str, one: Operation) -> None:
    assert one.auth == "required"
    event = api_event(
        one.method,
        one.path,
        "{",
        path=dict.fromkeys(re.findall(r"{(\w+)}", one.path), "x"),
        query={"no-such-parameter": "x"},
        headers={"content-type": one.content_types[0], "If-Match": "x", "Idempotency-Key": ""},
        subject="cus_01kaqz5r7b8v0w3m2x4y6t9n1d",
        roles="customer",
    )
    answer = app_of(service).app(event, Context())
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"]) == (403, "role_required")
    assert problem["parameters"] == {"role": " or ".join(one.roles)}


@pytest.mark.parametrize(("service", "one"), every_operation())
def test_every_parameter_of_a_query_has_a_default_of_a_type_that_is_read(
    service: str, one: Operation
) -> None:
    for field in msgspec.structs.fields(one.query) if one.query else ():
        assert not field.required, field.name
        assert plain(field.type), field.name
        if int in members(field.type) or bool in members(field.type):
            assert field.default is not None, "a number or a truth is known by its default"


def members(kind: Any) -> set[Any]:
    """Return the types that a field may have, without what is annotated to them."""
    if get_origin(kind) in (UnionType, Union):
        return set().union(*(members(one) for one in get_args(kind)))
    return {kind.__origin__ if hasattr(kind, "__metadata__") else kind}


def plain(kind: Any) -> bool:
    return all(
        one in (str, int, bool, date, type(None)) or get_origin(one) is Literal for one in members(kind)
    )
