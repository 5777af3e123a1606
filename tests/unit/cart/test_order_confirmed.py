"""A confirmed order takes out of the cart exactly what was ordered, once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.shared.clock import now
from tests.support.dlq import dead_letters
from tests.support.lambda_events import sample
from tests.unit.cart.conftest import Shop, expire, product


@pytest.fixture
def selling(shop: Shop) -> Shop:
    """A shop that sells A and B."""
    shop.told(product([("A", 100), ("B", 200)]))
    return shop


def test_the_publishers_sample_can_be_read(shop: Shop) -> None:
    assert shop.told(sample("orders/OrderConfirmed.v1")) == []
    assert dead_letters() == []


def test_what_was_ordered_leaves_the_cart(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    selling.told(selling.confirmed(selling.quote(cart)))
    assert selling.lines(cart) == {}


def test_what_was_added_after_the_quote_stays(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    quoted = selling.quote(cart)
    selling.set(cart, "A", 5)
    selling.set(cart, "B", 1)
    selling.told(selling.confirmed(quoted))
    assert selling.lines(cart) == {"A": 3, "B": 1}


def test_what_was_lowered_after_the_quote_leaves_whole(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 5)
    quoted = selling.quote(cart)
    selling.set(cart, "A", 2)
    selling.told(selling.confirmed(quoted))
    assert selling.lines(cart) == {}


def test_a_repeated_confirmation_takes_nothing_more(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    event = selling.confirmed(selling.quote(cart))
    selling.set(cart, "A", 7)
    selling.told(event, event)
    selling.told(event)
    assert selling.lines(cart) == {"A": 5}


def test_two_orders_of_one_cart_each_take_their_own(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    first = selling.quote(cart)
    selling.set(cart, "A", 7)
    second = selling.quote(cart)
    selling.set(cart, "A", 10)
    selling.told(selling.confirmed(second), selling.confirmed(first))
    assert selling.lines(cart) == {"A": 1}


def test_an_older_quote_is_remembered_as_well_as_the_latest(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    first = selling.quote(cart)
    for _ in range(12):
        selling.quote(cart)
    selling.told(selling.confirmed(first))
    assert selling.lines(cart) == {}


def test_a_quote_that_was_never_ordered_takes_nothing(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    selling.quote(cart)
    selling.told(sample("orders/OrderConfirmed.v1", cartId=cart["path"]["cartId"]))
    assert selling.lines(cart) == {"A": 2}


def test_a_confirmation_does_not_lengthen_a_carts_life(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    quoted = selling.quote(cart)
    expire(cart, soon := now().replace(microsecond=0) + timedelta(minutes=5))
    selling.told(selling.confirmed(quoted))
    assert selling.get(cart).body["expiresAt"].startswith(soon.strftime("%Y-%m-%dT%H:%M:%S"))


def test_a_cart_that_is_gone_is_no_failure(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    quoted = selling.quote(cart)
    expire(cart, now() - timedelta(seconds=1))
    assert selling.told(selling.confirmed(quoted)) == []


def test_a_guests_order_leaves_the_customers_cart_it_was_merged_into(selling: Shop) -> None:
    guest, own = selling.open(), selling.open(subject="cus_1")
    selling.set(guest, "A", 2)
    selling.set(own, "A", 1)
    quoted = selling.quote(guest)
    selling.merge(guest, "cus_1")
    selling.told(selling.confirmed(quoted))
    assert selling.lines(own) == {"A": 1}


def test_a_repeat_after_merging_takes_nothing_more(selling: Shop) -> None:
    guest, own = selling.open(), selling.open(subject="cus_1")
    selling.set(guest, "A", 2)
    selling.set(own, "A", 1)
    event = selling.confirmed(selling.quote(guest))
    selling.told(event)
    selling.merge(guest, "cus_1")
    selling.told(event)
    assert selling.lines(own) == {"A": 1}
