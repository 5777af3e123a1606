"""`make hops`: where the time goes between POST /orders and confirmed, hop by hop, on the running local stack.

Orders are placed one after another. Each function's log line says when its work ended and how long it took; an order is
followed on its route, through inventory and payments and home. Shares compare the hops with each other on this machine;
what AWS takes is told on paper in docs/performance.md.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from typing import Any, NamedTuple

from tests.support.templates import ROOT
from tools.drills import rehearsal
from tools.local.shop import Shop
from tools.local.stack import Stack, running_stack
from tools.operate import logs
from tools.report import ToolError

ORDERS = 30
FILE = ROOT / ".local/hops.json"


class Span(NamedTuple):
    """One invocation: when it began and ended, in milliseconds since 1970, and the ids it worked for."""

    function: str
    begun: float
    ended: float
    line: dict[str, Any]


def main() -> None:
    """Place orders, follow each, print the median of every hop."""
    stack = running_stack()
    shop, count = Shop(stack.url), int(os.environ.get("ORDERS") or ORDERS)
    sku = rehearsal.product(shop, rehearsal.staff(shop), "hops", count + 1)
    since = time.time() * 1000
    for _ in range(2):  # the first of each worker starts cold
        place(shop, sku)
    placed = [place(shop, sku) for _ in range(count - 1)]
    time.sleep(2)  # the last lines are on their way
    spans = read(stack, since)
    rows = [hops(spans, order) for order in placed]
    found = [row for row in rows if row]
    if len(found) < count // 2:
        raise ToolError(f"only {len(found)} of {len(placed)} orders could be followed; try: make logs")
    total = statistics.median(sum(row.values()) for row in found)
    print(
        f"\n{len(found)} orders, one after another; median from the request to the decision: {total:.0f} ms here\n"
    )
    shares = {}
    for name in found[0]:
        shares[name] = statistics.median(row[name] / sum(row.values()) for row in found)
        print(f"{name:58} {statistics.median(row[name] for row in found):7.1f} ms {shares[name]:6.1%}")
    FILE.write_text(json.dumps({"orders": len(found), "median_ms": total, "shares": shares}, indent=1) + "\n")


def place(shop: Shop, sku: str) -> str:
    """Return the id of an order that was placed and confirmed."""
    answer = rehearsal.place(shop, rehearsal.quoted(shop, sku))
    (order,) = rehearsal.decided(shop, [answer.body])
    if order["status"] != "confirmed":
        raise ToolError(f"{order['orderId']} is {order['status']}")
    return str(order["orderId"])


def read(stack: Stack, since: float) -> list[Span]:
    """Return the invocations since then, from the functions' log lines."""
    client = stack.client("logs")
    spans = []
    for line in logs.lines(client, logs.log_groups(client, None), int(since)):
        try:
            said = json.loads(line.text)
            duration = float(said["durationMs"])
        except (ValueError, KeyError, TypeError):
            continue
        spans.append(Span(line.function, line.at - duration, float(line.at), said))
    return sorted(spans, key=lambda span: span.begun)


NAMES = (
    "orders writes the order, tells it and sends it on its route",
    "queue to inventory",
    "stock is reserved and told, and the order sent on",
    "queue to payments",
    "the payment is authorised and told, and sent home",
    "queue to orders",
    "orders decides and tells it",
)


def hops(spans: list[Span], order: str) -> dict[str, float] | None:
    """Return milliseconds by hop of the way that decided an order, None where a line of it is missing."""
    asked = [
        span
        for span in spans
        if (span.function, span.line.get("route")) == ("orders-http", "/orders")
        and span.line.get("orderId") == order
    ]
    mine = [span for span in spans if asked and span.line["correlationId"] == asked[0].line["correlationId"]]
    try:
        path = [
            asked[0],
            _first(mine, "inventory-inbox", "OrderPlaced"),
            _first(mine, "payments-inbox", "OrderPlaced"),
        ]
        decide = _first(mine, "orders-inbox", "PaymentAuthorized")
    except (StopIteration, IndexError):
        return None
    marks = [path[0].begun]
    for span, following in zip(path, [*path[1:], decide], strict=True):
        # What a function does last (its log line) runs beside what it has set off already.
        marks += [min(span.ended, following.begun), following.begun]
    marks.append(decide.ended)
    return {name: marks[number + 1] - marks[number] for number, name in enumerate(NAMES)}


def _first(spans: list[Span], function: str, fact: str = "") -> Span:
    """Return the first invocation of a function, or of one that was handed a fact; StopIteration without one."""
    return next(
        span for span in spans if span.function == function and (not fact or span.line.get("fact") == fact)
    )


if __name__ == "__main__":
    main()
