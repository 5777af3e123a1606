"""Inventory over HTTP: what each call answers, and what bad input leaves unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.inventory import service
from functions.inventory.app import app, inventory, on_inbox
from functions.shared import aws
from functions.shared.ids import KEY_KEPT
from tests.support.lambda_events import Context, sqs_event
from tests.unit.inventory.conftest import NOW, published, withdrawn

ADJUST = "/inventory/stock/{sku}/adjustments"


@pytest.fixture
def send(deploy: Callable[[str], str], call: Callable[..., Any]) -> Callable[..., Any]:
    deploy("inventory")
    inventory.cache_clear()
    return lambda *args, **options: call(app, *args, **options)


def adjust(send: Callable[..., Any], delta: Any, sku: str = "MUG-1", **options: Any) -> Any:
    given = {"subject": "cus_admin", "roles": "admin", **options}
    return send("POST", ADJUST, {"delta": delta, "reason": "received"}, path={"sku": sku}, **given)


def level(send: Callable[..., Any], sku: str = "MUG-1", roles: str = "staff") -> Any:
    path = {"sku": sku}
    return send("GET", "/inventory/admin/stock/{sku}", path=path, subject="cus_staff", roles=roles)


def public(send: Callable[..., Any], *skus: str) -> Any:
    return send("GET", "/inventory/stock", query={"skus": ",".join(skus)}).body["items"]


def test_the_first_receipt_of_a_sku_makes_its_level(send: Any) -> None:
    assert adjust(send, 5).status == 201
    assert level(send).body == {
        "sku": "MUG-1",
        "onHand": 5,
        "reserved": 0,
        "available": 5,
        "stockPolicy": "tracked",
        "countedAt": None,
    }


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
        "GET",
        "/inventory/stock/{sku}/movements",
        path={"sku": "MUG-1"},
        query={"cursor": cursor},
        subject="cus_s",
        roles="staff",
    )
    assert (answer.status, answer.body["code"]) == (400, "invalid_cursor")


# --- a key is one movement of one SKU ------------------------------------------------------------------------------


def test_the_same_key_for_another_sku_is_a_conflict_and_never_answered_with_what_it_did_not_do(
    send: Any,
) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    adjust(send, 5, **key)
    adjust(send, 5, "POT-1")
    assert adjust(send, 5, "POT-1", **key).body["code"] == "idempotency_key_reused"
    inventory().delete(record(send))  # the key is forgotten, as it is after a time
    assert adjust(send, 5, "POT-1", **key).body["onHand"] == 10
    assert level(send, "POT-1").body["onHand"] == 10


def record(send: Any) -> dict[str, str]:
    """Return the key of the one idempotency record."""
    items = aws.dynamodb().scan(TableName=inventory().name)["Items"]
    (pk,) = [item["pk"]["S"] for item in items if item["sk"]["S"] == "IDEM"]
    return {"pk": pk, "sk": "IDEM"}


def test_a_movement_is_made_once_as_long_as_its_key_is_kept_and_again_after(send: Any) -> None:
    def receive(at: Any) -> int:
        made = service.adjust(inventory(), "MUG-1", 5, "received", adjustment_id="a", by="cus_admin", at=at)
        return made.on_hand

    assert receive(NOW) == receive(NOW + KEY_KEPT) == 5
    assert receive(NOW + KEY_KEPT * 1.5) == 10


# --- what the public may know --------------------------------------------------------------------------------------


@pytest.fixture
def tell(send: Any) -> Callable[..., None]:
    """Return a function that tells inventory facts of other services."""

    def told(*events: dict[str, Any]) -> None:
        assert on_inbox(sqs_event(*events), Context())["batchItemFailures"] == []

    return told


@pytest.mark.parametrize(
    ("policy", "units", "availability", "available"),
    [
        ("tracked", 3, "in_stock", 3),
        ("tracked", 20, "in_stock", 20),
        ("tracked", 21, "in_stock", 20),
        ("tracked", 0, "out", 0),
        ("backorder", 500, "in_stock", 20),
        ("backorder", 0, "back_order", 0),
        ("untracked", 0, "untracked", None),
        ("untracked", 7, "untracked", None),
    ],
)
def test_the_public_is_told_what_can_be_had_and_no_more_than_twenty(
    policy: str, units: int, availability: str, available: int | None, send: Any, tell: Any
) -> None:
    tell(published(**{"MUG-1": policy}))
    if units:
        adjust(send, units)
    told = {
        "sku": "MUG-1",
        "availability": availability,
        "available": available,
        "backOrderable": policy == "backorder",
    }
    assert public(send, "MUG-1") == [told]
    assert send("GET", "/inventory/stock/{sku}", path={"sku": "MUG-1"}).body == told


def test_skus_of_drafts_are_unknown_to_the_public(send: Any) -> None:
    adjust(send, 5)
    assert public(send, "MUG-1") == []
    answer = send("GET", "/inventory/stock/{sku}", path={"sku": "MUG-1"})
    assert (answer.status, answer.body["code"]) == (404, "unknown_sku")


def test_a_product_that_is_withdrawn_takes_its_skus_out_of_sight_and_a_new_publication_brings_them_back(
    send: Any, tell: Any
) -> None:
    adjust(send, 5)
    tell(published(**{"MUG-1": "tracked"}))
    assert len(public(send, "MUG-1")) == 1
    tell(withdrawn("MUG-1", version=2))
    assert public(send, "MUG-1") == []
    tell(published(version=3, **{"MUG-1": "tracked"}))
    assert public(send, "MUG-1")[0]["available"] == 5


def test_exact_numbers_are_for_staff(send: Any, tell: Any) -> None:
    tell(published(**{"MUG-1": "tracked"}))
    adjust(send, 50)
    assert level(send).body["onHand"] == 50
    assert level(send, roles="customer").status == 403
    several = ("GET", "/inventory/admin/stock")
    assert send(*several, query={"skus": "MUG-1"}, subject="cus_c", roles="customer").status == 403
    items = send(*several, query={"skus": "MUG-1,NOPE"}, subject="cus_s", roles="staff").body["items"]
    assert [item["onHand"] for item in items] == [50]


@pytest.mark.parametrize("path", ["/inventory/stock", "/inventory/admin/stock"])
def test_bad_questions_are_refused(send: Any, path: str) -> None:
    who = {"subject": "cus_s", "roles": "staff"}
    assert send("GET", path, query={"skus": "a b"}, **who).body["code"] == "invalid_sku"
    many = ",".join(f"S{number}" for number in range(101))
    assert send("GET", path, query={"skus": many}, **who).body["code"] == "too_many_skus"
