"""Opaque, sortable, prefixed identifiers: ``ord_01kaqz5r7b8v0w3m2x4y6t9n1c``.

The 26 characters after the prefix are a ULID in lower case (https://github.com/ulid/spec): 48 bits of
milliseconds, then 80 random bits, in Crockford's base 32.
"""

import re
import secrets
from datetime import datetime

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
