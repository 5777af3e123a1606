"""The cart table.

| item         | pk           | sk      | attributes                                                               |
| cart         | CART#<id>    | CART    | lines, version, customer_id or token_digest, merged_into, purchase,      |
|              |              |         | replaces, on_order                                                       |
| erased       | CART#<id>    | CART    | erased, in place of the cart of a customer who is no more                |
| offer        | SKU#<sku>    | OFFER   | product_id, title, price, image_url, for_sale, tax_class, ships, version,|
|              |              |         | told_at                                                                  |
| product      | PRODUCT#<id> | PRODUCT | version, skus: all it ever had                                           |

Offers are the service's own copy of the catalog; ``version`` is the product's, ``told_at`` the time of the fact.
Carts carry ``expires``, when DynamoDB may clean up; it is checked when a cart is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from operator import itemgetter

from msgspec import Struct

from functions.cart.domain import MAX_LINES, Cart, Offer
from functions.shared.clock import epoch
from functions.shared.dynamo import Item, Table, from_item, to_item

_MAX_ID = 64  # longer than any of ours, shorter than what DynamoDB refuses as a key


class Known(Struct, frozen=True):
    """What is known of a product: the version told last, and every SKU it ever had."""

    version: int = -1
    skus: frozenset[str] = frozenset()


class CartTable(Table):
    """Carts and offers, each change under its condition."""

    # --- carts ---------------------------------------------------------------------------------------------------

    def cart(self, cart_id: str) -> Cart | None:
        """Return a cart, merged or expired ones too."""
        if len(cart_id) > _MAX_ID:
            return None
        item = self.get(_cart_key(cart_id))
        return _cart(item) if item and "erased" not in item else None

    def erase(self, cart_id: str, until: datetime) -> None:
        """Delete a cart, and let none of that id be created until then."""
        self.put({**_cart_key(cart_id), "erased": True, "expires": epoch(until)})

    def is_erased(self, cart_id: str) -> bool:
        """Tell whether a cart was erased."""
        return "erased" in (self.get(_cart_key(cart_id)) or {})

    def create(self, cart: Cart) -> bool:
        """Store a new cart; False where there is one of that id, expired or not."""
        return self.put(_cart_item(cart), "attribute_not_exists(pk)")

    def store_line(self, before: Cart, after: Cart, sku: str) -> Cart | None:
        """Store what became of one line, and return the cart with all that others did to it meanwhile.

        Requests for different lines never get into each other's way. None when this line has come or gone since it was
        read, or the cart has been filled, merged or erased.
        """
        path, old, new = f"#lines.{_line_name(sku)}", before.line(sku), after.line(sku)
        values: Item = {":expires": epoch(after.expires), ":one": 1}
        change, there = f"REMOVE {path}", f"attribute_exists({path})"
        if new and old:
            values[":quantity"] = new.quantity
            change = f", {path}.quantity = :quantity"
        elif new:
            values |= {":line": to_item(new), ":most": MAX_LINES}
            change, there = f", {path} = :line", f"attribute_not_exists({path}) AND size(#lines) < :most"
        item = self.update(
            _cart_key(before.id),
            f"SET expires = :expires, version = version + :one {change}",
            values,
            condition=f"attribute_exists(#lines) AND {there} AND attribute_not_exists(merged_into)",
        )
        return _cart(item) if item else None

    def replace(self, before: Cart, after: Cart) -> bool:
        """Store a changed cart as a whole; False when it has been changed since it was read."""
        return self.put(_cart_item(after), "version = :read", {":read": before.version})

    def merge(self, before: tuple[Cart, Cart], after: tuple[Cart, Cart]) -> bool:
        """Store two changed carts or none; False when either has been changed since it was read."""
        puts = [
            self.putting(_cart_item(new), "version = :read", {":read": old.version})
            for old, new in zip(before, after, strict=True)
        ]
        return self.transact(*puts) is None

    # --- the copy of the catalog ---------------------------------------------------------------------------------

    def offer(self, sku: str) -> Offer | None:
        """Return what is offered under a SKU, None where it was never for sale."""
        return _offer(self.get(_offer_key(sku)) or {})

    def offers(self, skus: Iterable[str]) -> dict[str, Offer]:
        """Return the offers there are, by SKU."""
        found = map(_offer, self.get_many([_offer_key(sku) for sku in sorted(set(skus))]))
        return {offer.sku: offer for offer in found if offer}

    def product(self, product_id: str) -> Known:
        """Return what is known of a product: version -1 and no SKU at first."""
        return from_item(self.get(_product_key(product_id)) or {}, Known)

    def note_product(self, product_id: str, before: Known, after: Known) -> bool:
        """Store what is known of a product; False when more is known by now."""
        item = {**_product_key(product_id), "version": after.version, "skus": sorted(after.skus)}
        return self.put(item, "attribute_not_exists(pk) OR version = :read", {":read": before.version})

    def skus_told(self, product_id: str, version: int, skus: Iterable[str]) -> frozenset[str]:
        """Return which of a product's SKUs are at a version of it already, or at a later one."""
        found = self.get_many([_offer_key(sku) for sku in sorted(skus)])
        return frozenset(
            item["sku"] for item in found if item["product_id"] == product_id and item["version"] >= version
        )

    def take_offer(self, offer: Offer, version: int, told_at: str) -> bool:
        """Store an offer; False when a later fact of its product is in, or of another that sells the SKU."""
        return self.put(
            {**_offer_key(offer.sku), **to_item(offer), "version": version, "told_at": told_at},
            "attribute_not_exists(pk) OR (product_id = :product AND version < :version)"
            " OR (product_id <> :product AND (for_sale = :no OR told_at < :told))",
            {":product": offer.product_id, ":version": version, ":told": told_at, ":no": False},
        )

    def drop_offer(self, sku: str, product_id: str, version: int, told_at: str) -> bool:
        """Take a product's offer off sale, or refuse it in advance; False when it is another's or was told of later."""
        changed = self.update(
            _offer_key(sku),
            "SET for_sale = :no, sku = :sku, product_id = :product, version = :version, told_at = :told",
            {":no": False, ":sku": sku, ":product": product_id, ":version": version, ":told": told_at},
            condition="attribute_not_exists(pk) OR (product_id = :product AND version < :version)",
        )
        return changed is not None


def _cart_key(cart_id: str) -> dict[str, str]:
    return {"pk": f"CART#{cart_id}", "sk": "CART"}


def _offer_key(sku: str) -> dict[str, str]:
    return {"pk": f"SKU#{sku}", "sk": "OFFER"}


def _product_key(product_id: str) -> dict[str, str]:
    return {"pk": f"PRODUCT#{product_id}", "sk": "PRODUCT"}


def _line_name(sku: str) -> str:
    """Return the name of a line in expressions; a SKU may have characters that names there may not."""
    return f"#l{sku.encode().hex()}"


def _cart_item(cart: Cart) -> Item:
    item = to_item(cart)
    return {
        **_cart_key(cart.id),
        "cart_id": item.pop("id"),
        **item,
        "lines": {_line_name(line["sku"])[1:]: line for line in item["lines"]},
        "expires": epoch(cart.expires),
        "replaces": cart.replaces or None,
        "on_order": [*cart.on_order.items()] or None,
    }


def _cart(item: Item) -> Cart:
    told = {
        "id": item["cart_id"],
        "lines": sorted(item["lines"].values(), key=itemgetter("added_at", "sku")),
        "expires": datetime.fromtimestamp(item["expires"], UTC),
        "on_order": dict(item.get("on_order", ())),
    }
    return from_item({**item, **told}, Cart)


def _offer(item: Item) -> Offer | None:
    """Return an offer; None where there is none, or it was dropped before it was ever told of.

    Until 30 November 2026 an offer said only whether it is taxed; the catalog tells the class with its next fact.
    """
    if "price" not in item:
        return None
    old = {} if item.get("taxable", True) else {"tax_class": "exempt"}
    return from_item({**old, **item}, Offer)
