"""`make flash-sale LIVE=1`: many buyers at once for few units on the running stack, by batches and stock shards.

Inventory is made to wait while the orders are placed through HTTP, so that all of them are in its inbox at once. Then
it says yes and no. BUYERS and UNITS size the sale (500 and 100). Ends with the audit; leaves with status 1 where other
units were sold than there are, or the books differ. `make flash-sale` is the same in virtual time, under AWS's limits.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from functions.inventory.table import holds_of
from tools.drills import rehearsal
from tools.drills.chaos import deaf
from tools.local.buyer import until
from tools.local.drain import waiting
from tools.local.shop import Shop
from tools.local.stack import ENVIRONMENT, Stack, running_stack
from tools.operate import audit, dlq
from tools.report import step

WAYS = ((1, 1), (1, 8), (10, 1), (10, 8))
"""Orders handed over at once (inventory writes these together), and shards."""
PLACED_WITHIN = 90.0
"""Seconds: an order is given up two minutes after it was placed."""


def main() -> None:
    """Sell with each number of shards."""
    stack = running_stack()
    dlq.use(stack)
    shop = Shop(stack.url)
    admin = rehearsal.staff(shop)
    buyers, units = (
        int(os.environ.get(name) or default) for name, default in (("BUYERS", 500), ("UNITS", 100))
    )
    held = []
    for batch, shards in WAYS:
        with batches(stack, batch):
            step(f"batches of {batch}, {shards} shards")
            held.append(sale(stack, shop, admin, buyers, units, shards))
    checked, differences = audit.audit(stack)
    for difference in differences:
        print(difference)
    step(f"audit: {checked} things compared, {len(differences)} differences")
    sys.exit(0 if all(held) and not differences else 1)


@contextlib.contextmanager
def batches(stack: Stack, size: int) -> Iterator[None]:
    """Have inventory's inbox handed over in batches of this size; as deployed again at the end."""
    client = stack.client("lambda")
    found = client.list_event_source_mappings(FunctionName=f"souk-{ENVIRONMENT}-inventory-inbox")
    for mapping in found["EventSourceMappings"]:
        client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=size)
    try:
        yield
    finally:
        for mapping in found["EventSourceMappings"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=mapping["BatchSize"])


def sale(stack: Stack, shop: Shop, admin: dict[str, str], buyers: int, units: int, shards: int) -> bool:
    """Sell units to buyers who come at once; tell how it went, and whether it went as it must."""
    sku = rehearsal.product(shop, admin, f"drop-{shards}", units)
    spread(shop, admin, sku, shards)
    quotes = rehearsal.at_once(lambda _: rehearsal.quoted(shop, sku), range(buyers), 8)
    with deaf(stack, "inventory"):
        began = time.monotonic()
        placed = rehearsal.at_once(lambda one: rehearsal.place(shop, one).body, quotes)
        queue = f"souk-{ENVIRONMENT}-inventory-inbox"
        until("the orders to arrive", lambda: waiting(stack)[queue] >= buyers or None, PLACED_WITHIN)
        step(f"  {buyers} orders for {units} units are in the inbox after {time.monotonic() - began:.0f} s")
    opened = time.monotonic()
    orders = {one["orderId"] for one in placed}
    until("every buyer's answer", lambda: _answered(stack, orders) >= buyers or None, 120)
    answered = time.monotonic() - opened
    ends = Counter(order["reason"] or order["status"] for order in rehearsal.decided(shop, placed))
    left = until("the units to be taken off the shelf", lambda: _settled(shop, admin, sku))
    sold, refused = ends["confirmed"], ends["out_of_stock"]
    held = (sold, left) == (min(units, buyers), max(0, units - buyers)) and sold + refused == buyers
    step(
        f"  {sold} sold, {refused} refused, {left} left; all answered within {answered:.1f} s, "
        f"{buyers / answered:.0f} orders a second: {'as it must be' if held else f'NOT AS IT MUST BE {dict(ends)}'}"
    )
    return held


def spread(shop: Shop, admin: dict[str, str], sku: str, shards: int) -> None:
    """Spread a SKU's stock over shards, as staff do."""
    path = f"/inventory/stock/{sku}/shards"
    seen = shop.call("GET", path, headers=admin)
    shop.must(200, "PUT", path, {"shards": shards}, headers={**admin, "If-Match": seen.headers["etag"]})


def _answered(stack: Stack, orders: set[str]) -> int:
    items: Any = [*audit._items(stack, "inventory")]
    records = {item["order_id"] for item in items if item["sk"] == "RESERVATION"}
    held = {order_id for item in items if item["sk"] == "LEVEL" for order_id in holds_of(item)}
    return len(orders & (records | held))


def _settled(shop: Shop, admin: dict[str, str], sku: str) -> int | None:
    level = rehearsal.level(shop, admin, sku)
    return int(level["onHand"]) if level["reserved"] == 0 else None
