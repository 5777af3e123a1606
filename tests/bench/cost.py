"""`make cost`: the bill of a month, from the counts of the journeys and a dated price file.

On paper, and as good as its prices and its milliseconds: docs/prices/ says where they are from.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

from tests.bench.account import CORE, SERVICES, Tally
from tests.bench.journeys import Journey, measure
from tests.simulation import deployment as deployed
from tests.support.templates import ROOT

PRICES = ROOT / "docs/prices/eu-west-1.2026-11-22.json"
MONTH_SECONDS = 30 * 24 * 3600
MEMORY_GB = 0.5
"""What every template gives its functions, but the one that hashes passwords, which has twice as much."""

VISIT = {
    "list of 24 products": 1.0,
    "product page": 3.0,
    "stock of a product": 3.0,
    "search": 0.5,
    "open a cart": 0.2,
    "put into the cart": 0.3,
    "show the cart": 0.4,
}
"""What a visit is made of: an assumption, to be replaced by one's own."""
ORDER = {"1-line order, to captured": 1.0, "quote": 1.5, "log-in": 0.5, "own orders": 1.0}
"""What comes with an order."""

POLLERS, POLL_SECONDS = 5, 20
"""Lambda's pollers of a queue, each asking once in so many seconds when it is empty ("Amazon SQS event source")."""

Bill = dict[str, float]
"""US dollars by what they are paid for."""


def main() -> None:
    """Print the bill of ORDERS and VISITS a month."""
    orders, visits = (
        int(os.environ.get(name) or default)
        for name, default in (("ORDERS", 1_000_000), ("VISITS", 20_000_000))
    )
    prices, journeys = json.loads(PRICES.read_text()), measure()
    print(f"Prices of {prices['region']} as noted on {prices['noted']}. {prices['status']}\n")
    print(f"{orders:,} orders, core services ({', '.join(CORE)} and the authoriser), place to confirmed:")
    for name, at_full in (("one event at a time", ""), ("full batches", ", full batches")):
        journey = journeys[f"1-line order{at_full}, to confirmed"]
        show(name, scaled(bill(core(journey), prices), orders))
    print(
        f"\nThe whole shop: {orders:,} orders to captured and {visits:,} visits a month, one event at a time:"
    )
    month: Tally = Counter()
    for parts, times in ((ORDER, orders), (VISIT, visits)):
        for name, share in parts.items():
            for key, number in journeys[name].tally.items():
                month[key] += number * share * times  # type: ignore[assignment]
    total: Counter[str] = Counter()
    for service in (*SERVICES, "platform"):
        part = bill({key: number for key, number in month.items() if key[0] == service}, prices)
        total.update(part)
        show(service, part)
    standing = fixed(prices)
    show("standing", standing)
    show("all", dict(total + Counter(standing)))


def core(journey: Journey) -> dict[tuple[str, str], float]:
    """Return a journey's counts without the journal's: an operator's tool that may be left out."""
    return {key: number for key, number in journey.tally.items() if key[0] in (*CORE, "identity", "platform")}


def bill(tally: Any, prices: Any) -> Bill:
    """Return what counts cost."""
    each, lasts = prices["each"], prices["milliseconds"]
    of: Counter[str] = Counter()
    for (_, what), number in tally.items():
        of[what] += number
    busy = of["invocations"] * lasts["invocation"]
    busy += sum(number * lasts[what[6:]] for what, number in of.items() if what.startswith("calls:"))
    busy += of["calls:kms"] * lasts["password"]  # who is given a token has proved a password
    return {
        "API": of["requests"] * each["request"],
        "Lambda": of["invocations"] * each["invocation"] + busy / 1000 * MEMORY_GB * each["gb_second"],
        "writes": of["write_units"] * each["write_unit"],
        "reads": of["read_units"] * each["read_unit"],
        "events": of["events"] * each["event"],
        "queues": (of["messages"] + of["receives"] + of["deletes"]) * each["sqs_request"],
        "logs": of["log_bytes"] / 1e9 * each["log_gb"],
        "KMS": of["calls:kms"] * each["kms_signature"],
        "mails": of["calls:sesv2"] * each["mail"],
    }


def fixed(prices: Any) -> Bill:
    """Return what a month costs before anybody comes: polling, sweeping, keys and secrets."""
    account = deployed.Deployment()
    for service in SERVICES:
        deployed._add(account, deployed._Template(service))
    each = prices["each"]
    polls = len(account.queues) * POLLERS * MONTH_SECONDS / POLL_SECONDS
    sweeps = sum(MONTH_SECONDS / schedule.seconds for schedule in account.schedules)
    lasting = prices["milliseconds"]["invocation"] + prices["milliseconds"]["dynamodb"]
    return {
        "Lambda": sweeps * (each["invocation"] + lasting / 1000 * MEMORY_GB * each["gb_second"]),
        "queues": polls * each["sqs_request"],
        "KMS": prices["a_month"]["kms_key"],
        "secrets": prices["a_month"]["secret"],
    }


def scaled(part: Bill, times: float) -> Bill:
    """Return a bill so many times."""
    return {what: dollars * times for what, dollars in part.items()}


def show(name: str, part: Bill) -> None:
    """Print one line of the bill."""
    items = "  ".join(f"{what} {dollars:,.2f}" for what, dollars in part.items() if dollars >= 0.005)
    print(f"  {name:20} ${sum(part.values()):>10,.2f}   {items}")


if __name__ == "__main__":
    main()
