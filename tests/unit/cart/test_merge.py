"""Merging a guest's cart into the customer's at log-in: once, and without loss."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.shared.clock import now
from tests.unit.cart.conftest import Shop, expire, product, stored, withdrawn


@pytest.fixture
def selling(shop: Shop) -> Shop:
    """A shop that sells A, B and C."""
    shop.told(product([("A", 100), ("B", 200), ("C", 300)]))
    return shop


def test_the_guests_lines_come_into_the_customers_cart(selling: Shop) -> None:
    own, guest = selling.open(subject="cus_1"), selling.open()
    selling.set(own, "A", 2)
    selling.set(guest, "B", 3)
    answer = selling.merge(guest, "cus_1")
    assert (answer.status, answer.body["cartId"]) == (200, own["path"]["cartId"])
    assert selling.lines(own) == {"A": 2, "B": 3}


def test_quantities_of_the_same_sku_are_added_up(selling: Shop) -> None:
    own, guest = selling.open(subject="cus_1"), selling.open()
    selling.set(own, "A", 2)
    selling.set(guest, "A", 3)
    selling.merge(guest, "cus_1")
    assert selling.lines(own) == {"A": 5}


def test_a_quantity_ends_at_999(selling: Shop) -> None:
    own, guest = selling.open(subject="cus_1"), selling.open()
    selling.set(own, "A", 600)
    selling.set(guest, "A", 600)
    selling.merge(guest, "cus_1")
    assert selling.lines(own) == {"A": 999}


def test_a_customer_without_a_cart_gets_one_by_merging(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    assert selling.merge(guest, "cus_1").status == 200
    assert selling.lines(selling.open(subject="cus_1")) == {"A": 2}


def test_merging_again_changes_nothing(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    first, second = selling.merge(guest, "cus_1"), selling.merge(guest, "cus_1")
    assert (second.status, second.body["lines"]) == (200, first.body["lines"])


def test_merging_again_brings_back_nothing_that_was_removed_since(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    selling.merge(guest, "cus_1")
    selling.remove(selling.open(subject="cus_1"), "A")
    assert selling.merge(guest, "cus_1").body["lines"] == []


def test_a_merged_cart_is_gone_for_the_guest(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    selling.merge(guest, "cus_1")
    assert {selling.get(guest).status, selling.set(guest, "B").status, selling.quote(guest).status} == {404}


def test_a_merged_cart_is_gone_for_every_other_customer(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    selling.merge(guest, "cus_1")
    assert selling.merge(guest, "cus_2").status == 404
    assert selling.lines(selling.open(subject="cus_2")) == {}


def test_without_the_token_there_is_nothing_to_merge(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    assert selling.merge({**guest, "headers": {}}, "cus_1").status == 404
    assert selling.lines(guest) == {"A": 2}


def test_a_refused_merge_leaves_nothing_behind(selling: Shop) -> None:
    guest = selling.open()
    before = stored()
    selling.merge({**guest, "headers": {}}, "cus_1")
    assert stored() == before


def test_an_expired_cart_is_not_merged(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A", 2)
    expire(guest, now() - timedelta(seconds=1))
    assert selling.merge(guest, "cus_1").status == 404


def test_a_customers_cart_is_no_guests_cart(selling: Shop) -> None:
    answer = selling.merge(selling.open(subject="cus_1"), "cus_1")
    assert (answer.status, answer.body["code"]) == (409, "not_a_guest_cart")


def test_the_customers_cart_may_be_named(selling: Shop) -> None:
    own, guest = selling.open(subject="cus_1"), selling.open()
    selling.set(guest, "A", 2)
    assert selling.merge(guest, "cus_1", {"into": own["path"]["cartId"]}).status == 200


def test_a_foreign_cart_cannot_be_merged_into(selling: Shop) -> None:
    other, guest = selling.open(subject="cus_2"), selling.open()
    selling.set(guest, "A", 2)
    answer = selling.merge(guest, "cus_1", {"into": other["path"]["cartId"]})
    assert (answer.status, answer.body["pointer"]) == (404, "/into")
    assert (selling.lines(guest), selling.lines(other)) == ({"A": 2}, {})


def test_a_body_of_another_form_is_refused_and_changes_nothing(selling: Shop) -> None:
    guest = selling.open()
    assert selling.merge(guest, "cus_1", {"from": "crt_1"}).status == 400
    assert selling.get(guest).status == 200


def test_a_changed_price_is_still_told_after_merging(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A")
    selling.told(product([("A", 150), ("B", 200)], 2))
    (line,) = selling.merge(guest, "cus_1").body["lines"]
    assert (line["previousUnitPrice"], line["notices"]) == (100, ["price_changed"])


def test_a_withdrawn_line_is_not_lost_by_merging(selling: Shop) -> None:
    guest = selling.open()
    selling.set(guest, "A")
    selling.told(withdrawn(["A", "B", "C"], 2))
    assert selling.merge(guest, "cus_1").body["lines"][0]["notices"] == ["withdrawn"]
