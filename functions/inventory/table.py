"""The inventory table.

| item        | pk            | sk               |               |
| level       | SKU#<sku>     | LEVEL            |               |
| shard       | SKU#<sku>#<n> | SHARD            |               |
| movement    | SKU#<sku>     | MOVE#<time>#<id> |               |
| once        | MOVEMENT#<id> | ONCE             | expires (TTL) |
| listing     | PRODUCT#<id>  | LISTING          |               |
| reservation | ORDER#<order> | RESERVATION      |               |

Movements and reservations are the ledger that the levels can be rebuilt from: on hand is the sum of a SKU's movements
less what reservations took off the shelf (``committed``) and did not bring back (``returned``), but for the SKUs that
a reservation names as ``seen``; available is that less what is ``reserved``. What is told of a reservation follows from
it: ``<status>_at`` is when it became so. A level carries the outbox of changes people made.

An order of one SKU whose level is not split is held inside the level: ``h_<order>`` = ``<units> <reserved at>``, in
milliseconds, until it ends; its record is written with its end, in one transaction. A hold beside a record counts for
nothing (a delivery came twice, or too late) and is undone by whoever sees both, unless the record is of a rejection:
whichever of the two orders heard of first, its decision ends both.

A level that is split (``shards`` above 1) is itself shard 0; shards 1, 2… are items of partitions of their own with the
level's ``version``, which changes by people and facts about products raise, in all of them at once. What is on the
shelf is their sum. ``counted_ms`` and ``stock_policy`` stand in each of them, because writes of orders are under
conditions on them; ``at_<second>`` is what moved in that second, ``changes`` how many writes there were since people's
last: they and the version tell which of two readings is the newer (`Level.changes`).

A listing is the service's copy of a product: which SKUs it sells, under which policy. It is stored first and the levels
follow it, so that a delivery that dies half-way, or one that overtakes another, is made good by the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
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
    instant,
    summed,
    thinned,
)
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, Table, cursor, from_cursor, from_item, to_item
from functions.shared.optimistic import BusyError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


PATIENCE = (0.02, 0.04, 0.08, 0.16, 0.3, 0.3, 0.5, 0.5, 0.5, 0.5)
"""Seconds between tries of a transaction that others hold an item of: many want one SKU, and each is quick."""

_SECOND = "at_"
_HOLD = "h_"


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
    """What moves do to one place: units, by second what moved on hand, and the holds inside it that end."""

    on_hand: int
    available: int
    moments: Mapping[int, int]
    holds: Sequence[Reservation]


class InventoryTable(Table):
    """Levels, movements and reservations, each change under its condition."""

    def level(self, sku: str) -> Level | None:
        """Return the level of a SKU, None where it was never stocked."""
        return self.levels([sku], consistent=True).get(sku)

    def levels(self, skus: Iterable[str], *, consistent: bool = False) -> dict[str, Level]:
        """Return the levels that exist, by SKU."""
        return self.look(skus, (), consistent=consistent)[0]

    def look(
        self, skus: Iterable[str], order_ids: Iterable[str], *, consistent: bool = False
    ) -> tuple[dict[str, Level], dict[str, Reservation]]:
        """Return the levels that exist, by SKU, and the records of orders, by order id."""
        wanted, orders = set(skus), [_order(order_id) for order_id in sorted(set(order_ids))]
        found: dict[str, Level] = {}
        records: dict[str, Reservation] = {}
        for _ in range(4):  # a level that people change between the reads of its parts is read again
            keys = [*(_place((sku, 0)) for sku in sorted(wanted)), *orders]
            items = self.get_many(keys, consistent=consistent)
            records |= {one["order_id"]: reservation_of(one) for one in items if one["sk"] == "RESERVATION"}
            orders = []
            mains = [item for item in items if item["sk"] == "LEVEL"]
            others = [_place((main["sku"], n)) for main in mains for n in range(1, main.get("shards", 1))]
            parts = {part["pk"]: part for part in self.get_many(others, consistent=consistent)}
            read = [_level(main, parts) for main in mains]
            found |= {level.sku: level for level in read if level}
            wanted = {main["sku"] for main, level in zip(mains, read, strict=True) if not level}
            if not wanted:
                return found, records
            consistent = True
        raise BusyError("stock_busy")

    def reservation(self, order_id: str) -> Reservation | None:
        """Return what an order holds or held."""
        item = self.get(_order(order_id))
        return reservation_of(item) if item else None

    def reservations(self, order_ids: Iterable[str]) -> dict[str, Reservation]:
        """Return what orders hold or held, by order id."""
        return self.look((), order_ids, consistent=True)[1]

    def hold(self, level: Level, held: Sequence[Reservation]) -> bool:
        """Hold units inside a level that is not split; False where one order has a hold there, or too few are left."""
        names = {f"{_HOLD}{one.order_id}": one.hold for one in held}
        sets = [f"{name} = :{name}" for name in names]
        condition, values = _enough(
            sum(sum(one.places.values()) for one in held), level.policy == "backorder"
        )
        free = " AND ".join(f"attribute_not_exists({name})" for name in ("shards", *names))
        changed = self.update(
            _place((level.sku, 0)),
            f"SET available = available - :quantity, {', '.join(sets)} REMOVE outbox ADD changes :one",
            {**values, ":one": 1, **{f":{name}": text for name, text in names.items()}},
            condition=f"{condition} AND {free}",
        )
        return changed is not None

    def undo(self, held: Reservation) -> None:
        """Give back what a level holds for an order that has a record of its own; nothing happens where it is gone."""
        ((sku, units),) = held.lines.items()
        name = f"{_HOLD}{held.order_id}"
        self.update(
            _place((sku, 0)),
            f"SET available = available + :units REMOVE outbox, {name} ADD changes :one",
            {":units": units, ":one": 1, ":held": held.hold},
            condition=f"{name} = :held",
        )

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
        condition, values = _enough(units, is_backorder)
        expression = "SET available = available - :quantity REMOVE outbox ADD changes :one"
        return self.updating(_place(place), expression, {**values, ":one": 1}, condition=condition)

    def store_unheld(self, reservation: Reservation) -> bool:
        """Store a rejection or a tombstone; False where the order already has a reservation."""
        return self.put(_reservation_item(reservation), "attribute_not_exists(pk)")

    def move(
        self, moves: Sequence[Move], at: datetime, levels: Mapping[str, Level] = MappingProxyType({})
    ) -> Collection[str] | None:
        """Give units back to sale (released), take them off the shelf (committed) or put them back on it (returned).

        Parameters
        ----------
        levels
            Those of the moves' SKUs that were read just now.

        Returns
        -------
        None when all is done, else the orders whose reservations have moved on; nothing is done then.
        """
        reasons = self._move(moves, at, levels)
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
        adds = {"changes": 1, **moved}
        expression = "SET on_hand = on_hand + :on_hand, available = available + :available REMOVE outbox"
        for held in effect.holds:
            name = f"{_HOLD}{held.order_id}"
            expression += f", {name}"
            condition, values = f"{condition} AND {name} = :{name}", {**values, f":{name}": held.hold}
        expression += " ADD " + ", ".join(f"{name} :{name}" for name in adds)
        values |= {f":{name}": units for name, units in adds.items()}
        return self.updating(_place(place), expression, values, condition=condition)

    def _ending(self, move: Move, levels: Mapping[str, Level], at: datetime) -> TransactWriteItemTypeDef:
        before = move.before
        seen = sorted({sku for sku, _ in before.places if _is_seen(move, levels.get(sku))})
        if before.hold:
            after = replace(move.made(at), hold="", seen={move.after: seen} if seen else {})
            item = {**_reservation_item(after), f"{move.after}_ms": move.at}
            free = "attribute_not_exists(pk) OR #status = :rejected"
            return self.putting(item, free, {":rejected": "rejected"})
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
        if seen:
            expression += ", seen = :seen"
            values[":seen"] = {**before.seen, move.after: seen}
        return self.updating(
            _order(before.order_id),
            expression,
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
                **{f"{_HOLD}{order_id}": held.hold for order_id, held in after.holds.items()},
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
    values = {":on_hand": share.on_hand, ":available": share.available, ":version": level.version}
    condition = "on_hand = :on_hand AND available = :available AND version = :version AND "
    same, as_read = _as_often(level, shard)
    return condition + same, {**values, **as_read}


def _as_often(level: Level, shard: int) -> tuple[str, dict[str, int]]:
    """Return the condition that no order has changed a shard since it was read."""
    changes = level.memories[shard].changes if level.memories else 0
    if changes == 0:
        return "attribute_not_exists(changes)", {}
    return "changes = :as_often", {":as_often": changes}


def _enough(units: int, is_backorder: bool) -> tuple[str, dict[str, Any]]:
    """Return the condition that so many units can be taken of a place."""
    if is_backorder:
        return "stock_policy = :policy", {":quantity": units, ":policy": "backorder"}
    condition = "available >= :quantity"
    return condition, {":quantity": units}


def _is_seen(move: Move, level: Level | None) -> bool:
    return move.after != "released" and level is not None and has_seen(level.counted_at, move.at)


def _effects(moves: Sequence[Move], levels: Mapping[str, Level]) -> dict[Place, Effect]:
    """Return what moves do to each place; to the level itself where the place was a shard that is no more."""
    gains: dict[Place, list[tuple[Share, int]]] = {}
    holds: dict[Place, list[Reservation]] = {}
    for move in moves:
        for (sku, shard), units in move.before.places.items():
            level = levels.get(sku)
            place = (sku, shard if level is None or shard < len(level.shares) else 0)
            gained = gain(move.after, units, seen=_is_seen(move, level))
            gains.setdefault(place, []).append((gained, move.at // 1000))
            holds.setdefault(place, []).extend([move.before] if move.before.hold else [])
    return {
        place: Effect(
            sum(gained.on_hand for gained, _ in each),
            sum(gained.available for gained, _ in each),
            summed((second, gained.on_hand) for gained, second in each if gained.on_hand),
            holds[place],
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
    return replace(from_item({**item, **told}, Level), holds=holds_of(item))


def holds_of(item: Item) -> dict[str, Reservation]:
    """Return the reservations inside the item of a level, by order id."""
    names = [name for name in item if name.startswith(_HOLD)]
    return {one: _held(item["sku"], one, item[_HOLD + one]) for one in (n.removeprefix(_HOLD) for n in names)}


def within_level(held: Reservation) -> Reservation:
    """Return a reservation of one SKU as it is kept inside the level."""
    (units,) = held.lines.values()
    return replace(held, hold=f"{units} {instant(parse(held.times['reserved']))}")


def _held(sku: str, order_id: str, text: str) -> Reservation:
    """Return the reservation that a level's hold is."""
    # Those of before 30 November 2026 are <units> <version> <reserved at> <expires at>.
    units, *rest = map(int, text.split())
    version, reserved = rest[:2] if len(rest) > 1 else (1, *rest)
    times = {"reserved": rfc3339(_EPOCH + timedelta(milliseconds=reserved))}
    return Reservation(order_id, "reserved", {sku: units}, version, {sku: {0: units}}, times=times, hold=text)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _memory(item: Item) -> Memory:
    moments = {int(name[3:]): units for name, units in item.items() if name.startswith(_SECOND)}
    return Memory(item.get("changes", 0), moments)


def reservation_of(item: Item) -> Reservation:
    """Return the reservation of an item."""
    times = {status: item[f"{status}_at"] for status in STATUSES if f"{status}_at" in item}
    return from_item({**item, "times": times}, Reservation)


def _reservation_item(reservation: Reservation) -> Item:
    drawn = {sku: shards for sku, shards in reservation.drawn.items() if shards.keys() != {0}}
    item = to_item(replace(reservation, drawn=drawn, times={}))
    times = {f"{status}_at": time for status, time in reservation.times.items()}
    return {**_order(reservation.order_id), **item, **times}
