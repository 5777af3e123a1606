"""The inventory table.

| item        | pk            | sk               | index ``open`` (sparse)                               |
| level       | SKU#<sku>     | LEVEL            |                                                       |
| shard       | SKU#<sku>#<n> | SHARD            |                                                       |
| movement    | SKU#<sku>     | MOVE#<time>#<id> |                                                       |
| once        | MOVEMENT#<id> | ONCE             | expires (TTL)                                         |
| listing     | PRODUCT#<id>  | LISTING          |                                                       |
| reservation | ORDER#<order> | RESERVATION      | open_shard = OPEN#<0…7>, open_at = expiry (RFC 3339)  |

Movements and reservations are the ledger that the levels can be rebuilt from: on hand is the sum of a SKU's movements
less what reservations took off the shelf (``committed``) and did not bring back (``returned``), but for the SKUs that
a reservation names as ``seen``; available is that less what is ``reserved``. What is told of a reservation follows from
it: ``<status>_at`` is when it became so. A level carries the outbox of changes people made, a reservation that of
reminders.

A level that is split (``shards`` above 1) is itself shard 0; shards 1, 2… are items of partitions of their own with the
level's ``version``, which changes by people and facts about products raise, in all of them at once. What is on the
shelf is their sum. ``counted_ms`` and ``stock_policy`` stand in each of them, because writes of orders are under
conditions on them; ``at_<second>`` is what moved in that second, ``changes`` how many such writes there were.

A listing is the service's copy of a product: which SKUs it sells, under which policy. It is stored first and the levels
follow it, so that a delivery that dies half-way, or one that overtakes another, is made good by the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from functions.inventory.domain import (
    MOST_MOMENTS,
    STATUSES,
    Level,
    Listing,
    Memory,
    Movement,
    Place,
    Reservation,
    Share,
    Status,
    gain,
    has_seen,
    summed,
    thinned,
)
from functions.shared import open_work
from functions.shared.clock import epoch, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor, from_item, to_item
from functions.shared.optimistic import BusyError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


PATIENCE = (0.02, 0.04, 0.08, 0.16, 0.3, 0.3, 0.5, 0.5, 0.5, 0.5)
"""Seconds between tries of a transaction that others hold an item of: many want one SKU, and each is quick."""

_SECOND = "at_"


class Move(NamedTuple):
    """A reservation, the status it is to have, and when it became so (milliseconds)."""

    before: Reservation
    after: Status
    at: int

    def made(self, at: datetime) -> Reservation:
        """Return the reservation once it is moved."""
        times = {**self.before.times, self.after: rfc3339(at)}
        return replace(self.before, status=self.after, version=self.before.version + 1, times=times)


class Change(NamedTuple):
    """A level as it was read and as it is to be, with the movement and the outbox of the change."""

    before: Level
    after: Level
    movement: Movement | None = None
    outbox: str | None = None


class Effect(NamedTuple):
    """What moves do to one place: units, and by second what moved on hand."""

    on_hand: int
    available: int
    moments: Mapping[int, int]


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
        raise BusyError("stock_busy")

    def reservation(self, order_id: str) -> Reservation | None:
        """Return what an order holds or held."""
        item = self.get(_order(order_id))
        return reservation_of(item) if item else None

    def reservations(self, order_ids: Iterable[str]) -> dict[str, Reservation]:
        """Return what orders hold or held, by order id."""
        found = self.get_many([_order(order_id) for order_id in sorted(set(order_ids))], consistent=True)
        return {held.order_id: held for held in map(reservation_of, found)}

    def reserve(self, held: Sequence[Reservation], backorders: Collection[str]) -> Collection[str] | None:
        """Hold all lines of new reservations, or nothing.

        Parameters
        ----------
        backorders
            The SKUs that may go below zero; the levels must still say so.

        Returns
        -------
        None when held, else the orders that have a reservation already (none of them: some shard falls short).
        """
        wanted: Counter[Place] = Counter()
        for reservation in held:
            wanted.update(reservation.places)
        takes = [self._taking(place, units, place[0] in backorders) for place, units in wanted.items()]
        items = [_reservation_item(reservation) for reservation in held]
        puts = [self.putting(item, "attribute_not_exists(pk)") for item in items]
        reasons = self.transact(*takes, *puts, patience=PATIENCE)
        return None if reasons is None else _refused([each.order_id for each in held], reasons)

    def _taking(self, place: Place, units: int, is_backorder: bool) -> TransactWriteItemTypeDef:
        values: dict[str, Any] = {":quantity": units}
        condition = "available >= :quantity"
        if is_backorder:
            condition, values = "stock_policy = :policy", {**values, ":policy": "backorder"}
        expression = "SET available = available - :quantity REMOVE outbox"
        return self.updating(_place(place), expression, values, condition=condition)

    def store_unheld(self, reservation: Reservation) -> bool:
        """Store a rejection or a tombstone; False where the order already has a reservation."""
        return self.put(_reservation_item(reservation), "attribute_not_exists(pk)")

    def move(self, moves: Sequence[Move], at: datetime) -> Collection[str] | None:
        """Give units back to sale (released), take them off the shelf (committed) or put them back on it (returned).

        Returns
        -------
        None when all is done, else the orders whose reservations have moved on; nothing is done then.
        """
        reasons = self._move(moves, at, {})
        if reasons and not _refused([move.before.order_id for move in moves], reasons):
            # A shard is no more (what it had is in the level), or a count has seen what is only heard of now.
            skus = {sku for move in moves for sku in move.before.lines}
            reasons = self._move(moves, at, self.levels(skus, consistent=True))
        return None if reasons is None else _refused([move.before.order_id for move in moves], reasons)

    def _move(self, moves: Sequence[Move], at: datetime, levels: Mapping[str, Level]) -> list[str] | None:
        """Make the moves under conditions on the levels: as they were read, or without a look, as they mostly are."""
        shelves = [
            self._moving(place, effect, levels.get(place[0]))
            for place, effect in _effects(moves, levels).items()
        ]
        return self.transact(*shelves, *(self._ending(move, levels, at) for move in moves), patience=PATIENCE)

    def _moving(self, place: Place, effect: Effect, level: Level | None) -> TransactWriteItemTypeDef:
        condition = "attribute_exists(pk)"
        values: dict[str, Any] = {":on_hand": effect.on_hand, ":available": effect.available}
        if level:
            condition, values = "version = :version", {**values, ":version": level.version}
        elif effect.moments:
            condition += " AND (attribute_not_exists(counted_ms) OR counted_ms < :unseen)"
            values[":unseen"] = (min(effect.moments) + 1) * 1000
        moved = {f"{_SECOND}{second}": units for second, units in effect.moments.items()}
        adds = {"changes": 1, **moved} if moved else {}
        expression = "SET on_hand = on_hand + :on_hand, available = available + :available REMOVE outbox"
        if adds:
            expression += " ADD " + ", ".join(f"{name} :{name}" for name in adds)
            values |= {f":{name}": units for name, units in adds.items()}
        return self.updating(_place(place), expression, values, condition=condition)

    def _ending(self, move: Move, levels: Mapping[str, Level], at: datetime) -> TransactWriteItemTypeDef:
        before = move.before
        expression = (
            f"SET #status = :after, version = :version, {move.after}_at = :at, {move.after}_ms = :moved"
        )
        values: dict[str, Any] = {
            ":after": move.after,
            ":version": before.version + 1,
            ":at": rfc3339(at),
            ":moved": move.at,
            ":before": before.status,
            ":read": before.version,
        }
        if seen := sorted({sku for sku, _ in before.places if _is_seen(move, levels.get(sku))}):
            expression += ", seen = :seen"
            values[":seen"] = {**before.seen, move.after: seen}
        return self.updating(
            _order(before.order_id),
            f"{expression} REMOVE open_shard, open_at, outbox",
            values,
            condition="#status = :before AND version = :read",
        )

    def change_levels(self, changes: Sequence[Change]) -> bool:
        """Replace levels, each with its movement, all at once; False when one has changed or moved so before."""
        return self.transact(*(action for change in changes for action in self._changing(change))) is None

    def _changing(self, change: Change) -> Iterator[TransactWriteItemTypeDef]:
        before, after, movement, outbox = change
        for shard in range(len(after.shares)):
            yield self._replacing(before, after, shard, outbox if shard == 0 else None)
        for shard in range(len(after.shares), len(before.shares)):
            yield self.deleting(_place((before.sku, shard)), *_unchanged(before, shard))
        if movement:
            key = {"pk": f"SKU#{after.sku}", "sk": f"MOVE#{movement.time}#{movement.id}"}
            yield self.putting({**key, **to_item(movement)})

    def change_level_once(self, change: Change, movement_id: str, until: datetime) -> bool:
        """Replace a level under an id that makes no second movement before `until`; False as `change_levels`."""
        once = self.putting({**_once(movement_id), "expires": epoch(until)}, "attribute_not_exists(pk)")
        return self.transact(*self._changing(change), once) is None

    def moved(self, movement_id: str, at: datetime) -> bool:
        """Tell whether a movement has been made; forget one that is of long ago (TTL deletes late)."""
        found = self.get(_once(movement_id))
        if found and found.get("expires", epoch(at)) < epoch(at):
            self.delete(_once(movement_id), "expires = :read", {":read": found["expires"]})
            return False
        return found is not None

    def thin(self, level: Level) -> None:
        """Take together the oldest moments of a level's shares that remember many; left for later where one moved."""
        for shard, memory in enumerate(level.memories):
            if len(memory.moments) <= MOST_MOMENTS:
                continue
            thin = thinned(memory.moments)
            gone = [f"{_SECOND}{second}" for second in memory.moments if second not in thin]
            kept = {
                f"{_SECOND}{second}": units
                for second, units in thin.items()
                if units != memory.moments[second]
            }
            sets = ", ".join(["changes = :changes", *(f"{name} = :{name}" for name in kept)])
            values = {f":{name}": units for name, units in kept.items()}
            self.update(
                _place((level.sku, shard)),
                f"SET {sets} REMOVE outbox, {', '.join(gone)}",
                {
                    **values,
                    ":changes": memory.changes + 1,
                    ":read": memory.changes,
                    ":version": level.version,
                },
                condition="version = :version AND changes = :read",
            )

    def listing(self, product_id: str) -> Listing | None:
        """Return what is known of a product."""
        item = self.get(_listing(product_id))
        return from_item({**item, "product_id": product_id}, Listing) if item else None

    def note_listing(self, before: Listing | None, after: Listing) -> bool:
        """Store what is known of a product; False when another fact about it came in between."""
        item = to_item(after)
        item |= {**_listing(item.pop("product_id")), "former": sorted(after.former)}
        if before is None:
            return self.put(item, "attribute_not_exists(pk)")
        return self.put(item, "version = :read", {":read": before.version})

    def movements(self, sku: str, limit: int, after: str | None) -> tuple[list[Movement], str | None]:
        """Return a page of a SKU's movements, newest first, and the cursor of the next."""
        start = {"pk": f"SKU#{sku}", **from_cursor(after, "sk")} if after else None
        items, last = self.query(
            "pk = :pk AND begins_with(sk, :move)",
            {":pk": f"SKU#{sku}", ":move": "MOVE#"},
            limit=limit,
            start=start,
            backwards=True,
        )
        return [from_item(item, Movement) for item in items], cursor(last, "sk")

    def expired(self, at: datetime, limit: int) -> list[Reservation]:
        """Return reservations still held past their expiry, at most `limit` of each shard, oldest first."""
        found = [key["pk"].partition("#")[2] for key in open_work.due(self, at, limit)]
        return [
            held for order_id in found if (held := self.reservation(order_id)) and held.status == "reserved"
        ]

    def remind(self, reservation: Reservation, next_at: datetime, outbox: str) -> bool:
        """Store the reminder and when to give the next one; False when the reservation has moved on."""
        changed = self.update(
            _order(reservation.order_id),
            "SET open_at = :next, version = :version, outbox = :outbox",
            {
                ":next": rfc3339(next_at),
                ":version": reservation.version + 1,
                ":outbox": outbox,
                ":before": reservation.version,
                ":reserved": "reserved",
            },
            condition="version = :before AND #status = :reserved",
        )
        return changed is not None

    def _replacing(
        self, before: Level, after: Level, shard: int, outbox: str | None
    ) -> TransactWriteItemTypeDef:
        memory = after.memories[shard] if after.memories else Memory()
        item: Item = {
            **_place((after.sku, shard)),
            **after.shares[shard]._asdict(),
            "version": after.version,
            "outbox": outbox,
            "counted_ms": after.counted_at or None,
            "stock_policy": None if after.policy == "tracked" else after.policy,
            **{f"{_SECOND}{second}": units for second, units in memory.moments.items()},
        }
        if shard == 0:
            item |= {
                "sku": after.sku,
                "shards": len(after.shares) if len(after.shares) > 1 else None,
                "listed": after.listed or None,
                "product_id": after.product_id or None,
                "told_at": after.told_at or None,
            }
        if before.version and shard < len(before.shares):
            return self.putting(item, *_unchanged(before, shard))
        return self.putting(item, "attribute_not_exists(pk)")


def _once(movement_id: str) -> dict[str, str]:
    return {"pk": f"MOVEMENT#{movement_id}", "sk": "ONCE"}


def _listing(product_id: str) -> dict[str, str]:
    return {"pk": f"PRODUCT#{product_id}", "sk": "LISTING"}


def _order(order_id: str) -> dict[str, str]:
    return {"pk": f"ORDER#{order_id}", "sk": "RESERVATION"}


def _place(place: Place) -> dict[str, str]:
    sku, shard = place
    return {"pk": f"SKU#{sku}#{shard}", "sk": "SHARD"} if shard else {"pk": f"SKU#{sku}", "sk": "LEVEL"}


def _unchanged(level: Level, shard: int) -> tuple[str, dict[str, int]]:
    share = level.shares[shard]
    changes = level.memories[shard].changes if level.memories else 0
    values = {":on_hand": share.on_hand, ":available": share.available, ":version": level.version}
    condition = "on_hand = :on_hand AND available = :available AND version = :version AND "
    if changes == 0:
        return condition + "attribute_not_exists(changes)", values
    return condition + "changes = :changes", {**values, ":changes": changes}


def _is_seen(move: Move, level: Level | None) -> bool:
    return move.after != "released" and level is not None and has_seen(level.counted_at, move.at)


def _effects(moves: Sequence[Move], levels: Mapping[str, Level]) -> dict[Place, Effect]:
    """Return what moves do to each place; to the level itself where the place was a shard that is no more."""
    gains: dict[Place, list[tuple[Share, int]]] = {}
    for move in moves:
        for (sku, shard), units in move.before.places.items():
            level = levels.get(sku)
            place = (sku, shard if level is None or shard < len(level.shares) else 0)
            gained = gain(move.after, units, seen=_is_seen(move, level))
            gains.setdefault(place, []).append((gained, move.at // 1000))
    return {
        place: Effect(
            sum(gained.on_hand for gained, _ in each),
            sum(gained.available for gained, _ in each),
            summed((second, gained.on_hand) for gained, second in each if gained.on_hand),
        )
        for place, each in gains.items()
    }


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
    whole = [one for one in shards if one and one["version"] == item["version"]]
    if len(whole) != len(shards):
        return None
    told = {
        "shares": [(one["on_hand"], one["available"]) for one in whole],
        "memories": [_memory(one) for one in whole],
        "counted_at": item.get("counted_ms", 0),
        "policy": item.get("stock_policy", "tracked"),
    }
    return from_item({**item, **told}, Level)


def _memory(item: Item) -> Memory:
    moments = {int(name[3:]): units for name, units in item.items() if name.startswith(_SECOND)}
    return Memory(item.get("changes", 0), moments)


def reservation_of(item: Item) -> Reservation:
    """Return the reservation of an item."""
    times = {status: item[f"{status}_at"] for status in STATUSES if f"{status}_at" in item}
    return from_item({**item, "expires_at": item.get("open_at", ""), "times": times}, Reservation)


def _reservation_item(reservation: Reservation) -> Item:
    held = reservation.status == "reserved"
    drawn = {sku: shards for sku, shards in reservation.drawn.items() if shards.keys() != {0}}
    item = to_item(replace(reservation, drawn=drawn, expires_at="", times={}))
    opened = open_work.opened(reservation.order_id, reservation.expires_at) if held else {}
    times = {f"{status}_at": time for status, time in reservation.times.items()}
    return {**_order(reservation.order_id), **item, **opened, **times}
