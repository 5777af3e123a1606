"""The signing keys over time, as pure rules.

A key is published first, signs from a time on, and stays published until the last token it signed has ended. Which
key signs follows from the clock alone: nobody has to switch, so nobody can switch at two times.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from functions.identity.keys.access_tokens import ACCESS_LIFE
from functions.shared import jws
from functions.shared.clock import parse, rfc3339
from functions.shared.errors import ConflictError

PERIOD = timedelta(days=90)
"""How long a key signs."""
AHEAD = timedelta(days=1)
"""How long before its time the next key of the ordinary rotation is made."""
AFTER = ACCESS_LIFE + timedelta(hours=1)
"""How long a key stays published after its successor signs: a token's life, and a margin for clocks and caches."""
MAX_KEYS = 8  # all of them fit into one SSM parameter of 4 KB

State = Literal["next", "current", "retired"]


class Key(Struct, frozen=True):
    """One signing key: its public half, and the id under which KMS keeps the other.

    An RSA key has its modulus, ``n``; one of P-256, from before keys were RSA, its point, ``x`` and ``y``.
    """

    id: str
    kms_id: str
    made_at: str
    signs_from: str
    n: str = ""
    x: str = ""
    y: str = ""

    @property
    def algorithm(self) -> Literal["RS256", "ES256"]:
        """Return how it signs (RFC 7518)."""
        return "RS256" if self.n else "ES256"

    def jwk(self) -> dict[str, str]:
        """Return the public half as it is published (RFC 7517)."""
        public = {"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y}
        if self.n:
            public = {"kty": "RSA", "n": self.n, "e": jws.EXPONENT_TEXT}
        return {**public, "kid": self.id, "use": "sig", "alg": self.algorithm}


class KeySet(Struct, frozen=True):
    """All published keys, in the order in which they sign; never empty once there is one."""

    keys: tuple[Key, ...]
    version: int = 1

    def current(self, at: datetime) -> Key:
        """Return the key that signs at a time; the first one for a clock that is a little behind."""
        signing = [key for key in self.keys if key.signs_from <= rfc3339(at)]
        return signing[-1] if signing else self.keys[0]

    def state(self, key: Key, at: datetime) -> State:
        """Return where in its life a key is."""
        if key == self.current(at):
            return "current"
        return "next" if key.signs_from > rfc3339(at) else "retired"

    def ended(self, at: datetime) -> tuple[Key, ...]:
        """Return the keys under which no token can be in force any more."""
        return tuple(
            key for key, successor in pairwise(self.keys) if parse(successor.signs_from) + AFTER <= at
        )

    def due(self, at: datetime) -> datetime | None:
        """Return from when a further key shall sign, if it is time to make it; at once where the last is no RSA key."""
        last = self.keys[-1]
        if last.algorithm != "RS256":
            return max(parse(last.signs_from), at)
        end = parse(last.signs_from) + PERIOD
        return end if end - AHEAD <= at else None

    def without(self, gone: tuple[Key, ...]) -> KeySet:
        """Return the key set without some keys."""
        if not gone:
            return self
        return KeySet(tuple(key for key in self.keys if key not in gone), self.version + 1)

    def with_key(self, key: Key) -> KeySet:
        """Return the key set with one more key, the last to sign; raise ConflictError when it is full."""
        self.require_room()
        return KeySet((*self.keys, key), self.version + 1)

    @property
    def full(self) -> bool:
        """Tell whether there is no room for a further key."""
        return len(self.keys) >= MAX_KEYS

    def require_room(self) -> None:
        """Raise ConflictError when the key set is full."""
        if self.full:
            raise ConflictError("too_many_keys", "Keys were rotated too often; old ones must end first.")

    def hastened(self, at: datetime, lead: timedelta) -> KeySet | None:
        """Return the key set with its next key signing as soon as the services know it; None without a next key."""
        *before, last = self.keys
        if self.state(last, at) != "next":
            return None
        earliest = rfc3339(max(parse(last.made_at) + lead, at))
        if last.signs_from <= earliest:
            return self
        return KeySet((*before, replace(last, signs_from=earliest)), self.version + 1)
