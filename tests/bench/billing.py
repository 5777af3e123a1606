"""What counts cost, on paper: arithmetic on a dated price file and on what the templates deploy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.bench.stacks import REST, STANDARD, Size, Stacks, stacks
from tests.support.templates import ROOT

PRICES = ROOT / "docs/prices/eu-west-1.2026-11-29.json"
MONTH_DAYS = 30
MONTH_SECONDS = MONTH_DAYS * 24 * 3600
GIGABYTE = 1e9
REFERENCE_MB = 512
"""The memory at which docs/prices/ says how long a function computes."""

Bill = dict[str, float]
"""US dollars by what they are paid for."""
Keys = Mapping[tuple[str, str], float]
"""Counts by service and what is counted: see account.Tally."""


def assumed(environment: Mapping[str, str]) -> Any:
    """Return the price file, with what an environment says instead of its assumptions."""
    prices = json.loads(PRICES.read_text())
    if "PROVIDER_MS" in environment:
        given = [float(text) for text in environment["PROVIDER_MS"].split()]
        prices["provider_milliseconds"]["between"] = [given[0], given[-1]]
    if "COLD_SHARE" in environment:
        prices["starts"]["share"] = float(environment["COLD_SHARE"])
    if "INIT_MS" in environment:
        starts = prices["starts"]
        starts["instructions"] = float(environment["INIT_MS"]) / 1000 * starts["instructions_a_second"]
    return prices


ITEMS = (
    "API",
    "Lambda",
    "starts",
    "writes",
    "reads",
    "events",
    "archive",
    "queues",
    "logs",
    "KMS",
    "secrets",
    "mails",
)


def bill(tally: Keys, prices: Any, of: Stacks | None = None) -> Bill:
    """Return what counts cost; the wait for a real payment provider is not in it (provider_wait)."""
    found = dict.fromkeys(ITEMS, 0.0)
    for (service, what), number in tally.items():
        for item, price in _prices(service, what, prices, of or stacks()):
            found[item] += number * price
    return found


def _prices(service: str, what: str, prices: Any, where: Stacks) -> Iterable[tuple[str, float]]:
    """Return what one of a count costs, by item of the bill; nothing for what is counted for other reasons."""
    if what.startswith("ran:"):
        _, function, work = what.split(":")
        return _busy(where.sizes[service, function], work, prices)
    each = prices["each"]
    found = {
        "requests": ("API", each["request"][where.gateways.get(service, REST)]),
        "invocations": ("Lambda", each["invocation"]),
        "write_units": ("writes", each["write_unit"]),
        "read_units": ("reads", each["read_unit"]),
        "events": ("events", each["event"]),
        "event_bytes": ("archive", each["archived_gb"] / GIGABYTE),
        "messages": ("queues", each["sqs_request"]),
        "receives": ("queues", each["sqs_request"]),
        "deletes": ("queues", each["sqs_request"]),
        "log_bytes": ("logs", each["log_gb"][where.log_classes.get(service, STANDARD)] / GIGABYTE),
        "kms:ECC": ("KMS", each["kms_signature"]["ECC"]),
        "kms:RSA": ("KMS", each["kms_signature"]["RSA"]),
        "calls:secretsmanager": ("secrets", each["secret_call"]),
        "calls:ssm": ("secrets", each["parameter_call"]),
        "calls:sesv2": ("mails", each["mail"]),
    }
    return [found[what]] if what in found else []


def _busy(size: Size, work: str, prices: Any) -> Iterable[tuple[str, float]]:
    yield "Lambda", seconds(work, size, prices) * gb_second(size, prices)
    if work == "invocation":
        yield "starts", starting(prices) * gb_second(size, prices)


def gb_second(size: Size, prices: Any) -> float:
    """Return what a second of a function costs."""
    return float(size.gigabytes * prices["each"]["gb_second"][size.architecture])


def seconds(work: str, size: Size, prices: Any) -> float:
    """Return for how long a function is busy with an invocation or a call; the provider's wait is not in it."""
    if work == "provider":
        return 0.0
    lasts = prices["milliseconds"]
    # Who is given a token has proved a password.
    parts = [lasts[work], *([lasts["password"]] if work == "kms" else [])]
    slower = REFERENCE_MB / size.memory
    return float(sum(part["computes"] * slower + part["waits"] for part in parts)) / 1000


def starting(prices: Any) -> float:
    """Return the seconds of INIT that an invocation has on average."""
    starts = prices["starts"]
    return float(starts["share"] * starts["instructions"] / starts["instructions_a_second"])


def provider_wait(tally: Keys, prices: Any, of: Stacks | None = None) -> tuple[float, float]:
    """Return what functions cost while they wait for a real payment provider, at its fastest and its slowest."""
    a_second = sum(
        number * gb_second((of or stacks()).sizes[service, what.split(":")[1]], prices)
        for (service, what), number in tally.items()
        if what.startswith("ran:") and what.endswith(":provider")
    )
    fast, slow = prices["provider_milliseconds"]["between"]
    return a_second * fast / 1000, a_second * slow / 1000


def edge_bill(requests: float, transfer_bytes: float, functions: float, prices: Any) -> Bill:
    """Return what CloudFront costs in a month above what is free; `functions` is how often its function runs."""
    each, free = prices["each"], prices["free_a_month"]
    return {
        "edge requests": max(requests - free["edge_requests"], 0) * each["edge_request"],
        "edge functions": max(functions - free["edge_functions"], 0) * each["edge_function"],
        "edge transfer": max(transfer_bytes / GIGABYTE - free["transfer_gb"], 0) * each["transfer_gb"],
    }


def storage(tally: Keys, months: float, prices: Any, of: Stacks | None = None) -> Bill:
    """Return what a month costs in storage after so many months of the same traffic.

    What has no end grows with the months; what expires lies there for its days. Backups are of tables without their
    indexes; the archive keeps a fact for as many days as its template says.
    """
    where, a_month = of or stacks(), prices["a_month"]
    items = entries = backed_up = archived = 0.0
    for (service, what), number in tally.items():
        kind, _, days = what.partition(":")
        lying = number * (min(months, int(days) / MONTH_DAYS) if days.isdecimal() else months)
        if kind == "item_bytes":
            items += lying
            backed_up += lying if service in where.backed_up else 0
        elif kind == "index_bytes":
            entries += lying
        elif kind == "event_bytes":
            archived += number * min(months, where.fact_days / MONTH_DAYS)
    return {
        "tables": (items + entries) / GIGABYTE * a_month["stored_gb"],
        "backups": backed_up / GIGABYTE * a_month["backed_up_gb"],
        "archive": archived / GIGABYTE * a_month["archive_gb"],
    }
