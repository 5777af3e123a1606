"""The form in which carts and offers are stored: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from functions.cart.domain import Cart, Line, Offer
from functions.cart.table import CartTable, Known
from functions.shared.types import Money

ENDS = datetime(2026, 12, 22, 17, tzinfo=UTC)
EXPIRES = 1797958800
ADDED = "2026-11-22T17:05:09.123Z"
MUG = {"sku": "MUG-1", "quantity": 2, "price": {"amount": 1999, "currency": "EUR"}, "added_at": ADDED}


@pytest.fixture
def table(deploy: Callable[[str], str]) -> CartTable:
    return CartTable(deploy("cart"))


def test_a_cart_is_stored_in_the_form_that_all_versions_read(table: CartTable, stored: Any) -> None:
    lines = (Line("MUG-1", 2, Money(1999, "EUR"), ADDED),)
    full = Cart(
        id="crt_1",
        customer_id="cus_1",
        token_digest="digest",
        expires=ENDS,
        lines=lines,
        version=7,
        merged_into="crt_9",
        purchase="quo_1",
        replaces=("quo_2", "quo_3"),
        on_order={"ord_1": {"MUG-1": 2}, "ord_2": None, "ord_3": {}},
    )
    assert table.create(full)
    assert stored(table) == [
        {
            "pk": "CART#crt_1",
            "sk": "CART",
            "cart_id": "crt_1",
            "customer_id": "cus_1",
            "token_digest": "digest",
            "expires": EXPIRES,
            "lines": {"l4d55472d31": MUG},
            "version": 7,
            "merged_into": "crt_9",
            "purchase": "quo_1",
            "replaces": ["quo_2", "quo_3"],
            "on_order": [["ord_1", {"MUG-1": 2}], ["ord_2", None], ["ord_3", {}]],
        }
    ]
    assert table.cart("crt_1") == full


def test_what_a_cart_has_not_takes_no_room(table: CartTable, stored: Any) -> None:
    empty = Cart(id="crt_1", customer_id=None, token_digest=None, expires=ENDS)
    assert table.create(empty)
    assert stored(table) == [
        {
            "pk": "CART#crt_1",
            "sk": "CART",
            "cart_id": "crt_1",
            "expires": EXPIRES,
            "lines": {},
            "version": 1,
            "purchase": "",
        }
    ]
    assert table.cart("crt_1") == empty


def test_a_cart_of_long_ago_is_read(table: CartTable) -> None:
    table.put(
        {"pk": "CART#crt_1", "sk": "CART", "cart_id": "crt_1", "expires": EXPIRES, "lines": {}, "version": 3}
    )
    assert table.cart("crt_1") == Cart(
        id="crt_1", customer_id=None, token_digest=None, expires=ENDS, version=3
    )


def test_the_lines_of_a_cart_are_read_in_the_order_in_which_they_were_added(table: CartTable) -> None:
    earlier = "2026-11-22T17:05:08.123Z"
    lines = tuple(
        Line(sku, 1, Money(1, "EUR"), at) for sku, at in [("Z", earlier), ("A", ADDED), ("B", ADDED)]
    )
    cart = Cart(id="crt_1", customer_id=None, token_digest=None, expires=ENDS, lines=lines[::-1])
    assert table.create(cart)
    read = table.cart("crt_1")
    assert read
    assert read.lines == lines


def test_a_line_is_stored_like_those_of_a_new_cart(table: CartTable, stored: Any) -> None:
    before = Cart(id="crt_1", customer_id=None, token_digest=None, expires=ENDS)
    assert table.create(before)
    after = Cart(
        id="crt_1",
        customer_id=None,
        token_digest=None,
        expires=ENDS,
        lines=(Line("MUG-1", 2, Money(1999, "EUR"), ADDED),),
    )
    assert table.store_line(before, after, "MUG-1")
    assert stored(table)[0]["lines"] == {"l4d55472d31": MUG}


def test_an_offer_is_stored_in_the_form_that_all_versions_read(table: CartTable, stored: Any) -> None:
    mug = Offer(
        "MUG-1", "prd_1", "A mug", Money(1999, "EUR"), "https://img/1", tax_class="reduced", ships=False
    )
    assert table.take_offer(mug, 4, ADDED)
    assert stored(table) == [
        {
            "pk": "SKU#MUG-1",
            "sk": "OFFER",
            "sku": "MUG-1",
            "product_id": "prd_1",
            "title": "A mug",
            "price": {"amount": 1999, "currency": "EUR"},
            "image_url": "https://img/1",
            "for_sale": True,
            "tax_class": "reduced",
            "ships": False,
            "version": 4,
            "told_at": ADDED,
        }
    ]
    assert table.offer("MUG-1") == mug


def test_an_offer_of_long_ago_is_shipped_and_its_tax_is_the_standard_one_or_none(table: CartTable) -> None:
    old = {"product_id": "prd_1", "title": "A mug", "price": {"amount": 1999, "currency": "EUR"}}
    table.put({"pk": "SKU#MUG-1", "sk": "OFFER", "sku": "MUG-1", **old, "for_sale": False, "taxable": False})
    offer = Offer("MUG-1", "prd_1", "A mug", Money(1999, "EUR"), None, False, "exempt", True)
    assert table.offer("MUG-1") == offer
    table.put({"pk": "SKU#MUG-1", "sk": "OFFER", "sku": "MUG-1", **old, "taxable": True})
    assert table.offer("MUG-1") == replace(offer, tax_class="standard", for_sale=True)


def test_a_product_is_stored_with_its_skus_in_order(table: CartTable, stored: Any) -> None:
    assert table.product("prd_1") == Known(-1, frozenset())
    known = Known(3, frozenset("FEDCBA"))
    assert table.note_product("prd_1", Known(-1, frozenset()), known)
    assert stored(table) == [
        {"pk": "PRODUCT#prd_1", "sk": "PRODUCT", "version": 3, "skus": ["A", "B", "C", "D", "E", "F"]}
    ]
    assert table.product("prd_1") == known
