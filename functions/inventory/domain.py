"""Stock rules as pure functions: what is on the shelf, what is promised, what may change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from functions.shared.errors import ConflictError

ASK_AGAIN = timedelta(minutes=5)
"""After an order's deadline, how long its reservation waits for the decision before orders is asked for it."""

MAX_ON_HAND = 1_000_000_000

MAX_SHARDS = 16
"""Of one SKU; a change of its level by people writes all of them in one transaction."""

MOST_ACTIONS = 100
"""In one transaction of DynamoDB."""

Place = tuple[str, int]
"""A SKU and one of its shards."""

Status = Literal["reserved", "rejected", "refused", "committed", "released", "returned"]
"""A reservation's life: reserved → committed → returned, reserved → released, or rejected / refused at once.

``refused`` is the tombstone of an order cancelled before its OrderPlaced arrived.
"""


class Share(NamedTuple):
    """What one stock shard has of a level. Only the sum of a level's shares says what is on the shelf."""

    on_hand: int
    available: int


@dataclass(frozen=True)
class Level:
    """The stock of one SKU; ``on_hand - available`` units are reserved.

    A SKU that sells very fast has its level split over several shards (docs/flash-sale.md), every other has one share.
    ``version`` counts the changes that people made.
    """

    sku: str
    shares: tuple[Share, ...]
    version: int
    counted_at: str = ""

    @property
    def on_hand(self) -> int:
        """Return the units on the shelf."""
        return sum(share.on_hand for share in self.shares)

    @property
    def available(self) -> int:
        """Return the units that can be sold."""
        return sum(share.available for share in self.shares)

    @property
    def reserved(self) -> int:
        """Return the units promised to orders that still lie on the shelf."""
        return self.on_hand - self.available


NEVER_STOCKED = (Share(0, 0),)


@dataclass(frozen=True)
class Reservation:
    """What one order holds: quantity by SKU, and where its life has got to.

    ``drawn`` says of which shard how many units were taken, by SKU; where a SKU is not in it, all are of shard 0.
    """

    order_id: str
    status: Status
    lines: dict[str, int]
    version: int
    expires_at: str = ""
    drawn: dict[str, dict[int, int]] = field(default_factory=dict)

    @property
    def places(self) -> dict[Place, int]:
        """Return the units by where they were taken."""
        return {
            (sku, shard): units
            for sku, quantity in self.lines.items()
            for shard, units in self.drawn.get(sku, {0: quantity}).items()
        }


def summed(lines: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return the quantity by SKU; lines that repeat a SKU are added up."""
    total: dict[str, int] = {}
    for sku, quantity in lines:
        total[sku] = total.get(sku, 0) + quantity
    return total


def adjusted(level: Level, delta: int) -> Level:
    """Return the level after units were found, lost, received or written off.

    Raises
    ------
    ConflictError
        Fewer units than are promised would remain, or more than a shelf can be said to hold.
    """
    on_hand, available = level.on_hand + delta, level.available + delta
    if available < 0:
        raise ConflictError(
            "stock_below_reserved",
            f"{level.sku} has {level.on_hand} on hand, {level.reserved} of them reserved: {delta} is too much.",
            pointer="/delta",
        )
    if on_hand > MAX_ON_HAND:
        raise ConflictError("stock_too_large", f"At most {MAX_ON_HAND} units of a SKU.", pointer="/delta")
    return _spread(level, on_hand, available)


def split(level: Level, shards: int) -> Level:
    """Return the level spread evenly over so many shards; 1 is no split at all."""
    return _spread(level, level.on_hand, level.available, shards)


def _spread(level: Level, on_hand: int, available: int, shards: int = 0) -> Level:
    shards = shards or len(level.shares)
    shares = zip(_evenly(on_hand, shards), _evenly(available, shards), strict=True)
    return replace(level, shares=tuple(Share(*each) for each in shares), version=level.version + 1)


def _evenly(units: int, shards: int) -> list[int]:
    return [units // shards + (shard < units % shards) for shard in range(shards)]


def counted(level: Level, on_hand: int, counted_at: str) -> Level | None:
    """Return the level after a count, None when it changes nothing or is older than the last one.

    A count below what is reserved is taken as what is reserved: the units are sold, and the orders' own
    cancellations bring them back.
    """
    if counted_at <= level.counted_at:
        return None
    on_hand = max(on_hand, level.reserved)
    if on_hand == level.on_hand and level.version:
        return None
    return replace(_spread(level, on_hand, on_hand - level.reserved), counted_at=counted_at)


def expiry(decide_by: datetime) -> datetime:
    """Return when an undecided reservation asks for its order's decision."""
    return decide_by + ASK_AGAIN


class Plan(NamedTuple):
    """What to do with the orders of a batch: which to hold, and from where; which to refuse, and for want of what.

    ``held`` fits into one transaction; orders that are in neither wait for the next.
    """

    held: dict[str, dict[str, dict[int, int]]]
    short: dict[str, dict[str, int]]


def plan(wanted: Mapping[str, Mapping[str, int]], levels: Mapping[str, Level], start: int) -> Plan:
    """Divide what is available among orders, in their order.

    All of them draw from the same shard as long as it lasts, so that a batch writes one item per SKU and two batches
    rarely the same one.

    Parameters
    ----------
    wanted
        Quantity by SKU, by order id.
    start
        Any number; chooses the shard that is drawn from first.

    Returns
    -------
    ``held``: by order id and SKU, the units of each shard. ``short``: by order id, of each SKU that falls short what
    is available; an order whose units lie in more shards than one transaction can write is short of these.
    """
    left = {sku: [share.available for share in level.shares] for sku, level in levels.items()}
    made = Plan({}, {})
    places: set[Place] = set()
    for order_id, lines in wanted.items():
        short = {sku: sum(left.get(sku, ())) for sku in lines if sum(left.get(sku, ())) < lines[sku]}
        if short:
            made.short[order_id] = short
            continue
        drawn = {sku: _draw(left[sku], quantity, start) for sku, quantity in lines.items()}
        further = places | {(sku, shard) for sku, shards in drawn.items() for shard in shards}
        if len(further) + len(made.held) + 1 > MOST_ACTIONS:
            if made.held:
                break
            scattered = [sku for sku, shards in drawn.items() if len(shards) > 1]
            made.short[order_id] = {sku: max(left[sku]) for sku in scattered}
            continue
        places = further
        made.held[order_id] = drawn
        for sku, shards in drawn.items():
            for shard, units in shards.items():
                left[sku][shard] -= units
    return made


def _draw(available: Sequence[int], quantity: int, start: int) -> dict[int, int]:
    """Return the units to take of each shard: of one that has enough, else of as many as it takes."""
    ring = [(start + step) % len(available) for step in range(len(available))]
    for shard in ring:
        if available[shard] >= quantity:
            return {shard: quantity}
    drawn: dict[int, int] = {}
    for shard in ring:
        if units := min(available[shard], quantity - sum(drawn.values())):
            drawn[shard] = units
    return drawn


def fitting(reservations: Sequence[Reservation]) -> list[Reservation]:
    """Return the first of the reservations that can change in one transaction together."""
    places: set[Place] = set()
    fit: list[Reservation] = []
    for reservation in reservations:
        places |= reservation.places.keys()
        if len(places) + len(fit) + 1 > MOST_ACTIONS and fit:
            break
        fit.append(reservation)
    return fit
