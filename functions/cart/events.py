"""What cart reads of other services' facts; it publishes none."""

from __future__ import annotations

from functions.shared.types import CartId, CustomerId, Data, Money, OrderId, ProductId, Quantity, Sku

PUBLISHED: tuple[type[Data], ...] = ()

# --- read --------------------------------------------------------------------------------------------------------


class VariantState(Data, frozen=True):
    """One SKU on sale; ``title`` is what a line of it is called; most goods have to be shipped."""

    sku: Sku
    title: str
    price: Money
    tax_class: str
    requires_shipping: bool = True


class ProductPublished(Data, frozen=True):
    """catalog: a product is for sale; its whole state."""

    product_id: ProductId
    image_url: str | None
    variants: tuple[VariantState, ...]


class ProductChanged(ProductPublished, frozen=True):
    """catalog: a product is different now; its whole state."""


class ProductWithdrawn(Data, frozen=True):
    """catalog: a product is not for sale any more."""

    product_id: ProductId
    skus: tuple[Sku, ...]


class OrderedLine(Data, frozen=True):
    """A line of an order."""

    sku: Sku
    quantity: Quantity


class OrderPlaced(Data, frozen=True):
    """orders: someone is buying these lines of a cart."""

    order_id: OrderId
    cart_id: CartId
    lines: tuple[OrderedLine, ...]


class OrderConfirmed(Data, frozen=True):
    """orders: it is sold."""

    order_id: OrderId
    cart_id: CartId


class OrderCancelled(Data, frozen=True):
    """orders: it is off."""

    order_id: OrderId
    cart_id: CartId


class CustomerErased(Data, frozen=True):
    """identity: a customer wants to be forgotten."""

    customer_id: CustomerId
