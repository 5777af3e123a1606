"""Request bodies: what is read, and the problem that each kind of bad body gets, with the field as a pointer."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from functions.shared.errors import InvalidError, json_pointer
from functions.shared.types import Body, Email, MoneyBody, Quantity, Sku, decode_body

ShortText = Annotated[str, Meta(max_length=3)]


class Line(Body, frozen=True):
    sku: Sku
    quantity: Quantity


class Wish(Body, frozen=True):
    lines: Annotated[list[Line], Meta(min_length=1, max_length=3)]
    email: Email | None = None
    price: MoneyBody | None = None
    nick: Annotated[str, Meta(min_length=3, pattern=r"^\S+$")] | int | None = None
    tone: Literal["calm", "warm"] | None = None
    weight: Annotated[float, Meta(ge=0)] | None = None
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
        b"lines=1",
        b"{",
        b'{"lines": [',
        b'{"lines": []}}',
        b"{'lines': []}",
        b'{"lines": [],}',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"lines": []}',
        b'{"lines": NaN}',
        b'{"email": "\\ud800"}',
        b'{"email": "\xed\xa0\x80"}',
        b'{"unknown": ' + b"[" * 60_000,
    ],
)
def test_what_is_no_json_is_said_to_be_none(raw: bytes) -> None:
    assert refusal(raw).code in ("malformed_json", "invalid_body")
    assert "surrogates" not in refusal(raw).detail


LINE = '{"sku": "A", "quantity": 1}'
FLOAT = '{"amount": 19.99, "currency": "EUR"}'
SMALL = '{"amount": 1, "currency": "eur"}'


@pytest.mark.parametrize(
    ("raw", "pointer", "code", "parameters"),
    [
        ("[]", "", "wrong_type", {"expected": "object"}),
        ("null", "", "wrong_type", {"expected": "object"}),
        ('"text"', "", "wrong_type", {"expected": "object"}),
        ("{}", "/lines", "field_required", {"field": "lines"}),
        ('{"lines": null}', "/lines", "wrong_type", {"expected": "array"}),
        ('{"lines": []}', "/lines", "too_few", {"minimum": 1}),
        (f'{{"lines": [{LINE}, {LINE}, {LINE}, {LINE}]}}', "/lines", "too_many", {"maximum": 3}),
        ('{"lines": {}}', "/lines", "wrong_type", {"expected": "array"}),
        ('{"lines": [{}]}', "/lines/0/sku", "field_required", {"field": "sku"}),
        (
            f'{{"lines": [{LINE}, {{"sku": "B"}}]}}',
            "/lines/1/quantity",
            "field_required",
            {"field": "quantity"},
        ),
        ('{"lines": [{"sku": "A\\n", "quantity": 1}]}', "/lines/0/sku", "wrong_form", {"form": "sku"}),
        ('{"lines": [{"sku": "", "quantity": 1}]}', "/lines/0/sku", "field_required", {"field": "sku"}),
        (
            f'{{"lines": [{{"sku": "{"A" * 65}", "quantity": 1}}]}}',
            "/lines/0/sku",
            "too_long",
            {"maximum": 64},
        ),
        (f'{{"lines": [{LINE}], "nick": "ab"}}', "/nick", "too_short", {"minimum": 3}),
        (f'{{"lines": [{LINE}], "nick": "a b"}}', "/nick", "wrong_form", {}),
        (f'{{"lines": [{LINE}], "nick": []}}', "/nick", "wrong_type", {"expected": "string or integer"}),
        (f'{{"lines": [{LINE}], "tone": "loud"}}', "/tone", "not_a_choice", {"choices": "calm, warm"}),
        (f'{{"lines": [{LINE}], "weight": "1"}}', "/weight", "wrong_type", {"expected": "number"}),
        (f'{{"lines": [{LINE}], "weight": -1}}', "/weight", "too_small", {"minimum": 0}),
        (
            '{"lines": [{"sku": "A", "quantity": 1, "price": 1}]}',
            "/lines/0/price",
            "unknown_field",
            {"field": "price"},
        ),
        (f'{{"lines": [{LINE}], "email": "nobody"}}', "/email", "wrong_form", {"form": "email"}),
        (f'{{"lines": [{LINE}], "price": {FLOAT}}}', "/price/amount", "wrong_type", {"expected": "integer"}),
        (f'{{"lines": [{LINE}], "price": {SMALL}}}', "/price/currency", "wrong_form", {"form": "currency"}),
        (f'{{"lines": [{LINE}], "labels": {{"a": "long"}}}}', "/labels/a", "too_long", {"maximum": 3}),
        (f'{{"lines": [{LINE}], "labels": {{"long": "a"}}}}', "/labels", "too_long", {"maximum": 3}),
        (f'{{"lines": [{LINE}], "is_admin": true}}', "/is_admin", "unknown_field", {"field": "is_admin"}),
        (f'{{"lines": [{LINE}], "a/b~c": 1}}', "/a~1b~0c", "unknown_field", {"field": "a/b~c"}),
        (f'{{"lines": [{LINE}], "a - at b": 1}}', "/a - at b", "unknown_field", {"field": "a - at b"}),
    ],
)
def test_a_bad_field_has_its_pointer_a_code_of_its_own_and_what_it_needs(
    raw: str, pointer: str, code: str, parameters: dict[str, Any]
) -> None:
    found = refusal(raw.encode())
    assert (found.code, json_pointer(found.field), found.parameters) == (code, pointer, parameters)


@pytest.mark.parametrize(
    ("number", "code", "parameters"),
    [
        ("0", "too_small", {"minimum": 1}),
        ("-1", "too_small", {"minimum": 1}),
        ("1000", "too_large", {"maximum": 999}),
        ("1.5", "wrong_type", {"expected": "integer"}),
        ("2.0", "wrong_type", {"expected": "integer"}),
        ("1e3", "wrong_type", {"expected": "integer"}),
        ("1e999", "invalid_body", {}),
        ('"1"', "wrong_type", {"expected": "integer"}),
        ("true", "wrong_type", {"expected": "integer"}),
        ("null", "wrong_type", {"expected": "integer"}),
    ],
)
def test_a_number_that_does_not_fit_says_what_would(
    number: str, code: str, parameters: dict[str, Any]
) -> None:
    found = refusal(f'{{"lines": [{{"sku": "A", "quantity": {number}}}]}}'.encode())
    assert (found.code, json_pointer(found.field), found.parameters) == (
        code,
        "/lines/0/quantity",
        parameters,
    )


def test_a_number_beyond_64_bits_is_refused_at_its_field() -> None:
    raw = b'{"lines": [{"sku": "A", "quantity": 99999999999999999999999}]}'
    assert json_pointer(refusal(raw).field) == "/lines/0/quantity"


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"{}",
        b'{"lines": 1}',
        b'{"lines": [{"sku": "a b", "quantity": 1}]}',
        b"{",
        b'{"lines": [1e999]}',
        b'{"lines": [], "email": "x"}',
        b'{"email": "x"}',
        b'{"nick": "a b"}',
        b'{"tone": 1}',
        b'{"x": 1}',
        b"\xff",
    ],
)
def test_no_detail_tells_of_patterns_or_of_what_reads_the_body(raw: bytes) -> None:
    detail = refusal(raw).detail
    assert not re.search(r"[`\\^$]|regex|int\b|str\b|Expected|NoneType|msgspec", detail), detail


def test_a_form_that_has_a_name_is_said_in_its_own_words() -> None:
    raw = b'{"lines": [{"sku": "A", "quantity": 1}], "email": "nobody"}'
    assert refusal(raw).detail == "An e-mail address is written like amira@example.com."


def test_the_value_at_fault_is_not_repeated() -> None:
    secret: Any = refusal(b'{"lines": [{"sku": "A", "quantity": 1}], "email": "hunter2 hunter2"}').detail
    assert "hunter2" not in secret


def test_a_name_given_twice_is_checked_each_time() -> None:
    raw = b'{"lines": [{"sku": "A", "quantity": 1}], "lines": [{"sku": "A", "quantity": -5}]}'
    assert json_pointer(refusal(raw).field) == "/lines/0/quantity"
