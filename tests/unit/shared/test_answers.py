"""DynamoDB's answers, read in botocore's stead: nobody can tell the difference."""

from __future__ import annotations

import json
import string
import zlib
from base64 import b64encode
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from functions.shared import answers

KEY = {"pk": {"S": "A"}, "sk": {"S": "1"}}
CALLS: dict[str, dict[str, Any]] = {
    "get_item": {"TableName": "t", "Key": KEY},
    "query": {"TableName": "t"},
    "batch_get_item": {"RequestItems": {"t": {"Keys": [KEY]}}},
    "update_item": {"TableName": "t", "Key": KEY},
    "put_item": {"TableName": "t", "Item": KEY},
    "transact_write_items": {"TransactItems": [{"Put": {"TableName": "t", "Item": KEY}}]},
}


class Wire:
    """A DynamoDB client for whose every request the same bytes come back."""

    def __init__(self, *, reading: bool) -> None:
        self.client: Any = boto3.session.Session().client(
            "dynamodb",
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self.status, self.body, self.checksum = 200, b"{}", ""
        self.client.meta.events.register("before-send.dynamodb", self._send)
        if reading:
            self.client.meta.events.register(answers.HOOK, answers.take_items)

    def _send(self, **_: Any) -> AWSResponse:
        response = AWSResponse(
            "https://dynamodb",
            self.status,
            {"x-amzn-RequestId": "R1", "x-amz-crc32": self.checksum or str(zlib.crc32(self.body))},
            None,
        )
        response._content = self.body
        return response

    def call(self, operation: str, status: int, body: bytes) -> Any:
        """Return what the caller gets: the answer, or the error as it is."""
        self.status, self.body = status, body
        try:
            return getattr(self.client, operation)(**CALLS[operation])
        except ClientError as error:
            return type(error).__name__, str(error), error.response
        except Exception as error:  # noqa: BLE001 whatever it is, it must be the same
            return type(error).__name__


@pytest.fixture(scope="module")
def both() -> tuple[Wire, Wire]:
    return Wire(reading=True), Wire(reading=False)


def same(both: tuple[Wire, Wire], operation: str, answer: Any, status: int = 200) -> Any:
    """Return what botocore gives for an answer, and see that with our reading it is the same."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    ours, theirs = (wire.call(operation, status, body) for wire in both)
    assert ours == theirs
    return ours


BINARY = b64encode(b"\x00\xff").decode()
EVERY_TYPE = {
    "pk": {"S": ""},
    "text": {"S": 'ü "B": null \u2028 😀'},
    "whole": {"N": "12"},
    "part": {"N": "-0.50"},
    "large": {"N": "1" * 38},
    "binary": {"B": BINARY},
    "none": {"NULL": True},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "binaries": {"BS": [BINARY]},
    "empty list": {"L": []},
    "empty map": {"M": {}},
    "B": {"M": {"S": {"L": [{"M": {"N": {"B": BINARY}}}, {"S": "x"}]}}},
}
CAPACITY = {
    "TableName": "t",
    "CapacityUnits": 1.5,
    "Table": {"CapacityUnits": 1},
    "GlobalSecondaryIndexes": {"open": {"CapacityUnits": 0.5}},
}


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("get_item", {}),
        ("get_item", {"Item": EVERY_TYPE, "ConsumedCapacity": CAPACITY}),
        ("query", {"Items": [], "Count": 0, "ScannedCount": 0}),
        (
            "query",
            {
                "Items": [EVERY_TYPE] * 3,
                "Count": 3,
                "ScannedCount": 9,
                "ConsumedCapacity": CAPACITY,
                "LastEvaluatedKey": {**KEY, "at": {"N": "1"}},
            },
        ),
        (
            "batch_get_item",
            {
                "Responses": {"t": [EVERY_TYPE], "u": []},
                "UnprocessedKeys": {},
                "ConsumedCapacity": [CAPACITY],
            },
        ),
        (
            "batch_get_item",
            {"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [KEY], "ConsistentRead": True}}},
        ),
        ("update_item", {"Attributes": EVERY_TYPE, "ItemCollectionMetrics": {"ItemCollectionKey": KEY}}),
        ("put_item", {}),
        ("put_item", {"Attributes": EVERY_TYPE}),
        ("transact_write_items", {"ConsumedCapacity": [CAPACITY]}),
    ],
)
def test_an_answer_is_the_same(both: tuple[Wire, Wire], operation: str, answer: Any) -> None:
    found = same(both, operation, answer)
    assert found["ResponseMetadata"]["RequestId"] == "R1"
    assert answer.keys() <= found.keys()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"no JSON",
        b'{"Item": {"pk": {"S": "\\ud800"}}}',
        b'{"Item": null}',
        b'{"Item": {"pk": {"S": null}}}',
        b'{"Item": {"pk": {"S": "x", "NEW": 1}}, "NewMember": {"a": 1}}',
        b'{"Item": {"pk": {"NEW": "x"}}}',
        b'{"Item": {"pk": {"B": "!"}}}',
        b'{"Item": {"pk": {"N": 1}}}',
        b'{"Item": {"pk": null}}',
        b"\xff",
        b'{"Item": {"pk": {"L": [null, {"S": "x"}]}}}',
        b'{"Item": {}, "Item": {"pk": {"S": "twice"}}}',
    ],
)
def test_an_unusual_answer_is_the_same(both: tuple[Wire, Wire], answer: bytes) -> None:
    same(both, "get_item", answer)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "no",
                "Item": EVERY_TYPE,
            },
        ),
        (
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "Message": "[None, X]",
                "CancellationReasons": [
                    {"Code": "None"},
                    {"Code": "ConditionalCheckFailed", "Item": EVERY_TYPE},
                ],
            },
        ),
        (400, {"__type": "ValidationException", "message": "The provided starting key is invalid"}),
        (400, {"__type": "ProvisionedThroughputExceededException"}),
        (500, {"__type": "InternalServerError", "Items": [KEY]}),
        (503, b"<html><body>Service Unavailable</body></html>"),
        (413, b""),
    ],
)
@pytest.mark.parametrize("operation", ["query", "update_item", "transact_write_items"])
def test_an_error_is_the_same(both: tuple[Wire, Wire], operation: str, status: int, answer: Any) -> None:
    assert isinstance(same(both, operation, answer, status), tuple)


_TEXT = st.text(max_size=8)
_NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
_BINARY = st.binary(max_size=8).map(lambda value: b64encode(value).decode())
_FLAT = st.one_of(
    st.builds(lambda value: {"S": value}, _TEXT),
    st.builds(lambda value: {"N": value}, _NUMBER),
    st.builds(lambda value: {"B": value}, _BINARY),
    st.builds(lambda value: {"BOOL": value}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda value: {"SS": value}, st.lists(_TEXT, min_size=1, max_size=3)),
    st.builds(lambda value: {"NS": value}, st.lists(_NUMBER, min_size=1, max_size=3)),
    st.builds(lambda value: {"BS": value}, st.lists(_BINARY, min_size=1, max_size=3)),
)
_NAME = st.one_of(
    st.sampled_from(["S", "B", "L", "M", "Items", "null"]), st.text(string.ascii_letters, min_size=1)
)
_VALUE = st.recursive(
    _FLAT,
    lambda inner: st.one_of(
        st.builds(lambda value: {"L": value}, st.lists(inner, max_size=3)),
        st.builds(lambda value: {"M": value}, st.dictionaries(_NAME, inner, max_size=3)),
    ),
    max_leaves=8,
)


@given(items=st.lists(st.dictionaries(_NAME, _VALUE, max_size=4), max_size=3))
def test_any_items_are_the_same(both: tuple[Wire, Wire], items: list[Any]) -> None:
    same(both, "query", {"Items": items, "Count": len(items), "ScannedCount": len(items)})


def test_an_answer_damaged_on_its_way_is_refused_as_before(both: tuple[Wire, Wire]) -> None:
    for wire in both:
        wire.checksum = "1"
    try:
        assert same(both, "get_item", {"Item": KEY}) == "ChecksumError"
    finally:
        for wire in both:
            wire.checksum = ""


def test_botocore_is_left_no_items_to_read() -> None:
    response = {"status_code": 200, "body": b'{"Items": [{"pk": {"S": "A"}}], "Count": 1}'}
    customized: dict[str, Any] = {}
    answers.take_items(response_dict=response, customized_response_dict=customized)
    assert customized == {"Items": [{"pk": {"S": "A"}}]}
    assert json.loads(response["body"]) == {"Count": 1}  # type: ignore[arg-type]
