"""Signed text as JWS writes it (RFC 7515), and the check of an RS256 signature: integers and a hash, nothing else.

Checking needs public data only, so nothing here has to take the same time for every input. Nothing is parsed that a
signature covers: what the signature must be is built whole, and compared whole (docs/security.md).
"""

from __future__ import annotations

import base64
import hashlib

import msgspec

BITS = 2048
"""Of a modulus, no less and no more: the only kind that identity has KMS make."""
EXPONENT, EXPONENT_TEXT = 65537, "AQAB"
"""Of all keys, as a number and as a JWK has it."""
_LENGTH = BITS // 8
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest, in DER (RFC 8017, 9.2, note 1)."""
_PADDING = b"\x00\x01" + b"\xff" * (_LENGTH - len(_DIGEST_INFO) - 35) + b"\x00" + _DIGEST_INFO


def base64url(raw: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Return the bytes; raise ValueError for all that `base64url` would not have written just so.

    So there is one text for the same bytes: no padding, no white space, no other alphabet, no bits left over.
    """
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64url(raw) != text:
        raise ValueError("not base64url")
    return raw


def header(algorithm: str, key_id: str) -> str:
    """Return the header of an access token (RFC 9068), encoded: it follows from the key, and holds nothing else."""
    return base64url(msgspec.json.encode({"alg": algorithm, "typ": "at+jwt", "kid": key_id}))


def modulus(text: str) -> int:
    """Return the modulus of a public RSA key as a JWK has it; raise ValueError for one that is not ours."""
    number = int.from_bytes(from_base64url(text), "big")
    if number.bit_length() != BITS or number % 2 == 0:
        raise ValueError("not a modulus of 2048 bits")
    return number


def verifies(signature: bytes, message: bytes, modulus: int, exponent: int = EXPONENT) -> bool:
    """Tell whether a signature is one of the message: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2)."""
    number = int.from_bytes(signature, "big")
    if len(signature) != _LENGTH or number >= modulus:
        return False
    encoded = pow(number, exponent, modulus).to_bytes(_LENGTH, "big")
    return encoded == _PADDING + hashlib.sha256(message).digest()
