"""One JSON line per invocation, or per record of one given several: what ran, for which request, how it ended.

Ids only: no body, no address, no token ever reaches the log. Fields that a handler learns on the way are added
with `note`. The line also carries the correlation id, which names a whole purchase across all services: that is why
each record of a batch has a line of its own (`end`). ``requestId`` is the invocation's, and tells which came together.

Numbers that an alarm or a dashboard reads are in the same line (`measure`), in CloudWatch's embedded metric format;
only lines that have any pay for the bytes of it. Where X-Ray traces a run, the line has its ``traceId``.
"""

from __future__ import annotations

import functools
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from functions.shared import context

Lines = Sequence[tuple[str, Mapping[str, Any]]]
"""Correlation ids, and what each one's line has besides the rest."""


class Invocation:
    """What is known of the invocation under way; a Lambda worker runs one at a time."""

    def __init__(self) -> None:
        self.cold = True
        self.kind = self.request_id = ""
        self.since = 0.0
        self.written = False
        self.batch: Lines = ()
        self.fields: dict[str, Any] = {}
        self.measured: list[str] = []


current = Invocation()


def note(**fields: Any) -> None:
    """Add fields to the line: ids, counts and codes, never content."""
    current.fields.update(fields)


def measure(**numbers: float) -> None:
    """Add numbers to the line that CloudWatch makes metrics of, in ``souk-<environment>`` by service."""
    note(**numbers)
    current.measured += numbers


def failure(error: BaseException) -> None:
    """Add the error and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-4:]
    note(
        level="error",
        error=type(error).__name__,
        message=str(error)[:500],
        stack=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in where],
    )


def failed(error: BaseException) -> None:
    """Say that a record failed, with the error."""
    failure(error)
    note(outcome="failed")


def begin_batch(lines: Lines) -> None:
    """Say on whose behalf the code runs from here on where these are several at once: each gets its line."""
    current.batch = lines


def end() -> None:
    """Write the line of a record, or of those that were worked on together; what follows is of the next."""
    _write_lines()
    _open()
    current.written = True


def logged(kind: str, handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the handler with its line, written after it returned or raised; none where its records have had theirs.

    Parameters
    ----------
    kind
        ``http``, ``inbox``, ``publish``, ``sweep``…: what sort of invocation it is.
    """

    @functools.wraps(handler, updated=())
    def run(event: Any, context: Any) -> Any:
        current.kind, current.request_id = kind, getattr(context, "aws_request_id", "")
        _open()
        try:
            return handler(event, context)
        except Exception as error:
            failure(error)
            note(outcome="raised")
            raise
        finally:
            if current.fields != _NOTHING or not current.written:
                _write_lines()

    return run


_NOTHING = {"outcome": "ok"}


def _open() -> None:
    current.fields, current.measured, current.batch, current.written = {**_NOTHING}, [], (), False
    current.since = time.perf_counter()
    context.begin(current.request_id)


def _write_lines() -> None:
    for correlation_id, fields in current.batch or ((context.current.correlation_id, {}),):
        _write(correlation_id, fields)


def _write(correlation_id: str, fields: Mapping[str, Any]) -> None:
    line = {
        "level": "info",
        "service": os.environ.get("SERVICE_NAME", ""),
        "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        "kind": current.kind,
        "correlationId": correlation_id,
        "requestId": current.request_id,
        "coldStart": current.cold,
        "durationMs": round((time.perf_counter() - current.since) * 1000, 1),
        **current.fields,
        **fields,
    }
    if "Sampled=1" in (trace := os.environ.get("_X_AMZN_TRACE_ID", "")):  # as Lambda says it, by run
        line["traceId"] = trace.partition("Root=")[2].partition(";")[0]
    if current.measured:
        line["_aws"] = _metrics(current.measured)
        current.measured = []  # of several lines the first one is counted
    current.cold = False
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def _metrics(names: Sequence[str]) -> dict[str, Any]:
    """Return what makes metrics of fields of the line (CloudWatch's "Embedded metric format specification")."""
    told = {
        "Namespace": f"souk-{os.environ.get('ENVIRONMENT_NAME', '')}",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": name} for name in dict.fromkeys(names)],
    }
    return {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [told]}
