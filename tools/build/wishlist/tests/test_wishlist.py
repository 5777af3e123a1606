"""What customers keep, and that it is forgotten with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.wishlist.domain import MAX_ITEMS, Wishlist, with_item
from functions.wishlist.table import WishlistTable
from tests.support.lambda_events import sample
from tests.unit.wishlist.conftest import AMIRA


def erased(customer_id: str = AMIRA) -> dict[str, Any]:
    return sample("identity/CustomerErased.v1", customerId=customer_id)


def test_what_is_kept_is_told(keep: Callable[..., Any], facts: Callable[[], Any]) -> None:
    keep("POT-CLAY-L")
    answer = keep("MUG", 2)
    assert (answer.status, answer.body) == (
        200,
        {"items": [{"sku": "MUG", "quantity": 2}, {"sku": "POT-CLAY-L", "quantity": 1}]},
    )
    assert facts() == [("WishlistChanged", {"customerId": AMIRA, "sku": "MUG", "quantity": 2})]


def test_what_is_kept_already_is_neither_stored_nor_told_again(
    keep: Callable[..., Any], table: WishlistTable
) -> None:
    assert keep("MUG").body == keep("MUG").body
    assert table.wishlist(AMIRA) == Wishlist(AMIRA, {"MUG": 1}, version=1)


def test_nobody_else_sees_it(keep: Callable[..., Any], table: WishlistTable) -> None:
    keep("MUG")
    keep("VASE", subject="cus_01kaqz5r7b8v0w3m2x4y6t9n1e")
    assert table.wishlist(AMIRA).items == {"MUG": 1}


def test_a_guest_has_to_log_in(keep: Callable[..., Any]) -> None:
    answer = keep("MUG", subject=None)
    assert (answer.status, answer.body["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(("sku", "quantity", "code"), [("a b", 1, "invalid_sku"), ("MUG", 0, "too_small")])
def test_what_cannot_be_kept_changes_nothing(
    keep: Callable[..., Any], table: WishlistTable, sku: str, quantity: int, code: str
) -> None:
    answer = keep(sku, quantity)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert table.wishlist(AMIRA) == Wishlist(AMIRA)


def test_a_wishlist_ends_somewhere(keep: Callable[..., Any], table: WishlistTable) -> None:
    full = Wishlist(AMIRA, {f"SKU-{number}": 1 for number in range(MAX_ITEMS)}, version=1)
    assert table.store(Wishlist(AMIRA), full, "")
    answer = keep("MUG")
    assert (answer.status, answer.body["code"], answer.body["parameters"]) == (409, "too_many", {"maximum": MAX_ITEMS})
    assert keep("SKU-0", 2).status == 200


def test_two_who_change_it_at_once_both_have_their_way(keep: Callable[..., Any], table: WishlistTable) -> None:
    before = table.wishlist(AMIRA)
    assert keep("VASE").status == 200
    assert not table.store(before, with_item(before, "MUG", 1), "")
    assert keep("MUG").body["items"] == [{"sku": "MUG", "quantity": 1}, {"sku": "VASE", "quantity": 1}]


def test_an_erased_customer_keeps_nothing_however_late_a_request_comes(
    keep: Callable[..., Any], deliver: Callable[..., list[str]], facts: Callable[[], Any]
) -> None:
    keep("MUG")
    assert deliver(erased(), erased()) == []
    answer = keep("MUG")
    assert (answer.status, answer.body["code"]) == (404, "account_erased")
    assert facts() == []
