"""DynamoDB in plain values: the wire form, conditions as answers, pages and cursors."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError

from functions.shared import aws
from functions.shared.dynamo import (
    Table,
    cursor,
    decode,
    decode_item,
    encode,
    encode_item,
    from_cursor,
    from_item,
    to_item,
)
from functions.shared.errors import InvalidError

KEY = {"pk": "A", "sk": "1"}


def keys(partition: str, sort: str) -> Any:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


@pytest.fixture
def table(cloud: None) -> Table:
    names = ("pk", "sk", "shelf")
    boto3.client("dynamodb").create_table(
        TableName="things",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=keys("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "shelf",
                "KeySchema": keys("shelf", "sk"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return Table("things")


# --- the wire form -------------------------------------------------------------------------------------------------

VALUES: list[tuple[Any, dict[str, Any]]] = [
    ("text", {"S": "text"}),
    ("", {"S": ""}),
    (7, {"N": "7"}),
    (-7, {"N": "-7"}),
    (10**30, {"N": "1" + "0" * 30}),
    (True, {"BOOL": True}),
    (False, {"BOOL": False}),
    (None, {"NULL": True}),
    (b"\x00\xff", {"B": b"\x00\xff"}),
    ([1, "a", None], {"L": [{"N": "1"}, {"S": "a"}, {"NULL": True}]}),
    ({"a": {"b": [True]}}, {"M": {"a": {"M": {"b": {"L": [{"BOOL": True}]}}}}}),
    ({"b", "a"}, {"SS": ["a", "b"]}),
    ([], {"L": []}),
    ({}, {"M": {}}),
]


@pytest.mark.parametrize(("value", "wire"), VALUES)
def test_a_value_has_its_wire_form_and_comes_back_from_it(value: Any, wire: dict[str, Any]) -> None:
    assert encode(value) == wire
    assert decode(wire) == value
    assert type(decode(wire)) is type(value)


def test_a_tuple_is_stored_like_a_list() -> None:
    assert encode((1, ("a",))) == encode([1, ["a"]])


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        2.0,
        float("nan"),
        Decimal("1.5"),
        datetime(2026, 1, 1, tzinfo=UTC),
        object(),
        [1, [2.0]],
        {"a": 0.1},
    ],
)
def test_a_value_without_a_wire_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no DynamoDB form"):
        encode(value)


def test_a_number_that_is_no_integer_is_never_read() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        decode({"N": "19.99"})


def test_an_items_attributes_that_are_none_are_left_out() -> None:
    assert encode_item({"pk": "A", "open_at": None, "zero": 0}) == {"pk": {"S": "A"}, "zero": {"N": "0"}}
    assert decode_item({"pk": {"S": "A"}, "zero": {"N": "0"}}) == {"pk": "A", "zero": 0}


# --- one item ------------------------------------------------------------------------------------------------------


class Box(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    labels: tuple[str, ...]
    places: dict[str, dict[int, int]] = {}
    note: str | None = None


@pytest.mark.parametrize("box", [Box("b", ("x", "y"), {"a": {0: 7}}, "fragile"), Box("b", ())])
def test_a_record_is_stored_in_a_table_and_read_again(table: Table, box: Box) -> None:
    table.put({"pk": "BOX#b", "sk": "BOX", "outbox": "[]", **to_item(box)})
    found = table.get({"pk": "BOX#b", "sk": "BOX"})
    assert found
    assert from_item(found, Box) == box


def test_what_a_record_leaves_to_its_defaults_is_not_stored() -> None:
    assert to_item(Box("b", ())) == {"name": "b", "labels": ()}


def test_an_item_that_lacks_what_a_record_must_have_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="labels"):
        from_item({"name": "b"}, Box)


def test_an_item_is_found_by_its_key(table: Table) -> None:
    assert table.put({**KEY, "lines": {"MUG": 2}})
    assert table.get(KEY) == {**KEY, "lines": {"MUG": 2}}


def test_an_item_that_is_not_there_is_none(table: Table) -> None:
    assert table.get(KEY) is None


def test_a_put_whose_condition_is_lost_writes_nothing(table: Table) -> None:
    assert table.put({**KEY, "version": 1}, "attribute_not_exists(pk)")
    assert not table.put({**KEY, "version": 9}, "attribute_not_exists(pk)")
    assert not table.put({**KEY, "version": 9}, "version = :version", {":version": 5})
    assert table.get(KEY) == {**KEY, "version": 1}


def test_a_delete_whose_condition_is_lost_deletes_nothing(table: Table) -> None:
    table.put({**KEY, "version": 1})
    assert not table.delete(KEY, "version = :version", {":version": 2})
    assert table.get(KEY)
    assert table.delete(KEY, "version = :version", {":version": 1})
    assert table.get(KEY) is None


def test_deleting_what_is_not_there_is_done_already(table: Table) -> None:
    assert table.delete(KEY)


def test_an_update_returns_the_item_as_it_is_then(table: Table) -> None:
    table.put({**KEY, "version": 1, "status": "placed", "note": "x"})
    changed = table.update(
        KEY,
        "SET version = :two, #status = :after REMOVE note",
        {":two": 2, ":after": "confirmed", ":before": "placed"},
        condition="#status = :before",
    )
    assert changed == {**KEY, "version": 2, "status": "confirmed"}


def test_an_update_whose_condition_is_lost_changes_nothing(table: Table) -> None:
    table.put({**KEY, "version": 1})
    lost = table.update(KEY, "SET version = :two", {":two": 2, ":before": 7}, condition="version = :before")
    assert lost is None
    assert table.get(KEY) == {**KEY, "version": 1}


def test_reserved_words_are_written_with_a_hash_at_any_depth(table: Table) -> None:
    table.put({**KEY, "size": {"count": 1}})
    changed = table.update(
        KEY, "SET #size.#count = :two", {":two": 2}, condition="attribute_exists(#size.#count)"
    )
    assert changed
    assert changed["size"] == {"count": 2}


def test_any_other_error_is_raised(table: Table) -> None:
    gone = Table("nowhere")
    for write in (
        lambda: gone.get(KEY),
        lambda: gone.put(KEY),
        lambda: gone.delete(KEY),
        lambda: gone.update(KEY, "SET a = :a", {":a": 1}),
        lambda: gone.query("pk = :pk", {":pk": "A"}),
    ):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            write()


# --- many items ----------------------------------------------------------------------------------------------------


def test_more_items_than_one_request_takes_are_read(table: Table) -> None:
    keys = [{"pk": "A", "sk": f"{number:03}"} for number in range(230)]
    for key in keys[::2]:
        table.put(key)
    assert sorted(item["sk"] for item in table.get_many(keys)) == [key["sk"] for key in keys[::2]]


def test_no_keys_are_no_items(table: Table) -> None:
    assert table.get_many([]) == []


def test_more_items_than_a_batch_takes_are_all_written(table: Table) -> None:
    items = [{"pk": "A", "sk": f"{number:03}"} for number in range(60)]
    table.put_many(items)
    table.put_many([])
    assert sorted(item["sk"] for item in table.get_many(items)) == [item["sk"] for item in items]


def test_items_that_a_batch_gives_back_are_written_in_the_next(table: Table) -> None:
    given_back: list[Any] = []

    def hold_back(params: Any, context: Any, **_: Any) -> None:
        (puts,) = params["RequestItems"].values()
        context["held"] = [puts.pop() for _ in range(len(puts) - 1)] if not given_back else []

    def give_back(parsed: Any, context: Any, **_: Any) -> None:
        if context["held"] and not given_back:
            given_back.extend(context["held"])
            parsed["UnprocessedItems"] = {table.name: context["held"]}

    events = aws.dynamodb().meta.events
    events.register("provide-client-params.dynamodb.BatchWriteItem", hold_back)
    events.register("after-call.dynamodb.BatchWriteItem", give_back)
    try:
        items = [{"pk": "A", "sk": f"{number:03}"} for number in range(3)]
        table.put_many(items)
    finally:
        events.unregister("provide-client-params.dynamodb.BatchWriteItem", hold_back)
        events.unregister("after-call.dynamodb.BatchWriteItem", give_back)
    assert (len(given_back), len(table.get_many(items))) == (2, 3)


def fill(table: Table, count: int = 5) -> None:
    for number in range(count):
        table.put({"pk": "A", "sk": f"T{number}", "shelf": "S", "odd": bool(number % 2), "status": "x"})
    table.put({"pk": "B", "sk": "T9", "shelf": "other"})


def sks(items: list[dict[str, Any]]) -> list[str]:
    return [item["sk"] for item in items]


def test_a_query_goes_page_by_page(table: Table) -> None:
    fill(table)
    first, following = table.query("pk = :pk", {":pk": "A"}, limit=2)
    assert sks(first) == ["T0", "T1"]
    second, following = table.query("pk = :pk", {":pk": "A"}, limit=2, start=following)
    assert sks(second) == ["T2", "T3"]
    third, following = table.query("pk = :pk", {":pk": "A"}, limit=2, start=following)
    assert (sks(third), following) == (["T4"], None)


def test_a_query_can_go_backwards(table: Table) -> None:
    fill(table)
    assert sks(table.query("pk = :pk", {":pk": "A"}, backwards=True)[0]) == ["T4", "T3", "T2", "T1", "T0"]


def test_a_query_can_use_an_index_and_bounds(table: Table) -> None:
    fill(table)
    found, _ = table.query("shelf = :shelf AND sk >= :from", {":shelf": "S", ":from": "T3"}, index="shelf")
    assert sks(found) == ["T3", "T4"]


def test_a_query_can_filter_and_name_reserved_words(table: Table) -> None:
    fill(table)
    found, _ = table.query(
        "#pk = :pk", {":pk": "A", ":yes": True, ":x": "x"}, where="odd = :yes AND #status = :x"
    )
    assert sks(found) == ["T1", "T3"]


def test_a_query_can_be_read_to_its_end(table: Table) -> None:
    fill(table)
    assert sks(list(table.query_all("pk = :pk", {":pk": "A"}, limit=2))) == ["T0", "T1", "T2", "T3", "T4"]


# --- transactions --------------------------------------------------------------------------------------------------


def test_a_transaction_does_all_its_actions(table: Table) -> None:
    table.put({**KEY, "version": 1})
    table.put({"pk": "B", "sk": "1"})
    table.put({"pk": "C", "sk": "1"})
    done = table.transact(
        table.updating(KEY, "SET version = :two", {":two": 2, ":one": 1}, condition="version = :one"),
        table.putting({"pk": "D", "sk": "1"}, "attribute_not_exists(pk)"),
        table.deleting({"pk": "B", "sk": "1"}, "attribute_exists(pk)"),
        table.checking({"pk": "C", "sk": "1"}, "attribute_exists(#pk)"),
    )
    assert done is None
    assert table.get(KEY) == {**KEY, "version": 2}
    assert table.get({"pk": "D", "sk": "1"})
    assert table.get({"pk": "B", "sk": "1"}) is None


def test_a_transaction_that_loses_one_condition_does_nothing_and_says_which(table: Table) -> None:
    table.put({**KEY, "version": 1})
    table.put({"pk": "F", "sk": "1", "version": 1})
    table.put({"pk": "B", "sk": "1"})
    reasons = table.transact(
        table.putting({"pk": "D", "sk": "1"}),
        table.updating({"pk": "F", "sk": "1"}, "SET version = :two", {":two": 2}),
        table.updating({"pk": "E", "sk": "1"}, "SET version = :two", {":two": 2}),
        table.deleting({"pk": "B", "sk": "1"}),
        table.updating(KEY, "SET version = :two", {":two": 2, ":nine": 9}, condition="version = :nine"),
        table.checking({"pk": "C", "sk": "1"}, "attribute_exists(pk)"),
    )
    assert reasons == ["None"] * 4 + ["ConditionalCheckFailed"] * 2
    assert table.get({"pk": "D", "sk": "1"}) is None
    assert table.get({"pk": "F", "sk": "1"}) == {"pk": "F", "sk": "1", "version": 1}
    assert table.get({"pk": "E", "sk": "1"}) is None
    assert table.get({"pk": "B", "sk": "1"}) == {"pk": "B", "sk": "1"}
    assert table.get(KEY) == {**KEY, "version": 1}


# --- cursors -------------------------------------------------------------------------------------------------------


def made_up(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_cursor_carries_the_named_parts_of_a_key_only() -> None:
    key = {"pk": "CUST#cus_1", "sk": "2026#ord_é"}
    given = cursor(key, "sk")
    assert given
    assert from_cursor(given, "sk") == {"sk": "2026#ord_é"}
    assert b"cus_1" not in base64.b64decode(given + "==", b"-_")


def test_a_cursor_of_several_parts_keeps_their_order() -> None:
    given = cursor({"pk": "a", "sk": "b", "shelf": "c"}, "shelf", "sk")
    assert given
    assert from_cursor(given, "shelf", "sk") == {"shelf": "c", "sk": "b"}


def test_at_the_end_there_is_no_cursor() -> None:
    assert cursor(None, "sk") is None


def test_a_cursor_can_stand_in_an_address() -> None:
    for length in range(6):
        given = cursor({"sk": "?" * length + "é>~"}, "sk")
        assert given
        assert given.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "*",
        "é",
        "e30",
        "====",
        "\x00",
        "bnVsbA",
        made_up("[]"),
        made_up('["a","b"]'),
        made_up("[1]"),
        made_up("[null]"),
        made_up('[""]'),
        made_up('{"sk":"a"}'),
        made_up('["a"'),
        made_up(msgspec.json.encode(["x" * 1025]).decode()),
        made_up(msgspec.json.encode(["é" * 513]).decode()),
        made_up('["\\ud800"]'),
        "W1siXX0",
    ],
)
def test_a_made_up_cursor_is_the_callers_mistake(text: str) -> None:
    with pytest.raises(InvalidError, match="invalid_cursor"):
        from_cursor(text, "sk")


def test_the_longest_key_has_a_cursor() -> None:
    given = cursor({"sk": "é" * 512}, "sk")
    assert given
    assert from_cursor(given, "sk") == {"sk": "é" * 512}
