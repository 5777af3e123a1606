"""Stock rules as pure functions: what is on the shelf, what is promised, what may change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeVar, assert_never, get_args

from msgspec import Struct
from msgspec.structs import replace

from functions.shared.errors import ConflictError

MAX_ON_HAND = 1_000_000_000

MAX_SHARDS = 16
"""Of one SKU; a change of its level by people writes all of them in one transaction."""

MOST_ACTIONS = 100
"""In one transaction of DynamoDB."""

MOST_HOLDS = 15
"""Orders that a level holds units for inside its own item, so that it stays about a kilobyte."""

SHOWN_AT_MOST = 20
"""Units that the public is told of; more than that are nobody's business but the shop's."""

MOST_MOMENTS = 48
"""Seconds of which a share remembers what moved, before the oldest are taken together."""

_TAKEN_TOGETHER = 32

Policy = Literal["tracked", "backorder", "untracked"]
"""What a SKU's stock means. ``tracked``: it sells what there is. ``backorder``: it goes on selling below zero.
``untracked``: it always sells, and its level is left alone. Catalog's variants say which."""

K = TypeVar("K")

Place = tuple[str, int]
"""A SKU and one of its shards."""

Status = Literal["reserved", "rejected", "refused", "committed", "released", "returned"]
"""A reservation's life: reserved → committed → returned, reserved → released, or rejected / refused at once.

``refused`` is the tombstone of an order cancelled before its OrderPlaced arrived.
"""
STATUSES: tuple[Status, ...] = get_args(Status)


def policy_of(text: str) -> Policy:
    """Return the policy that catalog names; one that is not known here sells no more than there is."""
    match text:
        case "backorder" | "untracked":
            return text
    return "tracked"


class Share(NamedTuple):
    """What one stock shard has of a level. Only the sum of a level's shares says what is on the shelf."""

    on_hand: int
    available: int


class Memory(NamedTuple):
    """What one stock shard remembers: how often units moved since people last changed it, and how many by second.

    ``moments`` are seconds since 1970 and the units that came or went (below zero) in them; what moved before the last
    count is forgotten.
    """

    changes: int = 0
    moments: Mapping[int, int] = MappingProxyType({})


class Level(Struct, frozen=True):
    """The stock of one SKU; ``on_hand - available`` units are reserved.

    A SKU that sells very fast has its level split over several shards (docs/flash-sale.md), every other has one share.
    ``version`` counts the changes that people and facts about the product made. ``counted_at`` is the time of the last
    count (milliseconds since 1970, 0: never), ``memories`` are the shares'. ``listed``: a product that sells the SKU is
    published; ``product_id`` and ``told_at`` are of the fact that said so last.

    ``holds`` are reservations that have no record of their own yet, by order id (docs/adr/0028).

    Below zero are, on purpose, back-orders, and a level of which a count found fewer units than are promised.
    """

    sku: str
    shares: tuple[Share, ...]
    version: int
    counted_at: int = 0
    memories: tuple[Memory, ...] = ()
    policy: Policy = "tracked"
    listed: bool = False
    product_id: str = ""
    told_at: str = ""
    holds: dict[str, Reservation] = {}

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

    @property
    def changes(self) -> int:
        """Return how often orders have changed it since its version is what it is."""
        return sum(memory.changes for memory in self.memories)

    @property
    def moments(self) -> dict[int, int]:
        """Return the units that came or went since the last count, by second."""
        return summed(moment for memory in self.memories for moment in memory.moments.items())


def never_stocked(sku: str) -> Level:
    """Return the level of a SKU that has none yet."""
    return Level(sku, (Share(0, 0),), 0)


class Movement(Struct, frozen=True):
    """An entry of the ledger: ``delta`` units came or went (below zero), when, why, and at whose word.

    ``seen``: the units it was to be, where the last count had seen them already. ``counted`` units were found by a
    count of ``counted_ms`` (milliseconds since 1970).
    """

    id: str
    time: str
    delta: int
    reason: str
    by: str | None = None
    order_id: str | None = None
    seen: int | None = None
    counted: int | None = None
    counted_ms: int | None = None


class Reservation(Struct, frozen=True, omit_defaults=True):
    """What one order holds: quantity by SKU, and where its life has got to.

    ``drawn`` says of which shard how many units were taken, by SKU; where a SKU is not in it, all are of shard 0. Of
    an untracked SKU none were taken. ``seen`` has, by status, the SKUs whose last count had seen the units go or come
    back when the reservation became so, which therefore left what is on hand as it was. ``short`` is of a rejected one:
    of which SKUs how many units were asked for, and how many there were. ``times`` says when it became what (RFC 3339).
    ``hold``: it is kept in the level of its only SKU until it ends, as this text.
    """

    order_id: str
    status: Status
    lines: dict[str, int]
    version: int
    drawn: dict[str, dict[int, int]] = {}
    seen: dict[str, list[str]] = {}
    short: dict[str, tuple[int, int]] = {}
    times: dict[str, str] = {}
    hold: str = ""

    @property
    def places(self) -> dict[Place, int]:
        """Return the units by where they were taken."""
        return {
            (sku, shard): units
            for sku, quantity in self.lines.items()
            for shard, units in self.drawn.get(sku, {0: quantity}).items()
        }


def summed(lines: Iterable[tuple[K, int]]) -> dict[K, int]:
    """Return the quantity by SKU (or whatever else it is of); lines that repeat one are added up."""
    total: dict[K, int] = {}
    for sku, quantity in lines:
        total[sku] = total.get(sku, 0) + quantity
    return total


# --- counts and movements --------------------------------------------------------------------------------------------
#
# A count is true of its time. Whatever arrives when, what is on hand is what the latest count said (by its own time;
# nothing where there is none), and what has moved since: units that went with a confirmed order, came back with a
# cancelled one, were received or written off, each at its own time. The clock of movements ticks in seconds, and what
# moved in the second of a count moved after it. So
#
#  - a count that is older than the last one changes nothing;
#  - a count that arrives late is carried forward by what moved between its time and now, which the level remembers;
#  - a movement that arrives late, and is older than the last count, leaves what is on hand as it was counted: the count
#    has seen it. What it promised or gave back still ends (`gain`).


def instant(at: datetime) -> int:
    """Return milliseconds since 1970."""
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def has_seen(counted_at: int, moved_at: int) -> bool:
    """Tell whether a count saw what moved at a time (both in milliseconds)."""
    return moved_at // 1000 < counted_at // 1000


def gain(after: Status, units: int, *, seen: bool) -> Share:
    """Return what a share gains when a reservation of so many of its units becomes `after`.

    Parameters
    ----------
    seen
        The level's last count saw the units go (committed) or come back (returned).
    """
    match after:
        case "committed":
            return Share(0, units) if seen else Share(-units, 0)
        case "released":
            return Share(0, units)
        case "returned":
            return Share(0, 0) if seen else Share(units, units)
        case "reserved" | "rejected" | "refused":
            raise ValueError(f"a reservation does not become {after}")
        case _:
            assert_never(after)


def adjusted(level: Level, delta: int, at: int) -> Level:
    """Return the level after units were found, lost, received or written off at a time.

    Raises
    ------
    ConflictError
        Fewer units than are promised would remain (of a back-order or an untracked SKU: fewer than none), or more
        than a shelf can be said to hold.
    """
    if has_seen(level.counted_at, at):
        return replace(level, version=level.version + 1)
    on_hand, available = level.on_hand + delta, level.available + delta
    if delta < 0 and (available if level.policy == "tracked" else on_hand) < 0:
        raise ConflictError(
            "stock_below_reserved",
            f"{level.sku} has {level.on_hand} on hand, {level.reserved} of them reserved: {delta} is too much.",
            field=("delta",),
        )
    if on_hand > MAX_ON_HAND:
        raise ConflictError("stock_too_large", f"At most {MAX_ON_HAND} units of a SKU.", field=("delta",))
    moments = summed([*level.moments.items(), (at // 1000, delta)])
    return _spread(level, on_hand, available, moments=moments)


def counted(level: Level, on_hand: int, counted_at: int) -> Level | None:
    """Return the level after a count, None where a later one is in already.

    It may be below zero after it: fewer units were there than are promised, and nothing is sold until that is made up.
    """
    if counted_at <= level.counted_at:
        return None
    since = {
        second: units for second, units in level.moments.items() if not has_seen(counted_at, second * 1000)
    }
    on_hand += sum(since.values())
    after = _spread(level, on_hand, on_hand - level.reserved, moments=since)
    return replace(after, counted_at=counted_at)


def thinned(moments: Mapping[int, int]) -> dict[int, int]:
    """Return the moments with the oldest taken together two by two, so that they do not grow for ever.

    A count of a time between two that were taken together comes out too low by what moved in the earlier at the most,
    never too high: older moments get coarser, and nothing is sold that is not there.
    """
    seconds = iter(sorted(moments)[:_TAKEN_TOGETHER])
    thin = dict(moments)
    earlier = next(seconds, None)
    for later in seconds:
        if earlier is not None and moments[earlier] <= 0:
            thin[later] += thin.pop(earlier)
            earlier = None
        elif earlier is not None and moments[later] >= 0:
            thin[earlier] += thin.pop(later)
            earlier = None
        else:  # units that came are not to be set off against some that went after them
            earlier = later
    return thin


def split(level: Level, shards: int) -> Level:
    """Return the level spread evenly over so many shards; 1 is no split at all.

    Raises
    ------
    ConflictError
        More units are promised than there are, and more is not sold: shards would not know of each other's debts.
    """
    if shards > 1 and level.policy == "tracked" and level.available < 0:
        raise ConflictError(
            "stock_short",
            f"{level.sku} is short of {-level.available} units that are promised; receive them first.",
        )
    return _spread(level, level.on_hand, level.available, shards)


def _spread(
    level: Level, on_hand: int, available: int, shards: int = 0, moments: Mapping[int, int] | None = None
) -> Level:
    """Return the level with these units, spread evenly; what its shards remember is the first one's then.

    A level that is short is not spread: while one shard is below zero, another must not sell what it has.
    """
    shards = 1 if level.policy == "tracked" and available < 0 else shards or len(level.shares)
    shares = zip(_evenly(on_hand, shards), _evenly(available, shards), strict=True)
    memory = Memory(0, level.moments if moments is None else moments)
    return replace(
        level,
        shares=tuple(Share(*each) for each in shares),
        memories=(memory, *[Memory()] * (shards - 1)),
        version=level.version + 1,
    )


def _evenly(units: int, shards: int) -> list[int]:
    return [units // shards + (shard < units % shards) for shard in range(shards)]


# --- what the catalog says -------------------------------------------------------------------------------------------


class Listing(Struct, frozen=True):
    """What is known of a product: the policy of each SKU it sells, and the SKUs that it sold once."""

    product_id: str
    version: int
    told_at: str
    policies: dict[str, Policy]
    former: frozenset[str] = frozenset()

    @property
    def skus(self) -> frozenset[str]:
        """Return every SKU that the product sells or once sold."""
        return self.former | self.policies.keys()


def followed(before: Listing | None, after: Listing) -> Listing | None:
    """Return what is known of a product after a fact about it, None where the fact is no news."""
    if before is None:
        return after
    if after.version <= before.version:
        return None
    return replace(after, former=(before.skus | after.former) - after.policies.keys())


def listed(level: Level, listing: Listing) -> Level | None:
    """Return the level of one of a product's SKUs as its listing says, None where that changes nothing.

    A SKU that has gone over to another product is that one's, whichever fact arrives first.
    """
    own = level.product_id == listing.product_id
    if not own and listing.told_at <= level.told_at:
        return None
    policy = listing.policies.get(level.sku)
    if policy is None:
        if not own or not level.listed:
            return None
        return replace(level, listed=False, told_at=listing.told_at, version=level.version + 1)
    if own and level.listed and policy == level.policy:
        return None
    now = replace(level, policy=policy, listed=True, product_id=listing.product_id, told_at=listing.told_at)
    return _spread(now, now.on_hand, now.available)


class Availability(NamedTuple):
    """What everybody may know of a SKU; ``units`` that can leave at once, capped, None where they are not counted.

    ``back_orderable``: more than those can be ordered, and are sent later.
    """

    kind: Literal["in_stock", "back_order", "untracked", "out"]
    units: int | None
    back_orderable: bool = False


def availability(level: Level) -> Availability:
    """Return what everybody may know of a level."""
    if level.policy == "untracked":
        return Availability("untracked", None)
    back_orderable = level.policy == "backorder"
    if level.available > 0:
        return Availability("in_stock", min(level.available, SHOWN_AT_MOST), back_orderable)
    return Availability("back_order" if back_orderable else "out", 0, back_orderable)


# --- reservations ----------------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What to do with the orders of a batch: which to hold, and from where; which to refuse, and for want of what.

    ``held`` fits into one transaction; orders that are in neither wait for the next.
    """

    held: dict[str, dict[str, dict[int, int]]]
    short: dict[str, dict[str, int]]

    def without(self, order_ids: Collection[str]) -> Plan:
        """Return the plan without holding these."""
        return self._replace(held={one: drawn for one, drawn in self.held.items() if one not in order_ids})


def fit_within(made: Plan, levels: Mapping[str, Level]) -> dict[str, list[str]]:
    """Return by SKU the orders that a level can hold inside its item: of this SKU alone, of one shard, with room."""
    fit: dict[str, list[str]] = {}
    for order_id, drawn in made.held.items():
        level = levels[next(iter(drawn))]
        some = fit.get(level.sku, [])
        has_room = len(level.shares) == 1 and len(level.holds) + len(some) < MOST_HOLDS
        if len(drawn) == 1 and drawn[level.sku] and has_room:
            fit[level.sku] = [*some, order_id]
    return fit


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
    policies = {sku: level.policy for sku, level in levels.items()}
    made = Plan({}, {})
    places: set[Place] = set()
    for order_id, lines in wanted.items():
        short = {
            sku: max(0, there)
            for sku, quantity in lines.items()
            if (there := sum(left.get(sku, ()))) < quantity and policies.get(sku, "tracked") == "tracked"
        }
        if short:
            made.short[order_id] = short
            continue
        drawn = {sku: _draw(policies[sku], left[sku], quantity, start) for sku, quantity in lines.items()}
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


def _draw(policy: Policy, available: Sequence[int], quantity: int, start: int) -> dict[int, int]:
    """Return the units to take of each shard: of one that has enough, else of as many as it takes.

    Where none has enough, back-orders are taken of one all the same; of what is untracked nothing is taken.
    """
    if policy == "untracked":
        return {}
    ring = [(start + step) % len(available) for step in range(len(available))]
    for shard in ring:
        if available[shard] >= quantity:
            return {shard: quantity}
    if policy == "backorder":
        return {ring[0]: quantity}
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
