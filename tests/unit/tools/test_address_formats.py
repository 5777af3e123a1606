"""The committed formats of addresses are what their source says."""

from __future__ import annotations

from functions.shared.addresses import FORMATS
from tools.build import address_formats


def test_the_formats_are_those_of_their_source() -> None:
    assert FORMATS.read_text(encoding="utf-8") == address_formats.content()
