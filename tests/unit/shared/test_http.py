"""The HTTP edge: routes, problems, who calls, and what the answer and the log line carry."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from chalice.app import Response
from msgspec import Meta

from functions.shared import aws, context, errors, tokens
from functions.shared.http import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_MATCH_OPTIONAL,
    Header,
    Service,
    caller,
    etag,
    json_response,
)
from functions.shared.types import Body, LongPageQuery, PageQuery, Query, View
from tests.support.lambda_events import Context, api_event
from tests.support.tokens import PARAMETER, callers, publish


class Wish(Body, frozen=True):
    text: str


class Wished(View, frozen=True):
    text: str
    by: str | None


class FindWishes(Query, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    cursor: str | None = None
    q: Annotated[str, Meta(max_length=10)] = ""
    sort_by: Literal["", "newest", "oldest"] = ""
    colour: Literal["red", "green", "blue"] | None = None
    day: date | None = None
    with_gone: bool = False


app = Service("wishes")
SEEN: list[Any] = []


@app.endpoint("GET", "/wishes/{wishId}", returns=Wished)
def get_wish(wish_id: str) -> Response:
    """Get a wish: 200."""
    return json_response(Wished(wish_id, caller().subject), headers=etag(7))


@app.endpoint("POST", "/wishes", auth="optional", body=Wish, max_bytes=100, returns=Wished, status=201)
def make_wish(body: Wish) -> Response:
    """Make a wish: 201 | 400."""
    return json_response(Wished(body.text, caller().subject), 201)


@app.endpoint("PUT", "/wishes/{wishId}", body=Wish, headers=(IF_MATCH,))
def change_wish(wish_id: str, body: Wish, version: int) -> dict[str, Any]:
    """Change a wish: 200 | 412 | 428."""
    return {"version": version}


@app.endpoint("DELETE", "/wishes/{wishId}", roles=("staff", "admin"))
def drop_wish(wish_id: str) -> Response:
    """Drop a wish: 204 | 403."""
    return Response("", status_code=204)


@app.endpoint("GET", "/wishes", auth="none", query=FindWishes)
def list_wishes(query: FindWishes) -> Any:
    """List wishes: 200 | 400."""
    SEEN.append(query)
    return {"limit": query.limit, "q": query.q}


@app.endpoint("GET", "/wishes/page", query=PageQuery)
def page(query: PageQuery) -> Any:
    """Page with the limits that hold for most lists: 200."""
    return query


@app.endpoint("GET", "/wishes/long-page", query=LongPageQuery)
def long_page(query: LongPageQuery) -> Any:
    """Page with the limits that hold where items are small: 200."""
    return query


@app.endpoint("POST", "/wishes/{wishId}/copies", body=Wish | None, headers=(IF_MATCH_OPTIONAL,))
def copy_wish(wish_id: str, body: Wish | None, version: int | None) -> Any:
    """Copy a wish, under another text where one is sent: 200 | 400."""
    return {"text": body and body.text, "version": version}


@app.endpoint(
    "PATCH",
    "/wishes/{wishId}",
    roles=("admin",),
    query=PageQuery,
    body=Wish,
    headers=(IF_MATCH, IDEMPOTENCY_KEY, Header("X-Wish-Token", "wish_token", "Whose it is")),
)
def patch_wish(
    wish_id: str, query: PageQuery, body: Wish, version: int, key: str | None, wish_token: str | None
) -> Any:
    """Ask for everything there is: 200 | 400 | 403 | 428."""
    return [wish_id, query.limit, body.text, version, key, wish_token]


@app.lambda_function()
def tidy(event: Any, context: Any) -> dict[str, int]:
    """Tidy up."""
    return {"tidied": event["count"]}


@app.endpoint(
    "POST",
    "/wishes/import",
    body=bytes,
    max_bytes=1000,
    content_types=("text/csv", "application/x-ndjson"),
)
def import_wishes(body: bytes) -> Any:
    """Import: 200."""
    return {"bytes": len(body)}


@app.endpoint("PUT", "/wishes/import", body=bytes | None, content_types=("text/csv",))
def keep_wishes(body: bytes | None) -> Any:
    """Import, or not: 200."""
    return {"bytes": None if body is None else len(body)}


RAISED: list[BaseException | Any] = []


@app.endpoint("GET", "/wishes/raise")
def fail() -> Any:
    """Raise what the test put there."""
    outcome = RAISED.pop()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


@pytest.fixture(autouse=True)
def keys(cloud: None) -> None:
    """Have every test in an account in which the keys of callers are known."""


def send(method: str, resource: str, body: Any = None, **options: Any) -> Any:
    return answer_to(api_event(method, resource, body, **{"subject": "cus_1", **options}))


def answer_to(event: dict[str, Any]) -> Any:
    answer = app(event, Context())
    answer["json"] = json.loads(answer["body"]) if answer["body"] else None
    return answer


def code(answer: Any) -> tuple[int, str]:
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    problem = answer["json"]
    assert problem["status"] == answer["statusCode"]
    assert problem["type"] == f"urn:souk:problem:{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["correlationId"] == answer["headers"]["X-Correlation-Id"]
    return answer["statusCode"], problem["code"]


def raising(outcome: Any) -> Any:
    RAISED.append(outcome)
    return send("GET", "/wishes/raise")


# --- routes --------------------------------------------------------------------------------------------------------


def test_a_view_gets_its_path_parameter() -> None:
    answer = send("GET", "/wishes/{wishId}", path={"wishId": "wsh_1"}, subject="cus_1")
    assert (answer["statusCode"], answer["json"]) == (200, {"text": "wsh_1", "by": "cus_1"})
    assert answer["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("payload", "given", "found"),
    [
        ("2.0", "a%20b%C3%A9", "a bé"),
        ("1.0", "a%20b%C3%A9", "a bé"),
        ("2.0", "10%2525", "10%25"),
        ("1.0", "10%2525", "10%25"),
        ("1.0", "a%2Fb", "a/b"),
    ],
)
def test_an_encoded_path_parameter_is_decoded_once(payload: str, given: str, found: str) -> None:
    answer = send("GET", "/wishes/{wishId}", path={"wishId": given}, payload=payload)
    assert answer["json"]["text"] == found


@pytest.mark.parametrize("path", ["/wishes/", "/wishes//copies", "//wishes", "/wishes/w1/", "/"])
@pytest.mark.parametrize("payload", ["2.0", "1.0"])
def test_a_path_with_nothing_between_slashes_is_of_no_route(payload: str, path: str) -> None:
    assert code(send("GET", path, payload=payload)) == (404, "no_such_route")


def test_a_path_that_is_no_text_is_of_no_route() -> None:
    assert code(send("GET", "/wishes/a%FF", payload="1.0")) == (404, "no_such_route")


def test_a_fixed_segment_is_taken_before_a_parameter() -> None:
    assert send("GET", "/wishes/page")["json"] == {"limit": 20, "cursor": None}
    assert code(send("PATCH", "/wishes/page"))[0] == 405, "the resource is chosen before its method"


def test_the_parameters_that_the_gateway_tells_are_not_looked_at() -> None:
    for payload in ("2.0", "1.0"):
        event = api_event("GET", "/wishes/{wishId}", path={"wishId": "w1"}, payload=payload, subject="cus_1")
        told = {
            "pathParameters": {"wishId": "w2", "proxy": "w3"},
            "resource": "/wishes",
            "routeKey": "$default",
        }
        assert answer_to(event | told)["json"]["text"] == "w1"


def test_an_unknown_path_is_a_problem() -> None:
    assert code(send("GET", "/elsewhere")) == (404, "no_such_route")


@pytest.mark.parametrize("payload", ["2.0", "1.0"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("the one", 200),
        ("the next one", 200),
        ("another", 403),
        ("", 403),
        (None, 403),
        ("the one, another", 403),
    ],
)
def test_where_an_edge_is_a_call_needs_what_it_alone_knows(
    payload: str, sent: str | None, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [hashlib.sha256(one.encode()).hexdigest() for one in ("the one", "the next one")]
    monkeypatch.setenv("EDGE_DIGESTS", ",".join(known))
    guarded = Service("guarded")

    @guarded.endpoint("GET", "/guarded", auth="none")
    def get_guarded() -> Response:
        return json_response({})

    headers = {} if sent is None else {"X-Souk-Edge": sent}
    answer = guarded(api_event("GET", "/guarded", headers=headers, payload=payload), Context())
    assert answer["statusCode"] == status
    if status == 403:
        assert json.loads(answer["body"])["code"] == "not_by_the_edge"
        unknown = guarded(api_event("GET", "/elsewhere", payload=payload), Context())
        assert unknown["statusCode"] == 403, "what paths there are is not told either"


def test_head_is_answered_as_get_without_its_content() -> None:
    got, headed = (
        app(api_event(method, "/wishes/{wishId}", path={"wishId": "w1"}, subject="cus_1"), Context())
        for method in ("GET", "HEAD")
    )
    own = {"X-Correlation-Id"}
    assert (headed["statusCode"], headed["body"]) == (200, "")
    assert {n: v for n, v in headed["headers"].items() if n not in own} == {
        n: v for n, v in got["headers"].items() if n not in own
    }


def test_head_of_what_cannot_be_got_is_refused_without_content() -> None:
    for resource, status in (("/wishes/import", 405), ("/nothing", 404)):
        answer = app(api_event("HEAD", resource), Context())
        assert (answer["statusCode"], answer["body"]) == (status, "")


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate, gzip"])
def test_a_packed_body_is_refused_and_says_how_to_send_it(coding: str) -> None:
    answer = app(api_event("POST", "/wishes", {"text": "a"}, headers={"Content-Encoding": coding}), Context())
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (415, "unsupported_content_encoding")
    assert answer["headers"]["Accept-Encoding"] == "identity"


def test_a_body_that_says_it_is_not_packed_is_read() -> None:
    answer = app(
        api_event("POST", "/wishes", {"text": "a"}, headers={"Content-Encoding": "identity"}), Context()
    )
    assert answer["statusCode"] == 201


def test_a_method_the_path_does_not_have_is_a_problem_that_names_those_it_has() -> None:
    answer = send("PATCH", "/wishes")
    assert code(answer) == (405, "method_not_allowed")
    assert answer["headers"]["Allow"] == "POST, GET, PUT"


def test_an_event_that_is_no_request_is_a_problem() -> None:
    assert code(answer_to({})) == (404, "no_such_route")


def test_each_operation_is_listed_for_the_contracts() -> None:
    (made,) = [one for one in app.operations if (one.method, one.path) == ("POST", "/wishes")]
    assert made._asdict() == {
        "method": "POST",
        "path": "/wishes",
        "auth": "optional",
        "roles": (),
        "query": None,
        "body": Wish,
        "max_bytes": 100,
        "headers": (),
        "content_types": ("application/json",),
        "returns": Wished,
        "status": 201,
        "view": make_wish,
    }
    assert made.summary == "Make a wish: 201 | 400."
    (plain,) = [one for one in app.operations if one.path == "/wishes/raise"]
    assert (plain.auth, plain.query, plain.body, plain.headers) == ("required", None, None, ())
    assert (plain.max_bytes, plain.returns, plain.status) == (64 * 1024, None, 200)


@pytest.mark.parametrize(
    ("method", "path", "kind", "required"),
    [
        ("POST", "/wishes", Wish, True),
        ("POST", "/wishes/{wishId}/copies", Wish, False),
        ("POST", "/wishes/import", bytes, True),
        ("PUT", "/wishes/import", bytes, False),
        ("GET", "/wishes", None, False),
    ],
)
def test_an_operation_says_what_its_body_is_and_whether_it_is_needed(
    method: str, path: str, kind: Any, required: bool
) -> None:
    (one,) = [one for one in app.operations if (one.method, one.path) == (method, path)]
    assert (one.body_kind, one.body_required) == (kind, required)


# --- what a route declares -----------------------------------------------------------------------------------------


def patch(body: Any = None, **options: Any) -> Any:
    asked = {"subject": "cus_1", "roles": "admin", **options}
    return send("PATCH", "/wishes/{wishId}", body or {"text": "x"}, path={"wishId": "w1"}, **asked)


def test_a_view_is_given_all_that_its_route_declares() -> None:
    headers = {"If-Match": '"7"', "Idempotency-Key": "k1", "X-WISH-Token": "t"}
    answer = patch(query={"limit": "5"}, headers=headers)
    assert (answer["statusCode"], answer["json"]) == (200, ["w1", 5, "x", 7, "k1", "t"])


def test_what_may_be_left_out_is_none_where_it_is() -> None:
    assert patch(headers={"If-Match": '"7"'})["json"] == ["w1", 20, "x", 7, None, None]


def test_who_calls_is_checked_first_then_query_body_and_headers() -> None:
    wrong: dict[str, Any] = {"query": {"limit": "0"}, "body": {"text": 7}, "roles": "staff"}
    found = []
    for right in (
        {"roles": "admin"},
        {"query": None},
        {"body": {"text": "x"}},
        {"headers": {"If-Match": '"1"'}},
    ):
        found.append(patch(**wrong)["json"]["code"])
        wrong |= right
    assert found == ["role_required", "invalid_limit", "wrong_type", "if_match_required"]
    assert patch(**wrong)["statusCode"] == 200


def test_a_call_that_declares_no_query_does_not_look_at_it() -> None:
    assert send("POST", "/wishes", {"text": "x"}, query={"anything": "goes"})["statusCode"] == 201


def test_a_view_is_still_a_function_of_its_own() -> None:
    assert get_wish.__name__ == "get_wish"


# --- bodies --------------------------------------------------------------------------------------------------------


def test_a_body_of_another_media_type_is_a_problem() -> None:
    sent = {"content-type": "text/plain"}
    assert code(send("POST", "/wishes", "{}", headers=sent)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json"])
def test_json_is_recognised_with_its_parameters_and_in_any_case(media: str) -> None:
    answer = send("POST", "/wishes", {"text": "x"}, headers={"content-type": media})
    assert answer["statusCode"] == 201


def test_a_call_says_itself_which_media_types_it_reads() -> None:
    assert send("POST", "/wishes/import", "a,b\n", headers={"content-type": "text/csv"})["json"] == {
        "bytes": 4
    }
    assert code(send("POST", "/wishes/import", "{}"))[0] == 415


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_without_a_body_does_not_mind_a_media_type(method: str) -> None:
    sent = {"content-type": "application/x-www-form-urlencoded"}
    answer = send(
        method, "/wishes/{wishId}", path={"wishId": "x"}, headers=sent, subject="cus_1", roles="admin"
    )
    assert answer["statusCode"] < 300


def test_a_body_above_the_limit_is_a_problem() -> None:
    assert code(send("POST", "/wishes", {"text": "x" * 200})) == (413, "body_too_large")


def test_the_limit_counts_bytes_not_letters() -> None:
    assert send("POST", "/wishes", '{"text": "' + "x" * 80 + '"}')["statusCode"] == 201
    assert code(send("POST", "/wishes", '{"text": "' + "é" * 80 + '"}'))[0] == 413


def test_a_body_in_base64_is_read() -> None:
    event = api_event("POST", "/wishes", base64.b64encode(b'{"text": "x"}').decode())
    assert answer_to(event | {"isBase64Encoded": True})["json"]["text"] == "x"


def test_a_bad_body_is_a_problem_that_names_the_field() -> None:
    answer = send("POST", "/wishes", {"text": 7})
    assert code(answer) == (400, "wrong_type")
    assert (answer["json"]["pointer"], answer["json"]["parameters"]) == ("/text", {"expected": "string"})


def test_a_problem_without_anything_to_name_has_no_parameters() -> None:
    assert send("GET", "/nowhere")["json"]["parameters"] == {}


@pytest.mark.parametrize(
    ("body", "encoded"),
    [("\ud800", False), ("*", True), ("é", True), (base64.b64encode(b'{"text": "\xff"}').decode(), True)],
)
def test_a_body_that_is_no_text_is_the_callers_mistake(body: str, encoded: bool) -> None:
    event = api_event("POST", "/wishes", body) | {"isBase64Encoded": encoded}
    assert code(answer_to(event))[0] == 400


@app.endpoint("PUT", "/wishes", body=Wish)
def keep_wish(body: Wish) -> Any:
    """Keep a wish, with the limit that holds where none is named: 200 | 413."""
    return {"length": len(body.text)}


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 200), (64 * 1024 + 1, 413)])
def test_a_body_has_at_most_64_kilobytes_unless_the_call_says_otherwise(size: int, status: int) -> None:
    assert send("PUT", "/wishes", '{"text":"' + "x" * (size - 11) + '"}')["statusCode"] == status


@pytest.mark.parametrize(("size", "status"), [(100, 201), (101, 413)])
def test_a_limit_is_the_last_size_that_passes(size: int, status: int) -> None:
    assert send("POST", "/wishes", '{"text":"' + "x" * (size - 11) + '"}')["statusCode"] == status


@pytest.mark.parametrize("body", [None, "", " \n"])
def test_no_body_is_a_problem(body: str | None) -> None:
    assert code(send("POST", "/wishes", body)) == (400, "body_required")


def copied(body: Any = None, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return send("POST", "/wishes/{wishId}/copies", body, path={"wishId": "w1"}, headers=sent)


def test_a_body_that_may_be_left_out_is_checked_where_it_comes() -> None:
    assert copied()["json"]["text"] is None
    assert copied({"text": "x"})["json"]["text"] == "x"
    assert code(copied({"text": 7})) == (400, "wrong_type")
    assert code(copied("null")) == (400, "wrong_type")
    assert code(copied(" ")) == (400, "body_required")


def test_a_body_taken_as_it_comes_is_none_only_where_it_may_be_left_out() -> None:
    csv = {"content-type": "text/csv"}
    assert send("POST", "/wishes/import", headers=csv)["json"] == {"bytes": 0}
    assert send("PUT", "/wishes/import", headers=csv)["json"] == {"bytes": None}
    assert send("PUT", "/wishes/import", "a,b\n", headers=csv)["json"] == {"bytes": 4}
    assert code(send("POST", "/wishes/import", "x" * 1001, headers=csv)) == (413, "body_too_large")


# --- correlation ---------------------------------------------------------------------------------------------------


def test_a_callers_correlation_id_is_taken() -> None:
    answer = send("GET", "/wishes", headers={"X-Correlation-Id": "purchase-0001"})
    assert answer["headers"]["X-Correlation-Id"] == "purchase-0001"
    assert context.current.correlation_id == "purchase-0001"


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "with space", "line\nbreak", "purchase-0001\n", "<script>"]
)
def test_a_correlation_id_of_another_form_is_replaced(given: str) -> None:
    event = api_event("GET", "/wishes", headers={"X-Correlation-Id": given})
    assert answer_to(event)["headers"]["X-Correlation-Id"] == event["requestContext"]["requestId"]


def test_a_gateways_id_of_another_form_is_not_taken_either() -> None:
    event = api_event("GET", "/wishes")
    event["requestContext"]["requestId"] = "JKJaXmPLvHcESHA="
    lambda_context = Context()
    assert app(event, lambda_context)["headers"]["X-Correlation-Id"] == lambda_context.aws_request_id


def test_without_a_correlation_id_the_requests_own_is_taken() -> None:
    event = api_event("GET", "/wishes")
    assert answer_to(event)["headers"]["X-Correlation-Id"] == event["requestContext"]["requestId"]


def test_an_answer_is_not_kept_by_caches_unless_the_view_says_so() -> None:
    assert send("GET", "/wishes")["headers"]["Cache-Control"] == "no-store"
    kept = json_response({}, headers={"Cache-Control": "max-age=60"})
    assert raising(kept)["headers"]["Cache-Control"] == "max-age=60"


# --- problems ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidError, 400),
        (errors.UnauthorisedError, 401),
        (errors.ForbiddenError, 403),
        (errors.NotFoundError, 404),
        (errors.ConflictError, 409),
        (errors.GoneError, 410),
        (errors.PreconditionFailedError, 412),
        (errors.TooLargeError, 413),
        (errors.UnsupportedMediaTypeError, 415),
        (errors.UnprocessableError, 422),
        (errors.PreconditionRequiredError, 428),
        (errors.TooManyRequestsError, 429),
        (errors.DomainError, 409),
    ],
)
def test_each_error_has_its_status(kind: type[errors.DomainError], status: int) -> None:
    answer = raising(kind("some_code", "What to do."))
    assert code(answer) == (status, "some_code")
    assert answer["json"]["title"] != "Error"


def test_an_error_of_a_service_gets_the_status_of_its_kind() -> None:
    class QuoteExpiredError(errors.GoneError):
        pass

    assert code(raising(QuoteExpiredError("quote_expired", "Ask again.")))[0] == 410


def test_a_problem_tells_when_to_come_back() -> None:
    answer = raising(errors.TooManyRequestsError("slow_down", "Wait.", retry_after=30))
    assert answer["headers"]["Retry-After"] == "30"
    assert answer["json"]["retryAfter"] == 30


def test_what_a_problem_does_not_have_is_left_out() -> None:
    answer = raising(errors.ConflictError("taken", "Taken."))
    assert not {"pointer", "retryAfter"} & set(answer["json"])
    assert "Retry-After" not in answer["headers"]


def test_an_unexpected_error_hides_its_details_from_the_caller_but_not_from_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = raising(KeyError("the-inside"))
    assert code(answer) == (500, "internal_error")
    assert "the-inside" not in answer["body"]
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["error"], line["status"], line["outcome"]) == (
        "error",
        "KeyError",
        500,
        "error",
    )
    assert "the-inside" in line["message"]
    assert any("test_http.py" in frame for frame in line["stack"])
    assert line["serverErrors"] == 1
    assert [one["Name"] for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]] == ["serverErrors"]


def test_what_a_caller_did_wrong_counts_as_no_error_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert code(raising(errors.ConflictError("taken", "Taken.")))[0] == 409
    assert "serverErrors" not in json.loads(capsys.readouterr().out)


def test_an_answer_that_cannot_be_written_is_a_problem_too() -> None:
    assert code(raising({"price": object()})) == (500, "internal_error")


def test_what_chalice_itself_refuses_to_send_is_a_problem_too(capsys: pytest.CaptureFixture[str]) -> None:
    split = Response("{}", headers={"X-Note": "one\ntwo"}, status_code=200)
    assert code(raising(split)) == (500, "internal_error")
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["outcome"]) == ("error", "error")


# --- who calls -----------------------------------------------------------------------------------------------------


WISH: dict[str, Any] = {"path": {"wishId": "x"}}


def test_a_guest_may_call_where_a_token_is_optional() -> None:
    assert send("POST", "/wishes", {"text": "x"}, subject=None)["json"]["by"] is None
    assert send("POST", "/wishes", {"text": "x"})["json"]["by"] == "cus_1"


def test_a_guest_is_refused_where_a_token_is_required_and_told_with_what_to_come() -> None:
    answer = send("DELETE", "/wishes/{wishId}", **WISH, subject=None)
    assert code(answer) == (401, "not_authenticated")
    assert answer["headers"]["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "route"), [("GET", "/wishes/{wishId}"), ("POST", "/wishes")])
def test_a_token_that_does_not_hold_is_refused_also_where_guests_may_call(method: str, route: str) -> None:
    body = {"text": "x"} if method == "POST" else None
    answer = send(method, route, body, **WISH, subject=None, headers={"Authorization": "Bearer a.b.c"})
    assert code(answer) == (401, "not_authenticated")
    assert answer["headers"]["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("line", ["", "Basic YTpi", "Bearer", "Bearer ", "guest"])
def test_what_is_no_bearer_token_is_refused_without_an_error_of_a_token(line: str) -> None:
    """RFC 6750, 3.1: a client that used another method is told no error code."""
    answer = send("POST", "/wishes", {"text": "x"}, subject=None, headers={"Authorization": line})
    assert code(answer) == (401, "not_authenticated")
    assert answer["headers"]["WWW-Authenticate"] == "Bearer"


def test_a_token_is_not_looked_at_where_none_is_needed() -> None:
    answer = send("GET", "/wishes", subject=None, headers={"Authorization": "Bearer a.b.c"})
    assert answer["statusCode"] == 200
    assert context.current.actor is None


@pytest.mark.parametrize("names", [("authorization",), ("authorization", "Authorization")])
def test_two_authorization_headers_are_refused(names: tuple[str, ...]) -> None:
    event = api_event("POST", "/wishes", {"text": "x"}, subject="cus_1", payload="1.0")
    (token,) = event["multiValueHeaders"].pop("authorization")
    event["multiValueHeaders"] |= {name: [token] * (2 // len(names)) for name in names}
    assert code(answer_to(event)) == (401, "not_authenticated")
    joined = api_event("POST", "/wishes", {"text": "x"}, headers={"Authorization": f"{token},{token}"})
    assert code(answer_to(joined)) == (401, "not_authenticated")


@pytest.mark.parametrize("payload", ["1.0", "2.0"])
def test_a_token_is_found_however_its_header_is_written(payload: str) -> None:
    event = api_event("POST", "/wishes", {"text": "x"}, subject="cus_1", payload=payload)
    for headers in (event["headers"], event.get("multiValueHeaders", {})):
        if (found := headers.pop("authorization", None)) is not None:
            text = json.dumps(found).replace("Bearer", "bEARER ")
            headers["AUTHORIZATION"] = json.loads(text)
    assert answer_to(event)["json"]["by"] == "cus_1"


@pytest.mark.parametrize("claimed", [{}, {"principalId": "cus_2", "roles": "admin"}])
def test_who_calls_is_taken_from_the_token_and_nothing_else(claimed: Any) -> None:
    event = api_event("GET", "/wishes/{wishId}", **WISH, subject="cus_1")
    event["requestContext"]["authorizer"] = claimed
    event["headers"] |= {"principalId": "cus_2", "x-roles": "admin"}
    assert answer_to(event)["json"]["by"] == "cus_1"
    del event["headers"]["authorization"]
    assert code(answer_to(event)) == (401, "not_authenticated")


def test_who_calls_is_asked_before_anything_else_of_the_request() -> None:
    answer = send("PATCH", "/wishes/{wishId}", "{", **WISH, query={"limit": "x"}, subject=None)
    assert code(answer) == (401, "not_authenticated")
    assert code(send("PATCH", "/wishes/{wishId}", "{", **WISH, query={"limit": "x"}))[1] == "role_required"


def test_one_of_the_roles_is_enough() -> None:
    options: dict[str, Any] = {**WISH, "subject": "cus_1"}
    assert send("DELETE", "/wishes/{wishId}", roles="customer,staff", **options)["statusCode"] == 204
    assert send("DELETE", "/wishes/{wishId}", roles="customer,stafff", **options)["statusCode"] == 403


def test_what_a_known_caller_causes_is_known_by_their_subject() -> None:
    send("POST", "/wishes", {"text": "x"}, subject="cus_1")
    assert context.current.actor == "cus_1"
    send("POST", "/wishes", {"text": "x"}, subject=None)
    assert (context.current.actor, context.current.caller) == (None, context.GUEST)


def test_a_caller_is_forgotten_before_the_next_request() -> None:
    send("POST", "/wishes", {"text": "x"}, subject="cus_1")
    send("GET", "/wishes", subject=None)
    assert context.current.caller == context.GUEST


def test_the_session_is_the_tokens() -> None:
    token = callers().token(sid="ses_7")
    send("POST", "/wishes", {"text": "x"}, subject=None, headers={"Authorization": f"Bearer {token}"})
    assert context.current.caller == context.Caller("cus_1", frozenset({"customer"}), "ses_7")


def test_while_no_keys_can_be_read_callers_are_told_to_come_again(cloud: None) -> None:
    aws.ssm().put_parameter(Name=PARAMETER, Value="{", Type="String", Overwrite=True)
    tokens.keys.cache_clear()
    answer = send("DELETE", "/wishes/{wishId}", **WISH)
    assert code(answer) == (503, "keys_unavailable")
    assert answer["headers"]["Retry-After"] == "2"
    assert answer["json"]["title"] == "Service unavailable"
    assert send("POST", "/wishes", {"text": "x"}, subject=None)["statusCode"] == 201
    publish()
    assert send("DELETE", "/wishes/{wishId}", **WISH, roles="admin")["statusCode"] == 204


def test_the_log_line_names_the_subject_and_the_reason_and_never_the_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = callers().token(), callers().token(aud="other")
    for token in (good, bad):
        send("GET", "/wishes/{wishId}", **WISH, subject=None, headers={"Authorization": f"Bearer {token}"})
    send("POST", "/wishes", {"text": "x"}, subject=None)
    said = capsys.readouterr().out
    passed, stopped, guest = map(json.loads, said.splitlines())
    assert (passed["subject"], passed["outcome"]) == ("cus_1", "ok")
    assert (stopped["level"], stopped["outcome"], stopped["reason"], stopped["status"]) == (
        "info",
        "unauthorised",
        "audience",
        401,
    )
    assert "subject" not in stopped
    assert guest["subject"] == "guest"
    for part in (*good.split("."), *bad.split(".")):
        assert part not in said


# --- query parameters ----------------------------------------------------------------------------------------------


def asked(**query: str) -> FindWishes:
    assert send("GET", "/wishes", query=query or None)["statusCode"] == 200
    found: FindWishes = SEEN.pop()
    return found


def refused(name: str, text: str) -> tuple[str, str, dict[str, Any]]:
    answer = send("GET", "/wishes", query={name: text})
    _, found = code(answer)
    assert answer["statusCode"] == 400
    return found, answer["json"]["detail"], answer["json"]["parameters"]


def test_query_parameters_are_read_as_their_types() -> None:
    assert asked(limit="5", q="blue pot") == FindWishes(limit=5, q="blue pot")
    assert asked(sortBy="newest", colour="red") == FindWishes(sort_by="newest", colour="red")
    assert asked(day="2028-02-29", withGone="true") == FindWishes(day=date(2028, 2, 29), with_gone=True)
    assert asked(withGone="false", sortBy="") == FindWishes()


def test_a_text_of_the_query_stays_a_text() -> None:
    for text in ("null", "5", "true", "2026-11-22", ""):
        assert asked(cursor=text) == FindWishes(cursor=text)


def test_without_query_parameters_the_defaults_hold() -> None:
    assert asked() == FindWishes(20, None, "", "", None, None, False)


@pytest.mark.parametrize("text", ["yes", "True", "1", "0", "null", ""])
def test_a_truth_is_true_or_false(text: str) -> None:
    assert refused("withGone", text) == (
        "invalid_with_gone",
        "withGone is true or false.",
        {"parameter": "withGone"},
    )


@pytest.mark.parametrize(
    "day",
    ["", "2026-02-29", "2026-04-31", "2026-00-10", "2026-1-1", "20261122", "2026-11-22\n", "0000-01-01"],
)
def test_a_day_that_is_in_no_calendar_is_refused(day: str) -> None:
    detail = "day is a day of the calendar like 2026-11-22."
    assert refused("day", day) == ("invalid_day", detail, {"parameter": "day"})


def test_a_day_as_far_as_calendars_go_is_taken() -> None:
    assert asked(day="0001-01-01").day == date.min
    assert asked(day="9999-12-31").day == date.max


def test_a_choice_that_is_none_is_refused_with_those_there_are() -> None:
    assert refused("sortBy", "price") == (
        "invalid_sort_by",
        "sortBy is newest or oldest.",
        {"parameter": "sortBy"},
    )
    assert refused("colour", "") == (
        "invalid_colour",
        "colour is one of blue, green, red.",
        {"parameter": "colour"},
    )


def test_a_text_of_the_query_has_the_length_that_is_declared() -> None:
    assert asked(q="é" * 10).q == "é" * 10
    assert refused("q", "é" * 11) == (
        "parameter_too_long",
        "q has at most 10 characters.",
        {"parameter": "q", "maximum": 10},
    )


def test_an_unknown_query_parameter_is_a_problem() -> None:
    answer = send("GET", "/wishes", query={"lmit": "5"})
    assert code(answer) == (400, "unknown_parameter")
    assert answer["json"]["parameters"] == {"parameter": "lmit"}


@pytest.mark.parametrize("name", ["sort_by", "sortby", "SortBy", ""])
def test_a_query_parameter_has_the_name_of_the_wire_alone(name: str) -> None:
    assert code(send("GET", "/wishes", query={name: "newest"})) == (400, "unknown_parameter")


def test_a_repeated_query_parameter_is_a_problem() -> None:
    answer = answer_to(api_event("GET", "/wishes") | {"rawQueryString": "limit=5&limit=6"})
    assert code(answer) == (400, "repeated_parameter")
    assert answer["json"]["parameters"] == {"parameter": "limit"}


@pytest.mark.parametrize("limit", ["", "0", "51", "-1", "1.5", "ten", "1e1", "٣", "5\n", "99999999999"])
def test_a_limit_out_of_its_range_is_a_problem(limit: str) -> None:
    detail = "limit is a whole number from 1 to 50."
    assert refused("limit", limit) == ("invalid_limit", detail, {"parameter": "limit", "maximum": 50})


@pytest.mark.parametrize(("path", "default", "most"), [("page", 20, 100), ("long-page", 100, 500)])
def test_a_page_has_20_items_and_at_most_100_where_they_are_small_100_and_500(
    path: str, default: int, most: int
) -> None:
    assert send("GET", f"/wishes/{path}")["json"] == {"limit": default, "cursor": None}
    assert send("GET", f"/wishes/{path}", query={"limit": str(most)})["json"]["limit"] == most
    assert code(send("GET", f"/wishes/{path}", query={"limit": str(most + 1)})) == (400, "invalid_limit")


@pytest.mark.parametrize("limit", ["1", "50", "007"])
def test_a_limit_in_its_range_is_taken(limit: str) -> None:
    assert send("GET", "/wishes", query={"limit": limit})["json"]["limit"] == int(limit)


# --- versions ------------------------------------------------------------------------------------------------------


def put(**headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return send("PUT", "/wishes/{wishId}", {"text": "x"}, path={"wishId": "x"}, headers=sent)


def test_an_etag_comes_back_as_if_match() -> None:
    shown = send("GET", "/wishes/{wishId}", path={"wishId": "x"})["headers"]["ETag"]
    assert shown == '"7"'
    assert put(if_match=shown)["json"] == {"version": 7}


def test_an_etag_that_a_proxy_made_weak_names_its_version() -> None:
    assert put(if_match='W/"7"')["json"] == {"version": 7}


def test_a_change_without_if_match_is_refused() -> None:
    assert code(put()) == (428, "if_match_required")


@pytest.mark.parametrize(
    "given", ["7", '""', '"x"', 'w/"7"', "W/7", "*", '"7", "8"', '"-7"', '"' + "7" * 20 + '"', '"٧"']
)
def test_if_match_of_another_form_is_refused(given: str) -> None:
    assert code(put(if_match=given)) == (400, "invalid_if_match")


def test_if_match_that_may_be_left_out_is_checked_where_it_comes() -> None:
    assert copied()["json"]["version"] is None
    assert copied(if_match='"7"')["json"]["version"] == 7
    assert code(copied(if_match="7")) == (400, "invalid_if_match")


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\nb", "k\x7f"])
def test_an_idempotency_key_of_another_form_is_refused(key: str) -> None:
    answer = patch(headers={"If-Match": '"7"', "Idempotency-Key": key})
    assert code(answer) == (400, "invalid_idempotency_key")


# --- the line ------------------------------------------------------------------------------------------------------


def test_a_request_writes_one_line_that_names_the_route_and_not_the_address(
    capsys: pytest.CaptureFixture[str],
) -> None:
    send("GET", "/wishes/{wishId}", path={"wishId": "secret-1"}, query={"token": "secret-2"}, subject="cus_1")
    text = capsys.readouterr().out
    (line,) = [json.loads(one) for one in text.splitlines()]
    assert (line["kind"], line["method"], line["route"]) == ("http", "GET", "/wishes/{wishId}")
    assert (line["status"], line["outcome"]) == (200, "ok")
    assert "secret" not in text


def test_a_function_that_is_no_http_call_writes_its_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert tidy({"count": 3}, Context()) == {"tidied": 3}
    assert json.loads(capsys.readouterr().out)["kind"] == "task"


def test_a_problem_is_logged_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    send("POST", "/wishes", {"text": "hunter2", "more": 1})
    text = capsys.readouterr().out
    assert json.loads(text)["code"] == "unknown_field"
    assert "hunter2" not in text
