"""The HTTP edge: routes, problems, who calls, and what the answer and the log line carry."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from chalice.app import Response

from functions.shared import context, errors
from functions.shared.http import (
    Service,
    caller,
    etag,
    header,
    if_match,
    json_response,
    page_limit,
    query_parameters,
    raw_body,
    read_body,
)
from functions.shared.types import Body, View
from tests.support.lambda_events import Context, api_event


class Wish(Body, frozen=True):
    text: str


class Wished(View, frozen=True):
    text: str
    by: str | None


app = Service("wishes")


@app.endpoint("GET", "/wishes/{wishId}", returns=Wished)
def get_wish(wish_id: str) -> Response:
    """Get a wish: 200."""
    return json_response(Wished(wish_id, caller(app).subject), headers=etag(7))


@app.endpoint("POST", "/wishes", auth="optional", body=Wish, returns=Wished, status=201)
def make_wish() -> Response:
    """Make a wish: 201 | 400."""
    return json_response(Wished(read_body(app, Wish, limit=100).text, caller(app).subject), 201)


@app.endpoint("PUT", "/wishes/{wishId}", body=Wish)
def change_wish(wish_id: str) -> dict[str, Any]:
    """Change a wish: 200 | 412 | 428."""
    return {"version": if_match(app)}


@app.endpoint("DELETE", "/wishes/{wishId}")
def drop_wish(wish_id: str) -> Response:
    """Drop a wish: 204 | 403."""
    caller(app).require("staff", "admin")
    return Response("", status_code=204)


@app.endpoint("GET", "/wishes", auth="none")
def list_wishes() -> Any:
    """List wishes: 200 | 400."""
    given = query_parameters(app, "limit", "cursor", "q")
    return {"given": given, "limit": page_limit(given, default=20, cap=50)}


@app.endpoint("GET", "/wishes/page")
def page() -> Any:
    """Page with the limits that hold where none are named: 200."""
    return {"limit": page_limit(query_parameters(app, "limit"))}


@app.lambda_function()
def tidy(event: Any, context: Any) -> dict[str, int]:
    """Tidy up."""
    return {"tidied": event["count"]}


@app.endpoint("POST", "/wishes/import", content_types=("text/csv", "application/x-ndjson"))
def import_wishes() -> Any:
    """Import: 200."""
    return {"bytes": len(raw_body(app, 1000))}


RAISED: list[BaseException | Any] = []


@app.endpoint("GET", "/wishes/raise")
def fail() -> Any:
    """Raise what the test put there."""
    outcome = RAISED.pop()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def send(method: str, resource: str, body: Any = None, **options: Any) -> Any:
    return answer_to(api_event(method, resource, body, **options))


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


def test_an_encoded_path_parameter_is_decoded() -> None:
    assert send("GET", "/wishes/{wishId}", path={"wishId": "a%20b%2Fc%C3%A9"})["json"]["text"] == "a b/cé"


def test_an_unknown_path_is_a_problem() -> None:
    assert code(send("GET", "/elsewhere")) == (404, "no_such_route")


def test_head_is_answered_as_get_without_its_content() -> None:
    got, headed = (
        app(api_event(method, "/wishes/{wishId}", path={"wishId": "w1"}), Context())
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
    (made,) = [operation for operation in app.operations if operation.method == "POST" and operation.body]
    assert made == ("POST", "/wishes", "optional", Wish, Wished, 201, "Make a wish: 201 | 400.")
    (plain,) = [operation for operation in app.operations if operation.path == "/wishes/raise"]
    assert plain == ("GET", "/wishes/raise", "required", None, None, 200, "Raise what the test put there.")


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
def keep_wish() -> Any:
    """Keep a wish, with the limit that holds where none is named: 200 | 413."""
    return {"length": len(read_body(app, Wish).text)}


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 200), (64 * 1024 + 1, 413)])
def test_a_body_has_at_most_64_kilobytes_unless_the_call_says_otherwise(size: int, status: int) -> None:
    assert send("PUT", "/wishes", '{"text":"' + "x" * (size - 11) + '"}')["statusCode"] == status


@pytest.mark.parametrize(("size", "status"), [(100, 201), (101, 413)])
def test_a_limit_is_the_last_size_that_passes(size: int, status: int) -> None:
    assert send("POST", "/wishes", '{"text":"' + "x" * (size - 11) + '"}')["statusCode"] == status


def test_no_body_is_a_problem() -> None:
    assert code(send("POST", "/wishes")) == (400, "body_required")


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


def test_an_answer_that_cannot_be_written_is_a_problem_too() -> None:
    assert code(raising({"price": object()})) == (500, "internal_error")


def test_what_chalice_itself_refuses_to_send_is_a_problem_too(capsys: pytest.CaptureFixture[str]) -> None:
    split = Response("{}", headers={"X-Note": "one\ntwo"}, status_code=200)
    assert code(raising(split)) == (500, "internal_error")
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["outcome"]) == ("error", "error")


# --- who calls -----------------------------------------------------------------------------------------------------


def test_a_guest_has_no_subject_and_no_role() -> None:
    assert send("POST", "/wishes", {"text": "x"})["json"]["by"] is None
    assert code(send("DELETE", "/wishes/{wishId}", path={"wishId": "x"})) == (403, "role_required")


@pytest.mark.parametrize(
    "context", [None, {}, {"principalId": ""}, {"principalId": "guest", "roles": "admin"}]
)
def test_without_the_authorisers_word_a_caller_is_a_guest(context: Any) -> None:
    event = api_event("DELETE", "/wishes/{wishId}", path={"wishId": "x"})
    event["requestContext"]["authorizer"] = context
    assert code(answer_to(event))[0] == 403


def test_one_of_the_roles_is_enough() -> None:
    options: dict[str, Any] = {"path": {"wishId": "x"}, "subject": "cus_1"}
    assert send("DELETE", "/wishes/{wishId}", roles="customer,staff", **options)["statusCode"] == 204
    assert send("DELETE", "/wishes/{wishId}", roles="customer,stafff", **options)["statusCode"] == 403


def test_who_calls_is_never_taken_from_the_request() -> None:
    claimed = {"principalId": "cus_2", "x-roles": "admin", "authorization": "Bearer x"}
    answer = send("GET", "/wishes/{wishId}", path={"wishId": "x"}, headers=claimed, subject="cus_1")
    assert answer["json"]["by"] == "cus_1"


def test_what_a_known_caller_causes_is_known_by_their_subject() -> None:
    send("GET", "/wishes/{wishId}", path={"wishId": "x"}, subject="cus_1")
    assert context.current.actor == "cus_1"
    send("GET", "/wishes/{wishId}", path={"wishId": "x"})
    assert context.current.actor is None


# --- query parameters ----------------------------------------------------------------------------------------------


def test_query_parameters_are_read() -> None:
    answer = send("GET", "/wishes", query={"limit": "5", "q": "blue pot"})
    assert answer["json"] == {"given": {"limit": "5", "q": "blue pot"}, "limit": 5}


def test_without_query_parameters_the_defaults_hold() -> None:
    assert send("GET", "/wishes")["json"] == {"given": {}, "limit": 20}


def test_an_unknown_query_parameter_is_a_problem() -> None:
    assert code(send("GET", "/wishes", query={"lmit": "5"})) == (400, "unknown_parameter")


def test_a_repeated_query_parameter_is_a_problem() -> None:
    event = api_event("GET", "/wishes", query={"limit": "5"})
    event["multiValueQueryStringParameters"] = {"limit": ["5", "6"]}
    assert code(answer_to(event)) == (400, "repeated_parameter")


@pytest.mark.parametrize("limit", ["", "0", "51", "-1", "1.5", "ten", "1e1", "٣", "5\n", "99999999999"])
def test_a_limit_out_of_its_range_is_a_problem(limit: str) -> None:
    assert code(send("GET", "/wishes", query={"limit": limit})) == (400, "invalid_limit")


def test_a_page_has_20_items_and_at_most_100_unless_the_call_says_otherwise() -> None:
    assert send("GET", "/wishes/page")["json"] == {"limit": 20}
    assert send("GET", "/wishes/page", query={"limit": "100"})["json"] == {"limit": 100}
    assert send("GET", "/wishes/page", query={"limit": "101"})["statusCode"] == 400


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


def test_a_header_is_found_in_any_case() -> None:
    event = api_event("GET", "/wishes")
    event["headers"] = {"X-CART-Token": "t"}
    answer_to(event)
    assert header(app, "x-Cart-token") == "t"
    assert header(app, "x-other") is None


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
