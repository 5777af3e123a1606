"""What must hold of stock: no unit is sold twice, levels are what the ledger says, and what was counted and has moved.

Below zero are back-orders, and levels that a count has found short; nobody sells what a level does not have, unless it
is sold on back-order.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, NamedTuple

from functions.inventory.domain import instant, summed
from functions.inventory.table import holds_of, reservation_of
from functions.shared.clock import parse
from functions.shared.dynamo import Item, decode_item
from tests.simulation.checker import Watch, require
from tests.simulation.deployment import QueueSource
from tests.simulation.fake_tables import Change
from tests.simulation.world import Message, World

TABLE = "souk-local-inventory"
LONGEST_INVOCATION = 60.0
"""Seconds."""
MOVES = {
    None: {"reserved", "rejected", "refused", "committed", "released"},  # the last two were held in a level
    "rejected": {
        "committed",
        "released",
    },  # so were these: a delivery that came twice was answered in two ways
    "reserved": {"reserved", "committed", "released"},
    "committed": {"returned"},
}


def sku_of(partition: str) -> str:
    """Return the SKU of a level's or a shard's partition key."""
    return partition.split("#")[1]


class Part(NamedTuple):
    """What a reservation does with a SKU: units it took of shards; those off the shelf, and those promised, by it."""

    sku: str
    units: int
    gone: int
    reserved: int


def parts(item: Item | None) -> Iterator[Part]:
    """Yield what a reservation does with each of its SKUs, as the ledger has it."""
    if not item:
        return
    held = reservation_of(item)
    taken: dict[str, int] = defaultdict(int)
    for (sku, _), units in held.places.items():
        taken[sku] += units
    for sku in held.lines:
        units = taken[sku]
        steps = {"committed": ("committed",), "returned": ("committed", "returned")}.get(held.status, ())
        moved = [0 if sku in held.seen.get(step, ()) else units for step in steps]
        gone = sum(moved[:1]) - sum(moved[1:])
        yield Part(sku, units, gone, units if held.status == "reserved" else 0)


def _held_within(level: Item) -> int:
    """Return the units that a level holds inside its item."""
    return sum(sum(held.lines.values()) for held in holds_of(level).values())


class Stock(Watch):
    """Levels, movements and reservations agree after every call."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.moved: dict[str, int] = defaultdict(int)
        self.gone: dict[str, int] = defaultdict(int)
        self.reserved: dict[str, int] = defaultdict(int)
        self.counts: dict[str, dict[int, int]] = defaultdict(dict)
        self.may_owe: set[str] = set()
        self.sellable: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
        self.sellable_until: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.rejected_at: dict[str, float] = {}
        self.touched: set[str] = set()
        self.acknowledged: set[str] = set()
        self.reasons: set[str] = set()

    def changed(self, change: Change) -> None:
        if change.table != TABLE:
            return
        kind = change.key[1].partition("#")[0]
        if kind in ("LEVEL", "SHARD"):
            self._share(change)
        elif kind == "MOVE":
            require(change.old is None and change.new, "the ledger is only added to", f"{change.key}")
            sku = change.key[0].removeprefix("SKU#")
            movement = decode_item(change.new or {})
            self.moved[sku] += movement["delta"]
            once = movement["reason"] not in self.reasons or movement["reason"] == "counted"
            require(once, "stock is adjusted once for a request", f"{sku}: {movement['reason']}")
            self.reasons.add(movement["reason"])
            self.touched.add(sku)
        elif kind == "RESERVATION":
            self._reservation(change)

    def _share(self, change: Change) -> None:
        sku = sku_of(change.key[0])
        self.touched.add(sku)
        old, new = decode_item(change.old or {}), decode_item(change.new or {})
        self.reserved[sku] += _held_within(new) - _held_within(old)
        policy = new.get("stock_policy", "tracked")
        shares = self.sellable[sku]
        self.sellable_until[sku].append((self.world.now, sum(shares.values())))
        shares.pop(change.key, None)
        if change.new:
            shares[change.key] = new["available"] if policy == "tracked" else inf
        # People write off what is promised as well where it is not tracked, and counts find that it was never there.
        if policy != "tracked" or new.get("counted_ms", 0) != old.get("counted_ms", 0):
            self.may_owe.add(sku)
        by_an_order = change.old and change.new and old["version"] == new["version"]
        require(
            not by_an_order or policy == "backorder" or new["available"] >= min(0, old["available"]),
            "no shard sells what it does not have",
            f"{change.key}: {old} → {new}",
        )

    def _reservation(self, change: Change) -> None:
        old = decode_item(change.old) if change.old else {"status": None}
        new = decode_item(change.new) if change.new else {"status": "gone"}
        if new["status"] == "rejected":
            self.rejected_at[change.key[0].removeprefix("ORDER#")] = self.world.now
        if old["status"] != new["status"]:
            allowed = MOVES.get(old["status"], set())
            require(
                new["status"] in allowed,
                "a reservation goes its way once",
                f"{change.key[0]}: {old['status']} → {new['status']}",
            )
        for image, sign in ((change.old, -1), (change.new, 1)):
            for part in parts(decode_item(image) if image else None):
                self.touched.add(part.sku)
                self.gone[part.sku] += sign * part.gone
                self.reserved[part.sku] += sign * part.reserved

    def handled(self, source: QueueSource, message: Message) -> None:
        if source.function.service != "inventory":
            return
        if '"type":"StockCounted"' in message.body:
            self._counted(json.loads(message.body)["detail"])
        if '"type":"OrderPlaced"' not in message.body:
            return
        order_id = json.loads(message.body)["detail"]["data"]["orderId"]
        held = self.reservation(order_id)
        require(held, "inventory answers every order", order_id)
        if order_id in self.rejected_at:
            lines = json.loads(message.body)["detail"]["data"]["lines"]
            wanted = summed((line["sku"], line["quantity"]) for line in lines)
            least = {sku: self._least(sku, self.rejected_at[order_id]) for sku in wanted}
            require(
                any(least[sku] < units for sku, units in wanted.items()),
                "an order is rejected for want of goods only",
                f"{order_id}: {wanted} of {least}",
            )

    def _least(self, sku: str, at: float) -> float:
        """Return the least that an invocation which ended at a time may have seen of a SKU, in units for sale."""
        seen = [units for until, units in self.sellable_until[sku] if until >= at - LONGEST_INVOCATION]
        return min([*seen, sum(self.sellable[sku].values())])

    def _counted(self, fact: Mapping[str, Any]) -> None:
        """Take note of what was counted; the first count of a millisecond is the one."""
        data = fact["data"]
        at = min(instant(parse(time)) for time in (data["countedAt"], fact["time"]))
        for line in data["lines"]:
            self.counts[line["sku"]].setdefault(at, line["onHand"])

    def settled(self) -> None:
        for sku in self.touched:
            level = self.level(sku)
            if level is not None:
                self._check(sku, level)
        self.touched.clear()

    def level(self, sku: str) -> Mapping[str, Any] | None:
        """Return a SKU's level with its shards added up, None where it has none."""
        level = self.item("inventory", f"SKU#{sku}", "LEVEL")
        if level is None:
            return None
        shards = level.get("shards", 1)
        shares = [level, *(self.item("inventory", f"SKU#{sku}#{n}", "SHARD") for n in range(1, shards))]
        require(
            all(part and part["version"] == level["version"] for part in shares),
            "a level and its shards change together",
            f"{sku}: {shares}",
        )
        beyond = self.item("inventory", f"SKU#{sku}#{shards}", "SHARD")
        require(beyond is None, "a level and its shards change together", f"{sku}: {shards} and {beyond}")
        tracked = "stock_policy" not in level
        require(
            len(shares) == 1 or not tracked or min(part["available"] for part in shares if part) >= 0,
            "no shard sells what another owes",
            f"{sku}: {shares}",
        )
        return {what: sum(part[what] for part in shares if part) for what in ("on_hand", "available")}

    def _check(self, sku: str, level: Mapping[str, Any]) -> None:
        on_hand, available = level["on_hand"], level["available"]
        require(
            sku in self.may_owe or (on_hand >= 0 and available >= 0),
            "stock is never below zero",
            f"{sku}: {on_hand} on hand, {available} available",
        )
        ledger = self.moved[sku] - self.gone[sku]
        require(
            on_hand == ledger,
            "stock on hand is what the ledger says",
            f"{sku}: {on_hand} on hand, {self.moved[sku]} moved less {self.gone[sku]} gone with orders",
        )
        require(
            available == ledger - self.reserved[sku],
            "available is what is not promised",
            f"{sku}: {available} available of {on_hand}, {self.reserved[sku]} reserved",
        )

    def _told(self) -> None:
        """Check that the catalog shows of each SKU on sale what inventory would answer."""
        shown = {
            (product_id, name): json.loads(text)[2:]
            for product_id, item in self.all("catalog", "PRODUCT#", "STOCK").items()
            for name, text in item.items()
            if name.startswith("sku_")
        }
        for sku, item in self.all("inventory", "SKU#", "LEVEL").items():
            known = shown.get((item.get("product_id", ""), f"sku_{sku.encode().hex()}"))
            if known is None or not item.get("listed"):
                continue
            left, policy = (self.level(sku) or {})["available"], item.get("stock_policy", "tracked")
            kind = "in_stock" if left > 0 else "back_order" if policy == "backorder" else "out"
            wanted = [kind, min(max(left, 0), 20), policy == "backorder"]
            require(
                known == (["untracked", None, False] if policy == "untracked" else wanted),
                "the catalog shows what inventory has",
                f"{sku}: {known} for {left} of {policy}",
            )

    def ended(self) -> None:
        self._rebuild()
        self._told()
        self._recount()
        missing = sorted(self.acknowledged - self.reasons)
        require(not missing, "an adjustment that was acknowledged is made", ", ".join(missing))
        orders = self.all("orders", "ORDER#", "ORDER") if "orders" in self.world.deployed.services else {}
        for order_id, reservation in self.all("inventory", "ORDER#", "RESERVATION").items():
            order = orders.get(order_id)
            require(order, "a reservation belongs to an order", order_id)
            wanted = {
                "confirmed": {"committed"},
                "cancelled": {"released", "returned", "rejected", "refused"},
            }
            require(
                reservation["status"] in wanted.get(order["status"], set()),  # type: ignore[index]
                "at the end stock is where the orders say",
                f"{order_id}: {reservation['status']}, order {order['status']}",  # type: ignore[index]
            )

    def _rebuild(self) -> None:
        """Recompute every level from the ledger alone: what `settled` added up on the way is not trusted."""
        expected: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for key, image in self.items("inventory").items():
            item = decode_item(image)
            if key[1].startswith("MOVE#"):
                expected[key[0].removeprefix("SKU#")][0] += item["delta"]
            elif key[1] == "LEVEL":
                expected[sku_of(key[0])][1] += _held_within(item)
            elif key[1] == "RESERVATION":
                for part in parts(item):
                    expected[part.sku][0] -= part.gone
                    expected[part.sku][1] += part.reserved
        for sku, item in self.all("inventory", "SKU#", "LEVEL").items():
            require(not holds_of(item), "at the end stock is where the orders say", f"{sku}: {item}")
            on_hand, reserved = expected[sku]
            level = self.level(sku) or {}
            require(
                (level["on_hand"], level["available"]) == (on_hand, on_hand - reserved),
                "levels can be rebuilt from the ledger",
                f"{sku}: {level}, rebuilt {on_hand} less {reserved}",
            )

    def _recount(self) -> None:
        """Work every level out anew: its last count, and what has moved since by the movements' own times."""
        for sku in self.all("inventory", "SKU#", "LEVEL"):
            counted_at, counted = max(self.counts[sku].items(), default=(0, 0))
            since = [units for at, units in self._movements(sku) if at // 1000 >= counted_at // 1000]
            on_hand = (self.level(sku) or {})["on_hand"]
            require(
                on_hand == counted + sum(since),
                "stock on hand is what was counted and has moved since",
                f"{sku}: {on_hand}, {counted} counted at {counted_at}, {since} since",
            )

    def _movements(self, sku: str) -> Iterator[tuple[int, int]]:
        """Yield when units came or went, and how many, whatever became of that on the level."""
        for key, image in self.items("inventory").items():
            item = decode_item(image)
            if key[0] == f"SKU#{sku}" and key[1].startswith("MOVE#") and item["reason"] != "counted":
                yield instant(parse(item["time"])), item.get("seen", item["delta"])
            elif key[1] == "RESERVATION":
                units = sum(part.units for part in parts(item) if part.sku == sku)
                for step, sign in (("committed_ms", -1), ("returned_ms", 1)):
                    if step in item:
                        yield item[step], sign * units
