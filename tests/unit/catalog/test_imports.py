"""Imports and exports: files come in row by row, whatever crashes, and what goes out comes in unchanged."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.catalog.api import importing
from functions.catalog.app import on_file, on_import
from functions.catalog.domain import MAX_ORIGIN_LENGTH, MAX_ORIGINS, with_origin
from functions.catalog.imports import service as imports
from functions.shared.clock import now
from tests.support.lambda_events import Context, sqs_event
from tests.unit.catalog.conftest import (
    ADMIN,
    CSV,
    JSONL,
    Send,
    a_product,
    bring,
    counted_calls,
    crashing,
    create,
    exported,
    facts,
    imported,
    listed,
    meanwhile,
    messages,
    outcome,
    product,
    read,
    real_files,
    work,
)

HEADER = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src,Published\n"
POT = "pot,Pot,Size,Small,,3,9.99,https://cdn.example.com/1.jpg,true\n"
LARGE = "pot,,,Large,,4,15,,\n"
CUP = "cup,Cup,Title,Default Title,,,5,,true\n"


def counts(body: dict[str, Any]) -> dict[str, int]:
    return {name: body[name] for name in ("total", "done", "created", "updated", "unchanged", "failed")}


def told(**given: int) -> dict[str, int]:
    names = ("total", "done", "created", "updated", "unchanged", "failed")
    return {name: given.get(name, 0) for name in names}


def errors(body: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(error["row"], error["field"], error["code"]) for error in body["errors"]]


def warnings(body: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(warning["row"], warning["field"], warning["code"]) for warning in body["warnings"]]


def counted() -> dict[str, int]:
    """Return the units by SKU of the StockCounted facts that wait to go out."""
    lines = [line for fact in facts() if fact["type"] == "StockCounted" for line in fact["data"]["lines"]]
    return {line["sku"]: line["onHand"] for line in lines}


# --- the real files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_a_real_file_comes_in_completely_and_its_export_changes_nothing(desk: Send, path: Any) -> None:
    text = path.read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    handles = {row["Handle"] for row in rows}
    body = imported(desk, text)
    assert (body["status"], counts(body)) == (
        "completed",
        told(total=len(handles), done=len(handles), created=len(handles)),
    )
    products = [product(desk, handle) for handle in handles]
    assert sum(len(one["variants"]) for one in products) == sum(1 for row in rows if row["Variant Price"])
    assert sum(len(one["images"]) for one in products) == sum(1 for row in rows if row["Image Src"])
    prices = sorted(variant["price"]["amount"] for one in products for variant in one["variants"])
    assert prices == sorted(round(float(row["Variant Price"]) * 100) for row in rows if row["Variant Price"])
    reduced = [
        variant["compareAt"]["amount"]
        for one in products
        for variant in one["variants"]
        if variant["compareAt"]
    ]
    assert sorted(reduced) == sorted(
        round(float(row["Variant Compare At Price"]) * 100) for row in rows if row["Variant Compare At Price"]
    )
    again = imported(desk, exported(desk))
    assert counts(again) == told(total=len(handles), done=len(handles), unchanged=len(handles))
    assert {read(desk, handle).body["version"] for handle in handles} == {1}


def test_stock_quantities_are_told_as_counted_when_the_import_came(desk: Send) -> None:
    body = imported(desk, HEADER + POT + LARGE + CUP)
    (fact,) = [fact for fact in facts() if fact["type"] == "StockCounted"]
    assert fact["data"] == {
        "source": "import",
        "countedAt": body["createdAt"],
        "lines": [{"sku": "POT.SMALL", "onHand": 3}, {"sku": "POT.LARGE", "onHand": 4}],
    }


# --- files as a whole ---------------------------------------------------------------------------------------------

WHOLE = [
    ("", "empty_file"),
    (" \n", "empty_file"),
    (HEADER, "no_products"),
    ("Name,Price\nPot,3\n", "wrong_header"),
    ('{"title": "Pot"}', "wrong_header"),
    ("<html><body>no</body></html>", "wrong_header"),
    ('Handle,"Title\nx,y\n', "not_csv"),
    ("\x00\x01\x02", "not_csv"),
    ("Handle,Title,Variant Price\npot,T\ufffdpf,1\n", "not_utf8"),
]


def test_a_file_that_is_no_product_csv_is_refused_as_a_whole(desk: Send) -> None:
    for text, code in WHOLE:
        answer = desk("POST", "/catalog/imports", text, **CSV)
        assert (answer.status, answer.body["code"]) == (400, code), text
    assert messages() == []


def test_a_file_that_lost_characters_on_its_way_as_text_is_refused_whatever_it_looks_like(desk: Send) -> None:
    text = f"{HEADER}topf,Töpfe,,,,,1,,\n".encode("utf-16").decode("utf-8", "replace")
    answer = desk("POST", "/catalog/imports", text, **CSV)
    assert (answer.status, answer.body["code"]) == (400, "not_utf8")
    assert "upload=true" in answer.body["detail"]
    assert messages() == []


def test_a_file_whose_encoding_can_be_two_is_refused_with_how_to_save_it(desk: Send) -> None:
    for encoding, title in (("mac_roman", "Crème"), ("cp1251", "Горшок"), ("cp850", "Töpfe")):
        with pytest.raises(Exception, match="CSV UTF-8"):
            imports.accept(
                importing(), f"{HEADER}topf,{title},,,,,1,,\n".encode(encoding), "csv", "imp_1", now()
            )


def test_a_file_with_a_byte_order_mark_is_read(desk: Send) -> None:
    assert imported(desk, "\ufeff" + HEADER + CUP)["created"] == 1


def test_lines_that_are_no_json_are_refused_as_a_whole(desk: Send) -> None:
    answer = desk("POST", "/catalog/imports", HEADER + POT, **JSONL)
    assert (answer.status, answer.body["code"]) == (400, "not_jsonl")


def test_another_media_type_is_refused(desk: Send) -> None:
    answer = desk("POST", "/catalog/imports", "{}", **ADMIN, headers={"content-type": "application/json"})
    assert answer.status == 415


def test_a_file_above_the_limit_is_refused(desk: Send) -> None:
    assert desk("POST", "/catalog/imports", "x" * 5_500_001, **CSV).status == 413


def test_only_an_admin_may_import_and_export(desk: Send) -> None:
    staff = {"subject": "cus_s", "roles": "staff"}
    assert desk("POST", "/catalog/imports", HEADER + POT, **{**CSV, **staff}).status == 403
    assert desk("POST", "/catalog/imports/{id}/start", path={"id": "imp_x"}, **staff).status == 403
    assert desk("POST", "/catalog/exports", **staff).status == 403
    assert desk("GET", "/catalog/exports/{id}", path={"id": "exp_x"}, **staff).status == 403
    assert messages() == []


def test_an_import_that_never_was_is_not_found(desk: Send) -> None:
    assert (
        desk("GET", "/catalog/imports/{id}", path={"id": "imp_x"}, **ADMIN).body["code"] == "unknown_import"
    )


def test_an_import_waits_until_it_is_worked_off(desk: Send) -> None:
    body = outcome(desk, bring(desk, HEADER + POT + CUP))
    assert (body["status"], counts(body)) == ("queued", told(total=2))


def test_the_same_key_imports_once(desk: Send) -> None:
    options = {**ADMIN, "headers": {**CSV["headers"], "Idempotency-Key": "k1"}}
    assert bring(desk, HEADER + POT, options) == bring(desk, HEADER + POT, options)
    assert len(messages()) == 1


# --- rows ---------------------------------------------------------------------------------------------------------


def test_a_broken_row_keeps_the_good_ones(desk: Send) -> None:
    body = imported(desk, HEADER + 'bad,"Bad" pot,,,,,1,,\n' + POT + "worse,Worse,,,,,1,,true,extra\n" + CUP)
    assert errors(body) == [(2, "", "broken_row"), (4, "", "broken_row")]
    assert counts(body) == told(total=4, done=4, created=2, failed=2)
    assert sorted(listed(desk)) == ["cup", "pot"]


def test_an_unclosed_quote_does_not_swallow_the_rows_after_it(desk: Send) -> None:
    body = imported(desk, HEADER + 'bad,"Bad pot,,,,,1,,\n' + POT + CUP)
    assert (errors(body), sorted(listed(desk))) == ([(2, "", "broken_row")], ["cup", "pot"])


def test_a_product_with_a_broken_row_does_not_lose_the_variant_of_that_row(desk: Send) -> None:
    imported(desk, HEADER + POT + LARGE)
    body = imported(desk, HEADER + POT + 'pot,,,"Large" pot,,4,15,,\n')
    assert errors(body) == [(3, "", "broken_row")]
    assert len(read(desk, "pot").body["variants"]) == 2


ROWS = [
    (",,,,X-9,,1,,\n", "Handle", "handle_required"),
    ("a,,,,,,1,,\n", "Title", "title_required"),
    ("b,B,,,,,,,\n", "Variant Price", "price_required"),
    ('c,C,,,,,"1,500",,\n', "Variant Price", "invalid_amount"),
    ("cc,C,,,,,€ 1,,\n", "Variant Price", "invalid_amount"),
    ("d,D,,,,,1.999,,\n", "Variant Price", "invalid_amount"),
    ("e,E,,,,,-1,,\n", "Variant Price", "invalid_amount"),
    ("f,F,,,,two,1,,\n", "Variant Inventory Qty", "invalid_number"),
    ("i,I,,,,,1,,maybe\n", "Published", "invalid_flag"),
    ("j,J,,Red,,,1,,\n", "Option1 Value", "option_unnamed"),
    ("k,K,Size,,,,1,,\n", "Option1 Value", "option1_required"),
]


def test_each_wrong_cell_is_told_by_row_and_column(desk: Send) -> None:
    body = imported(desk, HEADER + "".join(row for row, _, _ in ROWS) + CUP)
    wrong = [(number, field, code) for number, (_, field, code) in enumerate(ROWS, 2) if code]
    assert errors(body) == wrong
    assert (body["created"], body["failed"]) == (1, len(wrong))


def test_what_is_wrong_with_a_later_row_of_a_product_is_told_by_that_row(desk: Send) -> None:
    body = imported(desk, HEADER + POT + CUP + "pot,,,Small,,4,15,,\n")
    assert (errors(body), warnings(body)) == ([], [(4, "Option1 Value", "variant_repeated")])
    assert [variant["price"]["amount"] for variant in read(desk, "pot").body["variants"]] == [999]


def test_a_sku_of_another_product_is_told_by_its_row(desk: Send) -> None:
    body = imported(desk, HEADER + "a,A,,,POT,,1,,true\n" + "b,B,,,POT,,1,,true\n")
    assert (errors(body), warnings(body)) == ([], [(3, "Variant SKU", "sku_changed")])
    assert sorted(listed(desk)) == ["a", "b"]


def test_a_failed_product_counts_no_stock(desk: Send) -> None:
    imported(desk, HEADER + "a,A,,,POT,1,1,,true\n" + "b,B,,,PAN,2,x,,true\n")
    assert counted() == {"POT": 1}


def test_errors_come_page_by_page(desk: Send) -> None:
    import_id = bring(desk, HEADER + "".join(f"h{number},,,,,,1,,\n" for number in range(5)))
    work()
    path = {"id": import_id}
    first = desk("GET", "/catalog/imports/{id}", path=path, query={"limit": "3"}, **ADMIN).body
    after = {"limit": "3", "cursor": first["nextCursor"]}
    second = desk("GET", "/catalog/imports/{id}", path=path, query=after, **ADMIN).body
    assert [row for row, _, _ in errors(first) + errors(second)] == [2, 3, 4, 5, 6]
    assert second["nextCursor"] is None


def test_rows_of_one_handle_are_one_product_wherever_they_stand(desk: Send) -> None:
    body = imported(desk, HEADER + POT + CUP + LARGE)
    assert counts(body) == told(total=2, done=2, created=2)
    assert [v["options"] for v in read(desk, "pot").body["variants"]] == [["Small"], ["Large"]]


def test_a_row_that_only_adds_an_image_makes_no_variant(desk: Send) -> None:
    imported(desk, HEADER + POT + "pot,,,,,,,https://cdn.example.com/2.jpg,\n")
    made = read(desk, "pot").body
    assert [image["src"][-5:] for image in made["images"]] == ["1.jpg", "2.jpg"]
    assert len(made["variants"]) == 1


def test_images_stand_by_their_position_and_variants_have_their_own(desk: Send) -> None:
    image = "Image Src,Image Position,Image Alt Text,Variant Image"
    rows = "p,P,Size,S,1,https://x.co/b.jpg,2,B,https://x.co/c.jpg\np,,,M,1,https://x.co/a.jpg,1,A,\n"
    imported(desk, f"Handle,Title,Option1 Name,Option1 Value,Variant Price,{image}\n{rows}")
    made = read(desk, "p").body
    shown = [(image["src"][-5:], image["alt"]) for image in made["images"]]
    assert shown == [("a.jpg", "A"), ("b.jpg", "B"), ("c.jpg", "")]
    assert [variant["image"] for variant in made["variants"]] == ["https://x.co/c.jpg", None]


def test_a_line_break_in_a_quoted_cell_is_part_of_it(desk: Send) -> None:
    text = 'Handle,Title,Body (HTML),Variant Price\npot,Pot,"<p>One\r\ntwo, ""three""</p>",1\ncup,Cup,,2\n'
    body = imported(desk, text)
    made = desk("GET", "/catalog/admin/products/{id}", path={"id": "pot"}, **ADMIN).body
    assert (body["created"], made["bodyHtml"]) == (2, '<p>One\r\ntwo, "three"</p>')


def test_a_very_long_cell_fails_its_row_alone(desk: Send) -> None:
    text = f"Handle,Title,Body (HTML),Variant Price\npot,Pot,{'x' * 300_000},1\ncup,Cup,,2\n"
    body = imported(desk, text)
    assert errors(body) == [(2, "Body (HTML)", "too_long")]
    assert body["created"] == 1


@pytest.mark.parametrize(
    ("published", "status", "becomes"),
    [
        ("true", "", "published"),
        ("", "", "published"),
        ("false", "", "draft"),
        ("TRUE", "draft", "draft"),
        ("true", "active", "published"),
        ("true", "archived", "withdrawn"),
    ],
)
def test_published_and_status_say_what_becomes_of_a_product(
    desk: Send, published: str, status: str, becomes: str
) -> None:
    imported(desk, f"Handle,Title,Variant Price,Published,Status\npot,Pot,1,{published},{status}\n")
    made = desk("GET", "/catalog/admin/products/{id}", path={"id": "pot"}, **ADMIN).body
    assert made["status"] == becomes


def test_a_blank_quantity_leaves_the_stock_alone_and_one_below_zero_is_none(desk: Send) -> None:
    imported(desk, HEADER + CUP + "pan,Pan,,,,-2,1,,\n" + "jar,Jar,,,,0,1,,\n")
    assert counted() == {"PAN": 0, "JAR": 0}


def test_the_newer_names_of_the_columns_are_read_too(desk: Send) -> None:
    header = "Title,URL handle,Description,Product category,SKU,Price,Compare-at price,Inventory quantity,Charge tax\n"
    imported(desk, header + "Pot,pot,Nice,Home > Pots,P-1,12.50,20,7,FALSE\n")
    made = product(desk, "pot")
    (variant,) = made["variants"]
    assert (made["description"], made["productCategory"], variant["sku"]) == ("Nice", "Home > Pots", "P-1")
    assert (variant["price"]["amount"], variant["compareAt"]["amount"]) == (1250, 2000)
    assert (variant["taxClass"], counted()) == ("exempt", {"P-1": 7})


def test_a_product_that_is_there_is_changed_in_what_the_file_has_columns_for(desk: Send) -> None:
    made = create(desk, "pot", tags=["old"]).body
    body = imported(desk, HEADER + POT + LARGE)
    assert counts(body) == told(total=1, done=1, updated=1)
    again = read(desk, "pot").body
    assert (again["id"], again["version"], again["tags"]) == (made["id"], 2, ["old"])


def test_the_same_file_again_changes_no_product(desk: Send) -> None:
    first = imported(desk, HEADER + POT + LARGE + CUP)
    second = imported(desk, HEADER + POT + LARGE + CUP)
    assert (first["created"], second["unchanged"]) == (2, 2)
    assert read(desk, "pot").body["version"] == 1


def test_skus_are_derived_the_same_whatever_order_the_file_has(desk: Send) -> None:
    imported(desk, HEADER + POT + LARGE)
    before = {tuple(v["options"]): v["sku"] for v in read(desk, "pot").body["variants"]}
    imported(desk, HEADER + CUP + POT.replace("Small", "Large") + LARGE.replace("Large", "Small"))
    assert {tuple(v["options"]): v["sku"] for v in read(desk, "pot").body["variants"]} == before


# --- JSONL --------------------------------------------------------------------------------------------------------


def lines(*products: Any) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in products)


def test_jsonl_comes_in_with_stock(desk: Send) -> None:
    pot = a_product("pot")
    pot["variants"][0] |= {"sku": "POT", "quantity": 5}
    body = imported(desk, lines(pot, a_product("cup")), JSONL)
    assert (counts(body), counted()) == (told(total=2, done=2, created=2), {"POT": 5})


def test_a_wrong_line_is_told_by_its_number_and_pointer(desk: Send) -> None:
    bad_stock = a_product("d")
    bad_stock["variants"][0]["quantity"] = -1
    text = lines(
        a_product("a"), a_product("b", title=3), a_product("c", colour="red"), bad_stock, a_product("a")
    )
    body = imported(desk, f"{text}\nnonsense\n[]\n", JSONL)
    assert errors(body) == [
        (2, "/title", "wrong_type"),
        (3, "/colour", "unknown_field"),
        (4, "/variants/0/quantity", "too_small"),
        (5, "/slug", "slug_repeated"),
        (7, "", "malformed_json"),
        (8, "", "malformed_json"),
    ]
    assert listed(desk) == ["a"]


# --- crashes ------------------------------------------------------------------------------------------------------

MANY = HEADER + "".join(f"p{number:03d},P{number},,,,{number},1,,true\n" for number in range(120))


def test_a_file_larger_than_a_part_comes_in_with_its_stock(desk: Send) -> None:
    body = imported(desk, MANY)
    assert counts(body) == told(total=120, done=120, created=120)
    assert (body["rows"], body["rowsDone"]) == (120, 120)
    assert counted() == {f"P{number:03d}": number for number in range(120)}


def test_parts_are_worked_on_in_any_order_and_rows_are_counted_as_they_are_done(desk: Send) -> None:
    import_id = bring(desk, MANY)
    on_file(sqs_event(*messages()), Context())
    parts = messages("IMPORTS")
    assert (len(parts), outcome(desk, import_id)["status"]) == (3, "running")
    for done, part in zip((20, 70, 120), reversed(parts), strict=True):
        on_import(sqs_event(part), Context())
        assert outcome(desk, import_id)["rowsDone"] == done
    assert outcome(desk, import_id)["status"] == "completed"


def test_new_products_ask_for_their_words_once_a_part_and_unchanged_ones_write_nothing(desk: Send) -> None:
    text = HEADER + "".join(f"n{number},Pot,,,,,1,,true\n" for number in range(25))
    calls = {}
    for name in ("new", "unchanged"):
        import_id = bring(desk, text)
        on_file(sqs_event(*messages()), Context())
        messages("IMPORTS")
        with counted_calls() as made:
            imports.work(importing(), import_id, 0, now())
        calls[name] = made
    # The words: pot, and each SKU. The part, what is there, and its words are read; its end is noted and looked at.
    assert calls["new"] == {
        "BatchGetItem": 3,
        "BatchWriteItem": 2,
        "TransactWriteItems": 26,
        "GetItem": 1,
        "UpdateItem": 1,
        "DeleteItem": 1,
    }
    assert calls["unchanged"] == {
        "BatchGetItem": 3,
        "TransactWriteItems": 1,
        "GetItem": 1,
        "UpdateItem": 1,
        "DeleteItem": 1,
    }


WRITES = ("PutItem", "BatchWriteItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


def test_an_import_that_crashes_anywhere_ends_as_if_it_had_not(desk: Send) -> None:
    create(desk, "cup", title="Old cup")
    writes, failed = 0, [{}]
    while failed:
        pot = POT.replace("pot", f"pot{writes}") + LARGE.replace("pot", f"pot{writes}")
        import_id = bring(desk, HEADER + pot + "bad,,,,,,1,,\n" + CUP.replace("Cup", f"Cup {writes}"))
        (body,) = messages()
        with crashing(writes, *WRITES):
            failed = on_file(sqs_event(body), Context())["batchItemFailures"]
            for part in messages("IMPORTS"):
                failed += on_import(sqs_event(part), Context())["batchItemFailures"]
        on_file(sqs_event(body), Context())
        for part in messages("IMPORTS"):
            on_import(sqs_event(part), Context())
        assert counts(outcome(desk, import_id)) == told(total=3, done=3, created=1, updated=1, failed=1), (
            writes
        )
        assert counted().items() >= {f"POT{writes}.SMALL": 3, f"POT{writes}.LARGE": 4}.items()
        assert read(desk, "cup").body["version"] == writes + 2
        writes += 1
    assert writes > 3


@pytest.mark.parametrize("before", [0, 2, 4, 6, 8, 9])
def test_two_imports_of_one_file_at_once_both_end_right(desk: Send, before: int) -> None:
    first, second = bring(desk, HEADER + POT + LARGE + CUP), bring(desk, HEADER + POT + LARGE + CUP)
    on_file(sqs_event(*messages()), Context())
    messages("IMPORTS")
    with meanwhile(before, lambda: imports.work(importing(), second, 0, now())):
        imports.work(importing(), first, 0, now())
    imports.work(importing(), second, 0, now())
    both = [outcome(desk, first), outcome(desk, second)]
    assert [(body["status"], body["done"], errors(body)) for body in both] == [("completed", 2, [])] * 2
    assert sum(body["created"] for body in both) == 2
    assert sum(body["created"] + body["unchanged"] for body in both) == 4
    assert [read(desk, slug).body["version"] for slug in ("pot", "cup")] == [1, 1]
    assert sorted(listed(desk)) == ["cup", "pot"]


def test_a_message_that_comes_twice_changes_nothing(desk: Send) -> None:
    import_id = bring(desk, HEADER + POT)
    (body,) = messages()
    on_file(sqs_event(body, body), Context())
    parts = messages("IMPORTS")
    on_import(sqs_event(*parts, *parts), Context())
    assert (len(parts), counts(outcome(desk, import_id))) == (2, told(total=1, done=1, created=1))
    assert read(desk, "pot").body["version"] == 1


@pytest.mark.parametrize("before", [1, 4, 5, 6, 7, 8])
def test_two_workers_on_one_part_at_once_count_it_once(desk: Send, before: int) -> None:
    import_id = bring(desk, HEADER + POT + CUP)
    on_file(sqs_event(*messages()), Context())
    messages("IMPORTS")
    with meanwhile(before, lambda: imports.work(importing(), import_id, 0, now())):
        imports.work(importing(), import_id, 0, now())
    body = outcome(desk, import_id)
    assert (body["status"], counts(body), body["rowsDone"]) == (
        "completed",
        told(total=2, done=2, created=2),
        2,
    )
    assert [read(desk, slug).body["version"] for slug in ("pot", "cup")] == [1, 1]
    assert counted() == {"POT.SMALL": 3}


def test_a_message_that_comes_late_does_not_undo_what_happened_since(desk: Send) -> None:
    import_id = bring(desk, HEADER + POT)
    (body,) = messages()
    on_file(sqs_event(body), Context())
    (part,) = messages("IMPORTS")
    on_import(sqs_event(part), Context())
    change(desk, "pot", title="By hand")
    on_file(sqs_event(body), Context())
    on_import(sqs_event(part), Context())
    assert (read(desk, "pot").body["title"], messages("IMPORTS")) == ("By hand", [])
    assert counts(outcome(desk, import_id)) == told(total=1, done=1, created=1)


def change(send: Send, slug: str, **changes: Any) -> None:
    """Change a product as the console does."""
    made = send("GET", "/catalog/admin/products/{id}", path={"id": slug}, **ADMIN).body
    names = ("id", "version", "createdAt", "updatedAt", "description", "bodyTrusted", "price", "variants")
    variants = [{name: one[name] for name in one if name != "title"} for one in made["variants"]]
    body = {**{name: made[name] for name in made if name not in names}, "variants": variants, **changes}
    headers = {"If-Match": f'"{made["version"]}"'}
    answer = send("PUT", "/catalog/products/{id}", body, path={"id": made["id"]}, headers=headers, **ADMIN)
    assert answer.status == 200, answer.body


def test_what_is_done_by_hand_after_a_crash_stays_when_the_part_is_repeated(desk: Send) -> None:
    import_id = bring(desk, HEADER + POT)
    on_file(sqs_event(*messages()), Context())
    (part,) = messages("IMPORTS")
    with crashing(1, "TransactWriteItems"):  # the product is written, the end of the part is not
        assert on_import(sqs_event(part), Context())["batchItemFailures"]
    change(desk, "pot", title="By hand")
    on_import(sqs_event(part), Context())
    assert read(desk, "pot").body["title"] == "By hand"
    assert (counts(outcome(desk, import_id)), counted()) == (
        told(total=1, done=1, created=1),
        {"POT.SMALL": 3},
    )


GREEN = "pot,,,Green,,9,15,,\n"


def crash_between_product_and_counts(desk: Send, text: str) -> tuple[str, str]:
    """Bring a file of one product; its worker dies once that is stored. Return the import's id and the part."""
    import_id = bring(desk, text)
    on_file(sqs_event(*messages()), Context())
    (part,) = messages("IMPORTS")
    with crashing(1, "TransactWriteItems"):
        assert on_import(sqs_event(part), Context())["batchItemFailures"]
    return import_id, part


def stock_of(import_id: str) -> list[dict[str, int]]:
    """Return what the facts of an import count, fact by fact."""
    told = [one for one in facts() if one["type"] == "StockCounted" and one["id"].startswith(import_id)]
    return [{line["sku"]: line["onHand"] for line in one["data"]["lines"]} for one in told]


def nothing(desk: Send) -> None:
    """Do nothing."""


def by_hand(desk: Send) -> None:
    change(desk, "pot", title="By another")


def by_import(desk: Send) -> None:
    imported(desk, HEADER + POT.replace(",Pot,", ",By another,") + GREEN)


def by_many_imports(desk: Send) -> None:
    for number in range(MAX_ORIGINS - 2):
        imported(desk, HEADER + POT.replace(",Pot,", f",Pot {number},") + GREEN)
    by_import(desk)


@pytest.mark.parametrize("others", [nothing, by_hand, by_import, by_many_imports])
def test_a_new_variant_gets_its_stock_once_whatever_happens_between_a_crash_and_the_retry(
    desk: Send, others: Callable[[Send], None]
) -> None:
    imported(desk, HEADER + POT)
    import_id, part = crash_between_product_and_counts(desk, HEADER + POT + GREEN)
    assert stock_of(import_id) == []
    others(desk)
    on_import(sqs_event(part, part), Context())
    assert stock_of(import_id) == [{"POT.GREEN": 9}]
    assert counts(outcome(desk, import_id)) == told(total=1, done=1, updated=1)
    assert outcome(desk, import_id)["stockKept"] == 1
    assert read(desk, "pot").body["title"] == ("Pot" if others is nothing else "By another")


def test_a_worker_that_read_the_product_before_a_crash_does_not_undo_what_came_after(desk: Send) -> None:
    imported(desk, HEADER + POT)
    import_id = bring(desk, HEADER + POT + GREEN)
    on_file(sqs_event(*messages()), Context())
    (part,) = messages("IMPORTS")

    def others() -> None:
        with crashing(1, "TransactWriteItems"):
            assert on_import(sqs_event(part), Context())["batchItemFailures"]
        by_hand(desk)

    with meanwhile(3, others):
        imports.work(importing(), import_id, 0, now())
    assert stock_of(import_id) == [{"POT.GREEN": 9}]
    assert read(desk, "pot").body["title"] == "By another"


def test_a_product_that_an_import_made_has_its_stock_though_another_import_changes_it_first(
    desk: Send,
) -> None:
    import_id, part = crash_between_product_and_counts(desk, HEADER + POT)
    by_import(desk)
    on_import(sqs_event(part), Context())
    assert stock_of(import_id) == [{"POT.SMALL": 3}]
    assert counts(outcome(desk, import_id)) == told(total=1, done=1, created=1)
    assert read(desk, "pot").body["title"] == "By another"


def test_the_origins_of_a_product_stay_within_their_room() -> None:
    long = "#".join(["imp_1", "0", "updated", ",".join(map(str, range(2_048)))])
    origins: tuple[str, ...] = ()
    for number in range(2 * MAX_ORIGINS):
        origins = with_origin(origins, f"imp_{number}#0#created")
    assert origins == tuple(f"imp_{number}#0#created" for number in range(MAX_ORIGINS, 2 * MAX_ORIGINS))
    assert with_origin(origins, "") == origins
    assert with_origin((long, *origins[:2]), long)[-1] == long
    assert len(" ".join(with_origin((long, *origins[:2]), long))) <= MAX_ORIGIN_LENGTH


def test_a_repeated_part_tells_the_same_event(desk: Send) -> None:
    import_id = bring(desk, HEADER + POT)
    work()
    assert [fact["id"] for fact in facts() if fact["type"] == "StockCounted"] == [
        f"{import_id}.2.StockCounted"
    ]


def test_an_import_nobody_works_on_any_more_says_so(desk: Send) -> None:
    import_id = bring(desk, HEADER + POT)
    on_file(sqs_event(*messages()), Context())
    (part,) = messages("IMPORTS")
    importing().uploads.put(import_id, b"\xff")
    event = sqs_event(part)
    assert len(on_import(event, Context())["batchItemFailures"]) == 1
    assert outcome(desk, import_id)["status"] == "running"
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    assert len(on_import(event, Context())["batchItemFailures"]) == 1
    assert (outcome(desk, import_id)["status"], outcome(desk, import_id)["problem"]["code"]) == (
        "failed",
        "worker_failed",
    )


# --- exports ------------------------------------------------------------------------------------------------------

RICH = {
    "title": 'Pot, the "big" one',
    "bodyHtml": "<p>a\r\nb</p> ",
    "vendor": "Élan",
    "category": "Pots",
    "tags": ["a", "B c"],
    "productCategory": "Home > Pots",
    "seo": {"title": "Buy", "description": "=1+1"},
    "options": ["Size", "Colour"],
    "images": [{"src": f"https://x.co/{n}.jpg", "alt": f"No, {n}"} for n in range(3)],
    "variants": [
        {
            "options": ["S", "Red"],
            "price": {"amount": 5, "currency": "EUR"},
            "grams": 7,
            "barcode": "00123",
            "taxClass": "reduced",
            "requiresShipping": False,
            "image": "https://x.co/2.jpg",
        },
        {
            "options": ["M", "Red"],
            "sku": "X-1",
            "price": {"amount": 0, "currency": "EUR"},
            "taxClass": "exempt",
            "compareAt": {"amount": 1999, "currency": "EUR"},
        },
    ],
}


@pytest.mark.parametrize(("kind", "options"), [("csv", CSV), ("jsonl", JSONL)])
def test_what_is_exported_comes_in_again_as_no_change(desk: Send, kind: str, options: Any) -> None:
    for status in ("published", "draft", "withdrawn"):
        create(desk, f"a-{status}", **RICH, status=status)
        RICH["variants"][1]["sku"] += "1"  # type: ignore[index]
    create(desk, "plain")
    before = facts()
    body = imported(desk, exported(desk, kind), options)
    assert counts(body) == told(total=4, done=4, unchanged=4)
    assert [fact for fact in facts() if fact not in before] == []


def test_an_export_leaves_quantities_blank(desk: Send) -> None:
    imported(desk, HEADER + POT)
    (row,) = csv.DictReader(io.StringIO(exported(desk)))
    assert (row["Variant SKU"], row["Variant Inventory Qty"]) == ("POT.SMALL", "")


def test_an_unknown_format_is_refused(desk: Send) -> None:
    answer = desk("POST", "/catalog/exports", query={"format": "xml"}, **ADMIN)
    assert (answer.status, answer.body["code"]) == (400, "invalid_format")
