"""What must hold of stock: no unit is sold twice, and levels are what the ledger says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from functions.shared.dynamo import decode_item
from tests.simulation.checker import Watch, require
from tests.simulation.deployment import QueueSource
from tests.simulation.fake_tables import Change
from tests.simulation.world import Message, World

TABLE = "souk-local-inventory"
MOVES = {
    None: {"reserved", "rejected", "refused"},
    "reserved": {"reserved", "committed", "released"},
    "committed": {"returned"},
}


def sku_of(partition: str) -> str:
    """Return the SKU of a level's or a shard's partition key."""
    return partition.split("#")[1]


class Stock(Watch):
    """Levels, movements and reservations agree after every call."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.moved: dict[str, int] = defaultdict(int)
        self.committed: dict[str, int] = defaultdict(int)
        self.reserved: dict[str, int] = defaultdict(int)
        self.touched: set[str] = set()
        self.acknowledged: set[str] = set()
        self.reasons: set[str] = set()

    def changed(self, change: Change) -> None:
        if change.table != TABLE:
            return
        kind = change.key[1].partition("#")[0]
        if kind in ("LEVEL", "SHARD"):
            self.touched.add(sku_of(change.key[0]))
            share = decode_item(change.new or {})
            require(
                share.get("available", 0) >= 0,
                "no shard sells what it does not have",
                f"{change.key}: {share}",
            )
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

    def _reservation(self, change: Change) -> None:
        old = decode_item(change.old) if change.old else {"status": None, "lines": {}}
        new = decode_item(change.new) if change.new else {"status": "gone", "lines": {}}
        if old["status"] != new["status"]:
            allowed = MOVES.get(old["status"], set())
            require(
                new["status"] in allowed, "a reservation goes its way once",
                f"{change.key[0]}: {old['status']} → {new['status']}",
            )  # fmt: skip
        for image, sign in ((old, -1), (new, 1)):
            held = {"reserved": self.reserved, "committed": self.committed}.get(str(image["status"]))
            for sku, quantity in image["lines"].items():
                self.touched.add(sku)
                if held is not None:
                    held[sku] += sign * quantity

    def handled(self, source: QueueSource, message: Message) -> None:
        if source.function.service != "inventory" or '"type":"OrderPlaced"' not in message.body:
            return
        order_id = json.loads(message.body)["detail"]["data"]["orderId"]
        held = self.item("inventory", f"ORDER#{order_id}", "RESERVATION")
        require(held, "inventory answers every order", order_id)

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
        parts = [level, *(self.item("inventory", f"SKU#{sku}#{n}", "SHARD") for n in range(1, shards))]
        require(
            all(part and part["version"] == level["version"] for part in parts),
            "a level and its shards change together", f"{sku}: {parts}",
        )  # fmt: skip
        beyond = self.item("inventory", f"SKU#{sku}#{shards}", "SHARD")
        require(beyond is None, "a level and its shards change together", f"{sku}: {shards} and {beyond}")
        return {what: sum(part[what] for part in parts if part) for what in ("on_hand", "available")}

    def _check(self, sku: str, level: Mapping[str, Any]) -> None:
        on_hand, available = level["on_hand"], level["available"]
        require(
            on_hand >= 0 and available >= 0,
            "stock is never below zero",
            f"{sku}: {on_hand} on hand, {available} available",
        )
        ledger = self.moved[sku] - self.committed[sku]
        require(
            on_hand == ledger, "stock on hand is what the ledger says",
            f"{sku}: {on_hand} on hand, {self.moved[sku]} moved less {self.committed[sku]} committed",
        )  # fmt: skip
        require(
            available == ledger - self.reserved[sku], "available is what is not promised",
            f"{sku}: {available} available of {on_hand}, {self.reserved[sku]} reserved",
        )  # fmt: skip

    def ended(self) -> None:
        self._rebuild()
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
            )  # fmt: skip

    def _rebuild(self) -> None:
        """Recompute every level from the ledger alone: what `settled` added up on the way is not trusted."""
        expected: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for key, image in self.items("inventory").items():
            item = decode_item(image)
            if key[1].startswith("MOVE#"):
                expected[key[0].removeprefix("SKU#")][0] += item["delta"]
            elif key[1] == "RESERVATION":
                for sku, quantity in item["lines"].items():
                    expected[sku][0] -= quantity if item["status"] == "committed" else 0
                    expected[sku][1] += quantity if item["status"] == "reserved" else 0
        for sku in self.all("inventory", "SKU#", "LEVEL"):
            on_hand, reserved = expected[sku]
            level = self.level(sku) or {}
            require(
                (level["on_hand"], level["available"]) == (on_hand, on_hand - reserved),
                "levels can be rebuilt from the ledger", f"{sku}: {level}, rebuilt {on_hand} less {reserved}",
            )  # fmt: skip
