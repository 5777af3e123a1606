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

    One page of each function's lines is read: a service in flames shows as some hundred errors, not as their number.
    """
    counts: dict[str, list[int]] = {}
    since = int(epoch(at - SPAN)) * 1000
    pages = (
        aws.logs()
        .get_paginator("describe_log_groups")
        .paginate(logGroupNamePrefix=f"/aws/lambda/souk-{os.environ['ENVIRONMENT_NAME']}-")
    )
    for group in (group["logGroupName"] for page in pages for group in page["logGroups"]):
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


def _line(text: str) -> dict[str, Any]:
    """Return a log line's fields; none for Lambda's own lines, which are no JSON."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}
