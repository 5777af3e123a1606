"""Identifiers: opaque, prefixed, and in the order of their birth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.ids import derived_id, is_id, new_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BORN = datetime(2026, 11, 22, 17, 5, 9, tzinfo=UTC)


def test_ids_sort_by_their_time_of_birth() -> None:
    ids = [new_id("ord", BORN + timedelta(milliseconds=step)) for step in range(0, 5000, 7)]
    assert ids == sorted(ids)


def test_two_ids_of_one_moment_differ() -> None:
    assert len({new_id("ord", BORN) for _ in range(1000)}) == 1000


def test_the_randomness_never_reaches_into_the_time() -> None:
    time = new_id("ord", BORN, 0)[:14]
    assert {new_id("ord", BORN)[:14] for _ in range(100)} == {time}


def test_the_same_moment_and_bits_make_the_same_id() -> None:
    assert new_id("ord", BORN, 7) == new_id("ord", BORN, 7)


def test_the_suffix_is_a_ulid_as_its_specification_shows_it() -> None:
    """https://github.com/ulid/spec: 1469918176385 ms is 01ARYZ6S41."""
    shown = EPOCH + timedelta(milliseconds=1469918176385)
    assert new_id("ord", shown, 0) == "ord_01aryz6s410000000000000000"
    assert new_id("ord", shown, 2**80 - 1) == "ord_01aryz6s41zzzzzzzzzzzzzzzz"


def test_a_derived_id_has_the_same_suffix() -> None:
    quote = new_id("quo", BORN)
    assert derived_id("ord", quote) == "ord_" + quote.removeprefix("quo_")
    assert is_id("ord", derived_id("ord", quote))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ord_",
        "ord_01m823",
        "quo_01m823g0c80000000000000007",
        "ord_01m823g0c80000000000000007x",
        "ord_01m823g0c80000000000000007\n",
        "ord_01M823G0C80000000000000007",
        "ord_01m823g0c8000000000000000u",
        "ord_../../../../../../../../..",
    ],
)
def test_what_only_looks_like_an_id_is_none(text: str) -> None:
    assert not is_id("ord", text)
