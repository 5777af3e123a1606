"""Access tokens as text: JWTs signed by KMS, and public keys as JWKs. Pure functions."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec

from functions.identity.accounts.domain import Account, scope
from functions.shared import jws

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


def signing_input(algorithm: str, key_id: str, said: dict[str, Any]) -> str:
    """Return header and claims as the text that is signed (RFC 7515 section 5.1)."""
    return f"{jws.header(algorithm, key_id)}.{jws.base64url(msgspec.json.encode(said))}"


def signed(text: str, signature: bytes) -> str:
    """Return the finished JWT."""
    return f"{text}.{jws.base64url(signature)}"


def raw_signature(der: bytes) -> bytes:
    """Return r || s of an ECDSA signature over P-256 in DER (SEQUENCE of two INTEGERs, all lengths below 128).

    For keys from before they were RSA, as long as they sign: to be deleted a release later.
    """
    r_end = 4 + der[3]
    r, s = der[4:r_end], der[r_end + 2 :]
    if der[0] != 0x30 or der[1] != len(der) - 2 or der[2] != 2 or der[r_end] != 2 or der[r_end + 1] != len(s):
        raise ValueError("not an ECDSA signature over P-256 in DER")
    return b"".join(int.from_bytes(number, "big").to_bytes(32, "big") for number in (r, s))


def modulus(public_key: bytes) -> str:
    """Return the modulus of KMS's public key (SubjectPublicKeyInfo of RSA_2048 in DER), as a JWK has it.

    All such keys are alike but for their modulus, so what is around it is compared and not parsed.
    """
    number = public_key[len(_BEFORE) : -len(_AFTER)]
    text = jws.base64url(number)
    if public_key != _BEFORE + number + _AFTER:
        raise ValueError("not an RSA key of 2048 bits with the exponent 65537")
    jws.modulus(text)
    return text


_BEFORE = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
_AFTER = bytes.fromhex("0203010001")


def key_id(modulus: str) -> str:
    """Return the thumbprint of an RSA key (RFC 7638), so that its id follows from the key alone."""
    members = {"e": jws.EXPONENT_TEXT, "kty": "RSA", "n": modulus}
    return jws.base64url(hashlib.sha256(msgspec.json.encode(members)).digest())
