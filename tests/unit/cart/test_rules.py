"""The rules of carts as functions: limits, and merging for any two carts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.cart import domain
from functions.cart.domain import Cart, Line, Offer
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError
from functions.shared.types import Money

AT = datetime(2026, 11, 22, 17, tzinfo=UTC)


def a_cart(*quantities: int, cart_id: str = "crt_1", customer: str | None = None) -> Cart:
    lines = tuple(
        Line(f"S{number}", quantity, Money(100, "EUR"), rfc3339(AT))
        for number, quantity in enumerate(quantities)
    )
    return Cart(cart_id, AT + timedelta(days=1), customer, None if customer else "digest", lines)


def an_offer(sku: str) -> Offer:
    return Offer(sku, "prd_1", sku, Money(100, "EUR"))


def with_line(cart: Cart, sku: str, quantity: int = 1) -> Cart:
    return domain.with_line(cart, sku, quantity, an_offer(sku), "EUR", AT)


def test_a_cart_takes_fifty_skus() -> None:
    assert len(with_line(a_cart(*[1] * 49), "NEW").lines) == 50


def test_the_fifty_first_sku_does_not_fit() -> None:
    with pytest.raises(ConflictError, match="too_many_lines"):
        with_line(a_cart(*[1] * 50), "NEW")


def test_a_full_cart_still_takes_another_quantity() -> None:
    assert with_line(a_cart(*[1] * 50), "S7", 9).quantities["S7"] == 9


def test_every_change_makes_a_new_version() -> None:
    assert with_line(a_cart(1), "NEW").version == a_cart(1).version + 1


quantities = st.dictionaries(st.sampled_from([f"S{number}" for number in range(8)]), st.integers(1, 999))


def of(lines: dict[str, int], **options: str) -> Cart:
    made = (Line(sku, quantity, Money(100, "EUR"), rfc3339(AT)) for sku, quantity in lines.items())
    return replace(a_cart(**options), lines=tuple(made))


@given(quantities, quantities)
def test_merging_adds_up_every_line_of_both_carts(own: dict[str, int], guest: dict[str, int]) -> None:
    into, left = domain.merged(of(own, customer="cus_1"), of(guest, cart_id="crt_2"), "quo_3", AT)
    assert into.quantities == {
        sku: min(own.get(sku, 0) + guest.get(sku, 0), 999) for sku in own.keys() | guest.keys()
    }
    assert (left.lines, left.merged_into) == ((), into.id)


def test_a_merged_line_remembers_the_price_of_the_older_one() -> None:
    old = replace(a_cart(1), lines=(Line("A", 1, Money(90, "EUR"), rfc3339(AT - timedelta(days=1))),))
    new = replace(a_cart(1), lines=(Line("A", 1, Money(100, "EUR"), rfc3339(AT)),))
    for own, guest in ((old, new), (new, old)):
        assert domain.merged(own, guest, "quo_3", AT)[0].lines[0].price == Money(90, "EUR")


def test_merging_loses_nothing_even_where_that_is_more_than_an_order_takes() -> None:
    into, _ = domain.merged(a_cart(*[1] * 50), of({f"G{number}": 1 for number in range(50)}), "quo_3", AT)
    assert len(into.lines) == 100


def test_a_cart_that_merging_made_too_large_takes_no_new_sku() -> None:
    into, _ = domain.merged(a_cart(*[1] * 50), of({"G": 1}), "quo_3", AT)
    with pytest.raises(ConflictError, match="too_many_lines"):
        with_line(into, "NEW")


def test_merging_without_end_is_refused() -> None:
    with pytest.raises(ConflictError, match="too_many_lines"):
        domain.merged(a_cart(*[1] * 160), of({f"G{number}": 1 for number in range(50)}), "quo_3", AT)


@given(quantities, quantities)
def test_an_order_takes_out_what_it_has_and_no_more(lines: dict[str, int], ordered: dict[str, int]) -> None:
    assume(ordered)
    cart = domain.ordered(replace(of(lines), purchase="quo_1"), "ord_1", ordered, "quo_2")
    after = domain.after_order(cart, "ord_1", "quo_2")
    left = after.quantities
    assert (after.purchase, after.on_order) == ("quo_2", {})
    assert left == {
        sku: quantity - ordered.get(sku, 0)
        for sku, quantity in lines.items()
        if quantity > ordered.get(sku, 0)
    }
