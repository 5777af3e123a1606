"""Who calls: told by the service itself from the access token, with public keys that it keeps.

No second function, no call of identity, no library: the keys lie in one SSM parameter that identity writes, are kept in
memory, and go on being used while SSM fails. So a token is checked just as well when identity is down.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
from botocore.exceptions import ClientError
from msgspec import Meta, Struct

from functions.shared import aws, jws, log
from functions.shared.context import Caller, called_by
from functions.shared.errors import InvalidTokenError, UnauthorisedError, UnavailableError

KEPT_SECONDS = 300
"""How long the keys are taken as they are; identity publishes a key an hour before it signs with it."""
ASK_AGAIN_SECONDS = 10
"""The least time between two readings of the parameter, whatever tokens say and however often reading fails."""
LEEWAY_SECONDS = 5
"""How far the clocks of signer and checker may lie apart."""
MAX_TOKEN_LENGTH = 4096
KEPT_TOKENS = 500
"""How many tokens are known to hold without looking at their signatures again; about 1 MB."""

_Seconds = Annotated[int, Meta(ge=0, le=253402300799)]  # the year 9999
_Verifier = Callable[[bytes, bytes], bool]


class RefusedError(Exception):
    """The token does not tell who calls; the text is the reason, for the log."""


class Claims(Struct, frozen=True):
    """What identity says of the caller (RFC 9068), as far as anything here depends on it."""

    iss: str
    sub: Annotated[str, Meta(min_length=1)]
    aud: str
    iat: _Seconds
    nbf: _Seconds
    exp: _Seconds
    jti: str
    roles: tuple[str, ...] = ()
    sid: str = ""

    def require_in_force(self, now: float) -> None:
        """Raise RefusedError before and after its time."""
        if now >= self.exp + LEEWAY_SECONDS:
            raise RefusedError("expired")
        if now < max(self.nbf, self.iat) - LEEWAY_SECONDS:
            raise RefusedError("not yet in force")


class _Jwk(Struct):
    kid: str
    alg: str
    kty: str
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class _Published(Struct):
    """What identity writes: whose tokens they sign, and the keys as JWKs (RFC 7517), by how they sign.

    ``keys`` holds those that sign ES256, from before keys were RSA; what checked tokens then reads it alone.
    """

    issuer: str
    audience: str
    keys: list[_Jwk] = []
    rs256: list[_Jwk] = []


class _KeySet:
    """The keys as one reading gave them, by the header of the tokens they sign, and tokens that were proven by them."""

    def __init__(self, published: _Published) -> None:
        self.issuer, self.audience = published.issuer, published.audience
        self.verifiers: dict[str, _Verifier] = {
            **{jws.header("ES256", key.kid): _es256(key) for key in published.keys},
            **{jws.header("RS256", key.kid): _rs256(key) for key in published.rs256},
        }
        self._proven: dict[str, Claims] = {}

    def claims(self, token: str) -> Claims:
        """Return what a token says whose header is one of these keys'; raise RefusedError unless it holds."""
        found = self._proven.get(token)
        if found is None:
            found = self._prove(token)
            if len(self._proven) >= KEPT_TOKENS:
                self._proven.clear()
            self._proven[token] = found
        return found

    def _prove(self, token: str) -> Claims:
        signed, _, signature = token.rpartition(".")
        header, _, said = signed.partition(".")
        try:
            if not self.verifiers[header](jws.from_base64url(signature), signed.encode()):
                raise RefusedError("signature")
            claims = msgspec.json.decode(jws.from_base64url(said), type=Claims)
        except (ValueError, msgspec.MsgspecError) as error:
            raise RefusedError(f"form: {type(error).__name__}") from None
        if claims.iss != self.issuer:
            raise RefusedError("issuer")
        if claims.aud != self.audience:
            raise RefusedError("audience")
        return claims


def _rs256(key: _Jwk) -> _Verifier:
    """Return the check of an RSA key's signatures; raise ValueError for a key that is not ours."""
    if (key.kty, key.alg, key.e) != ("RSA", "RS256", jws.EXPONENT_TEXT):
        raise ValueError("not a key that signs RS256")
    modulus = jws.modulus(key.n)
    return lambda signature, message: jws.verifies(signature, message, modulus)


def _es256(key: _Jwk) -> _Verifier:
    if (key.kty, key.alg, key.crv) != ("EC", "ES256", "P-256"):
        raise ValueError("not a key that signs ES256")
    x, y = jws.from_base64url(key.x), jws.from_base64url(key.y)

    def verifies(signature: bytes, message: bytes) -> bool:
        from functions.shared import es256  # only a token from before keys were RSA pays for it

        return es256.verifies(signature, message, es256.point(x, y))

    return verifies


class Keys:
    """The public keys of identity's key set.

    Parameters
    ----------
    read
        Returns the parameter's text, None where nobody has written it yet; raises when it cannot tell.
    clock
        Seconds, monotonic.
    """

    def __init__(self, read: Callable[[], str | None], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._asked = 0.0
        self._fresh_until = 0.0
        self._known = _KeySet(_Published("", ""))

    def claims(self, token: str, now: float) -> Claims:
        """Return the claims of a token that identity signed for us and that is in force at `now`, in epoch seconds.

        Its header is not read: what identity writes there follows from the key, so it is looked up as it is. No
        algorithm, type, key or address is ever taken from it.

        Raises
        ------
        RefusedError
            It is another token.
        UnavailableError
            No keys are known, and they cannot be read.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise RefusedError("too long")
        if token.count(".") != 2 or not token.isascii():
            raise RefusedError("form")
        claims = self._with(token.partition(".")[0]).claims(token)
        claims.require_in_force(now)
        return claims

    def _with(self, header: str) -> _KeySet:
        now = self._clock()
        if now > self._fresh_until or header not in self._known.verifiers:
            self._refresh(now)
        if header not in self._known.verifiers:
            raise RefusedError("unknown key or header")
        return self._known

    def _refresh(self, now: float) -> None:
        """Read the keys again, unless that was tried a moment ago; without a good answer the old ones stay."""
        if self._known.verifiers and now - self._asked < ASK_AGAIN_SECONDS:
            return
        self._asked = now
        try:
            text = self._read()
            found = _KeySet(msgspec.json.decode(text, type=_Published)) if text is not None else None
        except Exception as error:  # noqa: BLE001  whatever it was, the answer is the same
            kept = "kept" if self._known.verifiers else "none"
            log.note(level="warning", keys=kept, keysError=type(error).__name__)
            if self._known.verifiers:
                return
            detail = "Who calls cannot be told at the moment; try again."
            raise UnavailableError("keys_unavailable", detail, retry_after=2) from None
        self._known = found or self._known
        self._fresh_until = now + KEPT_SECONDS


def _read_parameter() -> str | None:
    try:
        return aws.ssm().get_parameter(Name=os.environ["JWKS_NAME"])["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return None  # nobody has logged in yet


@functools.cache
def keys() -> Keys:
    """Return the keys this worker knows."""
    return Keys(_read_parameter, time.monotonic)


def recognise(authorization: str | None, *, guests: bool) -> None:
    """Say who sent a request, by the token in its Authorization header; a guest without one, where guests may call.

    A token that does not hold is refused all the same: whoever sends one means to be known by it. Of several headers
    the values stand in one line (functions/shared/gateway.py), which is no token.

    Raises
    ------
    UnauthorisedError
        There is no token, or one that does not hold (InvalidTokenError).
    UnavailableError
        No keys are known, and they cannot be read.
    """
    if authorization is None and guests:
        log.note(subject="guest")
        return
    scheme, _, token = (authorization or "").partition(" ")
    is_bearer = scheme.lower() == "bearer" and bool(token.strip(" "))
    try:
        if not is_bearer:
            raise RefusedError("no bearer token")
        claims = keys().claims(token.strip(" "), time.time())
    except RefusedError as refused:
        log.note(outcome="unauthorised", reason=str(refused))
        detail = "This call needs a valid access token: Authorization: Bearer …"
        if is_bearer:
            raise InvalidTokenError("not_authenticated", detail) from None
        raise UnauthorisedError("not_authenticated", detail) from None
    log.note(subject=claims.sub)
    called_by(Caller(claims.sub, frozenset(claims.roles), claims.sid or None))
