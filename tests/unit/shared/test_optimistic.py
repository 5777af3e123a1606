"""Optimistic changes: tried again while others are faster, a moment later, and not for ever."""

from __future__ import annotations

import pytest

from functions.shared.errors import ConflictError
from functions.shared.optimistic import TRIES, BusyError, optimistic


class Contended:
    """Something that others change so many times while we try."""

    def __init__(self, lost: int) -> None:
        self.lost, self.tries = lost, 0

    @optimistic("thing_busy")
    def change(self, by: str) -> str | None:
        self.tries += 1
        return f"changed by {by}" if self.tries > self.lost else None

    @optimistic("thing_busy")
    def note(self) -> bool:
        self.tries += 1
        return self.tries > self.lost


@pytest.mark.parametrize("lost", [0, 1, TRIES - 1])
def test_it_is_tried_again_until_nobody_was_faster(lost: int) -> None:
    thing = Contended(lost)
    assert thing.change("me") == "changed by me"
    assert thing.tries == lost + 1


def test_false_asks_for_another_try_as_none_does() -> None:
    thing = Contended(2)
    assert thing.note() is True
    assert thing.tries == 3


def test_what_is_empty_or_nought_is_a_result() -> None:
    assert optimistic("thing_busy")(lambda: 0)() == 0
    assert optimistic("thing_busy")(lambda: "")() == ""


def test_what_is_always_busy_is_said_to_be_so_after_the_last_try() -> None:
    thing = Contended(TRIES)
    with pytest.raises(BusyError, match="thing_busy") as raised:
        thing.change("me")
    assert thing.tries == TRIES
    assert raised.value.retry_after == 1


def test_a_rule_that_refuses_is_not_tried_again() -> None:
    tries = []

    @optimistic("thing_busy")
    def change() -> str | None:
        tries.append(1)
        raise ConflictError("sold_out", "None is left.")

    with pytest.raises(ConflictError, match="sold_out"):
        change()
    assert len(tries) == 1
