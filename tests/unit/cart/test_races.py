"""What two requests at once do to a cart: the second happens between the first one's read and its write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.cart import service
from functions.cart.app import carts, terms
from functions.cart.domain import Cart, Line, Visitor
from functions.cart.events import OrderConfirmed, ProductChanged
from functions.cart.table import CartTable
from functions.shared.addresses import PostalAddress
from functions.shared.clock import now, rfc3339
from functions.shared.errors import ConflictError, NotFoundError
from functions.shared.types import Money
from tests.unit.cart.conftest import ADDRESS, Shop, as_fact, expire, order_of, product

ADDRESS_OF_AMIRA = PostalAddress(
    name=ADDRESS["name"],
    line1=ADDRESS["line1"],
    city=ADDRESS["city"],
    postal_code=ADDRESS["postalCode"],
    country=ADDRESS["country"],
)


class Meddled(CartTable):
    """The real table; `meanwhile` runs once, just before the first write (before each, with `always`)."""

    def __init__(self, meanwhile: Callable[[], Any], *, always: bool = False) -> None:
        super().__init__("souk-local-cart")
        self._meanwhile, self._always, self._done = meanwhile, always, False

    def _meddle(self) -> None:
        if self._always or not self._done:
            self._done = True
            self._meanwhile()

    def create(self, cart: Cart) -> bool:
        self._meddle()
        return super().create(cart)

    def store_line(self, before: Cart, after: Cart, sku: str) -> Cart | None:
        self._meddle()
        return super().store_line(before, after, sku)

    def replace(self, before: Cart, after: Cart) -> bool:
        self._meddle()
        return super().replace(before, after)

    def merge(self, before: Any, after: Any) -> bool:
        self._meddle()
        return super().merge(before, after)

    def note_product(self, product_id: str, before: Any, after: Any) -> bool:
        self._meddle()
        return super().note_product(product_id, before, after)


@pytest.fixture
def selling(shop: Shop) -> Shop:
    """A shop that sells A and B."""
    shop.told(product([("A", 100), ("B", 200)]))
    return shop


def who(cart: Any) -> tuple[str, Visitor]:
    visitor = Visitor(cart.get("subject"), cart["headers"].get("X-Cart-Token"))
    return cart["path"]["cartId"], visitor


def test_two_lines_set_at_once_are_both_there(selling: Shop) -> None:
    cart = selling.open()
    table = Meddled(lambda: selling.set(cart, "B", 3))
    service.set_line(table, *who(cart), "A", 2, terms(), now())
    assert selling.lines(cart) == {"B": 3, "A": 2}


def test_a_line_set_while_another_is_removed_is_there(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A")
    table = Meddled(lambda: selling.set(cart, "B", 3))
    service.remove_line(table, *who(cart), "A", terms(), now())
    assert selling.lines(cart) == {"B": 3}


def test_a_line_set_twice_at_once_is_one_line(selling: Shop) -> None:
    cart = selling.open()
    service.set_line(Meddled(lambda: selling.set(cart, "A", 3)), *who(cart), "A", 2, terms(), now())
    assert selling.lines(cart) == {"A": 2}


def test_a_line_changed_while_it_is_removed_is_there_as_changed(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A")
    service.set_line(Meddled(lambda: selling.remove(cart, "A")), *who(cart), "A", 2, terms(), now())
    assert selling.lines(cart) == {"A": 2}


def test_lines_set_at_once_do_not_overfill_a_cart(selling: Shop) -> None:
    cart = selling.open()
    full = replace(
        carts().cart(cart["path"]["cartId"]),
        lines=tuple(  # type: ignore[type-var]
            Line(f"S{number}", 1, Money(100, "EUR"), rfc3339(now())) for number in range(49)
        ),
    )
    carts().replace(full, full)
    with pytest.raises(ConflictError, match="too_many_lines"):
        service.set_line(Meddled(lambda: selling.set(cart, "B")), *who(cart), "A", 2, terms(), now())


def test_a_cart_under_constant_change_is_said_to_be_busy(selling: Shop) -> None:
    cart = selling.open()
    turns = itertools.cycle((selling.set, selling.remove))
    table = Meddled(lambda: next(turns)(cart, "A"), always=True)
    with pytest.raises(ConflictError, match="cart_busy") as raised:
        service.set_line(table, *who(cart), "A", 2, terms(), now())
    assert raised.value.retry_after == 1


def test_two_first_requests_of_a_customer_open_one_cart(selling: Shop) -> None:
    def other() -> None:
        selling.set(selling.open(subject="cus_1"), "B", 3)

    cart = service.open_customer_cart(Meddled(other), "cus_1", now())
    assert cart.quantities == {"B": 3}


def test_two_requests_that_find_a_cart_expired_start_afresh_once(selling: Shop) -> None:
    cart = selling.open(subject="cus_1")
    expire(cart, now() - timedelta(seconds=1))
    table = Meddled(lambda: selling.set(selling.open(subject="cus_1"), "B", 3))
    assert service.open_customer_cart(table, "cus_1", now()).quantities == {"B": 3}


def test_two_log_ins_of_one_customer_merge_a_guests_cart_once(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    cart_id, visitor = who(guest)
    table = Meddled(lambda: selling.merge(guest, "cus_1"))
    shown = service.merge(table, cart_id, "cus_1", visitor.token, None, terms(), now())
    assert shown.cart.quantities == {"A": 2}


def test_two_customers_with_one_token_do_not_both_get_the_lines(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    selling.open(subject="cus_1")
    cart_id, visitor = who(guest)
    table = Meddled(lambda: selling.merge(guest, "cus_2"))
    with pytest.raises(NotFoundError):
        service.merge(table, cart_id, "cus_1", visitor.token, None, terms(), now())
    assert selling.lines(selling.open(subject="cus_1")) == {}
    assert selling.lines(selling.open(subject="cus_2")) == {"A": 2}


@pytest.mark.parametrize("which", ["guest", "own"])
def test_a_line_set_while_merging_is_not_lost(selling: Shop, which: str) -> None:
    carts_ = {"guest": selling.open(), "own": selling.open(subject="cus_1")}
    selling.set(carts_["guest"], "A", 2)
    cart_id, visitor = who(carts_["guest"])
    table = Meddled(lambda: selling.set(carts_[which], "B", 3))
    service.merge(table, cart_id, "cus_1", visitor.token, None, terms(), now())
    assert selling.lines(carts_["own"]) == {"A": 2, "B": 3}


def test_a_line_set_after_its_cart_was_merged_is_refused_not_lost_silently(selling: Shop) -> None:
    guest = selling.open()
    table = Meddled(lambda: selling.merge(guest, "cus_1"))
    with pytest.raises(NotFoundError):
        service.set_line(table, *who(guest), "A", 2, terms(), now())


def test_a_quote_is_of_the_cart_whose_prices_it_acknowledges(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    selling.told(product([("A", 150), ("B", 200)], 2))
    table = Meddled(lambda: selling.set(cart, "B", 1))
    quote, _ = service.quote(table, *who(cart), "a@example.com", ADDRESS_OF_AMIRA, terms(), now())
    assert {line.sku: line.quantity for line in quote.lines} == {"A": 2, "B": 1}


def confirmed(shop: Shop, quoted: Any) -> Any:
    """Tell of an order, and return its confirmation as its handler gets it."""
    shop.told(shop.placed(quoted))
    return as_fact(shop.confirmed(quoted), OrderConfirmed)


def test_an_order_told_of_while_the_cart_is_quoted_again_is_not_quoted_twice(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    first = selling.quote(cart)
    selling.told(product([("A", 150), ("B", 200)], 2))  # so that the quote has something to store
    table = Meddled(lambda: selling.told(selling.placed(first)))
    with pytest.raises(ConflictError, match="lines_on_order"):
        service.quote(table, *who(cart), "a@example.com", ADDRESS_OF_AMIRA, terms(), now())


def test_two_tabs_that_ask_again_at_once_get_one_purchase_more(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    first = selling.quote(cart)
    selling.told(selling.placed(first))
    others: list[Any] = []
    table = Meddled(lambda: others.append(selling.quote(cart, again=order_of(first))))
    quote, _ = service.quote(
        table, *who(cart), "a@example.com", ADDRESS_OF_AMIRA, terms(), now(), again=order_of(first)
    )
    assert [quote.id] == [other.body["quoteId"] for other in others]


def test_a_line_set_while_an_order_is_taken_out_is_there(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    fact = confirmed(selling, selling.quote(cart))
    service.on_order_confirmed(Meddled(lambda: selling.set(cart, "B", 3)), fact, now())
    assert selling.lines(cart) == {"B": 3}


def test_two_deliveries_of_a_confirmation_at_once_take_out_once(selling: Shop) -> None:
    cart = selling.open()
    selling.set(cart, "A", 2)
    quoted = selling.quote(cart)
    selling.set(cart, "A", 9)
    table = Meddled(lambda: selling.told(selling.confirmed(quoted)))
    service.on_order_confirmed(table, confirmed(selling, quoted), now())
    assert selling.lines(cart) == {"A": 7}


def test_an_order_of_a_cart_merged_meanwhile_leaves_the_customers_cart(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    fact = confirmed(selling, selling.quote(guest))
    service.on_order_confirmed(Meddled(lambda: selling.merge(guest, "cus_1")), fact, now())
    assert selling.lines(selling.open(subject="cus_1")) == {}


def test_a_later_version_stored_meanwhile_keeps_the_earlier_one_out(selling: Shop) -> None:
    earlier = product([("A", 250), ("C", 250)], 2, kind="ProductChanged")
    table = Meddled(lambda: selling.told(product([("A", 300), ("B", 300)], 3)))
    service.on_product(table, as_fact(earlier, ProductChanged))
    offers = carts().offers("ABC")
    assert {sku: offer.price.amount for sku, offer in offers.items() if offer.for_sale} == {
        "A": 300,
        "B": 300,
    }


def test_two_deliveries_of_two_versions_at_once_end_at_the_later(selling: Shop) -> None:
    """The earlier one stored its version, then stood still while the later one ran through."""

    class Slow(CartTable):
        def note_product(self, product_id: str, before: Any, after: Any) -> bool:
            done = super().note_product(product_id, before, after)
            selling.told(product([("A", 300), ("B", 300)], 3))
            return done

    earlier = product([("A", 250), ("C", 250)], 2, kind="ProductChanged")
    service.on_product(Slow("souk-local-cart"), as_fact(earlier, ProductChanged))
    offers = carts().offers("ABC")
    assert {sku: offer.price.amount for sku, offer in offers.items() if offer.for_sale} == {
        "A": 300,
        "B": 300,
    }
