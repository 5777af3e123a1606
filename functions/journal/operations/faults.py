"""Switches that break a service on purpose, on the local stack only, until switched back.

One that is *down*: its functions take no call. One that is *slow*: the local edge (tools/local/edge.py) holds each of
its answers back by as many seconds as an SSM parameter says; no code that runs on AWS waits for that.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from typing import Any

from functions.journal.domain import Switches
from functions.journal.events import FaultSwitched
from functions.journal.table import JournalTable
from functions.shared import aws
from functions.shared.errors import ForbiddenError, NotFoundError
from functions.shared.outbox import fact, pack

SLOW_SECONDS = 3
_OWN = "souk-local-"
_DELAYS = "/souk/local/faults/"


def services() -> list[str]:
    """Return the services that can be broken; raise ForbiddenError but on the local stack.

    They are all that answer over HTTP, but for the journal: nobody could switch it on again.
    """
    if os.environ["ENVIRONMENT_NAME"] != "local":
        raise ForbiddenError("local_only", "Faults are switched on the local stack only.")
    faces = (name.removesuffix("-http") for name in _functions("") if name.endswith("-http"))
    return sorted({name.removeprefix(_OWN) for name in faces} - {os.environ["SERVICE_NAME"]})


def check(service: str) -> None:
    """Raise an error where there is nothing to break: not the local stack, or no such service."""
    if service not in services():
        raise NotFoundError("no_such_service", f"There is no service {service}.")


def _functions(start: str) -> list[str]:
    """Return the names of the local stack's functions that go on like this."""
    pages = aws.lambda_().get_paginator("list_functions").paginate()
    names = (function["FunctionName"] for page in pages for function in page["Functions"])
    return [name for name in names if name.startswith(_OWN + start)]


def switches(service: str) -> Switches:
    """Return a service's switches as they are."""
    return Switches(service, down(service), slow(service))


def down(service: str) -> bool:
    """Tell whether a service is switched off."""
    for name in _functions(f"{service}-"):
        limit: dict[str, Any] = dict(aws.lambda_().get_function_concurrency(FunctionName=name))
        if limit.get("ReservedConcurrentExecutions") == 0:
            return True
    return False


def switch(service: str, *, off: bool) -> None:
    """Switch a service off (callers get 503, its queues wait) or on again. Safe to repeat."""
    for name in _functions(f"{service}-"):
        if off:
            aws.lambda_().put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        else:
            aws.lambda_().delete_function_concurrency(FunctionName=name)


def change(table: JournalTable, service: str, *, down: bool | None, slow: bool | None, at: datetime) -> None:
    """Set the switches of a service that are given; told before it is done (events.py). Safe to repeat."""
    check(service)
    if (down, slow) != (None, None):
        told = fact(FaultSwitched(service, down, slow), service, int(at.timestamp() * 1000), at)
        table.act(pack(told), at)
    if down is not None:
        switch(service, off=down)
    if slow is not None:
        hold_back(service, on=slow)


def slow(service: str) -> bool:
    """Tell whether a service's answers are held back."""
    try:
        aws.ssm().get_parameter(Name=_DELAYS + service)
    except aws.ssm().exceptions.ParameterNotFound:
        return False
    return True


def hold_back(service: str, *, on: bool) -> None:
    """Have a service's answers held back, or no longer. Safe to repeat."""
    name = _DELAYS + service
    if on:
        aws.ssm().put_parameter(Name=name, Value=str(SLOW_SECONDS), Type="String", Overwrite=True)
        return
    with contextlib.suppress(aws.ssm().exceptions.ParameterNotFound):
        aws.ssm().delete_parameter(Name=name)
