"""Files of any size: cut into parts that read as the whole would, sent past the service, and never left half-done."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from functions.catalog import tasks
from functions.catalog.api import exporting, importing
from functions.catalog.app import on_file, on_import
from functions.catalog.exports import service as exports
from functions.catalog.formats import decoding, shopify, woocommerce
from functions.catalog.formats.csv_records import records
from functions.catalog.formats.rows import ParsedProduct
from functions.catalog.imports import planning
from functions.catalog.imports import service as imports
from functions.shared import aws
from functions.shared.clock import now
from functions.shared.errors import InvalidError
from tests.support import templates
from tests.support.lambda_events import Context, sqs_event
from tests.unit.catalog.conftest import (
    ADMIN,
    CSV,
    Send,
    a_product,
    bring,
    crashing,
    create,
    exported,
    imported,
    listed,
    meanwhile,
    messages,
    outcome,
    work,
)

HEADER = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n"


# --- parts and the whole ------------------------------------------------------------------------------------------


def shown(entries: list[ParsedProduct]) -> list[tuple[Any, ...]]:
    """Return what is read of each product, and where its fields stand; one without any name has a number for it.

    What a broken row is broken by depends on where the reader was stopped, so that is left out.
    """
    return sorted(
        (
            entry.row,
            entry.slug.partition("#")[0],
            entry.product,
            sorted(entry.quantities.items()),
            [
                (one.row, one.field, one.code, one.code == "broken_row" or one.detail)
                for one in entry.problems
            ],
            entry.warnings,
            entry.place("/variants/0/price"),
        )
        for entry in entries
    )


def cut(raw: bytes) -> planning.Plan:
    return planning.plan(io.BytesIO(raw), "csv", {}, lambda rows: None)


def in_parts(raw: bytes) -> list[ParsedProduct]:
    """Return the products of all parts of a file."""
    made = cut(raw)
    found: list[ParsedProduct] = []
    for part in made.parts:
        text_of = lambda one: raw[one.begin : one.end].decode(made.layout.codec)  # noqa: E731
        entries = planning.read(made.layout, part, text_of, "EUR", {})
        assert len(entries) == part.entries
        found += entries
    return found


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of two products."""
    monkeypatch.setattr(planning, "MAX_PRODUCTS", 2)


NAMES = some.sampled_from(["pot", "Pot", "cup", "mug 1", "mug-1", "", "jar", "töpf", "pan"])
ROWS = some.lists(
    some.tuples(
        NAMES,
        NAMES,
        some.sampled_from(["S", "M", ""]),
        some.sampled_from(["A", ""]),
        some.sampled_from(["1", "", "x"]),
        some.sampled_from(["1.50", "2,5", "", "1.234"]),
    ),
    min_size=1,
    max_size=14,
)
BROKEN = some.lists(
    some.tuples(
        some.integers(0, 13), some.sampled_from(['"', 'pot,"Pot" x,,,,,\n', "\n", "a,b,c,d,e,f,g,h\n"])
    )
)


def written(header: list[str], rows: list[tuple[str, ...]], broken: list[tuple[int, str]]) -> str:
    """Return a file, with text that breaks it put between its rows."""
    lines = []
    for row in [header, *rows]:
        out = io.StringIO()
        csv.writer(out).writerow(row)
        lines.append(out.getvalue())
    for at, text in broken:
        lines.insert(1 + at % len(lines), text)
    return "".join(lines)


@pytest.mark.usefixtures("small_parts")
@settings(max_examples=300, deadline=None)
@given(ROWS, BROKEN, some.sampled_from(["utf-8", "utf-16"]))
def test_the_parts_of_a_file_read_as_the_whole(
    rows: list[tuple[str, ...]], broken: list[tuple[int, str]], encoding: str
) -> None:
    header = ["Handle", "Title", "Option1 Value", "Variant SKU", "Variant Inventory Qty", "Variant Price"]
    text = written(header, rows, broken)
    assert shown(in_parts(text.encode(encoding))) == shown(shopify.read(text, "EUR"))


@pytest.mark.usefixtures("small_parts")
@settings(max_examples=200, deadline=None)
@given(ROWS, some.lists(some.sampled_from(["simple", "variable", "variation"]), min_size=14, max_size=14))
def test_variations_are_read_with_their_product_wherever_they_stand(
    rows: list[tuple[str, ...]], kinds: list[str]
) -> None:
    header = [
        "ID",
        "Type",
        "SKU",
        "Name",
        "Parent",
        "Attribute 1 name",
        "Attribute 1 value(s)",
        "Regular price",
    ]
    made = [
        (str(at), kind, row[0], row[1], row[1] if at % 2 else f"id:{at // 2}", "Size", row[2], row[5])
        for at, (row, kind) in enumerate(zip(rows, kinds, strict=False))
    ]
    text = written(header, made, [])
    whole = woocommerce.sheet(records(io.StringIO(text, newline="")), ",")
    sign = cut(text.encode()).layout.sign
    assert shown(in_parts(text.encode())) == shown(shopify.products(whole, "EUR", sign=sign))


@pytest.mark.usefixtures("small_parts")
def test_a_repeated_line_of_jsonl_is_told_across_parts(desk: Send) -> None:
    products = [a_product(slug) for slug in ("a", "b", "c", "a")]
    text = "".join(f"{json.dumps(product)}\n" for product in products)
    options = {**ADMIN, "headers": {"content-type": "application/x-ndjson"}}
    body = imported(desk, text, options)
    assert [(error["row"], error["code"], error["detail"]) for error in body["errors"]] == [
        (4, "slug_repeated", "Line 1 has the same product.")
    ]
    assert (body["total"], body["created"], body["failed"]) == (4, 3, 1)


def test_a_part_ends_at_a_product_and_holds_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MAX_ROWS", 4)
    rows = "".join(f"p{number // 3},P,S,{number},,,1\n" for number in range(12))
    made = planning.plan(io.BytesIO((HEADER + rows).encode()), "csv", {}, lambda rows: None)
    assert [(part.entries, part.rows, part.first) for part in made.parts] == [
        (1, 3, 0),
        (1, 3, 1),
        (1, 3, 2),
        (1, 3, 3),
    ]
    assert [len(part.segments) for part in made.parts] == [1, 1, 1, 1]


def test_what_cannot_be_read_of_a_file_is_told_and_the_rest_comes_in(desk: Send) -> None:
    body = imported(desk, HEADER + "pot,Pot,,,,,1\n" + 'bad,"x\n' * 200)
    assert (body["status"], body["created"], body["done"]) == ("completed", 1, body["total"])
    assert "the rest of the file is not read" in body["errors"][-1]["detail"]


def test_a_file_is_never_in_memory_as_a_whole() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(HEADER.replace("\n", ",Body (HTML)\n").encode())
        for number in range(12):
            file.write(f"p{number},Pot,,,,,1,{'x' * 4_000}\n".encode() * 250)
        size = file.tell()
        tracemalloc.start()
        made = planning.plan(file, "csv", {}, lambda rows: None)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (made.rows, most < size / 2) == (3_000, True)


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1252", "windows-1252"), ("utf-16", "utf-16"), ("utf-8-sig", "utf-8")]
)
def test_an_encoding_is_recognised_whatever_block_it_shows_in(encoding: str, name: str) -> None:
    raw = ("a" * (decoding._BLOCK - 1) + "é, ü").encode(encoding)
    assert decoding.recognise(io.BytesIO(raw)).name == name


# --- uploads ------------------------------------------------------------------------------------------------------


def expected(send: Send, **query: str) -> Any:
    """Ask for an address to send a file to."""
    return send("POST", "/catalog/imports", "", **{**CSV, "query": {"upload": "true", **query}})


def start(send: Send, import_id: str) -> Any:
    return send("POST", "/catalog/imports/{id}/start", path={"id": import_id}, **ADMIN)


def test_a_file_may_be_sent_to_an_address_and_is_worked_off_when_started(desk: Send) -> None:
    answer = expected(desk, stock="set")
    assert (answer.status, answer.body["status"]) == (202, "awaiting_upload")
    import_id, upload = answer.body["importId"], answer.body["upload"]
    assert (upload["method"], upload["headers"], upload["maxBytes"]) == (
        "PUT",
        {"Content-Type": "text/csv"},
        200_000_000,
    )
    assert f"/{import_id}?" in upload["url"]
    assert "X-Amz-Signature" in upload["url"]
    importing().uploads.put(import_id, (HEADER + "pot,Pot,,,POT,3,1\n").encode())
    assert [start(desk, import_id).body["status"] for _ in range(2)] == ["queued", "queued"]
    assert len(messages()) == 1
    imports.read_file(importing(), import_id, now())
    work()
    body = outcome(desk, import_id)
    assert (body["status"], body["total"], body["created"], body["stock"]) == ("completed", 1, 1, "set")
    assert body["readAs"]["format"] == "shopify"


def test_an_upload_is_not_started_before_it_has_come(desk: Send) -> None:
    import_id = expected(desk).body["importId"]
    assert (start(desk, import_id).status, start(desk, import_id).body["code"]) == (409, "upload_missing")
    assert outcome(desk, import_id)["status"] == "awaiting_upload"


def test_a_file_above_200_mb_is_refused_at_its_start(desk: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_FILE_BYTES", 100)
    import_id = expected(desk).body["importId"]
    importing().uploads.put(import_id, b"x" * 101)
    assert (start(desk, import_id).status, start(desk, import_id).body["code"]) == (413, "file_too_large")


def test_a_file_that_is_replaced_after_it_was_cut_is_not_read_in_the_wrong_places(desk: Send) -> None:
    import_id = bring(desk, HEADER + "pot,Pot,,,,,1\n")
    on_file(sqs_event(*messages()), Context())
    importing().uploads.put(import_id, (HEADER + "pan,Pan,,,,,2\n").encode())
    event = sqs_event(*messages("IMPORTS"))
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    on_import(event, Context())
    assert (outcome(desk, import_id)["status"], listed(desk)) == ("failed", [])


def test_a_file_that_came_and_cannot_be_read_says_why(desk: Send) -> None:
    import_id = expected(desk).body["importId"]
    importing().uploads.put(import_id, b"Name,Price\nPot,3\n")
    start(desk, import_id)
    assert work() == []
    body = outcome(desk, import_id)
    assert (body["status"], body["problem"]["code"]) == ("failed", "wrong_header")


def test_what_an_upload_is_asked_with_is_checked_before_it_is_sent(desk: Send) -> None:
    assert expected(desk, mapping='{"A": "colour"}').body["code"] == "unknown_field"
    body = {**CSV, "query": {"upload": "true"}}
    assert desk("POST", "/catalog/imports", HEADER, **body).body["code"] == "body_not_expected"
    assert (
        desk("POST", "/catalog/imports", "", **{**CSV, "query": {"upload": "x"}}).body["code"]
        == "invalid_upload"
    )


def test_an_upload_replaced_by_nobody_is_only_readable_by_its_address() -> None:
    (bucket,) = templates.resources("catalog", "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["PUT"]


# --- imports that stand still -------------------------------------------------------------------------------------

LATER = imports.SILENT + timedelta(minutes=1)


def sweep(after: timedelta = LATER) -> int:
    open_, failed = tasks.sweep(importing(), exporting(), now() + after)
    assert failed == 0
    return open_


def test_an_import_that_crashes_before_its_message_is_sent_is_worked_off_all_the_same(desk: Send) -> None:
    bring(desk, HEADER + "pot,Pot,,,,,1\n")
    messages()  # lost
    assert work() == []
    sweep(timedelta(minutes=1))
    assert messages() == []
    sweep()
    work()
    assert (listed(desk), sweep()) == (["pot"], 0)


def test_a_lost_message_of_a_part_comes_again_and_the_others_do_not(desk: Send) -> None:
    rows = "".join(f"p{number},P,,,,,1\n" for number in range(120))
    import_id = bring(desk, HEADER + rows)
    on_file(sqs_event(*messages()), Context())
    first, _, last = messages("IMPORTS")
    on_import(sqs_event(first, last), Context())
    sweep()
    on_file(sqs_event(*messages()), Context())
    (left,) = messages("IMPORTS")
    on_import(sqs_event(left), Context())
    body = outcome(desk, import_id)
    assert (body["status"], body["created"], body["rowsDone"]) == ("completed", 120, 120)
    assert sweep() == 0


def test_a_crash_between_the_last_part_and_the_end_is_seen_by_the_sweep(desk: Send) -> None:
    import_id = bring(desk, HEADER + "pot,Pot,,,,,1\n")
    on_file(sqs_event(*messages()), Context())
    with crashing(0, "UpdateItem"):
        assert on_import(sqs_event(*messages("IMPORTS")), Context())["batchItemFailures"]
    assert outcome(desk, import_id)["status"] == "running"
    sweep()
    work()
    assert outcome(desk, import_id)["status"] == "completed"


def test_an_upload_that_never_comes_ends(desk: Send) -> None:
    import_id = expected(desk).body["importId"]
    sweep(timedelta(hours=1))
    assert outcome(desk, import_id)["status"] == "awaiting_upload"
    sweep(timedelta(hours=3))
    body = outcome(desk, import_id)
    assert (body["status"], body["problem"]["code"], sweep()) == ("failed", "upload_missing", 0)


def test_an_import_that_cannot_be_done_ends_after_a_day_and_late_messages_change_nothing(desk: Send) -> None:
    import_id = bring(desk, HEADER + "pot,Pot,,,,,1\n")
    on_file(sqs_event(*messages()), Context())
    tomorrow = now() + timedelta(hours=25)
    tasks.sweep(importing(), exporting(), tomorrow)
    body = outcome(desk, import_id)
    assert (body["status"], body["problem"]["code"]) == ("failed", "deadline_passed")
    imports.work(importing(), import_id, 0, tomorrow)
    imports.read_file(importing(), import_id, tomorrow)
    assert importing().catalog.by_slug("pot") is None


def test_a_part_that_was_given_up_and_sent_back_completes_the_import(desk: Send) -> None:
    import_id = bring(desk, HEADER + "pot,Pot,,,,,1\n")
    on_file(sqs_event(*messages()), Context())
    (part,) = messages("IMPORTS")
    event = sqs_event(part)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "5"
    with crashing(0, "BatchGetItem"):
        on_import(event, Context())
    assert outcome(desk, import_id)["status"] == "failed"
    on_import(sqs_event(part), Context())
    body = outcome(desk, import_id)
    assert (body["status"], body["created"], body["problem"]) == ("completed", 1, None)


def test_a_plan_that_crashed_half_written_is_made_again(desk: Send) -> None:
    rows = "".join(f"p{number},P,,,,,1\n" for number in range(120))
    for crash in range(1, 3):
        import_id = bring(desk, HEADER.replace("Handle", "handle") + rows)
        (body,) = messages()
        with crashing(crash - 1, "BatchWriteItem", "UpdateItem"):
            assert on_file(sqs_event(body), Context())["batchItemFailures"]
        on_file(sqs_event(body), Context())
        work()
        assert outcome(desk, import_id)["rowsDone"] == 120


# --- exports ------------------------------------------------------------------------------------------------------


def test_an_export_is_a_file_with_an_address_once_it_is_completed(desk: Send) -> None:
    create(desk, "pot")
    asked = desk("POST", "/catalog/exports", query={"format": "jsonl"}, **ADMIN)
    assert (asked.status, asked.body["status"], asked.body["url"]) == (202, "queued", None)
    work()
    path = {"id": asked.body["exportId"]}
    body = desk("GET", "/catalog/exports/{id}", path=path, **ADMIN).body
    assert (body["status"], body["done"], body["bytes"] > 100) == ("completed", 1, True)
    assert "products.jsonl" in body["url"]
    assert desk("GET", "/catalog/exports/{id}", path={"id": "exp_x"}, **ADMIN).status == 404


def test_an_export_of_more_than_one_upload_part_is_whole(desk: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [bytes([number]) * 3_000_000 for number in range(7)]
    assert importing().uploads.write("exp_large", blocks) == 21_000_000
    assert importing().uploads.read("exp_large", 0, 21_000_000, "") == b"".join(blocks)


@pytest.mark.parametrize("moment", range(0, 60, 4))
def test_a_product_that_moves_between_lists_is_exported_once(desk: Send, moment: int) -> None:
    for name in ("a", "b", "c"):
        create(desk, name, status="draft")
    made = importing().catalog.by_slug("b")
    assert made is not None
    body = {**a_product("b"), "variants": [{"sku": "B", "price": {"amount": 1999, "currency": "EUR"}}]}

    def publish() -> None:
        headers = {"If-Match": '"1"'}
        assert (
            desk("PUT", "/catalog/products/{id}", body, path={"id": made.id}, headers=headers, **ADMIN).status
            == 200
        )

    with meanwhile(moment, publish):
        text = exported(desk)
    assert sorted(row["Handle"] for row in csv.DictReader(io.StringIO(text))) == ["a", "b", "c"]


def test_a_column_that_comes_while_an_export_is_written_is_in_it(desk: Send) -> None:
    imported(desk, "Handle,Title,Variant Price,ImportContext\npot,Pot,1,A1\n")
    asked = desk("POST", "/catalog/exports", query={"format": "csv"}, **ADMIN)
    column = lambda: imported_aside(desk)  # noqa: E731
    with meanwhile(3, column):
        (message,) = messages()
        on_file(sqs_event(message), Context())
    stored = aws.s3().get_object(Bucket=os.environ["IMPORTS_BUCKET_NAME"], Key=asked.body["exportId"])
    rows = list(csv.DictReader(io.StringIO(stored["Body"].read().decode())))
    assert {(row["Handle"], row["ImportContext"], row["Depot"]) for row in rows} == {
        ("pot", "A1", ""),
        ("cup", "", "D"),
    }


def imported_aside(send: Send) -> None:
    at = now()
    raw = b"Handle,Title,Variant Price,Depot\ncup,Cup,1,D\n"
    job = imports.accept(importing(), raw, "csv", "imp_aside", at)
    imports.read_file(importing(), job.id, at)
    imports.work(importing(), job.id, 0, at)


def test_an_export_whose_message_is_lost_is_written_all_the_same(desk: Send) -> None:
    create(desk, "pot")
    asked = desk("POST", "/catalog/exports", **ADMIN)
    messages()
    assert sweep() == 1
    work()
    path = {"id": asked.body["exportId"]}
    assert desk("GET", "/catalog/exports/{id}", path=path, **ADMIN).body["status"] == "completed"
    assert sweep() == 0


def test_an_export_that_cannot_be_written_ends(desk: Send) -> None:
    asked = desk("POST", "/catalog/exports", **ADMIN)
    tasks.sweep(importing(), exporting(), now() + exports.DONE_WITHIN + timedelta(minutes=1))
    path = {"id": asked.body["exportId"]}
    assert desk("GET", "/catalog/exports/{id}", path=path, **ADMIN).body["status"] == "failed"


def test_a_file_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MAX_FILE_ROWS", 2)
    with pytest.raises(InvalidError, match="too_many_rows"):
        planning.plan(io.BytesIO((HEADER + "a,A,,,,,1\nb,B,,,,,1\n").encode()), "csv", {}, lambda rows: None)
