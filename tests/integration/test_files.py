"""Product files in Shopify's format: imported whole, counted, sold from, and imported again without a change.

Shopify's own sample files are not part of this repository. SHOPIFY_FILES names a folder that has them.
"""

from __future__ import annotations

import csv
import os
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE, eventually
from tests.support.templates import ROOT
from tools.local.buyer import Buyer
from tools.local.shop import Answer

HERE = Path(__file__).parent / "files"
SHOPIFYS = Path(os.environ.get("SHOPIFY_FILES", ROOT.parent / "shared" / "data" / "shopify"))
FILES = [*sorted(HERE.glob("*.csv")), *sorted(SHOPIFYS.glob("*.csv"))]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def imported(admin: Buyer, content: bytes, media: str = "text/csv", query: str = "") -> dict[str, Any]:
    """Import a file and return how it went."""
    job = admin.send("POST", f"/catalog/imports{query}", content, media=media)
    assert job.status == 202, job
    return ended(admin, job.body["importId"])


def ended(admin: Buyer, import_id: str) -> dict[str, Any]:
    """Wait for the end of an import and return how it went."""
    path = f"/catalog/imports/{import_id}"
    assert eventually(lambda: admin.get(path)["status"] in ("completed", "failed"), seconds=3 * PATIENCE)
    found: dict[str, Any] = admin.get(path)
    return found


def on_hand(admin: Buyer, skus: Iterable[str]) -> dict[str, int]:
    """Return the units on hand of each SKU that is stocked."""
    asked = ",".join(skus)
    levels = admin.get(f"/inventory/admin/stock?skus={asked}")["items"] if asked else []
    return {level["sku"]: level["onHand"] for level in levels}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_comes_in_whole_and_is_sold_from(path: Path, admin: Buyer, guest: Buyer) -> None:
    expected: dict[str, list[dict[str, str]]] = {}
    for row in rows(path):
        expected.setdefault(row["Handle"], []).append(row)
    job = imported(admin, path.read_bytes())
    assert (job["status"], job["total"], job["failed"]) == ("completed", len(expected), 0), job
    counted: dict[str, int] = {}
    untracked: dict[str, int] = {}
    for handle, given in expected.items():
        product = guest.get(f"/catalog/products/{handle}")
        variants = [row for row in given if row["Variant Price"]]
        assert [variant["price"]["amount"] for variant in product["variants"]] == [
            round(float(row["Variant Price"]) * 100) for row in variants
        ]
        assert len(product["images"]) == len({row["Image Src"] for row in given if row["Image Src"]})
        for variant, row in zip(product["variants"], variants, strict=True):
            units = counted if row["Variant Inventory Tracker"] else untracked
            units[variant["sku"]] = int(row["Variant Inventory Qty"])
    bringing = sum(1 for given in expected.values() for row in given if row["Variant Price"])
    assert len(counted) + len(untracked) == bringing
    assert eventually(lambda: on_hand(admin, counted) == counted)
    for sku, quantity in [*counted.items()][:1]:
        assert guest.decided(guest.buy({sku: 1})["orderId"])["status"] == "confirmed"
        assert eventually(lambda sku=sku, left=quantity - 1: on_hand(admin, [sku]) == {sku: left})
    for sku, quantity in [*untracked.items()][:1]:  # without a tracker it is always for sale
        assert guest.decided(guest.buy({sku: quantity + 1})["orderId"])["status"] == "confirmed"


def test_a_file_that_is_imported_again_changes_nothing(admin: Buyer, guest: Buyer) -> None:
    content = (HERE / "blank-skus.csv").read_bytes()
    imported(admin, content)
    before = guest.get("/catalog/products/linen-apron")
    job = imported(admin, content)
    assert (job["unchanged"], job["created"], job["updated"]) == (job["total"], 0, 0)
    assert guest.get("/catalog/products/linen-apron") == before


def uploaded(admin: Buyer, content: bytes, media: str) -> dict[str, Any]:
    """Import a file of any size by way of its address, and return how it went."""
    asked = admin.send("POST", "/catalog/imports?upload=true", b"", media=media)
    assert asked.status == 202, asked
    put(asked.body["upload"], content)
    assert admin.send("POST", f"/catalog/imports/{asked.body['importId']}/start", {}).status == 202
    return ended(admin, asked.body["importId"])


def put(upload: dict[str, Any], content: bytes) -> None:
    """Send a file where the answer says."""
    request = urllib.request.Request(upload["url"], content, upload["headers"], method=upload["method"])
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def test_a_broken_row_is_named_and_the_good_ones_come_in(admin: Buyer, guest: Buyer) -> None:
    text = (HERE / "blank-skus.csv").read_text()
    text = text.replace("olive-bowl", "cedar-bowl").replace("linen-apron", "hemp-apron")
    job = imported(admin, text.replace(",52,", ",fifty-two,").encode())
    assert (job["status"], job["total"], job["failed"]) == ("completed", 2, 1)
    assert [error["field"] for error in job["errors"]] == ["Variant Price"]
    assert job["errors"][0]["row"] == 4
    assert guest.get("/catalog/products/hemp-apron")["title"] == "Linen Apron"
    assert guest.send("GET", "/catalog/products/cedar-bowl").status == 404


def exported(admin: Buyer, form: str) -> bytes:
    """Have all products exported and return the file, fetched from where the answer says."""
    asked = admin.send("POST", f"/catalog/exports?format={form}", {})
    assert asked.status == 202, asked
    path = f"/catalog/exports/{asked.body['exportId']}"
    assert eventually(lambda: admin.get(path)["status"] == "completed"), admin.get(path)
    with urllib.request.urlopen(admin.get(path)["url"], timeout=30) as answer:
        assert f'filename="products.{form}"' in answer.headers["Content-Disposition"]
        content: bytes = answer.read()
        return content


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_exported_comes_back_without_a_change(form: str, admin: Buyer, guest: Buyer) -> None:
    imported(admin, (HERE / "blank-skus.csv").read_bytes())
    before = guest.get("/catalog/products/linen-apron")
    media = "text/csv" if form == "csv" else "application/x-ndjson"
    job = uploaded(admin, exported(admin, form), media)
    assert (job["failed"], job["created"], job["updated"]) == (0, 0, 0), job
    assert guest.get("/catalog/products/linen-apron") == before


def test_a_file_of_many_parts_is_sent_to_an_address_and_comes_in_by_many_workers(admin: Buyer) -> None:
    head = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Status\n"
    rows = [
        f"many-{number},Many {number},Size,{size},MANY-{number}-{size},{number},{number}.50,draft\n"
        for number in range(160)
        for size in ("S", "M")
    ]
    asked = admin.send("POST", "/catalog/imports?upload=true", b"", media="text/csv")
    assert (asked.status, asked.body["status"]) == (202, "awaiting_upload"), asked
    upload, path = asked.body["upload"], f"/catalog/imports/{asked.body['importId']}"
    early = admin.send("POST", f"{path}/start", {})
    assert (early.status, early.code) == (409, "upload_missing")
    preflight = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    with urllib.request.urlopen(
        urllib.request.Request(upload["url"], method="OPTIONS", headers=preflight), timeout=30
    ) as allowed:
        assert allowed.headers["Access-Control-Allow-Origin"] in ("*", preflight["Origin"])
    content = (head + "".join(rows)).encode()
    put(upload, content)
    assert admin.send("POST", f"{path}/start", {}).status == 202
    job = ended(admin, asked.body["importId"])
    assert (job["status"], job["total"], job["created"], job["rows"], job["rowsDone"]) == (
        "completed",
        160,
        160,
        320,
        320,
    ), job


HEAD = "Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\r\n"


@pytest.mark.parametrize(("encoding", "name"), [("cp1252", "windows-1252"), ("utf-16", "utf-16")])
def test_a_file_in_the_encoding_of_a_spreadsheet_arrives_as_it_was_where_it_is_sent_to_an_address(
    encoding: str, name: str, admin: Buyer, guest: Buyer
) -> None:
    slug = f"brulee-{time.time_ns()}"
    content = f"{HEAD}{slug},Crème brûlée – 5 €,{slug},,,5.00\r\n".encode(encoding)
    # An HTTP API takes every text for UTF-8: what has lost characters so is refused, never imported.
    refused = admin.send("POST", "/catalog/imports", content, media="text/csv")
    assert (refused.status, refused.code) == (400, "not_utf8"), refused
    asked = admin.send("POST", "/catalog/imports?upload=true", b"", media="text/csv").body
    put(asked["upload"], content)
    assert admin.send("POST", f"/catalog/imports/{asked['importId']}/start", {}).status == 202
    job = ended(admin, asked["importId"])
    assert (job["created"], job["readAs"]["encoding"]) == (1, name), job
    assert guest.get(f"/catalog/products/{slug}")["title"] == "Crème brûlée – 5 €"


def test_units_that_were_sold_stay_sold_when_an_old_file_comes_in(admin: Buyer, guest: Buyer) -> None:
    slug = f"jug-{time.time_ns()}"
    content = f"{HEAD}{slug},Jug,{slug},shopify,5,5.00\r\n".encode()
    imported(admin, content)
    assert eventually(lambda: on_hand(admin, [slug]) == {slug: 5})
    assert guest.decided(guest.buy({slug: 2})["orderId"])["status"] == "confirmed"
    assert eventually(lambda: on_hand(admin, [slug]) == {slug: 3})
    job = imported(admin, content)
    assert (job["stock"], job["stockKept"], job["unchanged"]) == ("keep", 1, 1)
    jug = f"{slug}-new"
    imported(admin, content + f"{jug},New jug,{jug},shopify,4,5.00\r\n".encode())
    assert eventually(lambda: on_hand(admin, [slug, jug]) == {slug: 3, jug: 4})

    def is_set() -> bool:  # a count of the second of a sale has not seen the sale
        assert imported(admin, content, query="?stock=set")["stock"] == "set"
        return on_hand(admin, [slug]) == {slug: 5}

    assert eventually(is_set)


def test_a_product_of_2048_variants_is_sold_from_its_last_one(admin: Buyer, guest: Buyer) -> None:
    slug = f"paint-{time.time_ns()}"
    skus = [f"{slug[-6:]}-{number}" for number in range(2_048)]
    head = (
        "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,"
        "Variant Price,Status\r\n"
    )
    text = head + "".join(
        f"{slug},{'' if number else 'Paint'},{'' if number else 'Colour'},{number},{sku},shopify,{number},5.00,"
        f"{'' if number else 'active'}\r\n"
        for number, sku in enumerate(skus)
    )
    job = imported(admin, text.encode())
    assert (job["status"], job["created"], job["errors"]) == ("completed", 1, []), job
    assert [one["sku"] for one in guest.get(f"/catalog/products/{slug}")["variants"]] == skus
    shown = [skus[0], skus[1], skus[-1]]
    assert eventually(
        lambda: on_hand(admin, shown) == {skus[0]: 0, skus[1]: 1, skus[-1]: 2_047}, seconds=4 * PATIENCE
    )
    cart = guest.fill_cart({})
    # A worker that dies over the variants leaves them to the next: once its message is seen again, after 180 s.
    answers: list[Answer] = []

    def is_offered() -> bool:
        answers.append(guest.put_line(cart, skus[-1]))
        return answers[-1].status == 200

    assert eventually(is_offered, seconds=10 * PATIENCE), answers[-1]
    assert guest.decided(guest.buy({skus[-1]: 1})["orderId"])["status"] == "confirmed"
