"""The scalars of requests and facts: what they let pass and what they refuse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from functions.shared.types import (
    Body,
    Country,
    Currency,
    Data,
    Email,
    Line,
    Minor,
    Money,
    MoneyBody,
    Quantity,
    Sku,
    View,
)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Sku, "POT-CLAY-L"),
        (Sku, "7"),
        (Sku, "a.b_c-d"),
        (Sku, "x" * 64),
        (Quantity, 1),
        (Quantity, 999),
        (Minor, 0),
        (Minor, 99_999_999_999),
        (Currency, "JPY"),
        (Country, "DE"),
        (Email, "amira@example.com"),
        (Email, "a+b@mail.example.co"),
        (Email, "ü@bücher.example"),
        (Line, "1"),
        (Line, "x" * 120),
    ],
)
def test_a_good_value_passes(kind: Any, value: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Sku, ""),
        (Sku, "-A"),
        (Sku, "A B"),
        (Sku, "A/B"),
        (Sku, "x" * 65),
        (Sku, "A\n"),
        (Sku, "Ä"),
        (Sku, 7),
        (Quantity, 0),
        (Quantity, -1),
        (Quantity, 1000),
        (Quantity, 1.0),
        (Quantity, 1.5),
        (Quantity, "1"),
        (Quantity, True),
        (Quantity, 10**30),
        (Quantity, None),
        (Minor, -1),
        (Minor, 100_000_000_000),
        (Minor, 19.99),
        (Minor, "1999"),
        (Currency, "eur"),
        (Currency, "EURO"),
        (Currency, "€"),
        (Currency, "EUR\n"),
        (Country, "de"),
        (Country, "DEU"),
        (Country, "DE\n"),
        (Email, "amira"),
        (Email, "amira@example"),
        (Email, "a@b@example.com"),
        (Email, "a b@example.com"),
        (Email, "a@example.com\n"),
        (Email, "a@example.com\nBcc: x@example.com"),
        (Email, "<a@example.com>"),
        (Email, "x" * 65 + "@example.com"),
        (Email, "a@" + "x" * 260 + ".com"),
        (Email, "a@example."),
        (Line, ""),
        (Line, "x" * 121),
    ],
)
def test_a_bad_value_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(value), type=kind)


class Wish(Body, frozen=True):
    line_one: str
    note: str | None = None


class Granted(Data, frozen=True):
    line_one: str
    again: bool = False


class Shown(View, frozen=True):
    next_cursor: str | None


def test_a_request_refuses_what_it_does_not_know() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `extra`"):
        msgspec.json.decode(b'{"lineOne": "x", "extra": 1}', type=Wish)


def test_a_fact_is_read_past_what_its_publisher_added() -> None:
    assert msgspec.json.decode(b'{"lineOne": "x", "extra": 1}', type=Granted) == Granted("x")


def test_names_on_the_wire_are_camel_case() -> None:
    assert msgspec.json.encode(Granted("x", again=True)) == b'{"lineOne":"x","again":true}'


def test_a_response_shows_every_field() -> None:
    assert msgspec.json.encode(Shown(None)) == b'{"nextCursor":null}'


@pytest.mark.parametrize(
    "sent",
    [
        '{"amount": 0, "currency": "EUR"}',
        '{"amount": 19.99, "currency": "EUR"}',
        '{"amount": "1999", "currency": "EUR"}',
        '{"amount": 1999}',
        '{"amount": 1999, "currency": "EUR", "decimals": 2}',
    ],
)
def test_money_in_a_request_is_at_least_one_whole_minor_unit(sent: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(sent, type=MoneyBody)


def test_nothing_is_money_too_in_a_fact() -> None:
    assert msgspec.json.decode(b'{"amount": 0, "currency": "JPY"}', type=Money) == Money(0, "JPY")
