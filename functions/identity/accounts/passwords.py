"""Passwords: which may be chosen, and argon2id with OWASP's profile (19 MiB, 2 passes, 1 lane).

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html

Refused are the most common ones, and those that contain the name in the e-mail address (NIST SP 800-63B, 3.1.1.2).
"""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.errors import Field, InvalidError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$ky1GF57m09XGg0pUJC0sRA$BXGLLwsddeHfknoUnQLrMU2RP+tJnAg8h4GyB9a8b/s"
"""The hash of a password nobody knows: checked where there is no account, so that it takes as long as with one."""


COMMON = Path(__file__).with_name("common_passwords.bin")
"""Digests of the most common passwords (tools/build/common_passwords.py writes it and names its source)."""
_DIGEST_BYTES = 4
_SHORTEST_NAME = 3


def check(password: str, email: str, *, field: Field) -> None:
    """Raise InvalidError for a password that is among the first to be guessed for this e-mail address."""
    folded = unicodedata.normalize("NFC", password).casefold()
    name = _letters(email.partition("@")[0].partition("+")[0].casefold())
    if len(name) >= _SHORTEST_NAME and name in _letters(folded):
        raise InvalidError(
            "password_has_email",
            "Choose a password without the name in the e-mail address.",
            field=field,
        )
    if common_digest(folded) in _common():
        raise InvalidError(
            "password_too_common",
            "This password is among the most common ones; choose another.",
            field=field,
        )


def _letters(text: str) -> str:
    """Return the letters and digits alone: amira.haddad is in "Amira-Haddad 1"."""
    return "".join(letter for letter in text if letter.isalnum())


def common_digest(password: str) -> bytes:
    """Return what the list keeps of a password: 32 bits, whatever its capitals."""
    return hashlib.sha256(password.casefold().encode()).digest()[:_DIGEST_BYTES]


@functools.cache
def _common() -> frozenset[bytes]:
    kept = COMMON.read_bytes()
    return frozenset(kept[at : at + _DIGEST_BYTES] for at in range(0, len(kept), _DIGEST_BYTES))


@functools.cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # not in the bundle's other functions' way

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher().hash(_bytes(password))


def fits(kept: str | None, password: str) -> bool:
    """Tell whether a password is the one kept; as slow where none is kept."""
    from argon2.exceptions import VerifyMismatchError

    try:
        _hasher().verify(kept or NOBODY, _bytes(password))
    except VerifyMismatchError:
        return False
    return kept is not None


def outdated(kept: str) -> bool:
    """Tell whether a password was hashed with other parameters than today's."""
    return _hasher().check_needs_rehash(kept)


def _bytes(password: str) -> bytes:
    """Return the password's bytes; the same letters typed on another system give the same ones (NFC)."""
    return unicodedata.normalize("NFC", password).encode()
