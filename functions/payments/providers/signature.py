"""Webhook signatures of the form Stripe uses: ``t=<seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">``.

While a secret is rotated the header carries a ``v1`` for each, and one that fits is enough
(https://docs.stripe.com/webhooks#verify-manually).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime

from functions.shared.errors import InvalidError

TOLERANCE_SECONDS = 300


def sign(body: bytes, secret: str, seconds: int) -> str:
    """Return the header for a body signed at a time, in seconds since 1970."""
    return f"t={seconds},v1={_mac(body, secret, str(seconds))}"


def verify(header: str, body: bytes, secret: str, at: datetime) -> None:
    """Check a header against the body.

    Raises
    ------
    InvalidError
        It was not signed with the secret, or too long ago (or ahead) for the clocks to explain.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    seconds = next((value for name, _, value in parts if name == "t"), "")
    macs = [value for name, _, value in parts if name == "v1"]
    # No more than 11 digits: what is signed is the text, and a huge number is no time.
    if not re.fullmatch(r"[0-9]{1,11}", seconds):
        raise InvalidError("invalid_signature", "The signature header is missing or malformed.")
    expected = _mac(body, secret, seconds).encode()
    if not any(hmac.compare_digest(expected, mac.encode()) for mac in macs):
        raise InvalidError("invalid_signature", "The signature does not fit the body.")
    if abs(at.timestamp() - int(seconds)) > TOLERANCE_SECONDS:
        raise InvalidError("stale_signature", f"It was signed more than {TOLERANCE_SECONDS} s from now.")


def _mac(body: bytes, secret: str, seconds: str) -> str:
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
