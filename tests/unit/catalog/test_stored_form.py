"""The form in which products are stored: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.catalog.domain import Footprint, Price, Product, Stored, Variant
from functions.catalog.exports.domain import Export
from functions.catalog.exports.table import ExportsTable
from functions.catalog.formats.rows import Problem
from functions.catalog.imports.domain import Job, ReadAs
from functions.catalog.imports.table import ImportsTable
from functions.catalog.prices import Period, PriceHistory
from functions.catalog.table import CatalogTable

AT = datetime(2026, 11, 22, 17, 5, 9, 123000, tzinfo=UTC)
TIME = "2026-11-22T17:05:09.123Z"
MUG = Product(
    "A mug", (Variant(Price(1999, "EUR"), "MUG-1"),), slug="mug", category="Cups", status="published"
)
CONTENT = (
    '{"title":"A mug","variants":[{"price":{"amount":1999,"currency":"EUR"},"sku":"MUG-1","options":[],'
    '"compareAt":null,"grams":0,"barcode":"","taxClass":"standard","requiresShipping":true,"image":null,'
    '"stockPolicy":"tracked","merchantSku":null,"otherColumns":null}],"slug":"mug","status":"published",'
    '"bodyHtml":"","vendor":"","category":"Cups","productCategory":"","tags":[],"options":[],"images":[],'
    '"seo":{"title":"","description":""}}'
)
CARD = '{"id":"prd_1","slug":"mug","title":"A mug"'
KEY = {"pk": "PRODUCT#prd_1", "sk": "PRODUCT"}
PLAIN = {
    **KEY,
    "id": "prd_1",
    "version": 1,
    "content": CONTENT,
    "text": "All of it",
    "origin": "",
    "created_at": TIME,
    "updated_at": TIME,
    "listed": [],
}
JOB = Job("imp_1", "csv", "awaiting_upload", TIME)
JOB_ITEM = {
    "pk": "IMPORT#imp_1",
    "sk": "IMPORT",
    "id": "imp_1",
    "format": "csv",
    "status": "awaiting_upload",
    "created_at": TIME,
    "total": 0,
    "done": 0,
    "created": 0,
    "updated": 0,
    "unchanged": 0,
    "failed": 0,
    "finished_at": "",
    "stock": False,
    "dry_run": False,
    "stock_kept": 0,
    "warnings": 0,
    "read_as": '{"format":"","encoding":"utf-8","delimiter":"","columnsKept":[],"mapping":{},"decimalSign":""}',
    "rows": 0,
    "rows_done": 0,
    "parts": 0,
    "parts_done": 0,
    "size": 0,
    "touched_at": "",
    "reason": "",
    "why": "",
    "expires": 1803143109,
}


@pytest.fixture
def table(deploy: Callable[[str], str]) -> CatalogTable:
    return CatalogTable(deploy("catalog"))


@pytest.fixture
def of_kind(table: CatalogTable, stored: Any) -> Callable[[str], list[Any]]:
    """Return a function that reads the items whose partition begins so."""
    return lambda start: [item for item in stored(table) if item["pk"].startswith(start)]


def test_a_product_is_stored_in_the_form_that_all_versions_read(table: CatalogTable, of_kind: Any) -> None:
    mug = Stored("prd_1", 1, MUG, "All of it", TIME, TIME, ("req_1", "imp_1#2"), ("published",))
    assert table.store(None, mug, "[]") is None
    assert of_kind("PRODUCT#") == [
        {**PLAIN, "origin": "req_1 imp_1#2", "listed": ["published"], "outbox": "[]"}
    ]
    assert of_kind("SLUG#") == [{"pk": "SLUG#mug", "sk": "SLUG", "product_id": "prd_1"}]
    claim = {"product_id": "prd_1", "claimed_at": TIME}
    assert of_kind("SKU#") == [{"pk": "SKU#MUG-1", "sk": "SKU", **claim}]
    assert table.product("prd_1") == mug


def test_a_reduced_product_is_stored_in_the_form_that_all_versions_read(
    table: CatalogTable, of_kind: Any
) -> None:
    mug = Stored("prd_1", 1, MUG, "All of it", TIME, TIME, since=TIME, ended=3, prior={"MUG-1": 2499})
    assert table.store(None, mug, None) is None
    assert of_kind("PRODUCT#") == [{**PLAIN, "since": TIME, "ended": 3, "prior": "[2499]"}]
    assert table.product("prd_1") == mug


def test_a_product_that_no_history_was_kept_of_is_read(table: CatalogTable) -> None:
    table.put(PLAIN)
    assert table.product("prd_1") == Stored("prd_1", 1, MUG, "All of it", TIME, TIME)
    assert table.price_history("prd_1") is None


def test_prices_that_ended_are_stored_in_the_form_that_all_versions_read(
    table: CatalogTable, of_kind: Any
) -> None:
    ended = PriceHistory("EUR", 3, {"MUG-1": (Period(TIME, 2499), Period("2026-11-23T17:05:09.123Z", None))})
    assert table.keep_prices("prd_1", ended)
    content = f'{{"MUG-1":[["{TIME}",2499],["2026-11-23T17:05:09.123Z",null]]}}'
    item = {"pk": "PRODUCT#prd_1", "sk": "PRICES", "currency": "EUR", "version": 3, "ended": content}
    assert of_kind("PRODUCT#") == [item]
    assert table.price_history("prd_1") == ended


def test_a_card_of_before_is_read(table: CatalogTable) -> None:
    """It has the price that was typed to compare with, which nothing is made of any more."""
    card = (
        f'{CARD},"vendor":"","category":"Cups","tags":[],"status":"published","image":null,"price":'
        '{"min":{"amount":1999,"currency":"EUR"},"max":{"amount":1999,"currency":"EUR"}},'
        '"compareAt":{"amount":2499,"currency":"EUR"},"variantCount":1}'
    )
    entry = {"sk": "prd_1", "card": card, "facets": ["category:cups"], "terms": " a mug cups 1 "}
    table.put({"pk": "LIST#word:mug#0", **entry})
    (shown,) = table.page(["word:mug"], "price", 10, None, lambda _: True).items
    assert shown.card == card


def test_an_entry_is_stored_in_the_form_that_all_versions_read(table: CatalogTable, of_kind: Any) -> None:
    mug = Stored("prd_1", 1, MUG, "", TIME, TIME, listed=("published", "word:mug"))
    assert table.store(None, mug, None) is None
    long, short = of_kind("LIST#")
    assert long["card"].startswith(CARD)
    entry = {"sk": "prd_1", "card": long["card"], "facets": ["category:cups"], "terms": " a mug cups 1 "}
    keys = {"price_key": "000000001999#prd_1", "title_key": "a mug#prd_1"}
    assert long == {"pk": long["pk"], **entry, **keys}
    assert short == {"pk": "LIST#word:mug#0", **entry}
    (shown,) = table.page(["published"], "newest", 10, None, lambda _: True).items
    assert shown.card == long["card"]


def test_a_product_whose_listing_is_under_way_is_read(table: CatalogTable) -> None:
    table.put({**PLAIN, "pending": 0, "replaces": '{"listed":["draft"],"skus":["OLD"]}'})
    assert table.product("prd_1") == Stored(
        "prd_1",
        1,
        MUG,
        "All of it",
        TIME,
        TIME,
        pending=0,
        replaces=Footprint(("draft",), ("OLD",)),
    )


def test_a_product_whose_listing_is_under_way_is_stored(table: CatalogTable, of_kind: Any) -> None:
    begun = Stored("prd_1", 1, MUG, "All of it", TIME, TIME, pending=3, replaces=Footprint(("draft",), ()))
    assert table.store(None, begun, None) is None
    assert of_kind("PRODUCT#") == [{**PLAIN, "pending": 3, "replaces": '{"listed":["draft"],"skus":[]}'}]


def test_an_import_is_stored_in_the_form_that_all_versions_read(table: CatalogTable, of_kind: Any) -> None:
    imports = ImportsTable(table.name)
    assert imports.begin(JOB, None)
    assert of_kind("IMPORT#") == [JOB_ITEM]
    assert imports.job("imp_1") == JOB
    read = '{"format":"shopify","encoding":"utf-8","delimiter":";","mapping":{"Preis":"price"}}'
    table.put({**JOB_ITEM, "read_as": read, "reason": "broken"})
    found = imports.job("imp_1")
    assert found
    assert found.read_as == ReadAs("shopify", delimiter=";", mapping={"Preis": "price"})
    assert found.reason == "broken"


def test_an_import_of_long_ago_is_read(table: CatalogTable) -> None:
    names = ("pk", "sk", "id", "format", "status", "created_at")
    table.put({name: JOB_ITEM[name] for name in names})
    assert ImportsTable(table.name).job("imp_1") == JOB


def test_a_problem_is_stored_in_the_form_that_all_versions_read(table: CatalogTable, of_kind: Any) -> None:
    imports = ImportsTable(table.name)
    problems = [Problem(7, "/slug", "code", "Detail."), Problem(7, "", "other", "It is.", "warning")]
    imports.note(JOB, {3: problems})
    first = {"row": 7, "field": "/slug", "code": "code", "detail": "Detail.", "level": "error"}
    second = {"row": 7, "field": "", "code": "other", "detail": "It is.", "level": "warning"}
    place = {"pk": "IMPORT#imp_1", "expires": 1803143109}
    assert of_kind("IMPORT#") == [
        {**place, "sk": "PROBLEM#0000003#0000", **first},
        {**place, "sk": "PROBLEM#0000003#0001", **second},
    ]
    assert len(imports.problems("imp_1", 10, None).items) == 2
    del first["level"]
    table.put({"pk": "IMPORT#imp_2", "sk": "PROBLEM#0000003#0000", **first})
    assert imports.problems("imp_2", 10, None).items == problems[:1]


def test_an_export_is_stored_in_the_form_that_all_versions_read(table: CatalogTable, of_kind: Any) -> None:
    exports = ExportsTable(table.name)
    export = Export("exp_1", "csv", "queued", TIME, TIME)
    exports.begin(export)
    assert of_kind("EXPORT#") == [
        {
            "pk": "EXPORT#exp_1",
            "sk": "EXPORT",
            "id": "exp_1",
            "format": "csv",
            "status": "queued",
            "created_at": TIME,
            "touched_at": TIME,
            "done": 0,
            "size": 0,
            "finished_at": "",
            "expires": 1797959109,
        }
    ]
    assert exports.export("exp_1") == export
