"""`make cost`: the bill of a month, from the counts of the journeys, the templates and a dated price file.

On paper, and as good as its prices and its milliseconds: docs/prices/ says where they are from. What an order and a
visit take is counted (journeys.py); which gateway, memory, processor, batching windows, log class and cache lifetimes
there are is read from the templates (stacks.py). What is assumed stands at the head of this file, or can be given:

    make cost ORDERS=1000000 VISITS=20000000 PRODUCTS=1000 PROVIDER_MS="300 1000" COLD_SHARE=0.01 INIT_MS=400
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.bench import cache, peer, storefront
from tests.bench.account import CORE, SERVICES, Tally
from tests.bench.billing import (
    MONTH_SECONDS,
    Bill,
    Keys,
    assumed,
    bill,
    edge_bill,
    gb_second,
    provider_wait,
    seconds,
    storage,
)
from tests.bench.journeys import Journey, measure
from tests.bench.stacks import Stacks, stacks
from tests.simulation import deployment as deployed
from tests.support import alarms

VISIT = {
    "list of 24 products": 1.0,
    "product page": 3.0,
    "stock of a product": 0.4,
    "search": 0.5,
    "open a cart": 0.2,
    "put into the cart": 0.3,
    "show the cart": 0.1,
}
"""What a visit is made of: an assumption, to be replaced by one's own.

A product's answer has its stock, and the answer to a line that is put into the cart is the cart: neither is asked for
after it. An open cart asks for the stock of its lines.
"""
ORDER = {"1-line order, to captured": 1.0, "quote": 1.5, "log-in": 0.5, "own orders": 1.0}
"""What comes with an order."""
ORDERS, VISITS = 1_000_000, 20_000_000
PRODUCTS, LISTS, SEARCHES = 1_000, 50, 1_000
"""Different answers that visitors ask for: products, lists (categories, orders, pages) and searches."""
MONTHS = (12, 36)
"""Storage grows: it is told after so many months of such traffic as well."""

POLLERS, POLL_SECONDS = 5, 20
"""Lambda's pollers of a queue, each asking once in so many seconds when it is empty ("Amazon SQS event source")."""
LOW_TRAFFIC_SECONDS = 20
"""For so long Lambda may gather messages at low traffic where any window is set (same page)."""


class Month(NamedTuple):
    """A month's counts at the origin, what the edge is asked for, and which part of each page its caches answer."""

    tally: Keys
    edge_requests: float
    transfer_bytes: float
    hits: Mapping[str, float]


def main() -> None:
    """Print the bill of ORDERS and VISITS a month."""
    orders, visits, products = (
        int(os.environ.get(name) or default)
        for name, default in (("ORDERS", ORDERS), ("VISITS", VISITS), ("PRODUCTS", PRODUCTS))
    )
    prices, journeys = assumed(os.environ), measure()
    gateways = sorted(set(stacks().gateways.values()))
    print(f"Prices of {prices['region']} as noted on {prices['noted']}. {prices['status']}")
    print(f"From the templates: API Gateway {' and '.join(gateways)}; {'; '.join(_sizes())}.\n")
    print(f"{orders:,} orders, core services ({', '.join(CORE)}), place to confirmed:")
    for name, at_full in (("one event at a time", ""), ("full batches", ", full batches")):
        show(name, scaled(bill(core(journeys[f"1-line order{at_full}, to confirmed"]), prices), orders))
    waits = provider_wait(core(journeys["1-line order, to confirmed"]), prices)
    print(f"  {'the provider waits':20} ${waits[0] * orders:,.2f} to {waits[1] * orders:,.2f} more")
    show("the peer", scaled(peer.bill(prices), orders))
    found = month(journeys, orders, visits, products)
    print(
        f"\nThe whole shop, {orders:,} orders to captured and {visits:,} visits a month, one event at a time."
    )
    rates = ", ".join(f"{name} {rate:.0%}" for name, rate in found.hits.items() if rate)
    print(f"From the edge's caches, at {products:,} products: {rates}.")
    parts = month_bills(found, prices)
    for name, part in {**parts, "all": total(parts.values())}.items():
        show(name, part)
    for months in MONTHS:
        show(f"stored, month {months}", storage(found.tally, months, prices))
    waits = provider_wait(found.tally, prices)
    print(f"  {'the provider waits':20} ${waits[0]:,.2f} to {waits[1]:,.2f} more")
    show("what watches", watching(prices))
    print("\nOn top, the storefront's own files, all from the edge, each visit with a new browser:")
    calls = storefront.Asked(found.edge_requests, found.transfer_bytes, found.edge_requests)
    show("files", storefront.bill(visits, orders, calls, prices))


def core(journey: Journey) -> Keys:
    """Return a journey's counts without the journal's: an operator's tool that may be left out."""
    return {key: number for key, number in journey.tally.items() if key[0] in (*CORE, "identity")}


def of_service(tally: Keys, service: str) -> Keys:
    """Return the counts of one service."""
    return {key: number for key, number in tally.items() if key[0] == service}


# --- a month's counts ---


def month(journeys: Mapping[str, Journey], orders: float, visits: float, products: int = PRODUCTS) -> Month:
    """Return what a month's orders and visits take, behind the caches of the edge."""
    asked = {
        name: share * times
        for parts, times in ((ORDER, orders), (VISIT, visits))
        for name, share in parts.items()
    }
    hits = hit_rates(journeys, {name: number / MONTH_SECONDS for name, number in asked.items()}, products)
    tally: Tally = Counter()
    requests = transfer = 0.0
    for name, number in asked.items():
        for (service, what), each in journeys[name].tally.items():
            tally[service, what] += each * number * (1 - hits[name])  # type: ignore[assignment]
            requests += each * number if what == "requests" else 0
            transfer += each * number if what == "transfer_bytes" else 0
    return Month(gathered(tally, MONTH_SECONDS), requests, transfer, hits)


def hit_rates(
    journeys: Mapping[str, Journey], asked: Mapping[str, float], products: int = PRODUCTS
) -> dict[str, float]:
    """Return which part of each page the edge answers from its caches, when so much is asked for a second."""
    things = {"list of 24 products": LISTS, "search": SEARCHES}
    return {
        name: cache.hit_rate(rate, things.get(name, products), edge_seconds(journeys[name]))
        for name, rate in asked.items()
    }


def edge_seconds(journey: Journey) -> int:
    """Return for how long the edge keeps a journey's answer: as the service says, within what its template allows."""
    return stacks().kept_seconds(journey.path, journey.kept_seconds)


def gathered(tally: Keys, seconds: float, of: Stacks | None = None) -> dict[tuple[str, str], float]:
    """Return counts with the messages of queues that have a batching window handed over together.

    Messages come evenly over so many seconds. A window of any length may gather for LOW_TRAFFIC_SECONDS, and does where
    a batch is not full earlier: one message, and those that come meanwhile.
    """
    found = dict(tally)
    for (service, what), messages in tally.items():
        source = (of or stacks()).sources.get(what.removeprefix("inbox:"))
        if not what.startswith("inbox:") or not source or not source.window:
            continue
        window = max(source.window, LOW_TRAFFIC_SECONDS)
        spared = messages - messages / min(source.batch, 1 + messages / seconds * window)
        for each in ("invocations", "invocations:inbox", "receives", "deletes", f"ran:{what[6:]}:invocation"):
            if (service, each) in found:
                found[service, each] -= spared
    return found


def month_bills(found: Month, prices: Any) -> dict[str, Bill]:
    """Return what a month costs, its first: by service, the edge, what stands, what is stored."""
    parts = {service: bill(of_service(found.tally, service), prices) for service in SERVICES}
    # Its function tells calls from pages, so it runs for each call.
    parts["edge"] = edge_bill(found.edge_requests, found.transfer_bytes, found.edge_requests, prices)
    parts["standing"] = fixed(prices)
    parts["stored, month 1"] = storage(found.tally, 1, prices)
    return parts


def whole_month(journeys: Mapping[str, Journey], orders: float, visits: float, prices: Any) -> float:
    """Return the dollars of a month; the provider's wait, what watches and the storefront's files are not in it."""
    return sum(total(month_bills(month(journeys, orders, visits), prices).values()).values())


# --- a month before anybody comes, and printing ---


def fixed(prices: Any) -> Bill:
    """Return what a month costs before anybody comes: polling, sweeping, keys and secrets."""
    account = deployed.Deployment()
    for service in SERVICES:
        deployed._add(account, deployed._Template(service))
    each, polls = prices["each"], len(stacks().sources) * POLLERS * MONTH_SECONDS / POLL_SECONDS
    swept = 0.0
    for schedule in account.schedules:
        size = stacks().sizes[schedule.function.service, schedule.function.name]
        lasts = seconds("invocation", size, prices) + seconds("dynamodb", size, prices)
        swept += MONTH_SECONDS / schedule.seconds * (each["invocation"] + lasts * gb_second(size, prices))
    return {
        "Lambda": swept,
        "queues": polls * each["sqs_request"],
        "KMS": prices["a_month"]["kms_key"],
        "secrets": stacks().secrets * prices["a_month"]["secret"],
    }


def watching(prices: Any) -> Bill:
    """Return what alarms, dashboards and metrics of our own cost above what is free of them."""
    every = [alarm for service in SERVICES for alarm in alarms.alarms(service).values()]
    boards = [board for service in SERVICES for board in alarms.made(service, "AWS::CloudWatch::Dashboard")]
    of_shop = alarms.of_shop()
    ours = {alarms.series_of(alarm) for alarm in every if not alarm["Namespace"].startswith("AWS/")}
    shown = {name for space, name in alarms.shown(of_shop["DashboardBody"]) if not space.startswith("AWS/")}
    number = {
        "alarm": len(every),
        "dashboard": len([*boards, of_shop]),
        "metric": len(ours) + len(shown - {metric for _, metric, _ in ours}),
    }
    free, a_month = prices["free_a_month"], prices["a_month"]
    return {f"{kind}s": max(many - free[f"{kind}s"], 0) * a_month[kind] for kind, many in number.items()}


def total(parts: Iterable[Bill]) -> Bill:
    """Return several bills as one."""
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part)
    return dict(found)


def scaled(part: Bill, times: float) -> Bill:
    """Return a bill so many times."""
    return {what: dollars * times for what, dollars in part.items()}


def show(name: str, part: Bill) -> None:
    """Print one line of the bill."""
    items = "  ".join(f"{what} {dollars:,.2f}" for what, dollars in part.items() if dollars >= 0.005)
    print(f"  {name:20} ${sum(part.values()):>10,.2f}   {items}")


def _sizes() -> Iterable[str]:
    found = stacks().sizes
    named = {(service, name): size for (service, name), size in found.items() if "-" in name}
    for size, number in Counter(named.values()).most_common():
        yield f"{number} functions with {size.memory} MB on {size.architecture}"


if __name__ == "__main__":
    main()
