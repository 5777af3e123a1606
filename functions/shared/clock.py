"""Time as Souk writes it: RFC 3339, UTC, milliseconds, ``Z``; such strings sort by time."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)(?:[Zz]|([+ -])([0-9]{2}:[0-9]{2}))"
)


def now() -> datetime:
    """Return the current time, aware, UTC."""
    return datetime.now(UTC)


def rfc3339(at: datetime) -> str:
    """Return ``2026-11-22T17:05:09.123Z`` for an aware datetime."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def parse(text: str) -> datetime:
    """Return the datetime that `rfc3339` wrote; ValueError for anything else."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or rfc3339(at) != text:
        raise ValueError(f"not a time as Souk writes it: {text!r}")
    return at


def from_caller(text: str) -> datetime:
    """Return the time, in UTC, that a caller gives in any of the forms of RFC 3339; ValueError for anything else.

    A ``+`` that was not escaped in a query arrives as a blank, and is taken for what it was.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time by RFC 3339: {text!r}")
    day, time, sign, offset = match.groups()
    offset = f"{'-' if sign == '-' else '+'}{offset or '00:00'}"
    try:
        return datetime.fromisoformat(f"{day}T{time}{offset}").astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a time there is in UTC: {text!r}") from None


def epoch(at: datetime) -> int:
    """Return whole seconds since 1970, what DynamoDB's TTL reads."""
    return int(at.timestamp())
