"""One JSON line per invocation: what ran, for which request, how long, and how it ended.

Ids only: no body, no address, no token ever reaches the log. Fields that a handler learns on the way are added
with `note`. The line also carries the correlation id, which names a whole purchase across all services.
"""

from __future__ import annotations

import functools
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import msgspec


class Invocation:
    """What is known of the invocation under way; a Lambda worker runs one at a time."""

    def __init__(self) -> None:
        self.cold = True
        self.correlation_id = ""
        self.causation_id: str | None = None
        self.actor: str | None = None
        self.fields: dict[str, Any] = {}


current = Invocation()


def note(**fields: Any) -> None:
    """Add fields to this invocation's line: ids, counts and codes, never content."""
    current.fields.update(fields)


def failure(error: BaseException) -> None:
    """Add the error and where it was raised."""
    where = traceback.extract_tb(error.__traceback__)[-4:]
    note(
        level="error",
        error=type(error).__name__,
        message=str(error)[:500],
        stack=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in where],
    )


def begin(correlation_id: str, causation_id: str | None = None) -> None:
    """Say on whose behalf the code runs from here on; facts raised carry both ids."""
    current.correlation_id, current.causation_id, current.actor = correlation_id, causation_id, None


def logged(kind: str, handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the handler with its line: written once, after it returned or raised.

    Parameters
    ----------
    kind
        ``http``, ``inbox``, ``publish``, ``sweep``…: what sort of invocation it is.
    """

    @functools.wraps(handler, updated=())
    def run(event: Any, context: Any) -> Any:
        started = time.perf_counter()
        request_id = getattr(context, "aws_request_id", "")
        current.fields = {"outcome": "ok"}
        begin(request_id)
        try:
            return handler(event, context)
        except Exception as error:
            failure(error)
            note(outcome="raised")
            raise
        finally:
            _write(kind, request_id, started)

    return run


def _write(kind: str, request_id: str, started: float) -> None:
    line = {
        "level": "info",
        "service": os.environ.get("SERVICE_NAME", ""),
        "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        "kind": kind,
        "correlationId": current.correlation_id,
        "requestId": request_id,
        "coldStart": current.cold,
        "durationMs": round((time.perf_counter() - started) * 1000, 1),
        **current.fields,
    }
    current.cold = False
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
