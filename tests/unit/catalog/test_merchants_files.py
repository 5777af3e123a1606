"""Files as real shops have them: what each is read as, and that it comes in again as no change."""

from __future__ import annotations

import csv
import io
import os
import re
from typing import Any

import pytest

from functions.catalog import service
from functions.catalog.api import importing
from functions.catalog.domain import Price, Product, Variant, key_of
from functions.catalog.imports import service as imports
from functions.shared import aws
from functions.shared.clock import now
from functions.shared.ids import new_id
from tests.support import templates
from tests.unit.catalog.conftest import ADMIN, Send, exported, facts, listed, outcome, product, read, work
from tests.unit.catalog.test_imports import counted

FINDINGS = templates.ROOT.parent / "shared/findings"
needs_findings = pytest.mark.skipif(
    not FINDINGS.is_dir(), reason="the folder of merchants' files is not at hand"
)


def handed_in(send: Send, raw: bytes, **options: Any) -> dict[str, Any]:
    """Import a file's bytes and return how it went."""
    at = now()
    job = imports.accept(importing(), raw, "csv", new_id("imp", at), at, imports.ImportOptions(**options))
    assert work() == []
    body = outcome(send, job.id)
    assert body["status"] == "completed"
    for said in (*body["errors"], *body["warnings"]):
        assert "regex" not in said["detail"], said
        assert "`" not in said["detail"], said
    return body


def finding(send: Send, number: str, **options: Any) -> dict[str, Any]:
    """Import one of the files, and once more: the second time nothing changes."""
    (path,) = FINDINGS.glob(f"{number}-*.csv")
    body = handed_in(send, path.read_bytes(), **options)
    assert body["errors"] == []
    again = handed_in(send, path.read_bytes(), **options)
    assert (again["unchanged"], again["failed"]) == (again["total"], 0)
    back = handed_in(send, exported(send).encode())
    assert (back["unchanged"], back["failed"]) == (back["total"], 0)
    return body


def warned(body: dict[str, Any]) -> list[tuple[int, str]]:
    return [(warning["row"], warning["code"]) for warning in body["warnings"]]


def shown_skus(made: Any) -> list[str]:
    return [variant["merchantSku"] or variant["sku"] for variant in made["variants"]]


def rows(send: Send) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(send))))


@needs_findings
def test_decimal_grams_are_rounded_and_said(desk: Send) -> None:
    body = finding(desk, "01")
    assert [variant["grams"] for variant in product(desk, "linen-apron")["variants"]] == [340, 454]
    assert warned(body) == [(2, "weight_rounded"), (3, "weight_rounded")]


@needs_findings
def test_skus_are_shown_searched_and_exported_as_they_were_written(desk: Send) -> None:
    body = finding(desk, "02")
    written = ["KIT-24/25-M", "KIT B 12", "Rose+Gold", "9:204#Amber;3:77120", "CORAÇÃO-1"]
    made = [product(desk, f"kit-{letter}") for letter in "abcde"]
    assert (body["created"], [shown_skus(one)[0] for one in made]) == (5, written)
    assert [one["variants"][0]["sku"] for one in made] == [key_of(sku) for sku in written]
    assert [row["Variant SKU"] for row in rows(desk)] == written
    assert listed(desk, q="KIT B 12") == ["kit-b"]
    assert listed(desk, q="9:204#Amber;3:77120") == ["kit-d"]


@needs_findings
def test_a_sku_repeated_within_a_product_goes_to_its_first_variant(desk: Send) -> None:
    body = finding(desk, "03")
    made = product(desk, "poncho-9")
    assert [(variant["options"], variant["sku"]) for variant in made["variants"]] == [
        (["S"], "PON-9"),
        (["M"], "PONCHO-9.M"),
        (["L"], "PONCHO-9.L"),
    ]
    assert shown_skus(made) == ["PON-9"] * 3
    assert warned(body) == [(3, "sku_changed"), (4, "sku_changed")]
    assert counted() == {"PON-9": 1, "PONCHO-9.M": 2, "PONCHO-9.L": 3}


@needs_findings
def test_a_sku_of_another_product_is_kept_apart_and_the_other_named(desk: Send) -> None:
    body = finding(desk, "04")
    assert counted() == {"JAR-7": 4, "JAR-GIFT": 6}
    (warning,) = body["warnings"]
    assert (warning["row"], "Jar, Small" in warning["detail"]) == (3, True)


@needs_findings
def test_an_unlisted_product_is_reached_by_its_address_alone(desk: Send) -> None:
    finding(desk, "05")
    assert (listed(desk), listed(desk, q="scarf")) == ([], [])
    assert read(desk, "secret-sale").body["status"] == "unlisted"
    (fact,) = [fact for fact in facts() if fact["type"] == "ProductPublished"]
    assert fact["data"]["unlisted"] is True
    assert rows(desk)[0]["Status"] == "unlisted"


@needs_findings
def test_handles_of_any_letters_become_addresses(desk: Send) -> None:
    body = finding(desk, "06")
    assert body["created"] == 3
    assert sorted(listed(desk)) == ["50-off-box", "felt-boots", "nimbus-fan"]


@needs_findings
def test_a_price_list_and_a_stock_list_leave_what_they_do_not_name(desk: Send) -> None:
    full, prices, stock = (next(FINDINGS.glob(f"07{letter}-*")).read_bytes() for letter in "abc")
    handed_in(desk, full)
    before = product(desk, "tea-tin")
    body = handed_in(desk, prices)
    after = product(desk, "tea-tin")
    assert (body["updated"], [one["price"]["amount"] for one in after["variants"]]) == (1, [650, 1250])
    for one in before["variants"]:
        del one["price"]
    assert [
        {name: value for name, value in one.items() if name != "price"} for one in after["variants"]
    ] == before["variants"]
    same = ("bodyHtml", "vendor", "category", "tags", "images", "options", "status", "seo")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    kept = handed_in(desk, stock)
    assert (kept["unchanged"], kept["stock"], kept["stockKept"]) == (1, "keep", 2)
    assert counted() == {"TT-100": 5, "TT-250": 7}
    assert handed_in(desk, stock, stock=True)["stockKept"] == 0
    lines = [fact["data"]["lines"] for fact in facts() if fact["type"] == "StockCounted"]
    assert [{"sku": "TT-100", "onHand": 50}, {"sku": "TT-250", "onHand": 70}] in lines
    assert product(desk, "tea-tin") == after


@needs_findings
def test_semicolons_and_decimal_commas_are_recognised(desk: Send) -> None:
    body = finding(desk, "08")
    made = product(desk, "kaese-messer")
    (variant,) = made["variants"]
    assert (made["title"], variant["price"]["amount"]) == ('Käsemesser "Alm"; klein', 1490)
    assert variant["compareAt"]["amount"] == 101_900
    assert (body["readAs"]["delimiter"], body["readAs"]["encoding"]) == (";", "utf-8")


@needs_findings
def test_tabs_are_recognised(desk: Send) -> None:
    assert finding(desk, "09")["readAs"]["delimiter"] == "\t"
    assert product(desk, "cork-mat")["variants"][0]["price"]["amount"] == 825


@needs_findings
def test_utf_16_is_recognised(desk: Send) -> None:
    assert finding(desk, "10")["readAs"]["encoding"] == "utf-16"
    assert product(desk, "blumen-vase")["title"] == "Blumenvase Höhe 30 cm"


@needs_findings
def test_windows_1252_is_recognised(desk: Send) -> None:
    assert finding(desk, "11")["readAs"]["encoding"] == "windows-1252"
    assert product(desk, "creme-brulee-dish")["title"] == "Crème-brûlée-Schälchen – 4 Stück à 5 €"


@needs_findings
def test_a_picture_never_costs_its_product(desk: Send) -> None:
    body = finding(desk, "12")
    made = [[image["src"] for image in product(desk, f"frame-{letter}")["images"]] for letter in "abcd"]
    assert made == [
        ["https://cdn.example.com/big%20frame.jpg"],
        ["https://cdn.example.com/frame-b.jpg"],
        ["https://cdn.example.com/ok.jpg", "https://cdn.example.com/ok%20(1).jpg"],
        [],
    ]
    assert warned(body) == [(5, "picture_dropped")]


@needs_findings
def test_120_variants_stand_in_the_order_of_the_file_and_are_found_by_their_skus(desk: Send) -> None:
    finding(desk, "13")
    made = product(desk, "paint")
    assert shown_skus(made) == [f"WP-{number:03d}" for number in range(1, 121)]
    assert listed(desk, q="WP-001") == listed(desk, q="WP-120") == ["paint"]


@needs_findings
def test_60_tags_are_kept(desk: Send) -> None:
    finding(desk, "14")
    assert len(product(desk, "tag-hat")["tags"]) == 60


@needs_findings
def test_rows_that_are_not_tracked_or_sold_below_zero_say_so(desk: Send) -> None:
    finding(desk, "15")
    policies = [product(desk, slug)["variants"][0]["stockPolicy"] for slug in ("gift-wrap", "made-to-order")]
    assert policies == ["untracked", "backorder"]


@needs_findings
def test_active_but_not_published_is_not_on_sale_and_exported_as_it_came(desk: Send) -> None:
    finding(desk, "16")
    assert (read(desk, "pos-only").status, listed(desk)) == (404, [])
    assert (rows(desk)[0]["Published"], rows(desk)[0]["Status"]) == ("false", "active")


@needs_findings
def test_a_new_product_without_any_price_is_a_draft(desk: Send) -> None:
    body = handed_in(desk, next(FINDINGS.glob("17-*")).read_bytes())
    made = product(desk, "quote-crane")
    assert (made["status"], made["variants"][0]["price"]["amount"]) == ("draft", 0)
    assert (2, "price_missing") in warned(body)


@needs_findings
def test_names_of_columns_of_every_generation_are_known(desk: Send) -> None:
    body = finding(desk, "18")
    made = product(desk, "wool-cap")
    assert made["variants"][0]["price"]["amount"] == 2000
    assert "Cost per item" in body["readAs"]["columnsKept"]


@needs_findings
def test_a_file_without_handles_has_addresses_from_its_titles(desk: Send) -> None:
    finding(desk, "19")
    assert product(desk, "brass-hook")["title"] == "Brass Hook"


@needs_findings
def test_woocommerce_products_come_in_with_their_variations(desk: Send) -> None:
    body = finding(desk, "20")
    assert (body["created"], body["readAs"]["format"]) == (2, "woocommerce")
    throw, soap = product(desk, "wool-throw"), product(desk, "olive-soap")
    assert (throw["options"], throw["category"], len(throw["images"])) == (["Colour"], "Throws", 2)
    assert [
        (
            one["options"],
            one["price"]["amount"],
            one["compareAt"] and one["compareAt"]["amount"],
            one["grams"],
        )
        for one in throw["variants"]
    ] == [(["Grey"], 7900, None, 900), (["Rust"], 6900, 7900, 900)]
    assert (soap["variants"][0]["price"]["amount"], soap["variants"][0]["grams"]) == (450, 120)
    assert counted() == {"WT-G": 4, "WT-R": 2, "SOAP-1": 30}


# --- our own files ------------------------------------------------------------------------------------------------


def test_older_and_newer_names_of_columns_are_read_in_any_case_and_order(desk: Send) -> None:
    text = "variant compare-at price,BODY HTML,Variant price,TITLE,handle\n25,<p>Warm.</p>,20,Wool Cap,wool-cap\n"
    handed_in(desk, text.encode())
    made = product(desk, "wool-cap")
    assert (made["bodyHtml"], made["variants"][0]["compareAt"]["amount"]) == ("<p>Warm.</p>", 2500)


def test_a_blank_cell_clears_and_a_missing_column_keeps(desk: Send) -> None:
    handed_in(desk, b"Handle,Title,Vendor,Tags,Variant Price,Variant Grams\npot,Pot,Leaf,a,1,5\n")
    handed_in(desk, b"Handle,Title,Vendor,Variant Price\npot,Pot,,1\n")
    made = product(desk, "pot")
    assert (made["vendor"], made["tags"], made["variants"][0]["grams"]) == ("", ["a"], 5)


def test_a_sku_that_changes_keeps_its_key_and_with_it_its_stock(desk: Send) -> None:
    head = b"Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n"
    handed_in(desk, head + b"pot,Pot,Size,S,OLD,3,1\n")
    handed_in(desk, head + b"pot,Pot,Size,S,NEW 1,9,1\n")
    (variant,) = product(desk, "pot")["variants"]
    assert (variant["sku"], variant["merchantSku"], counted()) == ("OLD", "NEW 1", {"OLD": 3})
    handed_in(desk, b"Handle,Variant SKU,Variant Price\npot,NEW 1,2\n")
    (variant,) = product(desk, "pot")["variants"]
    assert (variant["sku"], variant["price"]["amount"]) == ("OLD", 200)


def test_a_price_list_of_some_variants_leaves_the_others_where_they_are(desk: Send) -> None:
    head = b"Handle,Title,Option1 Name,Option1 Value,Variant Price,Status\n"
    handed_in(desk, head + b"pot,Pot,Size,S,1,active\npot,,,M,2,\npot,,,L,3,\n")
    body = handed_in(desk, b"Handle,Title,Option1 Name,Option1 Value,Variant Price\npot,Pot,Size,M,5\n")
    made = [(one["options"], one["price"]["amount"]) for one in product(desk, "pot")["variants"]]
    assert (made, warned(body)) == ([(["S"], 100), (["M"], 500), (["L"], 300)], [])
    body = handed_in(desk, head + b"pot,Pot,Size,M,5,active\n")
    assert [one["options"] for one in product(desk, "pot")["variants"]] == [["M"]]
    assert warned(body) == [(2, "variants_removed")]


def test_columns_without_a_field_come_back_in_the_export_and_are_for_staff_only(desk: Send) -> None:
    handed_in(desk, b"Handle,Title,Variant Price,Cost per item,Colour code\npot,Pot,1,0.40,=1+1\n")
    assert product(desk, "pot")["variants"][0]["otherColumns"] == {
        "Cost per item": "0.40",
        "Colour code": "=1+1",
    }
    assert "otherColumns" not in read(desk, "pot").body["variants"][0]
    (row,) = rows(desk)
    assert (row["Cost per item"], row["Colour code"]) == ("0.40", "'=1+1")
    handed_in(desk, b"Handle,Title,Variant Price,Cost per item\npot,Pot,1,\n")
    assert product(desk, "pot")["variants"][0]["otherColumns"] == {"Colour code": "=1+1"}


def test_an_edit_keeps_the_columns_without_a_field(desk: Send) -> None:
    handed_in(desk, b"Handle,Title,Variant Price,Cost\npot,Pot,1,0.40\n")
    body = {
        "title": "Pot",
        "slug": "pot",
        "variants": [{"sku": "POT", "price": {"amount": 5, "currency": "EUR"}}],
    }
    made = product(desk, "pot")
    headers = {"If-Match": '"1"'}
    answer = desk("PUT", "/catalog/products/{id}", body, path={"id": made["id"]}, headers=headers, **ADMIN)
    assert answer.body["variants"][0]["otherColumns"] == {"Cost": "0.40"}


def test_no_spreadsheet_runs_an_exported_cell_and_it_comes_in_again_as_it_was(desk: Send) -> None:
    risky = ["=1+1", "+1", "-1", "@A1", "'=1", "''@x"]
    handed_in(
        desk,
        b"Handle,Title,Variant Price\n" + b"".join(b"p%d,P%d,1\n" % (at, at) for at in range(len(risky))),
    )
    for at, title in enumerate(risky):
        made = product(desk, f"p{at}")
        body = {
            "title": title,
            "slug": f"p{at}",
            "vendor": title,
            "variants": [{"price": made["variants"][0]["price"]}],
        }
        path, headers = {"id": made["id"]}, {"If-Match": '"1"'}
        assert desk("PUT", "/catalog/products/{id}", body, path=path, headers=headers, **ADMIN).status == 200
    assert [cell[:1] for row in rows(desk) for cell in (row["Title"], row["Vendor"])] == ["'"] * 12
    assert handed_in(desk, exported(desk).encode())["unchanged"] == len(risky)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(desk: Send) -> None:
    handed_in(desk, b"Handle,Title,Variant Price\npot,Pot,1\npan,Pan,1\n")
    body = handed_in(
        desk, b"Handle,Title,Variant Price\npot,Pot,2\npan,Pan,1\ncup,Cup,3\nbad,Bad,x\n", dry_run=True
    )
    outcomes = [(one["row"], one["code"]) for one in body["outcomes"]]
    assert outcomes == [(2, "updated"), (3, "unchanged"), (4, "created")]
    assert (body["created"], body["updated"], body["unchanged"], body["failed"]) == (1, 1, 1, 1)
    assert product(desk, "pot")["variants"][0]["price"]["amount"] == 100
    assert sorted(listed(desk)) == ["pan", "pot"]


def test_a_mapping_names_the_fields_of_any_other_file(desk: Send) -> None:
    text = b"Artikel;Bezeichnung;Preis;Gewicht kg\nA 1;Topf;1.234,50;1,5\n"
    mapping = {"Artikel": "sku", "Bezeichnung": "Title", "Preis": "price", "Gewicht kg": "kilograms"}
    body = handed_in(desk, text, mapping=mapping)
    (variant,) = product(desk, "topf")["variants"]
    assert (variant["merchantSku"], variant["price"]["amount"], variant["grams"]) == ("A 1", 123_450, 1500)
    assert body["readAs"]["format"] == "mapped"


def test_numbers_that_can_be_read_in_two_ways_are_refused_by_their_row(desk: Send) -> None:
    body = handed_in(desk, b"Handle;Title;Variant Price\npot;Pot;1.234\n")
    assert [(error["row"], error["code"]) for error in body["errors"]] == [(2, "invalid_amount")]


def test_parameters_that_are_none_are_refused(desk: Send) -> None:
    for query in ({"stock": "all"}, {"dryRun": "maybe"}, {"mapping": "[]"}, {"mapping": '{"A": "colour"}'}):
        options = {**ADMIN, "headers": {"content-type": "text/csv"}, "query": query}
        assert desk("POST", "/catalog/imports", "A,Title,Variant Price\nx,X,1\n", **options).status == 400, (
            query
        )
    assert listed(desk) == []


def test_two_imports_of_one_file_at_once_both_end_right(desk: Send) -> None:
    text = b"Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price\npot,Pot,P 1,3,1\n"
    at = now()
    for import_id in (new_id("imp", at), new_id("imp", at)):
        imports.accept(importing(), text, "csv", import_id, at)
    assert work() == []
    (variant,) = product(desk, "pot")["variants"]
    assert (variant["merchantSku"], product(desk, "pot")["version"]) == ("P 1", 1)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_product_too_large_for_one_fact_is_refused_in_words_and_the_others_come_in(
    desk: Send, dry_run: bool
) -> None:
    def file(parts: int) -> bytes:
        head = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Price,Workshop\n"
        long = "x" * 200
        rows = (f"ring-{at % parts},Ring,Size,{long} {at},Stone,{long},R-{at},1,Fez\n" for at in range(500))
        return f"{head}pot,Pot,,,,,P-1,1,\n{''.join(rows)}cup,Cup,,,,,C-1,1,\n".encode()

    body = handed_in(desk, file(1), dry_run=dry_run)
    (error,) = body["errors"]
    assert (error["row"], error["code"]) == (3, "product_too_large")
    advice = re.fullmatch(
        r"The product is too large: 500 variants .* make it (\d) products\.", error["detail"]
    )
    assert (body["created"], body["failed"]) == (2, 1)
    others = [] if dry_run else ["cup", "pot"]
    assert (
        sorted(listed(desk)),
        sorted(told["data"]["slug"] for told in facts() if "slug" in told["data"]),
    ) == (others, others)
    assert [key for key in keys() if key.startswith(("SKU#R", "SLUG#ring", "COLUMNS"))] == []
    assert advice is not None
    assert handed_in(desk, file(int(advice[1])), dry_run=True)["failed"] == 0


def keys() -> list[str]:
    """Return the partition keys of everything that is stored."""
    pages = aws.dynamodb().get_paginator("scan").paginate(TableName=os.environ["TABLE_NAME"])
    return [item["pk"]["S"] for page in pages for item in page["Items"]]


def test_weights_of_every_unit_become_whole_grams_and_what_is_rounded_is_said(desk: Send) -> None:
    cells = {"Weight (lb)": "1.5", "Weight (oz)": "8", "Weight (kg)": "0.75", "Variant Grams": "12.5 oz"}
    weights = [680, 227, 750, 354]
    for at, (column, cell) in enumerate(cells.items()):
        body = handed_in(desk, f"Handle,Title,Variant Price,{column}\np{at},P,1,{cell}\n".encode())
        assert product(desk, f"p{at}")["variants"][0]["grams"] == weights[at]
        assert warned(body) == ([] if weights[at] == 750 else [(2, "weight_rounded")])


def test_units_of_variants_without_a_tracker_are_not_counted_and_the_row_says_so(desk: Send) -> None:
    head = b"Handle,Title,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n"
    body = handed_in(desk, head + b"wrap,Wrap,,7,1\nbag,Bag,shopify,3,1\nbox,Box,,0,1\n")
    assert (warned(body), counted()) == ([(2, "stock_untracked")], {"BAG": 3})


def test_how_a_file_was_read_is_said_with_its_decimal_sign(desk: Send) -> None:
    comma = handed_in(desk, b"Handle;Title;Variant Price\npot;Pot;1.234,50\n")
    whole = handed_in(desk, b"Handle;Title;Variant Price\npan;Pan;5\n")
    point = handed_in(desk, b"Handle,Title,Variant Price\ncup,Cup,5\n")
    assert [body["readAs"]["decimalSign"] for body in (comma, whole, point)] == [",", "", "."]


def test_a_product_that_an_import_made_gets_its_stock_also_after_a_crash_and_a_change(desk: Send) -> None:
    at = now()
    raw = b"Handle,Title,Variant SKU,Variant Inventory Qty,Variant Price\npot,Pot,P 1,3,1\n"
    job = imports.accept(importing(), raw, "csv", new_id("imp", at), at)
    variant = Variant(Price(100, "EUR"), merchant_sku="P 1")
    made = Product("Pot, as staff call it", (variant,), slug="pot", status="published")
    service.create(importing().catalog, made, imports._id(job, 0), currency="EUR", at=at)
    assert work() == []
    assert counted() == {key_of("P 1"): 3}


def test_250_tags_are_kept_and_those_beyond_are_left_out_and_said(desk: Send) -> None:
    tags = ", ".join(f"t{at}" for at in range(251))
    body = handed_in(desk, f'Handle,Title,Tags,Variant Price,Status\nhat,Hat,"{tags}",1,draft\n'.encode())
    assert (len(product(desk, "hat")["tags"]), warned(body)) == (250, [(2, "tags_dropped")])
