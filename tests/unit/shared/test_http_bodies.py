"""Request bodies: what is read, and the problem that each kind of bad body gets, with the field as a pointer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from functions.shared.errors import InvalidError
from functions.shared.http import decode_body
from functions.shared.types import Body, Email, MoneyBody, Quantity, Sku

ShortText = Annotated[str, Meta(max_length=3)]


class Line(Body, frozen=True):
    sku: Sku
    quantity: Quantity


class Wish(Body, frozen=True):
    lines: Annotated[list[Line], Meta(min_length=1, max_length=3)]
    email: Email | None = None
    price: MoneyBody | None = None
    labels: dict[ShortText, ShortText] = msgspec.field(default_factory=dict)


def refusal(raw: bytes) -> InvalidError:
    with pytest.raises(InvalidError) as caught:
        decode_body(raw, Wish)
    return caught.value


def test_a_good_body_is_read() -> None:
    assert decode_body(b' {"lines": [{"sku": "MUG-1", "quantity": 2}]}\n', Wish) == Wish([Line("MUG-1", 2)])


@pytest.mark.parametrize("raw", [b"", b" ", b"\r\n\t"])
def test_no_body_is_said_to_be_missing(raw: bytes) -> None:
    assert refusal(raw).code == "body_required"


@pytest.mark.parametrize(
    "raw",
    [
        b"lines=1", b"{", b'{"lines": [', b'{"lines": []}}', b"{'lines': []}", b'{"lines": [],}', b"\xff\xfe",
        b'\xef\xbb\xbf{"lines": []}', b'{"lines": NaN}', b'{"email": "\\ud800"}', b'{"email": "\xed\xa0\x80"}',
        b'{"unknown": ' + b"[" * 60_000,
    ],
)  # fmt: skip
def test_what_is_no_json_is_said_to_be_none(raw: bytes) -> None:
    assert refusal(raw).code in ("malformed_json", "invalid_body")
    assert "surrogates" not in refusal(raw).detail


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"[]", ""),
        (b"null", ""),
        (b'"text"', ""),
        (b"{}", "/lines"),
        (b'{"lines": null}', "/lines"),
        (b'{"lines": []}', "/lines"),
        (b'{"lines": {}}', "/lines"),
        (b'{"lines": [{}]}', "/lines/0/sku"),
        (b'{"lines": [{"sku": "A", "quantity": 1}, {"sku": "B"}]}', "/lines/1/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": 0}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": -1}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": 1.5}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": 2.0}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": 1e3}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": 1e999}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": 99999999999999999999999}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": "1"}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A", "quantity": true}]}', "/lines/0/quantity"),
        (b'{"lines": [{"sku": "A\\n", "quantity": 1}]}', "/lines/0/sku"),
        (b'{"lines": [{"sku": "A", "quantity": 1, "price": 1}]}', "/lines/0/price"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "email": "nobody"}', "/email"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "price": {"amount": 19.99, "currency": "EUR"}}', "/price/amount"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "price": {"amount": 1, "currency": "eur"}}', "/price/currency"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "labels": {"a": "long"}}', "/labels"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "labels": {"long": "a"}}', "/labels"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "is_admin": true}', "/is_admin"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "a/b~c": 1}', "/a~1b~0c"),
        (b'{"lines": [{"sku": "A", "quantity": 1}], "a - at b": 1}', "/a - at b"),
    ],
)  # fmt: skip
def test_a_field_at_fault_is_named_by_its_json_pointer(raw: bytes, pointer: str) -> None:
    assert (refusal(raw).code, refusal(raw).pointer) == ("invalid_body", pointer)


def test_a_problem_says_in_words_what_was_expected() -> None:
    assert refusal(b'{"lines": [{"sku": "A", "quantity": "1"}]}').detail == "Expected `int`, got `str`."


def test_the_value_at_fault_is_not_repeated() -> None:
    secret: Any = refusal(b'{"lines": [{"sku": "A", "quantity": 1}], "email": "hunter2 hunter2"}').detail
    assert "hunter2" not in secret


def test_a_name_given_twice_is_checked_each_time() -> None:
    raw = b'{"lines": [{"sku": "A", "quantity": 1}], "lines": [{"sku": "A", "quantity": -5}]}'
    assert refusal(raw).pointer == "/lines/0/quantity"
