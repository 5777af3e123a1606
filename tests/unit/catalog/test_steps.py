"""Products too large for one transaction: whatever dies on the way, none stays half listed."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from functions.catalog import service
from functions.catalog.api import catalog
from functions.catalog.app import publish
from functions.catalog.domain import Price, Product, Stored, Variant
from functions.shared import aws
from functions.shared.errors import ConflictError
from functions.shared.ids import new_id
from tests.support.lambda_events import Context, stream_event
from tests.unit.catalog.conftest import (
    ADMIN,
    CrashError,
    Send,
    a_product,
    crashing,
    create,
    euro,
    facts,
    listed,
    read,
)

TRANSACTION = "TransactWriteItems"
AT = datetime(2026, 11, 22, 17, tzinfo=UTC)
LARGE = {
    "title": "Large pot",
    "tags": [f"tag{number}" for number in range(5)],
    "options": ["Size"],
    "variants": [{"sku": f"L{number}", "options": [str(number)], "price": euro(5)} for number in range(100)],
}
"""Takes four transactions: its SKUs, itself, and two for the 111 lists and counts it stands in."""


def images() -> list[dict[str, Any]]:
    """Return the items the stream's filter would hand to the publisher."""
    items = aws.dynamodb().scan(TableName=os.environ["TABLE_NAME"])["Items"]
    return [item for item in items if "outbox" in item or "pending" in item]


def everywhere(send: Send) -> bool:
    """Tell whether the large product stands in each list it belongs to, and is counted once in each."""
    tags = send("GET", "/catalog/tags", query=None).body["items"]
    lists = [
        listed(send),
        listed(send, q="large"),
        listed(send, q="l9"),
        listed(send, tag="tag4", sort="price"),
    ]
    return lists == [["large-pot"]] * 4 and [tag["count"] for tag in tags] == [1] * 5


def test_a_product_of_the_largest_size_is_listed_everywhere(send: Send) -> None:
    assert create(send, "large-pot", **LARGE).status == 201
    assert everywhere(send)
    assert len(read(send, "large-pot").body["variants"]) == 100


@pytest.mark.parametrize("transaction", [2, 3])
def test_what_a_crash_left_unlisted_the_publisher_lists(send: Send, transaction: int) -> None:
    with crashing(transaction, TRANSACTION):
        assert create(send, "large-pot", **LARGE).status == 500
    assert not everywhere(send)
    publish(stream_event(*images()), Context())
    assert everywhere(send)
    assert images() == []


def test_its_facts_go_out_once_however_its_listing_ended(send: Send) -> None:
    create(send, "large-pot", **LARGE)
    assert facts() == []  # the last step has taken the outbox away; the stream has had it


def test_the_next_change_finishes_what_a_crash_left(send: Send) -> None:
    with crashing(2, TRANSACTION):
        create(send, "large-pot", **LARGE)
    made = read(send, "large-pot").body
    changed = a_product("large-pot", **{**LARGE, "vendor": "Clay Co"})
    answer = send(
        "PUT",
        "/catalog/products/{id}",
        changed,
        path={"id": made["id"]},
        headers={"If-Match": '"1"'},
        **ADMIN,
    )
    assert (answer.status, answer.body["version"]) == (200, 2)
    assert everywhere(send)
    assert listed(send, vendor="clay co") == ["large-pot"]


def test_two_who_finish_the_same_listing_count_once(send: Send) -> None:
    with crashing(2, TRANSACTION):
        create(send, "large-pot", **LARGE)
    stored = catalog().by_slug("large-pot")
    assert stored is not None
    catalog().finish(stored)
    catalog().finish(stored)
    assert everywhere(send)


def test_a_large_draft_is_deleted_with_all_its_skus(send: Send) -> None:
    made = create(send, "large-pot", **LARGE, status="draft").body
    headers = {"If-Match": '"1"'}
    assert (
        send("DELETE", "/catalog/products/{id}", path={"id": made["id"]}, headers=headers, **ADMIN).status
        == 204
    )
    assert create(send, "other", **{**LARGE, "title": "Other"}).status == 201


def small(sku: str) -> Product:
    return Product("Small", (Variant(Price(1, "EUR"), sku=sku),), status="published")


def test_a_sku_claimed_for_a_product_that_never_came_is_free_after_a_minute(send: Send) -> None:
    sizes = tuple(Variant(Price(5, "EUR"), sku=f"L{n}", options=(str(n),)) for n in range(100))
    with crashing(1, TRANSACTION), pytest.raises(CrashError):
        service.create(
            catalog(),
            Product("Large", sizes, options=("Size",)),
            new_id("prd", AT),
            currency="EUR",
            at=AT,
        )
    soon, later = AT + timedelta(seconds=30), AT + timedelta(seconds=90)
    with pytest.raises(ConflictError, match="sku_taken"):
        service.create(catalog(), small("L7"), new_id("prd", soon), currency="EUR", at=soon)
    assert service.create(catalog(), small("L7"), new_id("prd", later), currency="EUR", at=later).version == 1


def test_a_sku_in_use_is_never_free_however_long_ago_it_was_claimed(send: Send) -> None:
    service.create(catalog(), small("POT"), new_id("prd", AT), currency="EUR", at=AT)
    later = AT + timedelta(days=1)
    other = msgspec.structs.replace(small("POT"), title="Other")
    with pytest.raises(ConflictError, match="sku_taken"):
        service.create(catalog(), other, new_id("prd", later), currency="EUR", at=later)


def test_a_product_that_changes_under_the_writer_is_not_overwritten(send: Send) -> None:
    before = service.create(catalog(), small("POT"), new_id("prd", AT), currency="EUR", at=AT)

    def titled(found: Stored) -> tuple[Product, str]:
        return msgspec.structs.replace(found.product, title=f"{found.product.title}+"), ""

    first = service.overwrite(catalog(), before, titled, currency="EUR", at=AT)
    second = service.overwrite(catalog(), before, titled, currency="EUR", at=AT)
    assert (first.version, second.version) == (2, 3)
    assert second.product.title == f"{before.product.title}++"


def test_a_word_is_learnt_before_the_product_that_has_it_is_written(send: Send) -> None:
    with crashing(0, TRANSACTION):
        create(send)
    assert (catalog().words("clay", 5), catalog().by_slug("clay-pot")) == (["clay"], None)
