"""API Gateway's events and answers: both payloads are one request, and a path means one resource."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

import pytest
from chalice.app import Response
from hypothesis import given
from hypothesis import strategies as some

from functions.shared.gateway import Resources, as_chalice_reads, as_second, read
from functions.shared.http import Service
from tests.support.lambda_events import Context, api_event
from tools.contracts.http_events import Sent, http_event, rest_event

# --- the resource of a path ----------------------------------------------------------------------------------------

SEGMENT = some.sampled_from(["a", "b", "{x}"])
TEMPLATES = some.lists(
    some.lists(SEGMENT, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    max_size=8,
    unique=True,
)
PATH = some.lists(some.sampled_from(["a", "b", "c", "%61", "a%2Fb", "%FF", ""]), max_size=4)


def obvious(resources: Sequence[str], path: str) -> tuple[str, dict[str, str]] | None:
    """Return what a reader of the rule would say, slowly: at each place, from the left, a fixed one where one fits."""
    try:
        segments = [unquote(one, errors="strict") for one in path.split("/")[1:]]
    except UnicodeDecodeError:
        return None
    found = [one.split("/")[1:] for one in resources if one.count("/") == len(segments)]
    for place, segment in enumerate(segments):
        fixed = [one for one in found if one[place] == segment]
        open_ones = [one for one in found if one[place] == "{x}" and segment]
        finished = [one for one in fixed if _fits(one[place:], segments[place:])]
        found = finished or open_ones
    if not found:
        return None
    (one,) = found
    return "/" + "/".join(one), {n[1:-1]: v for n, v in zip(one, segments, strict=True) if n == "{x}"}


def _fits(resource: Sequence[str], segments: Sequence[str]) -> bool:
    return all(name in (segment, "{x}") and segment for name, segment in zip(resource, segments, strict=True))


def resources_of(*resources: str) -> Resources:
    made = Resources()
    for one in resources:
        made.add(one)
    return made


@given(resources=TEMPLATES, segments=PATH)
def test_a_path_has_the_resource_that_the_rule_says(resources: list[str], segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    assert resources_of(*resources).find(path) == obvious(resources, path)


def test_a_fixed_segment_that_leads_nowhere_does_not_hide_a_parameter() -> None:
    found = resources_of("/a/b/c", "/a/{x}/d").find("/a/b/d")
    assert found == ("/a/{x}/d", {"x": "b"})


def test_a_path_without_a_slash_at_its_start_is_of_nothing() -> None:
    assert resources_of("/a").find("x/a") is None
    assert resources_of("/a").find("") is None


def test_a_parameter_may_have_any_name_that_a_client_sends() -> None:
    assert resources_of("/a/{x}").find("/a/%7Bx%7D") == ("/a/{x}", {"x": "{x}"})
    assert resources_of("/a/b").find("/a/{x}") is None


# --- both payloads -------------------------------------------------------------------------------------------------

TEXT = some.text(some.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
# What no HTTP API hands on: a slash or a question mark within a segment, which it decodes.
PART = some.text(
    some.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/?"), min_size=1, max_size=6
)
NAME = some.sampled_from(["accept", "x-forwarded-for", "if-match", "cookie", "x-wish"])
VALUE = some.text("abc=1%", min_size=1, max_size=5)
SENT = some.builds(
    Sent,
    method=some.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH"]),
    path=some.lists(PART, max_size=3).map(
        lambda parts: "/wishes" + "".join(f"/{quote(one, safe='')}" for one in parts)
    ),
    query=some.lists(some.tuples(TEXT, TEXT), max_size=4).map(tuple),
    headers=some.lists(some.tuples(NAME, VALUE), max_size=5).map(tuple),
    body=some.none() | TEXT,
)


def request(event: dict[str, Any]) -> dict[str, Any]:
    """Return what Chalice is given for an event, its path decoded and its body as it came."""
    call = read(event)
    given = as_chalice_reads(call, event, "/wishes", {})
    path = [unquote(part) for part in call.path.split("/")]
    body = given["body"] or ""
    raw = base64.b64decode(body) if given["isBase64Encoded"] else body.encode()
    return given | {"path": path, "body": raw, "isBase64Encoded": None}


@given(sent=SENT)
def test_both_payloads_of_a_request_are_read_alike(sent: Sent) -> None:
    assert request(http_event(sent)) == request(rest_event(sent))


@given(sent=SENT)
def test_a_route_that_the_gateway_knows_itself_changes_nothing(sent: Sent) -> None:
    assert request(rest_event(sent, resource="/wishes/{wishId}/more")) == request(rest_event(sent))


@given(sent=SENT)
def test_the_name_of_a_stage_in_front_of_the_path_is_left_out(sent: Sent) -> None:
    assert request(http_event(sent, stage="v1")) == request(http_event(sent))


def test_a_stage_is_left_out_as_a_whole_segment_only() -> None:
    event = http_event(Sent("GET", "/v10/x"), stage="$default")
    event["requestContext"]["stage"] = "v1"
    assert read(event).path == "/v10/x"
    event["rawPath"] = "/v1"
    assert read(event).path == "/v1"


def test_every_value_of_a_repeated_parameter_is_there_with_its_commas() -> None:
    sent = Sent("GET", "/wishes", query=(("q", "a,b"), ("q", "c"), ("empty", ""), ("plus", "1+1 &")))
    for event in (http_event(sent), rest_event(sent)):
        assert read(event).query == {"q": ["a,b", "c"], "empty": [""], "plus": ["1+1 &"]}


def test_repeated_headers_are_one_line_and_cookies_one_of_their_own() -> None:
    headers = (("accept", "a"), ("cookie", "x=1; y=2"), ("accept", "b"), ("cookie", "z=3"))
    sent = Sent("GET", "/wishes", headers=headers)
    assert http_event(sent)["cookies"] == ["x=1", "y=2", "z=3"]
    for event in (http_event(sent), rest_event(sent)):
        assert read(event).headers == {"accept": "a,b", "cookie": "x=1; y=2; z=3"}


def test_headers_are_known_in_lower_case_however_they_come() -> None:
    for event in (
        {"version": "2.0", "headers": {"X-Wish": "1"}},
        {"headers": {"X-Wish": "1"}},
        {"headers": {"X-Wish": "2"}, "multiValueHeaders": {"X-WISH": ["1"]}},
    ):
        assert read(event).headers == {"x-wish": "1"}


def test_who_called_the_gateway_and_its_id_of_the_request_are_read() -> None:
    sent = Sent("GET", "/wishes", source_ip="198.51.100.9", request_id="JKJaXmPLvHcESHA=")
    for event in (http_event(sent), rest_event(sent)):
        call = read(event)
        assert (call.method, call.source_ip, call.request_id) == ("GET", "198.51.100.9", "JKJaXmPLvHcESHA=")
        given = as_chalice_reads(call, event, "/wishes", {})["requestContext"]
        assert (given["identity"], given["requestId"]) == ({"sourceIp": "198.51.100.9"}, "JKJaXmPLvHcESHA=")


def test_an_event_that_is_no_request_is_a_call_of_nothing() -> None:
    for event in ({}, {"version": "2.0"}, {"requestContext": None, "headers": None}):
        assert read(event)[:4] == ("", "", {}, {})


# --- answers -------------------------------------------------------------------------------------------------------

app = Service("wishes")


@app.endpoint("GET", "/wishes/cookies", auth="none")
def bake() -> Response:
    """Give two cookies, and a header twice: 200."""
    return Response("{}", headers={"Set-Cookie": ["a=1", "b=2"], "Vary": ["Accept", "Origin"], "X-One": "1"})


@app.endpoint("GET", "/wishes/picture", auth="none")
def draw() -> Response:
    """Give bytes: 200."""
    return Response(b"\x89PNG", headers={"Content-Type": "image/png"})


def answer(resource: str, payload: str) -> dict[str, Any]:
    return app(api_event("GET", resource, headers={"Accept": "image/png"}, payload=payload), Context())


def test_an_http_api_is_given_cookies_on_their_own_and_one_value_a_header() -> None:
    given = answer("/wishes/cookies", "2.0")
    assert given["cookies"] == ["a=1", "b=2"]
    assert (given["headers"]["Vary"], given["headers"]["X-One"]) == ("Accept,Origin", "1")
    assert {"Set-Cookie", "multiValueHeaders"} & {*given, *given["headers"]} == set()


def test_a_rest_api_is_given_every_value_of_a_header() -> None:
    given = answer("/wishes/cookies", "1.0")
    assert given["multiValueHeaders"] == {"Set-Cookie": ["a=1", "b=2"], "Vary": ["Accept", "Origin"]}
    assert given["headers"]["X-One"] == "1"
    assert "cookies" not in given


def test_an_answer_without_cookies_has_none() -> None:
    assert "cookies" not in as_second({"headers": {}, "multiValueHeaders": {}})


@pytest.mark.parametrize("payload", ["2.0", "1.0"])
def test_bytes_are_given_in_base64(payload: str) -> None:
    given = answer("/wishes/picture", payload)
    assert (given["isBase64Encoded"], base64.b64decode(given["body"])) == (True, b"\x89PNG")
