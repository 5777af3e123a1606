"""A cart and its orders: what is on order is not quoted again by accident, and what was bought leaves once."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from functions.cart.app import carts
from functions.cart.domain import MAX_ON_ORDER
from functions.shared.clock import now
from tests.support.dlq import dead_letters
from tests.support.lambda_events import sample
from tests.unit.cart.conftest import Shop, expire, order_of, payload, product, stored


@pytest.fixture
def selling(shop: Shop) -> Shop:
    """A shop that sells A and B."""
    shop.told(product([("A", 100), ("B", 200)]))
    return shop


@pytest.fixture
def cart(selling: Shop) -> Any:
    """A guest's cart with two of A."""
    made = selling.open()
    selling.set(made, "A", 2)
    return made


def buy(shop: Shop, quoted: Any) -> None:
    """Tell of the order of a quote, from its placing to its confirmation."""
    assert shop.told(shop.placed(quoted), shop.confirmed(quoted)) == []


@pytest.mark.parametrize("kind", ["OrderPlaced", "OrderConfirmed", "OrderCancelled"])
def test_the_publishers_samples_can_be_read(shop: Shop, kind: str) -> None:
    assert shop.told(sample(f"orders/{kind}.v1")) == []
    assert dead_letters() == []


# --- one purchase --------------------------------------------------------------------------------------------------


def test_all_quotes_of_a_cart_are_for_one_purchase_until_it_is_ordered(selling: Shop, cart: Any) -> None:
    quotes = [selling.quote(cart), selling.quote(cart, email="bea@example.com")]
    selling.set(cart, "B", 1)
    selling.told(product([("A", 150), ("B", 200)], 2))
    quotes.append(selling.quote(cart))
    assert len({quoted.body["quoteId"] for quoted in quotes}) == 1
    assert len({quoted.body["quote"] for quoted in quotes}) == 3


def test_a_quote_carries_the_carts_version(selling: Shop, cart: Any) -> None:
    before = selling.quote(cart).body["cartVersion"]
    assert selling.quote(cart).body["cartVersion"] == before
    selling.set(cart, "B", 1)
    assert selling.quote(cart).body["cartVersion"] == before + 1


def test_lines_that_are_being_bought_are_not_quoted_again(selling: Shop, cart: Any) -> None:
    quoted = selling.quote(cart)
    selling.told(selling.placed(quoted))
    answer = selling.quote(cart)
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (409, "lines_on_order", "/again")
    order_id = order_of(quoted)
    assert answer.body["parameters"] == {"orderId": order_id, "link": f"/orders/{order_id}"}


def test_other_lines_are_quoted_while_an_order_is_open(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.placed(first))
    selling.remove(cart, "A")
    selling.set(cart, "B", 1)
    second = selling.quote(cart)
    assert second.status == 200
    assert order_of(second) != order_of(first)


def test_one_line_that_is_being_bought_holds_up_the_others(selling: Shop, cart: Any) -> None:
    selling.told(selling.placed(selling.quote(cart)))
    selling.set(cart, "B", 1)
    assert selling.quote(cart).body["code"] == "lines_on_order"


def test_the_same_is_bought_again_on_purpose(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.placed(first))
    second = selling.quote(cart, again=order_of(first))
    assert second.status == 200
    assert order_of(second) != order_of(first)


def test_it_is_bought_again_on_purpose_before_the_cart_has_heard_of_the_order(
    selling: Shop, cart: Any
) -> None:
    first = selling.quote(cart)
    second = selling.quote(cart, again=order_of(first))
    assert order_of(second) != order_of(first)
    selling.set(cart, "A", 5)
    buy(selling, first)
    assert selling.lines(cart) == {"A": 3}


def test_two_tabs_that_both_ask_again_get_one_purchase_more(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.placed(first))
    again = [selling.quote(cart, again=order_of(first)) for _ in range(2)]
    assert len({order_of(quoted) for quoted in again}) == 1


def test_buying_again_names_the_latest_order(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.placed(first))
    second = selling.quote(cart, again=order_of(first))
    selling.told(selling.placed(second))
    answer = selling.quote(cart, again=order_of(first))
    assert (answer.status, answer.body["parameters"]["orderId"]) == (409, order_of(second))
    assert selling.quote(cart, again=order_of(second)).status == 200


@pytest.mark.parametrize("again", ["ord_01kaqz5r7b8v0w3m2x4y6t9n1c", "nonsense", ""])
def test_an_order_that_is_not_of_this_cart_opens_nothing(selling: Shop, cart: Any, again: str) -> None:
    first = selling.quote(cart)
    assert order_of(selling.quote(cart, again=again)) == order_of(first)
    selling.told(selling.placed(first))
    assert selling.quote(cart, again=again).status == 409


def test_a_cancelled_order_can_be_bought_again_without_asking(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.placed(first), selling.cancelled(first))
    assert selling.lines(cart) == {"A": 2}
    second = selling.quote(cart)
    assert second.status == 200
    assert order_of(second) != order_of(first)


def test_a_cancellation_that_came_first_leaves_nothing_on_order(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.cancelled(first))
    selling.told(selling.placed(first))
    assert selling.quote(cart).status == 200


def test_after_a_confirmed_order_the_next_purchase_is_another(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    buy(selling, first)
    selling.set(cart, "A", 1)
    second = selling.quote(cart)
    assert second.status == 200
    assert order_of(second) != order_of(first)


def test_between_a_confirmation_that_came_first_and_its_order_nothing_is_quoted(
    selling: Shop, cart: Any
) -> None:
    first = selling.quote(cart)
    selling.told(selling.confirmed(first))
    assert selling.quote(cart).body["code"] == "lines_on_order"
    selling.told(selling.placed(first))
    assert selling.lines(cart) == {}


def test_a_cart_remembers_a_bounded_number_of_orders(selling: Shop, cart: Any) -> None:
    quoted = selling.quote(cart)
    for _ in range(MAX_ON_ORDER + 3):
        selling.told(selling.placed(quoted))
        quoted = selling.quote(cart, again=order_of(quoted))
    found = carts().cart(cart["path"]["cartId"])
    assert found is not None
    assert len(found.on_order) == MAX_ON_ORDER


def test_a_guests_quote_and_one_after_log_in_are_one_purchase(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    before = selling.quote(cart)
    selling.merge(cart, "cus_1")
    assert order_of(selling.quote(own)) == order_of(before)


def test_two_carts_that_are_merged_are_bought_instead_of_either(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.set(own, "B", 1)
    before = [selling.quote(own), selling.quote(cart)]
    selling.merge(cart, "cus_1")
    after = payload(selling.quote(own))
    assert after["replaces"] == [quoted.body["quoteId"] for quoted in before]
    assert after["id"] not in after["replaces"]


def test_what_was_bought_out_of_one_of_two_merged_carts_is_replaced_no_more(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.set(own, "B", 1)
    before = [selling.quote(own), selling.quote(cart)]
    selling.merge(cart, "cus_1")
    buy(selling, before[0])
    assert selling.lines(own) == {"A": 2}
    assert payload(selling.quote(own))["replaces"] == [before[1].body["quoteId"]]


def test_once_merged_carts_are_bought_nothing_is_replaced(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.set(own, "B", 1)
    selling.merge(cart, "cus_1")
    buy(selling, selling.quote(own))
    selling.set(own, "B", 1)
    assert "replaces" not in payload(selling.quote(own))


def test_an_empty_guests_cart_changes_no_purchase(selling: Shop) -> None:
    guest, own = selling.open(), selling.open(subject="cus_1")
    selling.set(own, "A", 1)
    before = selling.quote(own)
    selling.merge(guest, "cus_1")
    assert order_of(selling.quote(own)) == order_of(before)


def test_what_a_guest_has_on_order_is_on_order_after_log_in(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.told(selling.placed(selling.quote(cart)))
    selling.merge(cart, "cus_1")
    assert selling.quote(own).body["code"] == "lines_on_order"


def test_a_cart_from_before_purchases_were_counted_begins_one(selling: Shop, cart: Any) -> None:
    key = {"pk": f"CART#{cart['path']['cartId']}", "sk": "CART"}
    carts().update(key, "REMOVE purchase", {":one": 1}, condition="version >= :one")
    first, second = selling.quote(cart), selling.quote(cart)
    assert first.body["quoteId"].startswith("quo_0")
    assert first.body["quoteId"] == second.body["quoteId"]


# --- what leaves the cart ------------------------------------------------------------------------------------------


def test_what_was_ordered_leaves_the_cart(selling: Shop, cart: Any) -> None:
    buy(selling, selling.quote(cart))
    assert selling.lines(cart) == {}


def test_what_was_added_after_the_quote_stays(selling: Shop, cart: Any) -> None:
    quoted = selling.quote(cart)
    selling.set(cart, "A", 5)
    selling.set(cart, "B", 1)
    buy(selling, quoted)
    assert selling.lines(cart) == {"A": 3, "B": 1}


def test_what_was_lowered_after_the_quote_leaves_whole(selling: Shop, cart: Any) -> None:
    selling.set(cart, "A", 5)
    quoted = selling.quote(cart)
    selling.set(cart, "A", 2)
    buy(selling, quoted)
    assert selling.lines(cart) == {}


@pytest.mark.parametrize("facts", list(permutations(["placed", "placed", "confirmed", "confirmed"])))
def test_in_whatever_order_and_twice_over_an_order_takes_out_once(
    selling: Shop, cart: Any, facts: tuple[str, ...]
) -> None:
    quoted = selling.quote(cart)
    selling.set(cart, "A", 7)
    for fact in facts:
        assert selling.told(getattr(selling, fact)(quoted)) == []
    assert selling.lines(cart) == {"A": 5}
    assert selling.quote(cart).status == 200


@pytest.mark.parametrize("facts", list(permutations(["placed", "cancelled", "cancelled"])))
def test_in_whatever_order_a_cancelled_order_takes_out_nothing(
    selling: Shop, cart: Any, facts: tuple[str, ...]
) -> None:
    quoted = selling.quote(cart)
    for fact in facts:
        assert selling.told(getattr(selling, fact)(quoted)) == []
    assert selling.lines(cart) == {"A": 2}
    assert selling.quote(cart).status == 200


def test_an_order_that_has_ended_long_ago_is_heard_of_again_in_vain(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    for _ in range(12):
        quoted = selling.quote(cart)
        buy(selling, quoted)
        selling.set(cart, "A", 2)
    selling.told(selling.placed(first), selling.confirmed(first))
    assert selling.lines(cart) == {"A": 2}
    assert selling.quote(cart).status == 200


def test_two_orders_of_one_cart_each_take_their_own(selling: Shop, cart: Any) -> None:
    first = selling.quote(cart)
    selling.told(selling.placed(first))
    selling.set(cart, "A", 7)
    second = selling.quote(cart, again=order_of(first))
    selling.set(cart, "A", 10)
    selling.told(selling.placed(second), selling.confirmed(second), selling.confirmed(first))
    assert selling.lines(cart) == {"A": 1}


def test_a_quote_that_was_never_ordered_takes_nothing(selling: Shop, cart: Any) -> None:
    selling.quote(cart)
    told = {"cartId": cart["path"]["cartId"]}
    selling.told(sample("orders/OrderPlaced.v1", **told), sample("orders/OrderConfirmed.v1", **told))
    assert selling.lines(cart) == {"A": 2}


def test_a_confirmation_does_not_lengthen_a_carts_life(selling: Shop, cart: Any) -> None:
    quoted = selling.quote(cart)
    expire(cart, soon := now().replace(microsecond=0) + timedelta(minutes=5))
    buy(selling, quoted)
    assert selling.get(cart).body["expiresAt"].startswith(soon.strftime("%Y-%m-%dT%H:%M:%S"))


def test_a_cart_that_has_expired_is_no_failure(selling: Shop, cart: Any) -> None:
    quoted = selling.quote(cart)
    expire(cart, now() - timedelta(seconds=1))
    buy(selling, quoted)


def test_a_cart_that_is_gone_is_no_failure(selling: Shop, cart: Any) -> None:
    quoted = selling.quote(cart)
    carts().delete({"pk": f"CART#{cart['path']['cartId']}", "sk": "CART"})
    buy(selling, quoted)


def test_a_guests_order_leaves_the_customers_cart_it_was_merged_into(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.set(own, "A", 1)
    quoted = selling.quote(cart)
    selling.merge(cart, "cus_1")
    buy(selling, quoted)
    assert selling.lines(own) == {"A": 1}


def test_a_customers_own_order_from_before_merging_takes_its_own(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.set(own, "B", 1)
    quoted = selling.quote(own)
    selling.merge(cart, "cus_1")
    buy(selling, quoted)
    assert selling.lines(own) == {"A": 2}


def test_a_repeat_after_merging_takes_nothing_more(selling: Shop, cart: Any) -> None:
    own = selling.open(subject="cus_1")
    selling.set(own, "A", 1)
    quoted = selling.quote(cart)
    buy(selling, quoted)
    selling.merge(cart, "cus_1")
    buy(selling, quoted)
    assert selling.lines(own) == {"A": 1}


def test_an_order_costs_the_cart_two_writes_and_leaves_no_item(selling: Shop, cart: Any) -> None:
    def version() -> int:
        found = carts().cart(cart["path"]["cartId"])
        assert found is not None
        return found.version

    before, items = version(), len(stored())
    quoted = selling.quote(cart)
    assert version() == before
    buy(selling, quoted)
    assert (version(), len(stored())) == (before + 2, items)
