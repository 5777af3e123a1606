"""The two Lambda authorisers in front of every service: who calls, told from an access token alone.

They read no table and call no service: the public keys lie in one SSM parameter that identity writes, are kept in
memory, and go on being used while SSM fails. So a token is checked just as well when identity is down.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import jwt
import msgspec

from functions.shared import aws, log

KEPT_SECONDS = 300
"""How long the keys are taken as they are; identity publishes a key an hour before it signs with it."""
ASK_AGAIN_SECONDS = 10
"""The least time between two readings of the parameter, whatever tokens say and however often reading fails."""
LEEWAY_SECONDS = 5
"""How far the clocks of signer and checker may lie apart."""
MAX_TOKEN_LENGTH = 4096

Policy = dict[str, Any]


class RefusedError(Exception):
    """The token does not let its bearer pass; the text is the reason, for the log."""


class _Published(msgspec.Struct):
    """What identity writes: the keys as a JWK set (RFC 7517), and whose tokens they sign."""

    issuer: str
    audience: str
    keys: list[dict[str, str]]


class Keys:
    """The public keys of identity's key set, by key id.

    Parameters
    ----------
    read
        Returns the parameter's text, None where nobody has written it yet; raises when it cannot tell.
    clock
        Seconds, monotonic.
    """

    def __init__(self, read: Callable[[], str | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._asked = 0.0
        self._fresh_until = 0.0
        self._issuer = ""
        self._audience = ""
        self._keys: dict[str, jwt.PyJWK] = {}

    def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token identity signed for us and that is in force; raise RefusedError for another."""
        if len(token) > MAX_TOKEN_LENGTH:
            raise RefusedError("too long")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != "ES256" or str(header.get("typ", "")).lower() != "at+jwt":
                raise RefusedError("alg or typ")
            key = self._key(str(header.get("kid")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise RefusedError(type(error).__name__) from None
        return claims

    def _key(self, key_id: str) -> jwt.PyJWK:
        now = self._clock()
        if now > self._fresh_until or key_id not in self._keys:
            self._refresh(now)
        if key_id not in self._keys:
            raise RefusedError("unknown key")
        return self._keys[key_id]

    def _refresh(self, now: float) -> None:
        """Read the keys again, unless that was tried a moment ago; without a good answer the old ones stay."""
        if self._keys and now - self._asked < ASK_AGAIN_SECONDS:
            return
        self._asked = now
        try:
            text = self._read()
            published = msgspec.json.decode(text, type=_Published) if text is not None else None
            found = (
                {key["kid"]: jwt.PyJWK(key, algorithm="ES256") for key in published.keys} if published else {}
            )
        except Exception as error:
            if not self._keys:
                raise  # the failure is ours, not the token's: API Gateway answers 500
            log.note(level="warning", keys="kept", keysError=type(error).__name__)
            return
        if published:
            self._issuer, self._audience, self._keys = published.issuer, published.audience, found
        self._fresh_until = now + KEPT_SECONDS


def _read_parameter() -> str | None:
    ssm = aws.ssm()
    try:
        return ssm.get_parameter(Name=os.environ["JWKS_NAME"])["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return None  # nobody has logged in yet


@functools.cache
def keys() -> Keys:
    """Return the keys this worker knows."""
    return Keys(_read_parameter)


def required(event: dict[str, Any], context: object) -> Policy:
    """Let a call pass with a valid access token (TOKEN authoriser); API Gateway answers 401 else."""
    return _answer(lambda: _bearer(event.get("authorizationToken") or "", event["methodArn"]), event, context)


def optional(event: dict[str, Any], context: object) -> Policy:
    """Let a call pass with a valid access token, and as a guest without one (REQUEST authoriser).

    A token that is not valid is refused all the same: whoever sends one means to be known by it.
    """

    def decide() -> Policy:
        sent = {name.lower(): values for name, values in (event.get("multiValueHeaders") or {}).items()}
        sent |= {
            name.lower(): [value]
            for name, value in (event.get("headers") or {}).items()
            if name.lower() not in sent
        }
        given = sent.get("authorization")
        if given is None:
            log.note(subject="guest")
            return _allow("guest", {}, event["methodArn"])
        if len(given) != 1:
            raise RefusedError("more than one token")
        return _bearer(given[0], event["methodArn"])

    return _answer(decide, event, context)


def _answer(decide: Callable[[], Policy], event: dict[str, Any], context: object) -> Policy:
    """Return the policy; raise what API Gateway turns into a 401, after the log line was written."""

    def judged(_event: Any, _context: Any) -> Policy | None:
        try:
            return decide()
        except RefusedError as refused:
            log.note(outcome="unauthorised", reason=str(refused))
            return None

    policy: Policy | None = log.logged("authorise", judged)(event, context)
    if policy is None:
        raise Exception("Unauthorized")  # API Gateway knows this text, and no other, as a 401
    return policy


def _bearer(authorization: str, method_arn: str) -> Policy:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RefusedError("no bearer token")
    claims = keys().claims(token.strip())
    log.note(subject=claims["sub"])
    context = {
        "roles": ",".join(claims.get("roles", [])),
        "scope": claims.get("scope", ""),
        "emailVerified": claims.get("email_verified", False),
        "sessionId": claims.get("sid", ""),
    }
    return _allow(claims["sub"], context, method_arn)


def _allow(principal: str, context: dict[str, Any], method_arn: str) -> Policy:
    """Return a policy for the whole stage: API Gateway keeps it for the caller's next calls, on other routes too."""
    api, stage = method_arn.split("/")[:2]
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }
