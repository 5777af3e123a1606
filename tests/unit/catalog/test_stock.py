"""A product's answer has what inventory has told of its stock: the newest, whatever comes twice, late or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from functions.catalog import app as edge
from functions.shared import aws
from tests.support.lambda_events import Context, sample, sqs_event
from tests.unit.catalog.conftest import ADMIN, Send, a_product, create, euro, read


def told(
    sku: str = "POT-S", units: int | None = 3, *, level: int = 1, changes: int = 1, **more: Any
) -> dict[str, Any]:
    """Return a StockAvailabilityChanged."""
    kind = "untracked" if units is None else "in_stock" if units else "out"
    data = {
        "sku": sku,
        "available": units,
        "availability": kind,
        "backOrderable": False,
        "levelVersion": level,
        "changes": changes,
    }
    return sample("inventory/StockAvailabilityChanged.v1", **{**data, **more})


def hear(*events: dict[str, Any]) -> list[Any]:
    """Deliver facts and return the messages given back."""
    answer = edge.on_inbox(sqs_event(*events), Context())
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.fixture
def pot(send: Send) -> Any:
    """Return a product of two sizes."""
    sizes = [{"sku": f"POT-{size}", "price": euro(1999), "options": [size]} for size in "SL"]
    return create(send, options=["Size"], variants=sizes).body


def stock(send: Send) -> dict[str, Any]:
    """Return what a guest is answered of the variants' stock, by SKU."""
    return {one["sku"]: one["stock"] for one in read(send, "clay-pot").body["variants"]}


def test_what_is_not_told_yet_is_null_and_what_is_told_stands_in_the_answer(send: Send, pot: Any) -> None:
    assert stock(send) == {"POT-S": None, "POT-L": None}
    assert hear(told(), told("POT-L", None)) == []
    assert stock(send) == {
        "POT-S": {"availability": "in_stock", "available": 3, "backOrderable": False},
        "POT-L": {"availability": "untracked", "available": None, "backOrderable": False},
    }
    assert read(send, pot["id"]).body["variants"][0]["stock"]["available"] == 3, "by its id as well"


def test_staff_are_answered_by_inventory_alone(send: Send, pot: Any) -> None:
    hear(told())
    found = send("GET", "/catalog/admin/products/{id}", path={"id": pot["id"]}, **ADMIN).body
    assert "stock" not in found["variants"][0]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (told(units=9, changes=9), told(units=4, changes=10)),
        (told(units=9, changes=9), told(units=4, level=2, changes=0)),  # people have changed the level since
        (told(units=9, level=9), told(units=4, level=10)),
    ],
)
def test_the_newest_stays_in_whatever_order_they_come(send: Send, pot: Any, older: Any, newer: Any) -> None:
    for facts in ((older, newer), (newer, older), (newer, newer, older)):
        assert hear(*facts) == []
        assert stock(send)["POT-S"]["available"] == 4


def test_whose_a_sku_is_is_read_as_it_is_now(send: Send, pot: Any) -> None:
    looks: list[Any] = []
    name = "provide-client-params.dynamodb.BatchGetItem"
    aws.dynamodb().meta.events.register(name, lambda params, **_: looks.append(params["RequestItems"]))
    assert hear(told()) == []
    assert [table["ConsistentRead"] for look in looks for table in look.values()] == [True], (
        "what is passed over for a product of a moment ago is not told again"
    )


def test_what_is_no_products_is_passed_over(send: Send, pot: Any) -> None:
    assert hear(told("ELSEWHERE"), told()) == []
    assert stock(send)["POT-S"]["available"] == 3


def test_a_guests_etag_names_the_version_for_who_changes_it(send: Send, pot: Any) -> None:
    hear(told())
    tag = read(send, "clay-pot").headers["ETag"]
    body = a_product(options=["Size"], variants=[{"sku": "POT-S", "price": euro(2999), "options": ["S"]}])
    asked = {"path": {"id": pot["id"]}, "headers": {"If-Match": tag}}
    assert send("PUT", "/catalog/products/{id}", body, **asked, **ADMIN).status == 200


def test_an_answer_is_another_when_the_stock_is(send: Send, pot: Any) -> None:
    first = read(send, "clay-pot").headers["ETag"]
    hear(told())
    for tag, status in ((first, 200), (read(send, "clay-pot").headers["ETag"], 304)):
        asked = {"path": {"id": "clay-pot"}, "headers": {"If-None-Match": tag}}
        assert send("GET", "/catalog/products/{id}", **asked).status == status


@pytest.mark.parametrize(
    ("units", "back_orderable", "seconds"),
    [(20, False, 60), (19, False, 15), (0, False, 15), (3, True, 60), (None, False, 60)],
)
def test_caches_keep_what_may_soon_be_gone_for_a_shorter_time(
    send: Send, pot: Any, units: int | None, back_orderable: bool, seconds: int
) -> None:
    assert read(send, "clay-pot").headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    hear(told(units=units, backOrderable=back_orderable))
    assert read(send, "clay-pot").headers["Cache-Control"] == f"public, max-age=0, s-maxage={seconds}"


def test_a_product_that_changes_keeps_what_is_known_of_its_stock(send: Send, pot: Any) -> None:
    hear(told())
    variants = [{"sku": "POT-S", "price": euro(2999), "options": ["S"]}]
    body = a_product(options=["Size"], variants=variants)
    changed = send(
        "PUT", "/catalog/products/{id}", body, path={"id": pot["id"]}, headers={"If-Match": '"1"'}, **ADMIN
    )
    assert changed.status == 200, changed.body
    assert stock(send) == {"POT-S": {"availability": "in_stock", "available": 3, "backOrderable": False}}
