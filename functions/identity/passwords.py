"""Passwords: argon2id with OWASP's profile (19 MiB, 2 passes, 1 lane).

https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1

NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$ky1GF57m09XGg0pUJC0sRA$BXGLLwsddeHfknoUnQLrMU2RP+tJnAg8h4GyB9a8b/s"
"""The hash of a password nobody knows: checked where there is no account, so that it takes as long as with one."""


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
