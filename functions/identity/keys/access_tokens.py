"""Access tokens as text: JWTs signed by KMS, and public keys as JWKs. Pure functions."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec

from functions.identity.accounts.domain import Account, scope

ACCESS_LIFE = timedelta(minutes=15)


def claims(
    account: Account, session_id: str, *, issuer: str, audience: str, token_id: str, at: datetime
) -> dict[str, Any]:
    """Return the claims of an access token (RFC 9068); ``sid`` is the session it belongs to."""
    issued = int(at.timestamp())
    return {
        "iss": issuer,
        "sub": account.id,
        "aud": audience,
        "client_id": audience,  # the shop's own pages: RFC 9068 section 2.2 wants a client named
        "iat": issued,
        "nbf": issued,
        "exp": issued + int(ACCESS_LIFE.total_seconds()),
        "jti": token_id,
        "sid": session_id,
        "roles": list(account.roles),
        "scope": scope(account.roles),
        "email_verified": account.verified,
    }


def signing_input(key_id: str, said: dict[str, Any]) -> str:
    """Return header and claims as the text that is signed (RFC 7515 section 5.1)."""
    header = {"alg": "ES256", "typ": "at+jwt", "kid": key_id}
    return f"{_text(msgspec.json.encode(header))}.{_text(msgspec.json.encode(said))}"


def signed(text: str, der: bytes) -> str:
    """Return the finished JWT: KMS signs in DER, a JWT carries r and s, 32 bytes each (RFC 7518 section 3.4)."""
    return f"{text}.{_text(raw_signature(der))}"


def raw_signature(der: bytes) -> bytes:
    """Return r || s of an ECDSA signature over P-256 in DER (SEQUENCE of two INTEGERs, all lengths below 128)."""
    r_end = 4 + der[3]
    r, s = der[4:r_end], der[r_end + 2 :]
    if der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 2 or der[r_end] != 2 or der[r_end + 1] != len(s):
        raise ValueError("not an ECDSA signature over P-256 in DER")
    return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in (r, s))


def jwk(public_key: bytes) -> dict[str, str]:
    """Return KMS's public key (SubjectPublicKeyInfo of a P-256 point, DER) as a JWK.

    Its id is the key's thumbprint (RFC 7638), so it follows from the key alone.
    """
    point = public_key[-65:]
    if len(public_key) != 91 or point[0] != 4:
        raise ValueError("not an uncompressed point of P-256")
    members = {"crv": "P-256", "kty": "EC", "x": _text(point[1:33]), "y": _text(point[33:])}
    thumbprint = _text(hashlib.sha256(msgspec.json.encode(members)).digest())
    return {**members, "kid": thumbprint, "use": "sig", "alg": "ES256"}


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
