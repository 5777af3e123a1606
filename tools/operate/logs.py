"""`make logs`: the functions' log lines of the last quarter of an hour, oldest first, and on with FOLLOW=1."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from tools import options
from tools.local.stack import running_stack
from tools.report import ToolError

_SINCE_SECONDS = 900
_OWN = "souk-local-"
_PREFIX = f"/aws/lambda/{_OWN}"


class Line(NamedTuple):
    """One line a function logged; `at` is in milliseconds since 1970."""

    at: int
    key: str
    function: str
    text: str


def main() -> None:
    """Print the lines of the services that SERVICE names, or of all."""
    services = options.services()
    logs = running_stack().client("logs")
    groups = log_groups(logs, services)
    if services and not groups:
        raise ToolError(f"{', '.join(services)}: not deployed on this stack")
    seen: set[str] = set()
    since = int((time.time() - _SINCE_SECONDS) * 1000)
    while True:
        for line in sorted(lines(logs, groups, since)):
            if line.key not in seen:
                seen.add(line.key)
                since = max(since, line.at - 5000)
                print(f"{_clock(line.at)}  {line.function:22}  {line.text}", flush=True)
        if options.text("FOLLOW") in ("", "0"):
            return
        time.sleep(0.5)
        groups = log_groups(logs, services)


def log_groups(logs: Any, services: Sequence[str] | None) -> list[str]:
    """Return the log groups of services: each has one. Of all where none is named."""
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_PREFIX)
    found = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return [name for name in found if not services or name.removeprefix(_PREFIX) in services]


def lines(logs: Any, groups: Sequence[str], since: int) -> list[Line]:
    """Return the lines in some log groups since then, in milliseconds since 1970."""
    found = []
    for group in groups:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since):
            for event in page["events"]:
                text = event["message"].rstrip()
                if text and not text.startswith(("START ", "END ", "REPORT ", "INIT_START ")):
                    key = event.get("eventId") or f"{group}{event['timestamp']}{text}"
                    found.append(
                        Line(event["timestamp"], key, _function(text) or group.removeprefix(_PREFIX), text)
                    )
    return found


def _function(text: str) -> str:
    """Return what function a line names, nothing where it names none: a traceback, a line of Lambda itself."""
    try:
        return str(json.loads(text)["function"]).removeprefix(_OWN)
    except (ValueError, TypeError, KeyError):
        return ""


def _clock(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
    return moment.strftime("%H:%M:%S.") + f"{milliseconds % 1000:03}"
