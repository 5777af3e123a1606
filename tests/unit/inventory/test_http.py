"""Inventory over HTTP: what each call answers, and what bad input leaves unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.inventory.app import app, inventory

ADJUST = "/inventory/stock/{sku}/adjustments"


@pytest.fixture
def send(deploy: Callable[[str], str], call: Callable[..., Any]) -> Callable[..., Any]:
    deploy("inventory")
    inventory.cache_clear()
    return lambda *args, **options: call(app, *args, **options)


def adjust(send: Callable[..., Any], delta: Any, sku: str = "MUG-1", **options: Any) -> Any:
    given = {"subject": "cus_admin", "roles": "admin", **options}
    return send("POST", ADJUST, {"delta": delta, "reason": "received"}, path={"sku": sku}, **given)


def level(send: Callable[..., Any], sku: str = "MUG-1") -> Any:
    return send("GET", "/inventory/stock/{sku}", path={"sku": sku})


def test_the_first_receipt_of_a_sku_makes_its_level(send: Any) -> None:
    assert adjust(send, 5).status == 201
    assert level(send).body == {"sku": "MUG-1", "onHand": 5, "reserved": 0, "available": 5}


def test_stock_may_be_kept_for_seconds_by_caches_but_by_no_browser(send: Any) -> None:
    kept = send("GET", "/inventory/stock", query={"skus": "MUG-1"}).headers["Cache-Control"]
    assert kept == "public, max-age=0, s-maxage=5"


def test_a_sku_never_stocked_is_not_found(send: Any) -> None:
    answer = level(send, "NOPE")
    assert (answer.status, answer.body["code"]) == (404, "unknown_sku")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("delta", [0, "3", 1.5, None, True, 10**9])
def test_a_change_that_is_no_number_of_units_is_refused(send: Any, delta: Any) -> None:
    answer = adjust(send, delta)
    assert (answer.status, answer.body["pointer"]) == (400, "/delta")
    assert level(send).status == 404


def test_stock_never_goes_below_zero(send: Any) -> None:
    adjust(send, 5)
    assert adjust(send, -6).body["code"] == "stock_below_reserved"
    assert level(send).body["onHand"] == 5


def test_only_an_admin_may_change_stock(send: Any) -> None:
    assert adjust(send, 5, roles="customer").status == 403
    assert level(send).status == 404


def test_the_same_key_and_body_change_stock_once(send: Any) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    first, second = adjust(send, 5, **key), adjust(send, 5, **key)
    assert (first.status, first.body) == (second.status, second.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert level(send).body["onHand"] == 5


def test_the_same_key_with_another_body_is_a_conflict(send: Any) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    adjust(send, 5, **key)
    assert adjust(send, 6, **key).body["code"] == "idempotency_key_reused"
    assert level(send).body["onHand"] == 5


def test_the_ledger_lists_movements_newest_first_page_by_page(send: Any) -> None:
    for delta in (5, -2, 4):
        adjust(send, delta)
    route, who = "/inventory/stock/{sku}/movements", {"subject": "cus_s", "roles": "staff"}
    first = send("GET", route, path={"sku": "MUG-1"}, query={"limit": "2"}, **who).body
    after = {"limit": "2", "cursor": first["nextCursor"]}
    second = send("GET", route, path={"sku": "MUG-1"}, query=after, **who).body
    assert [item["delta"] for item in first["items"] + second["items"]] == [4, -2, 5]


@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "%00"])
def test_a_made_up_cursor_is_refused(send: Any, cursor: str) -> None:
    answer = send(
        "GET", "/inventory/stock/{sku}/movements", path={"sku": "MUG-1"}, query={"cursor": cursor},
        subject="cus_s", roles="staff",
    )  # fmt: skip
    assert (answer.status, answer.body["code"]) == (400, "invalid_cursor")
