"""`make logs`: the functions' log lines of the last quarter of an hour, oldest first, and on with FOLLOW=1.

Of the local stack, or with ENV=prod of that environment.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from tools import options
from tools.operate.environment import chosen
from tools.report import ToolError
from tools.services import services as all_services

_SINCE_SECONDS = 900
_LAMBDA = "/aws/lambda/"


class Line(NamedTuple):
    """One line a function logged; `at` is in milliseconds since 1970."""

    at: int
    key: str
    function: str
    text: str


def main() -> None:
    """Print the lines of the services that SERVICE names, or of all."""
    services = options.services()
    environment = chosen()
    logs = environment.client("logs")
    groups = log_groups(logs, services, environment.name)
    if services and not groups:
        raise ToolError(f"{', '.join(services)}: not deployed there")
    seen: set[str] = set()
    since = int((time.time() - _SINCE_SECONDS) * 1000)
    while True:
        for line in sorted(lines(logs, groups, since, environment.name)):
            if line.key not in seen:
                seen.add(line.key)
                since = max(since, line.at - 5000)
                print(f"{_clock(line.at)}  {line.function:22}  {line.text}", flush=True)
        if options.text("FOLLOW") in ("", "0"):
            return
        time.sleep(0.5)
        groups = log_groups(logs, services, environment.name)


def log_groups(logs: Any, services: Sequence[str] | None, environment: str = "local") -> list[str]:
    """Return the log groups of an environment's services: each has one. Of all where none is named.

    LocalStack knows no LoggingConfig and writes to a group for each function, so these are read as well.
    """
    prefix = f"{_LAMBDA}souk-{environment}-"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    found = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    wanted = tuple(f"{prefix}{service}-" for service in services or all_services())
    return [name for name in found if f"{name}-".startswith(wanted)]


def lines(logs: Any, groups: Sequence[str], since: int, environment: str = "local") -> list[Line]:
    """Return the lines in some log groups since then, in milliseconds since 1970."""
    found = []
    for group in groups:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since):
            for event in page["events"]:
                text = event["message"].rstrip()
                if text and not text.startswith(("START ", "END ", "REPORT ", "INIT_START ")):
                    key = event.get("eventId") or f"{group}{event['timestamp']}{text}"
                    name = _function(text) or group.removeprefix(_LAMBDA)
                    found.append(
                        Line(event["timestamp"], key, name.removeprefix(f"souk-{environment}-"), text)
                    )
    return found


def _function(text: str) -> str:
    """Return what function a line names, nothing where it names none: a traceback, a line of Lambda itself."""
    try:
        return str(json.loads(text)["function"])
    except (ValueError, TypeError, KeyError):
        return ""


def _clock(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
    return moment.strftime("%H:%M:%S.") + f"{milliseconds % 1000:03}"
