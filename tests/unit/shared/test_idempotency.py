"""Idempotency-Key: the same request is answered once, whatever happens between."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chalice.app import Response

from functions.shared.dynamo import Table
from functions.shared.errors import ConflictError
from functions.shared.http import IDEMPOTENCY_KEY, Service, json_response
from functions.shared.idempotency import LOCKED_SECONDS, answered_once
from functions.shared.ids import KEY_KEPT, fingerprint
from tests.support.lambda_events import Context, api_event

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Counter:
    """A service that moves money once per key, or fails the way the test wants."""

    def __init__(self, table: Table) -> None:
        self.app = Service("counter")
        self.table = table
        self.at = NOON
        self.runs = 0
        self.meanwhile: Callable[[], Any] = lambda: None
        for path in ("/charges", "/charges/{chargeId}"):
            self.app.endpoint("POST", path, auth="none", headers=(IDEMPOTENCY_KEY,), status=201)(self.charge)

    def charge(self, key: str | None, charge_id: str = "") -> Response:
        return answered_once(self.app, self.table, "charge#cus_1", self.at, self.run, key=key)

    def run(self) -> Response:
        self.runs += 1
        run = self.runs
        self.meanwhile()
        return json_response({"run": run}, 201, {"Location": f"/charges/{run}"})

    def post(
        self,
        key: str | None = "k1",
        body: Any = None,
        route: str = "/charges",
        query: dict[str, str] | None = None,
        **path: str,
    ) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        event = api_event("POST", route, body or {"amount": 5}, headers=headers, path=path, query=query)
        answer = self.app(event, Context())
        return answer | {"json": json.loads(answer["body"])}


@pytest.fixture
def counter(cloud: None) -> Counter:
    boto3.client("dynamodb").create_table(
        TableName="charges",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    return Counter(Table("charges"))


def raises(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


def records() -> list[Any]:
    items: list[Any] = boto3.client("dynamodb").scan(TableName="charges")["Items"]
    return items


def test_a_repeated_request_gets_the_stored_answer(counter: Counter) -> None:
    first, second = counter.post(), counter.post()
    assert (
        (first["statusCode"], first["body"]) == (second["statusCode"], second["body"]) == (201, '{"run":1}')
    )
    assert first["headers"]["Location"] == second["headers"]["Location"] == "/charges/1"
    assert counter.runs == 1


def test_a_repeated_answer_says_that_it_is_one(counter: Counter) -> None:
    assert "Idempotency-Replayed" not in counter.post()["headers"]
    assert counter.post()["headers"]["Idempotency-Replayed"] == "true"


def test_without_a_key_each_request_runs(counter: Counter) -> None:
    assert [counter.post(key=None)["json"]["run"] for _ in range(2)] == [1, 2]
    assert records() == []


def test_another_key_is_another_request(counter: Counter) -> None:
    assert [counter.post(key)["json"]["run"] for key in ("k1", "k2", "K1")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "route", "path"),
    [({"amount": 6}, "/charges", {}), ({"amount": 5}, "/charges/{chargeId}", {"chargeId": "ch_1"})],
)
def test_a_key_used_for_another_request_is_a_conflict(
    counter: Counter, body: Any, route: str, path: Any
) -> None:
    counter.post()
    answer = counter.post(body=body, route=route, **path)
    assert (answer["statusCode"], answer["json"]["code"]) == (409, "idempotency_key_reused")
    assert counter.runs == 1


def test_a_key_used_with_other_parameters_of_the_query_is_a_conflict(counter: Counter) -> None:
    counter.post(query={"dryRun": "true"})
    for query in (None, {"dryRun": "false"}, {"stock": "set"}, {"dryRun": "true", "stock": "set"}):
        assert counter.post(query=query)["json"]["code"] == "idempotency_key_reused"
    assert (counter.post(query={"dryRun": "true"})["json"], counter.runs) == ({"run": 1}, 1)


def test_a_request_still_in_flight_is_a_conflict_that_says_when_to_come_back(counter: Counter) -> None:
    answers: list[Any] = []
    counter.meanwhile = lambda: answers.append(counter.post())
    counter.post()
    (inner,) = answers
    assert (inner["statusCode"], inner["json"]["code"]) == (409, "request_in_flight")
    assert int(inner["headers"]["Retry-After"]) > 0
    assert counter.runs == 1


def test_another_request_under_a_key_in_flight_is_refused_for_good(counter: Counter) -> None:
    answers: list[Any] = []
    counter.meanwhile = lambda: answers.append(counter.post(body={"amount": 6}))
    counter.post()
    assert answers[0]["json"]["code"] == "idempotency_key_reused"


def test_a_refused_request_is_not_stored(counter: Counter) -> None:
    counter.meanwhile = raises(ConflictError("card_busy", "Try again."))
    assert counter.post()["json"]["code"] == "card_busy"
    assert records() == []
    counter.meanwhile = lambda: None
    assert counter.post()["json"] == {"run": 2}


def test_a_refused_request_leaves_its_key_to_another_body(counter: Counter) -> None:
    counter.meanwhile = raises(ConflictError("card_busy", "Try again."))
    counter.post()
    counter.meanwhile = lambda: None
    assert counter.post(body={"amount": 6})["statusCode"] == 201


def test_after_a_crash_the_same_request_runs_again_when_the_lock_ends(counter: Counter) -> None:
    counter.meanwhile = raises(RuntimeError("the worker died"))
    assert counter.post()["statusCode"] == 500
    counter.meanwhile = lambda: None
    counter.at = NOON + timedelta(seconds=LOCKED_SECONDS)
    assert counter.post()["json"]["code"] == "request_in_flight"
    counter.at = NOON + timedelta(seconds=LOCKED_SECONDS + 1)
    assert counter.post()["json"] == {"run": 2}
    assert counter.post()["json"] == {"run": 2}


def test_after_a_crash_another_request_may_not_take_the_key(counter: Counter) -> None:
    counter.meanwhile = raises(RuntimeError("the worker died"))
    counter.post()
    counter.at = NOON + timedelta(hours=1)
    assert counter.post(body={"amount": 6})["json"]["code"] == "idempotency_key_reused"


def test_an_answer_is_kept_for_two_days(counter: Counter) -> None:
    counter.post()
    counter.at = NOON + KEY_KEPT
    assert counter.post()["json"] == {"run": 1}
    counter.at = NOON + KEY_KEPT + timedelta(seconds=1)
    assert counter.post()["json"] == {"run": 2}
    assert timedelta(hours=24) <= KEY_KEPT


def test_a_key_that_has_expired_may_be_used_for_something_else(counter: Counter) -> None:
    counter.post()
    counter.at = NOON + KEY_KEPT + timedelta(seconds=1)
    assert counter.post(body={"amount": 6})["json"] == {"run": 2}


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\nb", "k\x7f"])
def test_a_key_of_another_form_is_refused(counter: Counter, key: str) -> None:
    answer = counter.post(key)
    assert (answer["statusCode"], answer["json"]["code"]) == (400, "invalid_idempotency_key")
    assert counter.runs == 0


@pytest.mark.parametrize("key", ["x", "x" * 255, '"quoted"', "~!#", "8e03978e-40d5-43e8-bc93-6894a57f9324"])
def test_any_visible_ascii_is_a_key(counter: Counter, key: str) -> None:
    assert counter.post(key)["statusCode"] == 201
    assert counter.post(key)["json"] == {"run": 1}


def test_keys_of_different_scopes_do_not_meet(counter: Counter) -> None:
    counter.post()
    other = Counter(counter.table)
    other.app = Service("other")
    other.app.endpoint("POST", "/charges", auth="none", headers=(IDEMPOTENCY_KEY,))(
        lambda key: answered_once(other.app, other.table, "charge#cus_2", NOON, other.run, key=key)
    )
    assert other.post()["json"] == {"run": 1}
    assert "Idempotency-Replayed" not in other.post("k3")["headers"]


def test_neither_key_nor_body_is_kept_in_clear(counter: Counter) -> None:
    counter.post("secret-key", {"card": "secret-card"})
    assert "secret" not in json.dumps(records())


def test_a_fingerprint_tells_its_parts_apart() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
    assert fingerprint("a", b"b") == fingerprint("a", "b")
    assert fingerprint("a") != fingerprint("a", "")
