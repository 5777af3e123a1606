"""A customer who was erased has no cart any more, and none is opened for them by what comes late."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import pytest

from functions.cart import app as cart_app
from functions.cart import service
from functions.cart.domain import ERASED_KEPT, customers_cart
from functions.shared import aws
from functions.shared.clock import epoch, now, parse
from functions.shared.dynamo import decode_item
from functions.shared.ids import derived_id
from tests.support.dlq import dead_letters
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


@contextlib.contextmanager
def meanwhile(act: Callable[[], Any], *operations: str) -> Iterator[None]:
    """Have something else happen as a whole just before a cart is written the first time."""
    events, begun = aws.dynamodb().meta.events, []

    def come_between(**_: Any) -> None:
        if not begun:
            begun.append(True)
            act()

    names = [f"before-call.dynamodb.{name}" for name in operations or ("PutItem", "UpdateItem")]
    for name in names:
        events.register(name, come_between)
    try:
        yield
    finally:
        for name in names:
            events.unregister(name, come_between)
    assert begun


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


# --- while an order is under way -----------------------------------------------------------------------------------

ENDS = ("confirmed", "cancelled")
ARRIVALS = sorted({facts for end in ENDS for facts in permutations(["erased", "placed", end])})


def tell(shop: Shop, fact: str, quoted: Any) -> list[Any]:
    """Deliver a fact twice; return the failures."""
    event = erased() if fact == "erased" else getattr(shop, fact)(quoted)
    return shop.told(event, event)


@pytest.mark.parametrize("facts", ARRIVALS, ids=" ".join)
def test_whatever_order_the_facts_of_an_order_arrive_in_its_erased_customer_has_no_cart(
    shop: Shop, cart: Any, facts: tuple[str, ...]
) -> None:
    quoted = shop.quote(cart)
    for fact in facts:
        assert tell(shop, fact, quoted) == []
    assert dead_letters() == []
    (left,) = carts()
    assert left.keys() == {"pk", "sk", "erased", "expires"}
    assert shop.get(cart).status == 404
    assert shop.quote(cart).status == 404
    assert shop.send("POST", "/carts", subject=AMIRA).body["code"] == "account_erased"


@pytest.mark.parametrize("facts", ARRIVALS, ids=" ".join)
def test_facts_of_an_order_that_come_in_one_batch_with_the_erasure_bring_no_cart_back(
    shop: Shop, cart: Any, facts: tuple[str, ...]
) -> None:
    quoted = shop.quote(cart)
    events = {fact: getattr(shop, fact)(quoted) for fact in facts if fact != "erased"}
    assert shop.told(*(events.get(fact) or erased() for fact in facts)) == []
    assert [item.get("erased") for item in carts()] == [True]


@pytest.mark.parametrize("facts", ARRIVALS, ids=" ".join)
def test_an_order_of_a_cart_that_was_brought_along_finds_none_after_the_erasure(
    shop: Shop, facts: tuple[str, ...]
) -> None:
    shop.sells("MUG-1")
    guests = shop.open()
    shop.set(guests, "MUG-1", 1)
    quoted = shop.quote(guests)
    assert shop.merge(guests, AMIRA).status == 200
    for fact in facts:
        assert tell(shop, fact, quoted) == []
    assert dead_letters() == []
    assert sorted(("erased" in item, item.get("lines"), item.get("on_order")) for item in carts()) == [
        (False, {}, None),
        (True, None, None),
    ]
    assert shop.get(guests).status == 404
    assert shop.merge(guests, AMIRA).body["code"] == "account_erased"


@pytest.mark.parametrize("fact", ["placed", *ENDS])
def test_an_erasure_between_the_look_at_a_cart_and_its_change_wins(shop: Shop, cart: Any, fact: str) -> None:
    event = getattr(shop, fact)(shop.quote(cart))
    with meanwhile(lambda: shop.told(erased())):
        assert shop.told(event) == []
    assert [item.get("erased") for item in carts()] == [True]


@pytest.mark.parametrize("sku", ["MUG-1", "POT-1"])
def test_an_erasure_between_the_look_at_a_cart_and_a_line_that_is_put_in_wins(
    shop: Shop, cart: Any, sku: str
) -> None:
    shop.sells("POT-1")
    with meanwhile(lambda: shop.told(erased())):
        assert shop.set(cart, sku, 3).status == 404
    assert [item.get("erased") for item in carts()] == [True]


def test_an_erasure_while_a_guests_cart_is_merged_wins(shop: Shop, cart: Any) -> None:
    guests = shop.open()
    shop.set(guests, "MUG-1", 1)
    with meanwhile(lambda: shop.told(erased()), "TransactWriteItems"):
        assert shop.merge(guests, AMIRA).body["code"] == "account_erased"
    assert shop.lines(guests) == {"MUG-1": 1}
    assert sum("erased" in item for item in carts()) == 1


def test_the_publishers_sample_of_an_order_finds_no_cart_of_its_erased_customer(shop: Shop) -> None:
    told = [sample(f"orders/{kind}.v1") for kind in ("OrderPlaced", "OrderConfirmed", "OrderCancelled")]
    assert told[0]["detail"]["data"]["customerId"] == AMIRA
    for events in permutations([erased(), *told]):
        assert shop.told(*events) == []
    assert dead_letters() == []
    assert [item.get("erased") for item in carts()] == [True]
