"""Signed text between services that never call each other: quotes, order links.

HMAC-SHA256 with the platform's secret (Secrets Manager, ``SIGNING_SECRET_NAME``). Each use names its purpose, so that
what was signed for one is worthless for another. After a rotation the previous secret still verifies.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import time

from botocore.exceptions import ClientError

from functions.shared import aws

_KEPT_SECONDS = 300
_FRESH_SECONDS = 10  # how old a key may be before a signature is refused: it may just have been rotated
_keys: dict[str, tuple[float, bytes | None]] = {}


class BadSignatureError(ValueError):
    """The text was not signed by us for this purpose, or was changed since."""


def sign(purpose: str, payload: bytes) -> str:
    """Return the payload with its signature, as URL-safe text."""
    key = _key("AWSCURRENT")
    assert key is not None  # noqa: S101
    return f"{_text(payload)}.{_text(_mac(key, purpose, payload))}"


def verify(purpose: str, signed: str) -> bytes:
    """Return the payload that `sign` signed for the same purpose; raise BadSignatureError for anything else."""
    try:
        payload, mac = (
            base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
            for part in signed.split(".")
        )
    except ValueError:
        raise BadSignatureError("not of the form payload.signature") from None
    for age in (_KEPT_SECONDS, _FRESH_SECONDS):
        for stage in ("AWSCURRENT", "AWSPREVIOUS"):
            key = _key(stage, age)
            if key and hmac.compare_digest(mac, _mac(key, purpose, payload)):
                return payload
    raise BadSignatureError(f"no valid signature for {purpose}")


def _mac(key: bytes, purpose: str, payload: bytes) -> bytes:
    return hmac.new(key, purpose.encode() + b"\n" + payload, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _key(stage: str, age: float = _KEPT_SECONDS) -> bytes | None:
    """Return the secret at a stage, None where there is none yet; asked for again when kept longer than `age`."""
    kept = _keys.get(stage)
    if kept and time.monotonic() < kept[0] + age:
        return kept[1]
    secrets = aws.secretsmanager()
    try:
        found = secrets.get_secret_value(SecretId=os.environ["SIGNING_SECRET_NAME"], VersionStage=stage)
        key: bytes | None = found["SecretString"].encode()
    except ClientError as error:
        if stage == "AWSCURRENT" or error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        key = None
    _keys[stage] = (time.monotonic(), key)
    return key
