"""E-mail addresses: what mail reaches, in one form."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from functions.shared.email_address import comparable, deliverable
from functions.shared.errors import InvalidError, json_pointer
from functions.shared.types import Email

ONE_FORM = {
    "Amira@Example.COM": "amira@example.com",
    "o'brien+shop.1@mail.example.co.uk": "o'brien+shop.1@mail.example.co.uk",
    "a@b\u00fccher.example": "a@xn--bcher-kva.example",
    "a@bu\u0308cher.example": "a@xn--bcher-kva.example",
    "a@B\u00dcCHER.example": "a@xn--bcher-kva.example",
    "a@XN--BCHER-KVA.example": "a@xn--bcher-kva.example",
    "a@stra\u00dfe.example": "a@xn--strae-oqa.example",  # not strasse.example: that is somebody else's
    "a@\u4f8b\u3048\u3002\u30c6\u30b9\u30c8": "a@xn--r8jz45g.xn--zckzah",
    "a@\uff45xample.com": "a@example.com",
    f"{'l' * 64}@{'d' * 63}.example": f"{'l' * 64}@{'d' * 63}.example",
    "a@3com.xn--p1ai": "a@3com.xn--p1ai",
}


@pytest.mark.parametrize(("typed", "kept"), ONE_FORM.items())
def test_an_address_is_kept_and_compared_in_one_form(typed: str, kept: str) -> None:
    assert deliverable(typed) == comparable(typed) == kept
    assert deliverable(kept) == kept


UNREACHABLE = [
    "",
    "a",
    "@",
    "@example.com",
    "a@",
    "a@localhost",
    "a@b@example.com",
    "a b@example.com",
    ".a@example.com",
    "a.@example.com",
    "a..b@example.com",
    '"a b"@example.com',
    "a(b)@example.com",
    "a@.example.com",
    "a@example.com.",
    "a@example..com",
    "a@-example.com",
    "a@example-.com",
    "a@ex_ample.com",
    "a@192.0.2.1",
    "a@[192.0.2.1]",
    "a@example.1",
    f"a@{'d' * 64}.com",
    f"{'l' * 65}@example.com",
    f"a@{'.'.join(['d' * 60] * 5)}.com",
    f"a@{chr(0xFC) * 60}.com",
    "a\x00@example.com",
    "a@exam\x7fple.com",
    "a@exam\u200dple.com",
    "a@exa\u00a0mple.com",
    "a@example.com\n",
    "\u00e4@example.com",
    "a@\u2603.example",
    "a@\u2100.example",
    "a@xn--.com",
    "a@xn--a.com",
    "a@ab--cd.com",
]


@pytest.mark.parametrize("text", UNREACHABLE)
def test_what_mail_cannot_reach_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        deliverable(text, ("contact",))
    assert (refused.value.code, json_pointer(refused.value.field)) == ("wrong_form", "/contact")
    assert refused.value.parameters == {"form": "email"}


@pytest.mark.parametrize("text", UNREACHABLE)
def test_an_address_that_was_kept_though_mail_cannot_reach_it_is_still_found(text: str) -> None:
    assert comparable(text.upper()) == comparable(text) or not text.isascii()


@given(some.text(max_size=80), some.text(max_size=80))
def test_whatever_passes_is_ascii_and_passes_as_itself(local: str, domain: str) -> None:
    try:
        kept = deliverable(f"{local}@{domain}")
    except InvalidError:
        return
    assert kept == deliverable(kept) == msgspec.convert(kept, Email)
    assert re.fullmatch(r"[!-~]+@[a-z0-9.-]+", kept)
