"""Secrets of the providers, from Secrets Manager; asked for again after five minutes, so that they can be rotated."""

from __future__ import annotations

import time

from functions.shared import aws

_KEPT_SECONDS = 300
_kept: dict[str, tuple[float, str]] = {}


def secret(name: str) -> str:
    """Return a secret's current text."""
    kept = _kept.get(name)
    if kept is None or kept[0] < time.monotonic():
        text = aws.secretsmanager().get_secret_value(SecretId=name)["SecretString"]
        kept = _kept[name] = (time.monotonic() + _KEPT_SECONDS, text)
    return kept[1]
