"""Switches that break a service on purpose, on the local stack only: its functions take no call until switched back."""

from __future__ import annotations

import os
from typing import Any

from functions.shared import aws
from functions.shared.errors import ForbiddenError, NotFoundError

SERVICES = ("identity", "catalog", "inventory", "cart", "orders", "payments")


def _functions(service: str) -> list[str]:
    if os.environ["ENVIRONMENT_NAME"] != "local":
        raise ForbiddenError("local_only", "Faults are switched on the local stack only.")
    if service not in SERVICES:
        raise NotFoundError("no_such_service", f"There is no service {service}.")
    start = f"souk-{os.environ['ENVIRONMENT_NAME']}-{service}-"
    pages = aws.lambda_().get_paginator("list_functions").paginate()
    return [
        function["FunctionName"]
        for page in pages
        for function in page["Functions"]
        if function["FunctionName"].startswith(start)
    ]


def down(service: str) -> bool:
    """Tell whether a service is switched off."""
    for name in _functions(service):
        limit: dict[str, Any] = dict(aws.lambda_().get_function_concurrency(FunctionName=name))
        if limit.get("ReservedConcurrentExecutions") == 0:
            return True
    return False


def switch(service: str, *, off: bool) -> None:
    """Switch a service off (callers get 503, its queues wait) or on again. Safe to repeat."""
    for name in _functions(service):
        if off:
            aws.lambda_().put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        else:
            aws.lambda_().delete_function_concurrency(FunctionName=name)
