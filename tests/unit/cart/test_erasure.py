"""A customer who was erased has no cart any more, and none is opened for them by what comes late."""

from __future__ import annotations

from typing import Any

import pytest

from functions.cart import app as cart_app
from functions.cart import service
from functions.cart.domain import ERASED_KEPT, customers_cart
from functions.shared.clock import epoch, now, parse
from functions.shared.dynamo import decode_item
from functions.shared.ids import derived_id
from tests.support.lambda_events import sample
from tests.unit.cart.conftest import Shop, stored

AMIRA = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"


def erased(customer_id: str = AMIRA) -> dict[str, Any]:
    return sample("identity/CustomerErased.v1", customerId=customer_id)


@pytest.fixture
def cart(shop: Shop) -> Any:
    """Amira's cart, with two mugs in it."""
    shop.sells("MUG-1")
    cart = shop.open(subject=AMIRA)
    shop.set(cart, "MUG-1", 2)
    return cart


def carts() -> list[dict[str, Any]]:
    return [item for item in map(decode_item, stored()) if item["pk"].startswith("CART#")]


def test_an_erased_customers_cart_is_gone(shop: Shop, cart: Any) -> None:
    assert shop.told(erased(), erased()) == []
    assert shop.get(cart).status == 404
    (left,) = carts()
    assert left.keys() == {"pk", "sk", "erased", "expires"}
    assert AMIRA not in str(stored())


def test_the_carts_of_others_stay(shop: Shop, cart: Any) -> None:
    guests = shop.open()
    shop.told(erased("cus_01kaqz5r7b8v0w3m2x4y6t9n1e"))
    assert shop.lines(cart) == {"MUG-1": 2}
    assert shop.lines(guests) == {}


@pytest.mark.parametrize("first", ["the cart", "the erasure"])
def test_a_token_that_is_still_good_opens_no_cart_after_the_erasure(shop: Shop, first: str) -> None:
    if first == "the cart":
        shop.open(subject=AMIRA)
    shop.told(erased())
    answer = shop.send("POST", "/carts", subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (404, "account_erased")
    assert all("erased" in item for item in carts())


def test_a_line_that_was_being_put_in_does_not_bring_the_cart_back(shop: Shop, cart: Any) -> None:
    shop.told(erased())
    assert shop.set(cart, "MUG-1", 3).status == 404
    assert shop.send("POST", "/carts/{cartId}/merge", {}, **{**shop.open(), "subject": AMIRA}).status == 404
    assert all("lines" not in item or item.get("token_digest") for item in carts())


def test_an_order_of_theirs_that_is_confirmed_later_finds_no_cart(shop: Shop, cart: Any) -> None:
    event = shop.confirmed(shop.quote(cart))
    shop.told(erased())
    assert shop.told(event) == []
    assert all("erased" in item for item in carts())


def test_the_mark_outlives_every_token_and_no_more(shop: Shop) -> None:
    event = erased()
    shop.told(event, event)
    (left,) = carts()
    assert left["expires"] == epoch(parse(event["detail"]["time"]) + ERASED_KEPT)
    assert ERASED_KEPT.total_seconds() > 15 * 60


def test_a_write_that_read_the_cart_before_the_erasure_is_refused(shop: Shop, cart: Any) -> None:
    table = cart_app.carts()
    cart_id = derived_id("crt", AMIRA)
    before = table.cart(cart_id)
    assert before
    shop.told(erased())
    assert not table.replace(before, before)
    assert not table.create(customers_cart(cart_id, AMIRA, "quo_1", now()))
    assert table.cart(cart_id) is None
    assert service._successor(table, cart_id) is None
