"""``python -m tests.bench.flash_sale``: one SKU, 1,000 units, 10,000 buyers at once, in virtual time.

Four times: as a shop without either, with the orders of a batch grouped into one write, with the level split over
shards, and with both. Prints the table, and writes it to .local/flash_sale.json. The same seed gives the same figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from chalice.app import SQSEvent

from functions.inventory import app as inventory_app
from functions.inventory import service
from functions.inventory.events import OrderCancelled, OrderConfirmed, OrderPlaced
from functions.inventory.table import InventoryTable
from functions.shared import clock, inbox
from functions.shared.clock import now
from tests.bench.virtual_time import VirtualInventory
from tests.simulation.fake_tables import Change
from tests.simulation.trace import START
from tests.support.lambda_events import Context, sample
from tests.support.templates import ROOT

FILE = ROOT / ".local/flash_sale.json"
SKU = "DROP-1"
DECIDED_AFTER = 1.0
"""Seconds from inventory's yes to the order's confirmation, assumed: payments and orders take part too."""
DEADLINE = 120.0
"""Seconds after which orders gives an order up."""


class Result(NamedTuple):
    """What came of a sale; seconds since the buyers came, write and read units."""

    name: str
    sold: int
    refused: int
    unanswered: int
    late: int
    sold_out_after: float
    sales_a_second: float
    half_answered_after: float
    all_answered_after: float
    settled_after: float
    units_a_sale: float
    units_a_refusal: float
    reads_an_order: float
    conflicts: int
    throttled: int
    given_back: int
    invocations: int
    left: int
    sales: list[tuple[float, int]]
    """How many units were sold by when, and in `answers` how many buyers were answered: for the picture."""
    answers: list[tuple[float, int]]


def one_by_one(event: dict[str, Any]) -> Any:
    """Handle a batch as inventory's inbox does, but each order by itself."""
    table = inventory_app.inventory()
    return inbox.deliver(
        SQSEvent(event, Context()),
        {
            OrderPlaced: lambda fact: service.on_orders_placed(table, [fact], now()),
            OrderConfirmed: lambda fact: service.on_orders_confirmed(table, [fact], now()),
            OrderCancelled: lambda fact: service.on_orders_cancelled(table, [fact], now()),
        },
    )


def grouped(event: dict[str, Any]) -> Any:
    """Handle a batch as it is deployed."""
    return inventory_app.on_inbox(event, Context())


def sell(
    name: str, *, units: int, buyers: int, grouping: bool, shards: int, partitions: int, seed: int
) -> Result:
    """Run one sale to its end."""
    shop = VirtualInventory(Random(seed), grouped if grouping else one_by_one, partitions)
    held: dict[str, float] = {}
    refused: dict[str, float] = {}
    committed: dict[str, float] = {}

    def hear(change: Change) -> None:
        status = (change.new or {}).get("status", {}).get("S")
        order_id = change.key[0].partition("#")[2]
        within = {name.removeprefix("h_") for name in change.new or () if name.startswith("h_")} - {
            name.removeprefix("h_") for name in change.old or () if name.startswith("h_")
        }
        for one in within or ([order_id] if status == "reserved" and change.old is None else []):
            held[one] = shop.now
            lines = [{"sku": SKU, "quantity": 1}]
            shop.send(sample("orders/OrderConfirmed.v1", orderId=one, lines=lines), DECIDED_AFTER)
        if status == "committed":
            committed[order_id] = shop.now
        elif status == "rejected":
            refused[order_id] = shop.now

    with shop.open():
        table = InventoryTable(shop.table.name)
        shop._machine.set(START)
        service.adjust(table, SKU, units, "received", adjustment_id="opening", by="cus_admin", at=now())
        if shards > 1:
            service.set_shards(table, SKU, shards, 1, now())
        shop.watch(hear)
        decide_by = clock.rfc3339(clock.parse(clock.rfc3339(now())))
        for number in range(buyers):
            shop.send(_order(number, decide_by))
        shop.run()
        level = service.level(table, SKU)
    assert level.available + len(held) == units, f"{level.available} left of {units}, {len(held)} sold"
    answers = sorted([*held.values(), *refused.values()])
    last = max(held.values(), default=0.0)
    return Result(
        name,
        sold=len(held),
        refused=len(refused),
        unanswered=buyers - len(answers),
        late=buyers - sum(moment <= DEADLINE for moment in answers),
        sold_out_after=round(last, 2),
        sales_a_second=round(len(held) / last, 1),
        half_answered_after=round(answers[len(answers) // 2], 2),
        all_answered_after=round(answers[-1], 2),
        settled_after=round(max(committed.values(), default=0.0), 2),
        units_a_sale=round(shop.tally["sale units"] / len(held), 2),
        units_a_refusal=round(shop.tally["refusal units"] / max(1, len(refused)), 2),
        reads_an_order=round(shop.tally["read units"] / buyers, 3),
        conflicts=shop.tally["conflicts"],
        throttled=shop.tally["throttled"],
        given_back=shop.tally["given back"],
        invocations=shop.tally["invocations"],
        left=level.available,
        sales=_steps(sorted(held.values())),
        answers=_steps(answers),
    )


def _steps(moments: Sequence[float]) -> list[tuple[float, int]]:
    """Return a hundred points of how many there were by when."""
    every = max(1, len(moments) // 100)
    return [(round(moments[count - 1], 3), count) for count in range(every, len(moments) + 1, every)]


def _order(number: int, decide_by: str) -> dict[str, Any]:
    (line,) = sample("orders/OrderPlaced.v1")["detail"]["data"]["lines"]
    lines = [{**line, "sku": SKU, "quantity": 1}]
    event = sample("orders/OrderPlaced.v1", orderId=f"ord_{number:026d}", lines=lines, decideBy=decide_by)
    event["detail"]["id"] = f"ord_{number:026d}.1.OrderPlaced"
    return event


def sales(units: int, buyers: int, shards: int, partitions: int, seed: int) -> list[Result]:
    """Run the four sales."""
    ways = {"neither": (False, 1), "shards": (False, shards), "grouping": (True, 1), "both": (True, shards)}
    return [
        sell(
            name,
            units=units,
            buyers=buyers,
            grouping=grouping,
            shards=split,
            partitions=partitions,
            seed=seed,
        )
        for name, (grouping, split) in ways.items()
    ]


COLUMNS = {
    "sold": "sold",
    "refused": "refused",
    "unanswered": "never answered",
    "late": "after the deadline",
    "sold_out_after": "sold out, s",
    "sales_a_second": "sales a second",
    "half_answered_after": "half answered, s",
    "all_answered_after": "all answered, s",
    "settled_after": "off the shelf, s",
    "units_a_sale": "write units a sale",
    "units_a_refusal": "write units a refusal",
    "reads_an_order": "read units an order",
    "conflicts": "conflicts",
    "throttled": "throttled calls",
    "given_back": "messages given back",
    "invocations": "invocations",
}


def main() -> None:
    """Run, print and write."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets are to have the same order in every process
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.bench.flash_sale", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flash_sale", description=__doc__)
    for name, default in (("units", 1000), ("buyers", 10_000), ("shards", 8), ("partitions", 4), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--file", type=Path, default=FILE, help="where to write the figures")
    given = vars(parser.parse_args())
    file = given.pop("file")
    found = sales(**given)
    print(f"{'':24}" + "".join(f"{result.name:>12}" for result in found))
    for field, label in COLUMNS.items():
        print(f"{label:24}" + "".join(f"{getattr(result, field):>12,}" for result in found))
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({**given, "sales": [result._asdict() for result in found]}) + "\n")
    print(f"\n{file} has these figures.")


if __name__ == "__main__":
    main()
