"""Opaque, sortable, prefixed identifiers: ``ord_01kaqz5r7b8v0w3m2x4y6t9n1c``.

The 26 characters after the prefix are a ULID in lower case (https://github.com/ulid/spec): 48 bits of
milliseconds, then 80 random bits, in Crockford's base 32.
"""

import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

KEY_KEPT = timedelta(hours=48)
"""How long a request's Idempotency-Key is remembered."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SUFFIX = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: str, at: datetime, randomness: int | None = None) -> str:
    """Return a new id.

    Parameters
    ----------
    prefix
        Three letters that name the kind of thing.
    at
        Its time of birth; ids of one kind sort by it.
    randomness
        80 bits; drawn from the system's secure source when not given.
    """
    bits = secrets.randbits(80) if randomness is None else randomness
    number = int(at.timestamp() * 1000) << 80 | bits
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def derived_id(prefix: str, other: str) -> str:
    """Return the id of another kind with the same suffix: one-to-one, without a lookup."""
    return f"{prefix}_{other.partition('_')[2]}"


def is_id(prefix: str, text: str) -> bool:
    """Tell whether `text` has the form of an id of that kind."""
    return text.startswith(f"{prefix}_") and _SUFFIX.fullmatch(text, len(prefix) + 1) is not None


_NUMBER_ALPHABET = "2346789BCDFGHJKMNPQRTVWXYZ"
"""Nothing that looks like another (0 O, 1 I L, 5 S, U V), and no vowels, so that no number is a word."""

_NUMBER = re.compile(rf"[{_NUMBER_ALPHABET}]{{6}}")


def order_number(order_id: str) -> str:
    """Return the short number of an order, for people to read out: ``K7-4R92``.

    It follows from the id, which cannot be told from it. 300 million numbers are few enough to be shared by two orders
    now and then: who looks one up is shown both.
    """
    digest = int.from_bytes(sha256(order_id.encode()).digest(), "big")
    letters = []
    for _ in range(6):
        digest, index = divmod(digest, len(_NUMBER_ALPHABET))
        letters.append(_NUMBER_ALPHABET[index])
    return f"{''.join(letters[:2])}-{''.join(letters[2:])}"


def read_order_number(text: str) -> str | None:
    """Return the order number that people wrote, in whatever case, with or without its dash; None for no number."""
    plain = "".join(text.upper().replace("-", " ").split())
    return f"{plain[:2]}-{plain[2:]}" if _NUMBER.fullmatch(plain) else None


def fingerprint(*parts: str | bytes) -> str:
    """Return a digest of parts that tells them from any others, in hexadecimal."""
    digest = sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()
