"""One suite for the simulation's DynamoDB and moto's, over the tables of the real templates.

The tests at the end hold the fake alone to AWS's documentation, where moto is more lenient or has no such rule.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.simulation.fake_dynamodb import FakeDynamoDB, Reads
from tests.simulation.fake_tables import Change
from tests.support import templates

TABLE = "souk-local-payments"


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """Return moto's client, in an account of its own."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        yield boto3.client("dynamodb", region_name="eu-west-1")


@pytest.fixture(params=["fake", "moto"])
def dynamodb(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a client over payments' table, empty."""
    client = FakeDynamoDB() if request.param == "fake" else request.getfixturevalue("moto")
    client.create_table(**templates.table_request("payments"))
    yield client
    if request.param == "moto":
        client.delete_table(TableName=TABLE)


@pytest.fixture
def fake() -> FakeDynamoDB:
    """Return the fake alone."""
    client = FakeDynamoDB()
    client.create_table(**templates.table_request("payments"))
    return client


def key(pk: str, sk: str = "LEVEL") -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def put(client: Any, pk: str, sk: str = "LEVEL", **attributes: Any) -> None:
    client.put_item(TableName=TABLE, Item={**key(pk, sk), **attributes})


def get(client: Any, pk: str, sk: str = "LEVEL") -> Any:
    return client.get_item(TableName=TABLE, Key=key(pk, sk), ConsistentRead=True).get("Item")


def update(
    client: Any, expression: str, values: Any = None, condition: str | None = None, **more: Any
) -> Any:
    return client.update_item(
        TableName=TABLE,
        Key=key("A"),
        UpdateExpression=expression,
        **({"ExpressionAttributeValues": values} if values else {}),
        **({"ConditionExpression": condition} if condition else {}),
        **more,
    )


def code_of(run: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        run()
    return str(caught.value.response["Error"]["Code"])


def n(value: int) -> dict[str, str]:
    return {"N": str(value)}


def s(value: str) -> dict[str, str]:
    return {"S": value}


# --- items -------------------------------------------------------------------------------------------------------


def test_an_item_is_read_as_it_was_put(dynamodb: Any) -> None:
    item = {"a": {"L": [n(1), {"M": {"b": {"BOOL": True}}}]}, "c": {"NULL": True}, "d": {"SS": ["x", "y"]}}
    put(dynamodb, "A", **item)
    assert get(dynamodb, "A") == {**key("A"), **item}


def test_a_missing_item_has_no_item_in_the_answer(dynamodb: Any) -> None:
    assert get(dynamodb, "A") is None


def test_a_put_replaces_the_whole_item(dynamodb: Any) -> None:
    put(dynamodb, "A", a=n(1))
    put(dynamodb, "A", b=n(2))
    assert get(dynamodb, "A") == {**key("A"), "b": n(2)}


def test_a_deleted_item_is_gone_and_deleting_again_is_no_error(dynamodb: Any) -> None:
    put(dynamodb, "A")
    for _ in range(2):
        dynamodb.delete_item(TableName=TABLE, Key=key("A"))
    assert get(dynamodb, "A") is None


def test_what_was_deleted_can_be_returned(dynamodb: Any) -> None:
    put(dynamodb, "A", a=n(1))
    answer = dynamodb.delete_item(TableName=TABLE, Key=key("A"), ReturnValues="ALL_OLD")
    assert answer["Attributes"]["a"] == n(1)


@pytest.mark.parametrize(
    "item", [{"pk": {"S": "A"}}, {"pk": {"S": ""}, "sk": {"S": "x"}}, {"pk": {"N": "1"}, "sk": {"S": "x"}}]
)
def test_an_item_without_a_proper_key_is_refused(dynamodb: Any, item: Any) -> None:
    assert code_of(lambda: dynamodb.put_item(TableName=TABLE, Item=item)) == "ValidationException"


def test_a_key_with_more_than_the_key_is_refused(dynamodb: Any) -> None:
    run = lambda: dynamodb.get_item(TableName=TABLE, Key={**key("A"), "more": {"S": "x"}})  # noqa: E731
    assert code_of(run) == "ValidationException"


def test_an_item_of_more_than_400_kb_is_refused(dynamodb: Any) -> None:
    assert code_of(lambda: put(dynamodb, "A", text=s("x" * 410_000))) == "ValidationException"


def test_an_unknown_table_is_not_found(dynamodb: Any) -> None:
    run = lambda: dynamodb.get_item(TableName="nope", Key=key("A"))  # noqa: E731
    assert code_of(run) == "ResourceNotFoundException"


def test_many_items_are_read_at_once_and_missing_ones_left_out(dynamodb: Any) -> None:
    put(dynamodb, "A")
    put(dynamodb, "B")
    keys = [key(pk) for pk in "ABC"]
    answer = dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": keys}})
    assert sorted(item["pk"]["S"] for item in answer["Responses"][TABLE]) == ["A", "B"]
    assert not answer["UnprocessedKeys"]


def test_a_batch_of_more_than_100_keys_is_refused(dynamodb: Any) -> None:
    keys = [key(str(number)) for number in range(101)]
    run = lambda: dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": keys}})  # noqa: E731
    assert code_of(run) == "ValidationException"


def test_a_batch_that_repeats_a_key_is_refused(dynamodb: Any) -> None:
    run = lambda: dynamodb.batch_get_item(RequestItems={TABLE: {"Keys": [key("A"), key("A")]}})  # noqa: E731
    assert code_of(run) == "ValidationException"


# --- conditions --------------------------------------------------------------------------------------------------

ITEM = {
    "a": n(5),
    "b": n(10),
    "t": s("text"),
    "l": {"L": [n(1), s("x")]},
    "m": {"M": {"deep": n(1)}},
    "set": {"SS": ["x", "y"]},
    "nil": {"NULL": True},
    "yes": {"BOOL": True},
}

CONDITIONS = [
    ("attribute_exists(a)", {}, True),
    ("attribute_exists(nope)", {}, False),
    ("attribute_exists(m.deep)", {}, True),
    ("attribute_exists(m.nope)", {}, False),
    ("attribute_exists(l[1])", {}, True),
    ("attribute_exists(l[2])", {}, False),
    ("attribute_not_exists(nope)", {}, True),
    ("attribute_not_exists(nil)", {}, False),
    ("attribute_type(t, :v)", {":v": s("S")}, True),
    ("attribute_type(t, :v)", {":v": s("N")}, False),
    ("a = :v", {":v": n(5)}, True),
    ("a = :v", {":v": s("5")}, False),
    ("a < b", {}, True),
    ("a >= b", {}, False),
    ("a > :v", {":v": n(-10)}, True),
    ("b > :v", {":v": n(9)}, True),
    ("nope < :v", {":v": n(9)}, False),
    ("nope <> :v", {":v": n(9)}, True),
    ("a <> :v", {":v": n(5)}, False),
    ("a BETWEEN :v AND :w", {":v": n(5), ":w": n(6)}, True),
    ("a BETWEEN :v AND :w", {":v": n(6), ":w": n(9)}, False),
    ("t IN (:v, :w)", {":v": s("x"), ":w": s("text")}, True),
    ("t IN (:v)", {":v": s("x")}, False),
    ("begins_with(t, :v)", {":v": s("te")}, True),
    ("begins_with(t, :v)", {":v": s("ex")}, False),
    ("contains(t, :v)", {":v": s("ex")}, True),
    ("contains(l, :v)", {":v": s("x")}, True),
    ("contains(#set, :v)", {":v": s("x")}, True),
    ("contains(#set, :v)", {":v": s("z")}, False),
    ("size(t) = :v", {":v": n(4)}, True),
    ("size(l) < :v", {":v": n(2)}, False),
    ("size(m) = :v", {":v": n(1)}, True),
    ("yes = :v", {":v": {"BOOL": True}}, True),
    ("m = :v", {":v": {"M": {"deep": n(1)}}}, True),
    ("NOT a = :v", {":v": n(5)}, False),
    ("a = :v OR b = :v", {":v": n(10)}, True),
    ("a = :v AND b = :v", {":v": n(10)}, False),
    ("a = :v OR b = :w AND t = :w", {":v": n(5), ":w": n(10)}, True),
    ("(a = :v OR b = :w) AND t = :w", {":v": n(5), ":w": n(10)}, False),
    ("NOT (a = :v AND attribute_exists(nope))", {":v": n(5)}, True),
]


@pytest.mark.parametrize(("condition", "values", "holds"), CONDITIONS)
def test_a_condition_holds_or_not(dynamodb: Any, condition: str, values: Any, holds: bool) -> None:
    put(dynamodb, "A", **ITEM)
    more: Any = {"ExpressionAttributeValues": values} if values else {}
    if "#set" in condition:
        more["ExpressionAttributeNames"] = {"#set": "set"}
    run = lambda: dynamodb.delete_item(  # noqa: E731
        TableName=TABLE, Key=key("A"), ConditionExpression=condition, **more
    )
    if holds:
        run()
    else:
        assert code_of(run) == "ConditionalCheckFailedException"
    assert (get(dynamodb, "A") is None) == holds


def test_a_put_under_a_lost_condition_writes_nothing(dynamodb: Any) -> None:
    put(dynamodb, "A", a=n(1))
    run = lambda: dynamodb.put_item(  # noqa: E731
        TableName=TABLE, Item={**key("A"), "a": n(2)}, ConditionExpression="attribute_not_exists(pk)"
    )
    assert code_of(run) == "ConditionalCheckFailedException"
    assert get(dynamodb, "A")["a"] == n(1)


def test_a_lost_condition_gives_the_item_when_asked(dynamodb: Any) -> None:
    put(dynamodb, "A", a=n(1))
    with pytest.raises(ClientError) as caught:
        dynamodb.delete_item(
            TableName=TABLE,
            Key=key("A"),
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert caught.value.response["Item"]["a"] == n(1)  # type: ignore[typeddict-item]


# --- updates -----------------------------------------------------------------------------------------------------

UPDATES: list[tuple[str, Any, dict[str, Any]]] = [
    ("SET a = :v", {":v": n(7)}, {"a": n(7)}),
    ("SET a = a + :v", {":v": n(7)}, {"a": n(12)}),
    ("SET a = a - :v, b = a", {":v": n(7)}, {"a": n(-2), "b": n(5)}),
    ("SET fresh = if_not_exists(fresh, :v) + :w", {":v": n(0), ":w": n(3)}, {"fresh": n(3)}),
    ("SET a = if_not_exists(a, :v)", {":v": n(0)}, {"a": n(5)}),
    ("SET l = list_append(l, :v)", {":v": {"L": [n(9)]}}, {"l": {"L": [n(1), s("x"), n(9)]}}),
    ("SET l[0] = :v", {":v": n(9)}, {"l": {"L": [n(9), s("x")]}}),
    ("SET l[7] = :v", {":v": n(9)}, {"l": {"L": [n(1), s("x"), n(9)]}}),
    ("SET m.extra = :v", {":v": n(9)}, {"m": {"M": {"deep": n(1), "extra": n(9)}}}),
    ("SET m.deep = m.deep + :v", {":v": n(9)}, {"m": {"M": {"deep": n(10)}}}),
    ("REMOVE m.deep", {}, {"m": {"M": {}}}),
    ("REMOVE l[0]", {}, {"l": {"L": [s("x")]}}),
    ("ADD a :v", {":v": n(2)}, {"a": n(7)}),
    ("ADD fresh :v", {":v": n(2)}, {"fresh": n(2)}),
    ("SET t = :v REMOVE nope ADD a :w", {":v": s("z"), ":w": n(1)}, {"t": s("z"), "a": n(6)}),
]


@pytest.mark.parametrize(("expression", "values", "changed"), UPDATES)
def test_an_update_changes_what_it_says(dynamodb: Any, expression: str, values: Any, changed: Any) -> None:
    put(dynamodb, "A", **ITEM)
    answer = update(dynamodb, expression, values, ReturnValues="ALL_NEW")
    assert answer["Attributes"] == {**key("A"), **ITEM, **changed}
    assert get(dynamodb, "A") == answer["Attributes"]


def test_members_are_added_to_a_set_and_taken_out_of_it(dynamodb: Any) -> None:
    put(dynamodb, "A", **ITEM)
    names = {"ExpressionAttributeNames": {"#set": "set"}}
    update(dynamodb, "ADD #set :v", {":v": {"SS": ["z"]}}, **names)
    update(dynamodb, "DELETE #set :v", {":v": {"SS": ["x", "nope"]}}, **names)
    assert sorted(get(dynamodb, "A")["set"]["SS"]) == ["y", "z"]


def test_removing_attributes_leaves_the_others(dynamodb: Any) -> None:
    put(dynamodb, "A", **ITEM)
    update(dynamodb, "REMOVE a, t, nope")
    assert get(dynamodb, "A") == {**key("A"), **{k: v for k, v in ITEM.items() if k not in "at"}}


def test_an_update_creates_a_missing_item(dynamodb: Any) -> None:
    update(dynamodb, "SET a = :v", {":v": n(1)})
    assert get(dynamodb, "A") == {**key("A"), "a": n(1)}


def test_an_update_under_a_lost_condition_changes_nothing(dynamodb: Any) -> None:
    put(dynamodb, "A", a=n(1))
    run = lambda: update(dynamodb, "SET a = :v", {":v": n(2)}, "a > :v")  # noqa: E731
    assert code_of(run) == "ConditionalCheckFailedException"
    assert get(dynamodb, "A")["a"] == n(1)


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET pk = :v", {":v": s("B")}),
        ("SET nope = nope + :v", {":v": n(1)}),
        ("SET a = t + :v", {":v": n(1)}),
        ("SET nope.deeper = :v", {":v": n(1)}),
        ("SET a = :v, a = :v", {":v": n(1)}),
        ("SET m.deep = :v, m = :v", {":v": n(1)}),
        ("SET status = :v", {":v": s("x")}),
        ("SET a = :v SET b = :v", {":v": n(1)}),
        ("SET a = :v", {":v": n(1), ":unused": n(1)}),
        ("SET a = :undefined", {":v": n(1)}),
        ("ADD t :v", {":v": n(1)}),
    ],
)
def test_an_update_that_cannot_be_is_refused(dynamodb: Any, expression: str, values: Any) -> None:
    put(dynamodb, "A", **ITEM)
    assert code_of(lambda: update(dynamodb, expression, values)) == "ValidationException"
    assert get(dynamodb, "A") == {**key("A"), **ITEM}


def test_a_name_that_no_expression_uses_is_refused(dynamodb: Any) -> None:
    names = {"#unused": "a"}
    run = lambda: update(dynamodb, "SET a = :v", {":v": n(1)}, ExpressionAttributeNames=names)  # noqa: E731
    assert code_of(run) == "ValidationException"


# --- queries -----------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(dynamodb: Any) -> Any:
    """Return a client over a partition of five entries and one of another."""
    for number in range(1, 6):
        put(dynamodb, "P", f"E#{number}", amount=n(number), even={"BOOL": number % 2 == 0})
    put(dynamodb, "P", "OTHER")
    put(dynamodb, "Q", "E#1")
    return dynamodb


def query(client: Any, condition: str, values: Any, **more: Any) -> Any:
    return client.query(
        TableName=TABLE, KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
    )


def sort_keys(answer: Any) -> list[str]:
    return [item["sk"]["S"] for item in answer["Items"]]


@pytest.mark.parametrize(
    ("condition", "values", "found"),
    [
        ("pk = :p", {}, ["E#1", "E#2", "E#3", "E#4", "E#5", "OTHER"]),
        ("pk = :p AND sk = :v", {":v": s("E#2")}, ["E#2"]),
        ("pk = :p AND sk < :v", {":v": s("E#2")}, ["E#1"]),
        ("pk = :p AND sk >= :v", {":v": s("E#5")}, ["E#5", "OTHER"]),
        ("pk = :p AND begins_with(sk, :v)", {":v": s("E#")}, ["E#1", "E#2", "E#3", "E#4", "E#5"]),
        ("pk = :p AND sk BETWEEN :v AND :w", {":v": s("E#2"), ":w": s("E#3")}, ["E#2", "E#3"]),
        ("pk = :p AND sk = :v", {":v": s("nope")}, []),
    ],
)
def test_a_key_condition_finds_its_items_in_order(
    ledger: Any, condition: str, values: Any, found: Any
) -> None:
    assert sort_keys(query(ledger, condition, {":p": s("P"), **values})) == found


def test_a_query_runs_backwards(ledger: Any) -> None:
    answer = query(ledger, "pk = :p", {":p": s("P")}, ScanIndexForward=False, Limit=2)
    assert sort_keys(answer) == ["OTHER", "E#5"]


@pytest.mark.parametrize("forwards", [True, False])
def test_pages_join_to_the_whole(ledger: Any, forwards: bool) -> None:
    start: Any = {}
    seen: list[str] = []
    for _ in range(10):
        answer = query(ledger, "pk = :p", {":p": s("P")}, Limit=4, ScanIndexForward=forwards, **start)
        seen += sort_keys(answer)
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    everything = ["E#1", "E#2", "E#3", "E#4", "E#5", "OTHER"]
    assert seen == (everything if forwards else everything[::-1])


def test_a_filter_drops_items_after_the_limit(ledger: Any) -> None:
    answer = query(
        ledger, "pk = :p", {":p": s("P"), ":yes": {"BOOL": True}}, FilterExpression="even = :yes", Limit=3
    )
    assert (sort_keys(answer), answer["Count"], answer["ScannedCount"]) == (["E#2"], 1, 3)
    assert answer["LastEvaluatedKey"] == key("P", "E#3")


@pytest.fixture
def index(dynamodb: Any) -> Any:
    """Return a client over a sparse index of three items."""
    for pk, at in (("A", "3"), ("B", "1"), ("C", "2")):
        put(dynamodb, pk, open_shard=s("OPEN#0"), open_at=s(at), lines=n(1))
    put(dynamodb, "D", open_at=s("0"))
    return dynamodb


def test_an_index_holds_the_items_that_have_its_keys_in_its_own_order(index: Any) -> None:
    answer = query(index, "open_shard = :p", {":p": s("OPEN#0")}, IndexName="open")
    assert [item["pk"]["S"] for item in answer["Items"]] == ["B", "C", "A"]


def test_an_index_gives_only_what_it_projects(index: Any) -> None:
    answer = query(index, "open_shard = :p", {":p": s("OPEN#0")}, IndexName="open", Limit=1)
    assert set(answer["Items"][0]) == {"pk", "sk", "open_shard", "open_at"}


def test_an_index_follows_changes_and_deletions(index: Any) -> None:
    put(index, "C", open_shard=s("OPEN#0"), open_at=s("9"))
    index.update_item(TableName=TABLE, Key=key("A"), UpdateExpression="REMOVE open_shard")
    index.delete_item(TableName=TABLE, Key=key("B"))
    answer = query(index, "open_shard = :p", {":p": s("OPEN#0")}, IndexName="open")
    assert [item["pk"]["S"] for item in answer["Items"]] == ["C"]


def test_pages_of_an_index_join_to_the_whole(index: Any) -> None:
    first = query(index, "open_shard = :p", {":p": s("OPEN#0")}, IndexName="open", Limit=2)
    second = query(
        index,
        "open_shard = :p",
        {":p": s("OPEN#0")},
        IndexName="open",
        ExclusiveStartKey=first["LastEvaluatedKey"],
    )
    assert [item["pk"]["S"] for item in first["Items"] + second["Items"]] == ["B", "C", "A"]


def test_an_index_cannot_be_read_consistently(index: Any) -> None:
    run = lambda: query(index, "open_shard = :p", {":p": s("x")}, IndexName="open", ConsistentRead=True)  # noqa: E731
    assert code_of(run) == "ValidationException"


# --- transactions ------------------------------------------------------------------------------------------------


def take(pk: str, quantity: int) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": TABLE,
            "Key": key(pk),
            "UpdateExpression": "SET available = available - :q",
            "ConditionExpression": "available >= :q",
            "ExpressionAttributeValues": {":q": n(quantity)},
        }
    }


def test_a_transaction_does_all_its_actions(dynamodb: Any) -> None:
    put(dynamodb, "A", available=n(5))
    put(dynamodb, "B", available=n(5))
    put(dynamodb, "C")
    fresh = {"Put": {"TableName": TABLE, "Item": key("D"), "ConditionExpression": "attribute_not_exists(pk)"}}
    gone = {"Delete": {"TableName": TABLE, "Key": key("C")}}
    dynamodb.transact_write_items(TransactItems=[take("A", 2), take("B", 5), fresh, gone])
    assert get(dynamodb, "A")["available"] == n(3)
    assert get(dynamodb, "B")["available"] == n(0)
    assert get(dynamodb, "C") is None
    assert get(dynamodb, "D") is not None


def test_a_transaction_with_one_lost_condition_does_nothing_and_says_which(dynamodb: Any) -> None:
    put(dynamodb, "A", available=n(5))
    put(dynamodb, "B", available=n(1))
    check = {
        "ConditionCheck": {
            "TableName": TABLE,
            "Key": key("C"),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }
    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(TransactItems=[take("A", 2), take("B", 2), check])
    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert get(dynamodb, "A")["available"] == n(5)


def test_a_transaction_sees_the_items_as_they_were_before_it(dynamodb: Any) -> None:
    put(dynamodb, "A", available=n(5))
    check = {
        "ConditionCheck": {"TableName": TABLE, "Key": key("B"), "ConditionExpression": "attribute_exists(pk)"}
    }
    fresh = {"Put": {"TableName": TABLE, "Item": key("C")}}
    run = lambda: dynamodb.transact_write_items(TransactItems=[fresh, check])  # noqa: E731
    assert code_of(run) == "TransactionCanceledException"
    assert get(dynamodb, "C") is None


def test_a_transaction_cannot_touch_an_item_twice(dynamodb: Any) -> None:
    put(dynamodb, "A", available=n(5))
    run = lambda: dynamodb.transact_write_items(TransactItems=[take("A", 1), take("A", 1)])  # noqa: E731
    assert code_of(run) == "ValidationException"


def test_a_transaction_of_more_than_100_actions_is_refused(dynamodb: Any) -> None:
    actions = [{"Put": {"TableName": TABLE, "Item": key(str(number))}} for number in range(101)]
    assert code_of(lambda: dynamodb.transact_write_items(TransactItems=actions)) == "ValidationException"


def test_a_transaction_update_that_cannot_be_done_is_cancelled(fake: FakeDynamoDB) -> None:
    action = take("A", 1)
    del action["Update"]["ConditionExpression"]
    with pytest.raises(ClientError) as caught:
        fake.transact_write_items(TransactItems=[action])
    assert caught.value.response["CancellationReasons"][0]["Code"] == "ValidationError"


# --- what only the fake does -------------------------------------------------------------------------------------


def test_listeners_hear_of_each_change_with_both_images(fake: FakeDynamoDB) -> None:
    heard: list[Change] = []
    fake.listeners.append(heard.append)
    put(fake, "A", a=n(1))
    update(fake, "SET a = :v", {":v": n(2)})
    fake.delete_item(TableName=TABLE, Key=key("A"))
    shown = [(change.old and change.old.get("a"), change.new and change.new.get("a")) for change in heard]
    assert shown == [(None, n(1)), (n(1), n(2)), (n(2), None)]


def test_a_write_that_changes_nothing_leaves_no_stream_record(fake: FakeDynamoDB) -> None:
    put(fake, "A", a=n(1))
    heard: list[Change] = []
    fake.listeners.append(heard.append)
    put(fake, "A", a=n(1))
    assert heard == []


def test_a_stale_read_sees_the_image_before_unless_it_is_consistent(fake: FakeDynamoDB) -> None:
    put(fake, "A", a=n(1))
    put(fake, "A", a=n(2))
    fake.reads = Reads(stale=lambda: True)
    assert fake.get_item(TableName=TABLE, Key=key("A"))["Item"]["a"] == n(1)
    assert get(fake, "A")["a"] == n(2)


def test_a_stale_index_still_shows_what_has_left_it(fake: FakeDynamoDB) -> None:
    put(fake, "A", open_shard=s("OPEN#0"), open_at=s("1"))
    fake.update_item(TableName=TABLE, Key=key("A"), UpdateExpression="REMOVE open_shard, open_at")
    fake.reads = Reads(stale=lambda: True)
    answer = query(fake, "open_shard = :p", {":p": s("OPEN#0")}, IndexName="open")
    assert [item["pk"]["S"] for item in answer["Items"]] == ["A"]


def test_a_page_may_be_shorter_than_asked_for(fake: FakeDynamoDB) -> None:
    for number in range(4):
        put(fake, "P", str(number))
    fake.reads = Reads(keep_back=lambda count: count // 2)
    answer = query(fake, "pk = :p", {":p": s("P")})
    assert (sort_keys(answer), answer["LastEvaluatedKey"]) == (["0", "1"], key("P", "1"))


@pytest.mark.parametrize("number", ["1.5", "1e3", "01", "-0", ""])
def test_a_number_that_is_not_whole_is_refused(fake: FakeDynamoDB, number: str) -> None:
    assert code_of(lambda: put(fake, "A", a={"N": number})) == "ValidationException"


def test_a_filter_on_a_key_attribute_is_refused(fake: FakeDynamoDB) -> None:
    run = lambda: query(fake, "pk = :p", {":p": s("P")}, FilterExpression="sk = :p")  # noqa: E731
    assert code_of(run) == "ValidationException"


def test_values_of_unlike_types_have_no_order(fake: FakeDynamoDB) -> None:
    put(fake, "A", t=s("text"))
    for sign in ("<", ">="):
        run = functools.partial(update, fake, "SET t = :v", {":v": n(9)}, f"t {sign} :v")
        assert code_of(run) == "ConditionalCheckFailedException"


def test_an_index_key_of_another_type_is_refused(fake: FakeDynamoDB) -> None:
    assert code_of(lambda: put(fake, "A", open_shard=n(1), open_at=s("x"))) == "ValidationException"


@pytest.mark.parametrize("condition", ["a = ", "a == :v", "= :v", "a = :v)", "nofunction(a)", "a LIKE :v"])
def test_a_malformed_condition_is_refused(fake: FakeDynamoDB, condition: str) -> None:
    run = lambda: fake.delete_item(  # noqa: E731
        TableName=TABLE, Key=key("A"), ConditionExpression=condition, ExpressionAttributeValues={":v": n(1)}
    )
    assert code_of(run) == "ValidationException"


@pytest.mark.parametrize("condition", ["sk = :p", "pk > :p", "pk = :p AND amount = :p", "pk = :p OR sk = :p"])
def test_a_condition_that_is_not_on_the_key_is_refused(fake: FakeDynamoDB, condition: str) -> None:
    assert code_of(lambda: query(fake, condition, {":p": s("P")})) == "ValidationException"
