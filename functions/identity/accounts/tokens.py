"""Opaque tokens that people hold, for a session or once from a mail: ids, then a secret of which a digest is kept."""

from __future__ import annotations

import base64
import hashlib
import re

_OPAQUE = re.compile(r"([0-9a-hjkmnp-tv-z]{26})((?:[0-9a-hjkmnp-tv-z]{26})?)([A-Za-z0-9_-]{43})")


def opaque(*ids_and_secret: str) -> str:
    """Return the text of a refresh or one-time token: the ids' suffixes, then the secret (32 bytes, base64url).

    The ids only say where its digest lies; all its worth is in the secret.
    """
    *ids, secret = ids_and_secret
    return "".join(one.partition("_")[2] for one in ids) + secret


def split_opaque(text: str) -> tuple[str, str, str] | None:
    """Return account id, session id (empty in a one-time token) and secret; None for anything else."""
    match = _OPAQUE.fullmatch(text)
    if match is None:
        return None
    account, session, secret = match.groups()
    return f"cus_{account}", f"ses_{session}" if session else "", secret


def secret_text(raw: bytes) -> str:
    """Return 32 random bytes as the secret of an opaque token."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def digest(secret: str) -> str:
    """Return what is kept of a secret; it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
