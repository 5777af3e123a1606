"""The list of common passwords is the one its source gives."""

from __future__ import annotations

from functions.identity.accounts.passwords import COMMON
from tools.build import common_passwords


def test_the_list_is_what_the_tool_writes() -> None:
    assert COMMON.read_bytes() == common_passwords.content()


def test_the_list_holds_at_most_10_000_passwords_and_none_to_read() -> None:
    kept = COMMON.read_bytes()
    assert len(kept) <= 4 * common_passwords.MOST
    assert b"password" not in kept
