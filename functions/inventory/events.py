"""The facts inventory publishes, and what it reads of others'."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from functions.shared.types import Data, OrderId, ProductId, Quantity, Sku, Timestamp

Units = Annotated[int, Meta(ge=0, examples=[12])]
StockPolicy = Literal["tracked", "backorder", "untracked"]


class ReservedLine(Data, frozen=True):
    """Units of one SKU; each SKU stands once."""

    sku: Sku
    quantity: Annotated[int, Meta(ge=1, examples=[2])]


class ShortLine(Data, frozen=True):
    """A SKU of which there was not enough."""

    sku: Sku
    requested: Annotated[int, Meta(ge=1, examples=[2])]
    available: Units


# --- published ---------------------------------------------------------------------------------------------------


class StockReserved(Data, frozen=True):
    """All lines of an order are held for it: inventory's yes."""

    order_id: OrderId
    lines: tuple[ReservedLine, ...]


class StockRejected(Data, frozen=True):
    """Nothing is held for an order, because some SKU falls short: inventory's no."""

    order_id: OrderId
    lines: tuple[ShortLine, ...]


class StockReleased(Data, frozen=True):
    """What an order held is for sale again; ``returned`` where it had left the shelf on paper.

    No lines: the order was off before anything was held, and nothing will be.
    """

    order_id: OrderId
    lines: tuple[ReservedLine, ...]
    returned: bool = False


class StockCommitted(Data, frozen=True):
    """What an order held has left the shelf."""

    order_id: OrderId
    lines: tuple[ReservedLine, ...]


class StockLevelChanged(Data, frozen=True):
    """People changed what is on the shelf (received, counted, written off), or the catalog how it is sold.

    ``owed`` units are promised and not there: back-orders, and what a count did not find; none is available then.
    """

    sku: Sku
    on_hand: Units
    available: Units
    reason: Annotated[str, Meta(examples=["received"])]
    stock_policy: StockPolicy = "tracked"
    owed: Units = 0


class StockAvailabilityChanged(Data, frozen=True):
    """What can be had of a SKU on sale, as it is now: told where few are left, and where people changed the level.

    ``available``: units that can leave at once, 20 at most, null where uncounted; ``back_orderable``: more can be
    ordered, and are sent later. Of two facts the one of the higher ``level_version`` is newer, then that of more
    ``changes``, which count up between two versions.
    """

    sku: Sku
    availability: Literal["in_stock", "back_order", "untracked", "out"]
    available: Units | None
    back_orderable: bool
    level_version: Annotated[int, Meta(ge=0, examples=[7])]
    changes: Annotated[int, Meta(ge=0, examples=[123])]


class StockShardsChanged(Data, frozen=True):
    """The stock of a SKU is spread over another number of shards; how much there is stays as it is."""

    sku: Sku
    shards: Annotated[int, Meta(ge=1, examples=[4])]


PUBLISHED = (
    StockReserved,
    StockRejected,
    StockReleased,
    StockCommitted,
    StockLevelChanged,
    StockAvailabilityChanged,
    StockShardsChanged,
)

# --- read --------------------------------------------------------------------------------------------------------


class OrderedLine(Data, frozen=True):
    """A line of an order."""

    sku: Sku
    quantity: Quantity


class OrderPlaced(Data, frozen=True):
    """orders: someone wants to buy; hold the lines until it is decided."""

    order_id: OrderId
    lines: tuple[OrderedLine, ...]


class OrderConfirmed(Data, frozen=True):
    """orders: it is sold. Facts of before November 2026 name no lines."""

    order_id: OrderId
    lines: tuple[OrderedLine, ...] = ()


class OrderCancelled(Data, frozen=True):
    """orders: it is off, before or after it was confirmed; lines as OrderConfirmed."""

    order_id: OrderId
    lines: tuple[OrderedLine, ...] = ()


class CountedLine(Data, frozen=True):
    """How many units of a SKU there are, all told."""

    sku: Sku
    on_hand: Annotated[int, Meta(ge=0, le=1_000_000_000)]


class StockCounted(Data, frozen=True):
    """catalog: an import said how many there are."""

    counted_at: Timestamp
    lines: tuple[CountedLine, ...]


class ListedVariant(Data, frozen=True):
    """A SKU on sale, and whether its stock is counted; a policy of tomorrow is none of ours."""

    sku: Sku
    stock_policy: str = "tracked"


class ProductPublished(Data, frozen=True):
    """catalog: a product is on sale."""

    product_id: ProductId
    variants: tuple[ListedVariant, ...]


class ProductChanged(ProductPublished, frozen=True):
    """catalog: a product on sale is different now; this is all of it."""


class ProductWithdrawn(Data, frozen=True):
    """catalog: a product is not on sale any more."""

    product_id: ProductId
    skus: tuple[Sku, ...]
