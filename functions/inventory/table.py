"""The inventory table.

| item        | pk            | sk               | index ``open`` (sparse)                               |
| level       | SKU#<sku>     | LEVEL            |                                                       |
| shard       | SKU#<sku>#<n> | SHARD            |                                                       |
| movement    | SKU#<sku>     | MOVE#<time>#<id> |                                                       |
| once        | MOVEMENT#<id> | ONCE             |                                                       |
| reservation | ORDER#<order> | RESERVATION      | open_shard = OPEN#<0…7>, open_at = expiry (RFC 3339)  |

Movements and reservations are the ledger that the levels can be rebuilt from: on hand is the sum of a SKU's movements
less the reservations that are ``committed``, available is that less those that are ``reserved``. A reservation carries
the outbox of its changes, a level that of changes people made.

A level that is split (``shards`` above 1) is itself shard 0; shards 1, 2… are items of partitions of their own with the
level's ``version``, which only people's changes raise, in all of them at once. What is on the shelf is their sum.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from functions.inventory.domain import Level, Place, Reservation, Share, Status
from functions.shared.clock import rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


class BusyError(RuntimeError):
    """The item changed under us each time we tried; the message comes again."""


SHARDS = 8  # enough that sweeping and reserving never meet on one index partition


PATIENCE = (0.02, 0.04, 0.08, 0.16, 0.3, 0.3, 0.5, 0.5, 0.5, 0.5)
"""Seconds between tries of a transaction that others hold an item of: many want one SKU, and each is quick."""

GAINS: dict[str, tuple[int, int]] = {"committed": (-1, 0), "released": (0, 1), "returned": (1, 1)}
"""What a level gains on hand and available by a unit of a reservation that becomes so."""


class Move(NamedTuple):
    """A reservation, the status it is to have, and what to tell of it."""

    before: Reservation
    after: Status
    outbox: str


class InventoryTable(Table):
    """Levels, movements and reservations, each change under its condition."""

    def level(self, sku: str) -> Level | None:
        """Return the level of a SKU, None where it was never stocked."""
        return self.levels([sku], consistent=True).get(sku)

    def levels(self, skus: Iterable[str], *, consistent: bool = False) -> dict[str, Level]:
        """Return the levels that exist, by SKU."""
        wanted = set(skus)
        found: dict[str, Level] = {}
        for _ in range(4):  # a level that people change between the reads of its parts is read again
            mains = self.get_many([_place((sku, 0)) for sku in sorted(wanted)], consistent=consistent)
            others = [_place((main["sku"], n)) for main in mains for n in range(1, main.get("shards", 1))]
            parts = {part["pk"]: part for part in self.get_many(others, consistent=consistent)}
            read = [_level(main, parts) for main in mains]
            found |= {level.sku: level for level in read if level}
            wanted = {main["sku"] for main, level in zip(mains, read, strict=True) if not level}
            if not wanted:
                return found
            consistent = True
        raise BusyError(", ".join(sorted(wanted)))

    def reservation(self, order_id: str) -> Reservation | None:
        """Return what an order holds or held."""
        item = self.get(_order(order_id))
        return _reservation(item) if item else None

    def reservations(self, order_ids: Iterable[str]) -> dict[str, Reservation]:
        """Return what orders hold or held, by order id."""
        found = self.get_many([_order(order_id) for order_id in sorted(set(order_ids))], consistent=True)
        return {held.order_id: held for held in map(_reservation, found)}

    def reserve(self, held: Sequence[tuple[Reservation, str]], at: datetime) -> Collection[str] | None:
        """Hold all lines of new reservations (each with its outbox), or nothing.

        Returns
        -------
        None when held, else the orders that have a reservation already (none of them: some shard falls short).
        """
        wanted: Counter[Place] = Counter()
        for reservation, _ in held:
            wanted.update(reservation.places)
        takes = [
            self.updating(
                _place(place),
                "SET available = available - :quantity REMOVE outbox",
                {":quantity": quantity},
                condition="available >= :quantity",
            )
            for place, quantity in wanted.items()
        ]
        items = [_reservation_item(reservation, outbox, at) for reservation, outbox in held]
        puts = [self.putting(item, "attribute_not_exists(pk)") for item in items]
        reasons = self.transact(*takes, *puts, patience=PATIENCE)
        return None if reasons is None else _refused([each.order_id for each, _ in held], reasons)

    def store_unheld(self, reservation: Reservation, outbox: str | None, at: datetime) -> bool:
        """Store a rejection or a tombstone; False where the order already has a reservation."""
        return self.put(_reservation_item(reservation, outbox, at), "attribute_not_exists(pk)")

    def move(self, moves: Sequence[Move], at: datetime) -> Collection[str] | None:
        """Give units back to sale (released), take them off the shelf (committed) or put them back on it (returned).

        Returns
        -------
        None when all is done, else the orders whose reservations have moved on; nothing is done then.
        """
        reasons = self._move(moves, at, merged=False)
        if reasons and not _refused([move.before.order_id for move in moves], reasons):
            reasons = self._move(moves, at, merged=True)  # a shard is no more: what it had is in the level
        return None if reasons is None else _refused([move.before.order_id for move in moves], reasons)

    def _move(self, moves: Sequence[Move], at: datetime, *, merged: bool) -> list[str] | None:
        on_hand: Counter[Place] = Counter()
        available: Counter[Place] = Counter()
        for move in moves:
            gains = GAINS[move.after]
            for (sku, shard), quantity in move.before.places.items():
                place = (sku, 0 if merged else shard)
                on_hand[place] += gains[0] * quantity
                available[place] += gains[1] * quantity
        levels = [
            self.updating(
                _place(place),
                "SET on_hand = on_hand + :on_hand, available = available + :available REMOVE outbox",
                {":on_hand": on_hand[place], ":available": available[place]},
                condition="attribute_exists(pk)",
            )
            for place in on_hand
        ]
        changes = [
            self.updating(
                _order(move.before.order_id),
                "SET #status = :after, version = :version, outbox = :outbox, changed_at = :at "
                "REMOVE open_shard, open_at",
                {
                    ":after": move.after, ":version": move.before.version + 1, ":outbox": move.outbox,
                    ":at": rfc3339(at), ":before": move.before.status, ":read": move.before.version,
                },
                condition="#status = :before AND version = :read",
            )
            for move in moves
        ]  # fmt: skip
        return self.transact(*levels, *changes, patience=PATIENCE)

    def change_level(
        self,
        before: Level,
        after: Level,
        movement: Mapping[str, Any] | None = None,
        outbox: str | None = None,
    ) -> bool:
        """Replace a level, with its movement; False when the level has changed or the movement was made before."""
        kept = range(len(after.shares))
        actions = [self._replacing(before, after, shard, outbox if shard == 0 else None) for shard in kept]
        actions += [
            self.deleting(_place((before.sku, shard)), *_unchanged(before, shard))
            for shard in range(len(after.shares), len(before.shares))
        ]
        if movement:
            moved = {**movement, "pk": f"SKU#{after.sku}", "sk": f"MOVE#{movement['time']}#{movement['id']}"}
            once = self.putting(_once(movement["id"]), "attribute_not_exists(pk)")
            actions += [self.putting(moved), once]
        return self.transact(*actions) is None

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

    def _replacing(
        self, before: Level, after: Level, shard: int, outbox: str | None
    ) -> TransactWriteItemTypeDef:
        share = after.shares[shard]
        item: Item = {
            **_place((after.sku, shard)), "on_hand": share.on_hand, "available": share.available,
            "version": after.version, "outbox": outbox,
        }  # fmt: skip
        if shard == 0:
            split = len(after.shares) if len(after.shares) > 1 else None
            item |= {"sku": after.sku, "counted_at": after.counted_at, "shards": split}
        if before.version and shard < len(before.shares):
            return self.putting(item, *_unchanged(before, shard))
        return self.putting(item, "attribute_not_exists(pk)")


def _once(movement_id: str) -> dict[str, str]:
    return {"pk": f"MOVEMENT#{movement_id}", "sk": "ONCE"}


def _order(order_id: str) -> dict[str, str]:
    return {"pk": f"ORDER#{order_id}", "sk": "RESERVATION"}


def _place(place: Place) -> dict[str, str]:
    sku, shard = place
    return {"pk": f"SKU#{sku}#{shard}", "sk": "SHARD"} if shard else {"pk": f"SKU#{sku}", "sk": "LEVEL"}


def _unchanged(level: Level, shard: int) -> tuple[str, dict[str, int]]:
    share = level.shares[shard]
    values = {":on_hand": share.on_hand, ":available": share.available, ":version": level.version}
    return "on_hand = :on_hand AND available = :available AND version = :version", values


def _refused(order_ids: Sequence[str], reasons: Sequence[str]) -> list[str]:
    """Return the orders whose own condition did not hold; their actions are the transaction's last."""
    own = reasons[len(reasons) - len(order_ids) :]
    return [
        order_id
        for order_id, reason in zip(order_ids, own, strict=True)
        if reason == "ConditionalCheckFailed"
    ]


def _level(item: Item, parts: Mapping[str, Item]) -> Level | None:
    """Return a level by its item and its further shards; None where these are not of one version."""
    sku = item["sku"]
    shards = [item, *(parts.get(_place((sku, n))["pk"]) for n in range(1, item.get("shards", 1)))]
    shares = [
        Share(one["on_hand"], one["available"]) for one in shards if one and one["version"] == item["version"]
    ]
    return (
        Level(sku, tuple(shares), item["version"], item["counted_at"]) if len(shares) == len(shards) else None
    )


def _reservation(item: Item) -> Reservation:
    drawn = {
        sku: {int(shard): units for shard, units in shards.items()}
        for sku, shards in item.get("drawn", {}).items()
    }
    return Reservation(
        item["order_id"], item["status"], item["lines"], item["version"], item.get("open_at", ""), drawn
    )


def _reservation_item(reservation: Reservation, outbox: str | None, at: datetime) -> Item:
    held = reservation.status == "reserved"
    drawn = {
        sku: {str(shard): units for shard, units in shards.items()}
        for sku, shards in reservation.drawn.items()
        if shards.keys() != {0}
    }
    return {
        **_order(reservation.order_id), "order_id": reservation.order_id, "status": reservation.status,
        "lines": reservation.lines, "version": reservation.version, "outbox": outbox, "changed_at": rfc3339(at),
        "open_shard": f"OPEN#{zlib.crc32(reservation.order_id.encode()) % SHARDS}" if held else None,
        "open_at": reservation.expires_at if held else None,
        "drawn": drawn or None,
    }  # fmt: skip
