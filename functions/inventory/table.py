"""The inventory table.

| item        | pk            | sk               | index ``open`` (sparse)                               |
| level       | SKU#<sku>     | LEVEL            |                                                       |
| movement    | SKU#<sku>     | MOVE#<time>#<id> |                                                       |
| once        | MOVEMENT#<id> | ONCE             |                                                       |
| reservation | ORDER#<order> | RESERVATION      | open_shard = OPEN#<0…7>, open_at = expiry (RFC 3339)  |

Movements and reservations are the ledger that the levels can be rebuilt from: on hand is the sum of a SKU's movements
less the reservations that are ``committed``, available is that less those that are ``reserved``. A reservation carries
the outbox of its changes, a level that of changes people made.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from functions.inventory.domain import Level, Reservation, Status
from functions.shared.clock import rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor

SHARDS = 8  # enough that sweeping and reserving never meet on one index partition


class InventoryTable(Table):
    """Levels, movements and reservations, each change under its condition."""

    def level(self, sku: str) -> Level | None:
        """Return the level of a SKU, None where it was never stocked."""
        item = self.get({"pk": f"SKU#{sku}", "sk": "LEVEL"})
        return _level(item) if item else None

    def levels(self, skus: Iterable[str]) -> dict[str, Level]:
        """Return the levels that exist, by SKU."""
        found = self.get_many([{"pk": f"SKU#{sku}", "sk": "LEVEL"} for sku in sorted(set(skus))])
        return {level.sku: level for level in map(_level, found)}

    def reservation(self, order_id: str) -> Reservation | None:
        """Return what an order holds or held."""
        item = self.get(_order(order_id))
        return _reservation(item) if item else None

    def reserve(self, reservation: Reservation, outbox: str, at: datetime) -> list[str] | None:
        """Hold all lines of a new reservation, or nothing.

        Returns
        -------
        None when held, else the SKUs that fall short (empty: the order already has a reservation).
        """
        holds = [
            self.updating(
                {"pk": f"SKU#{sku}", "sk": "LEVEL"},
                "SET available = available - :quantity REMOVE outbox",
                {":quantity": quantity},
                condition="available >= :quantity",
            )
            for sku, quantity in reservation.lines.items()
        ]
        item = _reservation_item(reservation, outbox, at)
        reasons = self.transact(*holds, self.putting(item, "attribute_not_exists(pk)"))
        if reasons is None:
            return None
        if reasons[-1] == "ConditionalCheckFailed":
            return []
        return [sku for sku, reason in zip(reservation.lines, reasons, strict=False) if reason != "None"]

    def store_unheld(self, reservation: Reservation, outbox: str | None, at: datetime) -> bool:
        """Store a rejection or a tombstone; False where the order already has a reservation."""
        return self.put(_reservation_item(reservation, outbox, at), "attribute_not_exists(pk)")

    def release(self, reservation: Reservation, outbox: str, at: datetime) -> bool:
        """Give the held units back to sale; False when the reservation has moved on."""
        return self._move(reservation, "released", "SET available = available + :quantity", outbox, at)

    def commit(self, reservation: Reservation, outbox: str, at: datetime) -> bool:
        """Take the held units off the shelf; False when the reservation has moved on."""
        return self._move(reservation, "committed", "SET on_hand = on_hand - :quantity", outbox, at)

    def take_back(self, reservation: Reservation, outbox: str, at: datetime) -> bool:
        """Put committed units back on the shelf and on sale; False when the reservation has moved on."""
        both = "SET on_hand = on_hand + :quantity, available = available + :quantity"
        return self._move(reservation, "returned", both, outbox, at)

    def change_level(self, before: Level, after: Level, movement: Mapping[str, Any], outbox: str) -> bool:
        """Replace a level, with its movement; False when the level has changed or the movement was made before."""
        item = {
            "pk": f"SKU#{after.sku}", "sk": "LEVEL", "sku": after.sku, "on_hand": after.on_hand,
            "available": after.available, "version": after.version, "counted_at": after.counted_at, "outbox": outbox,
        }  # fmt: skip
        same = "on_hand = :on_hand AND available = :available AND version = :version"
        if before.version:
            values = {":on_hand": before.on_hand, ":available": before.available, ":version": before.version}
            level = self.putting(item, same, values)
        else:
            level = self.putting(item, "attribute_not_exists(pk)")
        moved = {**movement, "pk": f"SKU#{after.sku}", "sk": f"MOVE#{movement['time']}#{movement['id']}"}
        once = self.putting(_once(movement["id"]), "attribute_not_exists(pk)")
        return self.transact(level, self.putting(moved), once) is None

    def moved(self, movement_id: str) -> bool:
        """Tell whether a movement has been made."""
        return self.get(_once(movement_id)) is not None

    def movements(self, sku: str, limit: int, after: str | None) -> tuple[list[Item], str | None]:
        """Return a page of a SKU's movements, newest first, and the cursor of the next."""
        start = {"pk": f"SKU#{sku}", **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND begins_with(sk, :move)", {":pk": f"SKU#{sku}", ":move": "MOVE#"},
            limit=limit, start=start, backwards=True,
        )  # fmt: skip
        return items, cursor(last, "sk")

    def expired(self, at: datetime, limit: int) -> list[Reservation]:
        """Return reservations still held past their expiry, at most `limit` of each shard, oldest first."""
        found = []
        for shard in range(SHARDS):
            items, _ = self.query(
                "open_shard = :shard AND open_at <= :at", {":shard": f"OPEN#{shard}", ":at": rfc3339(at)},
                index="open", limit=limit,
            )  # fmt: skip
            found += [order_id for item in items if (order_id := item["pk"].partition("#")[2])]
        return [
            held for order_id in found if (held := self.reservation(order_id)) and held.status == "reserved"
        ]

    def remind(self, reservation: Reservation, next_at: datetime, outbox: str) -> bool:
        """Store the reminder and when to give the next one; False when the reservation has moved on."""
        changed = self.update(
            _order(reservation.order_id), "SET open_at = :next, version = :version, outbox = :outbox",
            {":next": rfc3339(next_at), ":version": reservation.version + 1, ":outbox": outbox,
             ":before": reservation.version, ":reserved": "reserved"},
            condition="version = :before AND #status = :reserved",
        )  # fmt: skip
        return changed is not None

    def _move(
        self, reservation: Reservation, after: Status, expression: str, outbox: str, at: datetime
    ) -> bool:
        levels = [
            self.updating(
                {"pk": f"SKU#{sku}", "sk": "LEVEL"}, f"{expression} REMOVE outbox", {":quantity": quantity}
            )
            for sku, quantity in reservation.lines.items()
        ]
        moved = self.updating(
            _order(reservation.order_id),
            "SET #status = :after, version = :version, outbox = :outbox, changed_at = :at REMOVE open_shard, open_at",
            {
                ":after": after, ":version": reservation.version + 1, ":outbox": outbox, ":at": rfc3339(at),
                ":before": reservation.status, ":read": reservation.version,
            },
            condition="#status = :before AND version = :read",
        )  # fmt: skip
        return self.transact(*levels, moved) is None


def _once(movement_id: str) -> dict[str, str]:
    return {"pk": f"MOVEMENT#{movement_id}", "sk": "ONCE"}


def _order(order_id: str) -> dict[str, str]:
    return {"pk": f"ORDER#{order_id}", "sk": "RESERVATION"}


def _level(item: Item) -> Level:
    return Level(item["sku"], item["on_hand"], item["available"], item["version"], item["counted_at"])


def _reservation(item: Item) -> Reservation:
    return Reservation(
        item["order_id"], item["status"], item["lines"], item["version"], item.get("open_at", "")
    )


def _reservation_item(reservation: Reservation, outbox: str | None, at: datetime) -> Item:
    held = reservation.status == "reserved"
    return {
        **_order(reservation.order_id), "order_id": reservation.order_id, "status": reservation.status,
        "lines": reservation.lines, "version": reservation.version, "outbox": outbox, "changed_at": rfc3339(at),
        "open_shard": f"OPEN#{zlib.crc32(reservation.order_id.encode()) % SHARDS}" if held else None,
        "open_at": reservation.expires_at if held else None,
    }  # fmt: skip
