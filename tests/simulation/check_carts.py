"""What must hold of carts and prices: buyers pay what the catalog said; carts lose what was sold, nothing else."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import msgspec

from functions.shared.dynamo import decode_item
from tests.simulation.checker import Watch, require
from tests.simulation.expressions import Image
from tests.simulation.fake_tables import Change
from tests.simulation.reading import content_of, is_void, on_order_of, quantities_of
from tests.simulation.world import World


def is_shipped(sku: str) -> bool:
    """Tell whether units of a SKU are sent: maps are downloads."""
    return not sku.startswith("MAP-")


def is_new_order(change: Change) -> bool:
    """Tell whether an order was just placed."""
    return (change.table, change.key[1], change.old) == ("souk-local-orders", "ORDER", None) and not is_void(
        change.new
    )


class Carts(Watch):
    """Carts change by what people do, by merging, and by what was ordered."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.emptied: set[str] = set()
        self.confirmed: set[str] = set()
        self.placed: dict[str, set[str]] = {}
        self.sources: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.merged: dict[str, set[str]] = defaultdict(set)
        self.free: dict[str, set[str]] = defaultdict(set)
        self.on_purpose: set[str] = set()
        self.changes: dict[str, tuple[Image | None, Image]] = {}

    def changed(self, change: Change) -> None:
        if change.table == "souk-local-cart" and change.key[1] == "CART" and change.new:
            self.changes[change.key[0].removeprefix("CART#")] = (change.old, change.new)
        elif (
            change.table == "souk-local-orders"
            and change.new
            and change.new.get("status") == {"S": "confirmed"}
        ):
            self.confirmed.add(change.key[0].removeprefix("ORDER#"))
        if is_new_order(change):
            self._placed(change.key[0].removeprefix("ORDER#"), content_of(change.new or {}))

    def quoted(self, quote: dict[str, Any], *, again: bool) -> None:
        """Take note of a quote as it was answered: whose lines it has, what had left the cart, or that it was asked."""
        order_id, cart_id = "ord_" + quote["quoteId"].partition("_")[2], quote["cartId"]
        self.sources[order_id, cart_id] |= {cart_id, *self.merged[cart_id]}
        self.free[order_id] |= self.emptied
        self.on_purpose |= {order_id} if again else set()

    def _placed(self, order_id: str, content: dict[str, Any]) -> None:
        """Check that an order buys nothing that another is buying out of the same cart, unless that was asked for.

        A cart that another was merged into has the lines of both.
        """
        skus, sources = (
            {line["sku"] for line in content["lines"]},
            self.sources[order_id, content["cartId"]],
        )
        for other in sorted(self.placed.keys() - self.free[order_id]):
            image = self.items("orders")[f"ORDER#{other}", "ORDER"]
            shared = skus & {line["sku"] for line in content_of(image)["lines"]}
            require(
                not shared
                or self.placed[other].isdisjoint(sources)
                or image["status"]["S"] == "cancelled"
                or order_id in self.on_purpose,
                "no cart is bought twice unasked",
                f"{order_id} and {other} of {sources}: {sorted(shared)}",
            )
        self.placed[order_id] = sources

    def settled(self) -> None:
        changes, self.changes = self.changes, {}
        for cart_id, (old, new) in changes.items():
            before, after = int((old or {"version": {"N": "0"}})["version"]["N"]), int(new["version"]["N"])
            require(
                after == before + 1, "a cart changes version by version", f"{cart_id}: {before} → {after}"
            )
            if "merged_into" in new and "merged_into" not in (old or {}):
                own = changes.get(new["merged_into"]["S"])
                self.merged[new["merged_into"]["S"]].add(cart_id)
                require(own, "merging carts loses nothing", f"{cart_id} went nowhere")
                self._merged(old, *(own or (None, {})))
                continue
            for order_id in sorted(on_order_of(old).keys() - on_order_of(new).keys()):
                self._ended(order_id, old, new)

    def _merged(self, guest: Image | None, old: Image | None, new: Image) -> None:
        both = quantities_of(old)
        for sku, quantity in quantities_of(guest).items():
            both[sku] = min(999, both.get(sku, 0) + quantity)
        require(
            both == quantities_of(new), "merging carts loses nothing", f"{both}, got {quantities_of(new)}"
        )

    def _ended(self, order_id: str, old: Image | None, new: Image) -> None:
        """Check what an order that is on order no more took out of its cart: all of it, or nothing once it is off."""
        image = self.items("orders").get((f"ORDER#{order_id}", "ORDER"))
        require(image, "a cart knows of orders that there are", order_id)
        content, found = content_of(image or {}), quantities_of(new)
        if found == quantities_of(old) and (image or {})["status"]["S"] == "cancelled":
            return
        require(order_id not in self.emptied, "a cart is emptied once for an order", order_id)
        require(order_id in self.confirmed, "a cart is emptied only by a confirmed order", order_id)
        self.emptied.add(order_id)
        left = quantities_of(old)
        for line in content["lines"]:
            left[line["sku"]] = left.get(line["sku"], 0) - line["quantity"]
        left = {sku: quantity for sku, quantity in left.items() if quantity > 0}
        require(left == found, "a cart loses exactly what was ordered", f"{order_id}: {left}, {found}")

    def ended(self) -> None:
        orders = self.all("orders", "ORDER#", "ORDER")
        confirmed = {order_id for order_id, order in orders.items() if order["status"] == "confirmed"}
        missing = sorted(confirmed - self.emptied)
        require(not missing, "a confirmed order leaves its cart", ", ".join(missing))
        for cart_id, cart in self.all("cart", "CART#", "CART").items():
            left = [order_id for order_id, lines in cart.get("on_order") or () if lines != {}]
            require(not left, "nothing is on order that has ended", f"{cart_id}: {left}")


DAYS_BEFORE = 30 * 24 * 3600.0


class Prices(Watch):
    """Carts and orders use the catalog's prices; the catalog keeps them, and claims no reduction that was none."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.applied: dict[str, dict[str, list[tuple[float, int | None]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self.ever: dict[str, set[int]] = defaultdict(set)
        self.offered: dict[str, list[tuple[float, int | None]]] = defaultdict(list)

    def changed(self, change: Change) -> None:
        if change.new is None:
            return
        if change.table == "souk-local-catalog" and change.key[1] == "PRODUCT":
            content = msgspec.json.decode(change.new["content"]["S"])
            for variant in content["variants"] if content.get("status") == "published" else ():
                self.ever[variant["sku"]].add(variant["price"]["amount"])
            self._applied(self.applied[change.key[0]], content)
            prior = msgspec.json.decode(change.new.get("prior", {"S": "[]"})["S"])
            for variant, amount in zip(content["variants"], prior, strict=False):
                if amount is not None:
                    self._claimed(self.applied[change.key[0]][variant["sku"]], amount)
        elif change.table == "souk-local-cart" and change.key[1] == "OFFER":
            offer = decode_item(change.new)
            price = offer["price"]["amount"] if offer["for_sale"] else None
            self.offered[offer["sku"]].append((self.world.now, price))
        elif is_new_order(change):
            self._placed(change.key[0], content_of(change.new))

    def _applied(self, known: dict[str, list[tuple[float, int | None]]], content: dict[str, Any]) -> None:
        """Take note of what each SKU of a product costs from now on, None where it is not on sale."""
        on_sale = content["variants"] if content.get("status") == "published" else ()
        amounts = {variant["sku"]: variant["price"]["amount"] for variant in on_sale}
        for sku in known.keys() | amounts.keys():
            if amounts.get(sku) != (known[sku][-1][1] if known[sku] else None):
                known[sku].append((self.world.now, amounts.get(sku)))

    def _claimed(self, applied: list[tuple[float, int | None]], claimed: int) -> None:
        """Check that a price is reduced from the lowest of the 30 days before, through which it was on sale."""
        first = applied[-1][0] - DAYS_BEFORE
        before = [amount for (_, amount), (until, _) in pairwise(applied) if until > first]
        known = [amount for amount in before if amount is not None]
        require(
            applied[0][0] <= first and len(known) == len(before) and claimed == min(known),
            "a reduction is reckoned from the lowest price of 30 days",
            f"{claimed} after {applied}",
        )

    def quoted(self, quote: dict[str, Any], since: float) -> None:
        """Check a quote that was asked for at a time: its prices are those that the cart's copy has had since then.

        A read that is not strongly consistent may still see the one before.
        """
        seen = 2 if self.world.weather.rates.get("stale") else 1
        for line in quote["lines"]:
            before = [price for time, price in self.offered[line["sku"]] if time <= since][-seen:]
            valid = [*before, *(price for time, price in self.offered[line["sku"]] if time > since)]
            require(
                line["unitPrice"] in valid,
                "a quote has the prices of its time",
                f"{line}, since then {valid}",
            )

    def _placed(self, order_id: str, content: dict[str, Any]) -> None:
        lines, totals = content["lines"], content["totals"]
        for line in lines:
            require(
                line["unitPrice"] in self.ever[line["sku"]]
                and line["total"] == line["unitPrice"] * line["quantity"],
                "a buyer pays the catalog's price",
                f"{order_id}: {line}, ever {sorted(self.ever[line['sku']])}",
            )
        require(
            any(is_shipped(line["sku"]) for line in lines) == (totals["shipping"] > 0),
            "shipping is paid for what is shipped, and for nothing else",
            f"{order_id}: {lines}, {totals}",
        )
        subtotal = sum(line["total"] for line in lines)
        on_top = 0 if totals.get("taxIncluded") else totals["tax"]
        parts = subtotal + totals["shipping"] + on_top + totals.get("rounding", 0)
        require(
            (subtotal, parts) == (totals["subtotal"], totals["total"]),
            "an order's total is the sum of its parts",
            f"{order_id}: {totals}",
        )
        taxes = totals.get("taxes", [])
        require(
            sum(part["tax"] for part in taxes) == totals["tax"]
            and sum(part["net"] + part["tax"] for part in taxes)
            == totals["total"] - totals.get("rounding", 0)
            and sum(line.get("tax", 0) for line in lines) <= totals["tax"],
            "net and tax of all rates are the total",
            f"{order_id}: {lines}, {totals}",
        )

    def ended(self) -> None:
        products = self.all("catalog", "PRODUCT#", "PRODUCT")
        sold: dict[str, tuple[str, int]] = {}
        for product_id, product in products.items():
            content = msgspec.json.decode(product["content"])
            for variant in content["variants"] if content.get("status") == "published" else ():
                sold[variant["sku"]] = (product_id, variant["price"]["amount"])
        for sku, offer in self.all("cart", "SKU#", "OFFER").items():
            shown = (offer["product_id"], offer["price"]["amount"]) if offer["for_sale"] else None
            require(
                shown == sold.get(sku),
                "the cart's copy is the catalog",
                f"{sku}: {shown} for {sold.get(sku)}",
            )
        for product_id, product in products.items():
            self._kept(product_id, product)
        missing = sorted(sold.keys() - self.all("cart", "SKU#", "OFFER").keys())
        require(not missing, "the cart's copy is the catalog", f"{missing} are not there")

    def _kept(self, product_id: str, product: dict[str, Any]) -> None:
        """Check that the catalog has every price at which a product was on sale, in order, each once."""
        ended = self.item("catalog", f"PRODUCT#{product_id}", "PRICES") or {"ended": "{}"}
        told = msgspec.json.decode(ended["ended"])
        now = msgspec.json.decode(product["content"])
        on_sale = now["variants"] if now.get("status") == "published" else ()
        amounts = {variant["sku"]: variant["price"]["amount"] for variant in on_sale}
        for sku, applied in self.applied[f"PRODUCT#{product_id}"].items():
            kept = [amount for _, amount in told.get(sku, ())]
            kept += [amounts.get(sku)] if kept[-1:] != [amounts.get(sku)] else []
            require(
                kept == [amount for _, amount in applied],
                "every price that applied is kept",
                f"{sku}: {kept} of {applied}",
            )
