"""How the functions are doing, read from their own log lines: invocations that failed, and those that began cold."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

import msgspec

from functions.shared import aws
from functions.shared.clock import epoch

SPAN = timedelta(minutes=5)
_PATTERN = '{ ($.level = "error") || ($.coldStart IS TRUE) }'


def by_service(at: datetime) -> list[dict[str, Any]]:
    """Return ``{"service", "errors", "coldStarts"}`` of the last five minutes, for services that have logged either.

    One page of each service's lines is read: a service in flames shows as some hundred errors, not as their number.
    """
    counts: dict[str, list[int]] = {}
    since = int(epoch(at - SPAN)) * 1000
    for group in _groups():
        found = aws.logs().filter_log_events(
            logGroupName=group, startTime=since, filterPattern=_PATTERN, limit=500
        )
        for line in map(_line, (event["message"] for event in found["events"])):
            service = str(line.get("service") or "")
            if service:
                errors, cold = counts.setdefault(service, [0, 0])
                counts[service] = [
                    errors + (line.get("level") == "error"),
                    cold + bool(line.get("coldStart")),
                ]
    return [
        {"service": service, "errors": errors, "coldStarts": cold}
        for service, (errors, cold) in sorted(counts.items())
    ]


def of(correlation_id: str, since: datetime) -> list[dict[str, Any]]:
    """Return the invocations that worked for one request since then, oldest first: calls, deliveries, mails, retries.

    Each is ``{"time" (milliseconds since 1970), "service", "function", "kind", "outcome", "durationMs", "coldStart",
    "error", "fields"}``. Each delivery of a batch has a line of its own.
    """
    pattern = f'{{ $.correlationId = "{correlation_id}" }}'
    start = max(epoch(since), 0) * 1000  # the logs begin with 1970
    found = []
    for group in _groups():
        pages = (
            aws.logs()
            .get_paginator("filter_log_events")
            .paginate(logGroupName=group, startTime=start, filterPattern=pattern)
        )
        events = (event for page in pages for event in page["events"])
        lines = ((event["timestamp"], _line(event["message"])) for event in events)
        found += [_invocation(at, line) for at, line in lines if line.get("correlationId") == correlation_id]
    return sorted(found, key=lambda one: int(one["time"]))


_TOLD = (
    "service",
    "function",
    "kind",
    "outcome",
    "durationMs",
    "coldStart",
    "error",
    "level",
    "correlationId",
    "stack",
)


def _invocation(at: int, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "time": at,
        **{name: str(line.get(name) or "") for name in ("service", "function", "kind", "outcome")},
        "durationMs": float(line.get("durationMs") or 0),
        "coldStart": bool(line.get("coldStart")),
        "error": line.get("error"),
        "fields": {name: value for name, value in line.items() if name not in _TOLD},
    }


def _groups() -> list[str]:
    start = f"/aws/lambda/souk-{os.environ['ENVIRONMENT_NAME']}-"
    pages = aws.logs().get_paginator("describe_log_groups").paginate(logGroupNamePrefix=start)
    return [group["logGroupName"] for page in pages for group in page["logGroups"]]


def _line(text: str) -> dict[str, Any]:
    """Return a log line's fields; none for Lambda's own lines, which are no JSON."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
