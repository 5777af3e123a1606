"""Time as Souk writes it: RFC 3339, UTC, milliseconds, ``Z``; such strings sort by time."""

from datetime import UTC, datetime


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


def epoch(at: datetime) -> int:
    """Return whole seconds since 1970, what DynamoDB's TTL reads."""
    return int(at.timestamp())
