"""What DynamoDB answers under load and to made-up pages, as botocore's stubber gives it: moto never does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from functions.shared import aws, dynamo
from functions.shared.dynamo import Table
from functions.shared.errors import InvalidError

KEY = {"pk": "A", "sk": "1"}
TABLE = Table("things")
TRIES = len(dynamo._PATIENCE) + 1


@pytest.fixture
def answers(cloud: None) -> Iterator[Stubber]:
    """DynamoDB that answers what the test says, in its order, and nothing more."""
    with Stubber(aws.dynamodb()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def cancelled(stubber: Stubber, *codes: str) -> None:
    reasons = [{"Code": code} for code in codes]
    stubber.add_client_error(
        "transact_write_items",
        "TransactionCanceledException",
        modeled_fields={"CancellationReasons": reasons},
    )


def conflict(stubber: Stubber, operation: str) -> None:
    stubber.add_client_error(operation, "TransactionConflictException")


def put() -> Any:
    return TABLE.transact(TABLE.putting(KEY))


def test_a_transaction_in_conflict_with_another_is_tried_again(answers: Stubber) -> None:
    cancelled(answers, "TransactionConflict", "None")
    answers.add_response("transact_write_items", {})
    assert put() is None


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_a_busy_partition_cancelled_is_tried_again(answers: Stubber, reason: str) -> None:
    cancelled(answers, "None", reason)
    answers.add_response("transact_write_items", {})
    assert put() is None


def test_what_is_wrong_with_a_transaction_is_raised_at_once(answers: Stubber) -> None:
    cancelled(answers, "TransactionConflict", "ValidationError")
    with pytest.raises(ClientError, match="TransactionCanceled"):
        put()


def test_a_conflict_that_does_not_end_is_raised(answers: Stubber) -> None:
    for _ in range(TRIES):
        cancelled(answers, "TransactionConflict")
    with pytest.raises(ClientError, match="TransactionCanceled"):
        put()


def test_a_lost_condition_decides_at_once_whatever_else_conflicts(answers: Stubber) -> None:
    cancelled(answers, "TransactionConflict", "ConditionalCheckFailed", "None")
    assert put() == ["TransactionConflict", "ConditionalCheckFailed", "None"]


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_cancelled_for_another_reason_is_raised(answers: Stubber, code: str) -> None:
    cancelled(answers, "None", code)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        put()


@pytest.mark.parametrize(
    ("operation", "answer", "write"),
    [
        ("put_item", {}, lambda: TABLE.put(KEY)),
        ("delete_item", {}, lambda: TABLE.delete(KEY)),
        (
            "update_item",
            {"Attributes": {"a": {"N": "1"}}},
            lambda: TABLE.update(KEY, "SET a = :a", {":a": 1}),
        ),
    ],
)
def test_a_single_write_waits_for_a_transaction_too(
    answers: Stubber, operation: str, answer: dict[str, Any], write: Any
) -> None:
    conflict(answers, operation)
    conflict(answers, operation)
    answers.add_response(operation, answer)
    assert write()


def test_items_left_over_by_a_batch_are_asked_for_again(answers: Stubber) -> None:
    wire = [dynamo.encode_item({"pk": "A", "sk": str(number)}) for number in (1, 2)]
    answers.add_response(
        "batch_get_item",
        {"Responses": {"things": [wire[0]]}, "UnprocessedKeys": {"things": {"Keys": [wire[1]]}}},
    )
    answers.add_response(
        "batch_get_item",
        {"Responses": {"things": [wire[1]]}},
        {"RequestItems": {"things": {"Keys": [wire[1]]}}},
    )
    assert [item["sk"] for item in TABLE.get_many([{"pk": "A", "sk": "1"}, {"pk": "A", "sk": "2"}])] == [
        "1",
        "2",
    ]


def test_a_cursor_of_no_page_of_the_query_is_the_callers_mistake(answers: Stubber) -> None:
    answers.add_client_error(
        "query", "ValidationException", "The provided starting key is outside query boundaries"
    )
    with pytest.raises(InvalidError, match="invalid_cursor"):
        TABLE.query("pk = :pk", {":pk": "A"}, start={"pk": "A", "sk": "made up"})


def test_a_query_that_is_wrong_without_a_cursor_is_ours(answers: Stubber) -> None:
    answers.add_client_error("query", "ValidationException")
    with pytest.raises(ClientError):
        TABLE.query("pk = :pk", {":pk": "A"})


def test_a_throttled_page_is_no_ones_mistake(answers: Stubber) -> None:
    answers.add_client_error("query", "ProvisionedThroughputExceededException")
    with pytest.raises(ClientError):
        TABLE.query("pk = :pk", {":pk": "A"}, start=KEY)


def test_reads_are_consistent_unless_told_otherwise(answers: Stubber) -> None:
    wire = dynamo.encode_item(KEY)
    answers.add_response("get_item", {}, {"TableName": "things", "Key": wire, "ConsistentRead": True})
    answers.add_response("get_item", {}, {"TableName": "things", "Key": wire, "ConsistentRead": False})
    assert TABLE.get(KEY) is None
    assert TABLE.get(KEY, consistent=False) is None
