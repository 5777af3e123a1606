"""Product files in Shopify's format: imported whole, counted, sold from, and imported again without a change.

Shopify's own sample files are not part of this repository. SHOPIFY_FILES names a folder that has them.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.buyer import PATIENCE, Buyer, eventually
from tests.support.templates import ROOT

HERE = Path(__file__).parent / "files"
SHOPIFYS = Path(os.environ.get("SHOPIFY_FILES", ROOT.parent / "shared" / "data" / "shopify"))
FILES = [*sorted(HERE.glob("*.csv")), *sorted(SHOPIFYS.glob("*.csv"))]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def imported(admin: Buyer, content: bytes, media: str = "text/csv") -> dict[str, Any]:
    """Import a file and return how it went."""
    job = admin.send("POST", "/catalog/imports", content, media=media)
    assert job.status == 202, job
    path = f"/catalog/imports/{job.body['importId']}"
    assert eventually(lambda: admin.get(path)["status"] in ("completed", "failed"), seconds=3 * PATIENCE)
    found: dict[str, Any] = admin.get(path)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_comes_in_whole_and_is_sold_from(path: Path, admin: Buyer, guest: Buyer) -> None:
    expected: dict[str, list[dict[str, str]]] = {}
    for row in rows(path):
        expected.setdefault(row["Handle"], []).append(row)
    job = imported(admin, path.read_bytes())
    assert (job["status"], job["total"], job["failed"]) == ("completed", len(expected), 0), job
    quantities: dict[str, int] = {}
    for handle, given in expected.items():
        product = guest.get(f"/catalog/products/{handle}")
        variants = [row for row in given if row["Variant Price"]]
        assert [variant["price"]["amount"] for variant in product["variants"]] == [
            round(float(row["Variant Price"]) * 100) for row in variants
        ]
        assert len(product["images"]) == len({row["Image Src"] for row in given if row["Image Src"]})
        for variant, row in zip(product["variants"], variants, strict=True):
            quantities[variant["sku"]] = int(row["Variant Inventory Qty"])
    assert len(quantities) == sum(1 for given in expected.values() for row in given if row["Variant Price"])

    def arrived() -> bool:
        levels = admin.get(f"/inventory/admin/stock?skus={','.join(quantities)}")["items"]
        return {level["sku"]: level["onHand"] for level in levels} == quantities

    assert eventually(arrived)
    sku = next(sku for sku, quantity in quantities.items() if quantity > 0)
    assert guest.decided(guest.buy({sku: 1})["orderId"])["status"] == "confirmed"
    assert eventually(lambda: admin.get(f"/inventory/admin/stock/{sku}")["onHand"] == quantities[sku] - 1)


def test_a_file_that_is_imported_again_changes_nothing(admin: Buyer, guest: Buyer) -> None:
    content = (HERE / "blank-skus.csv").read_bytes()
    imported(admin, content)
    before = guest.get("/catalog/products/linen-apron")
    job = imported(admin, content)
    assert (job["unchanged"], job["created"], job["updated"]) == (job["total"], 0, 0)
    assert guest.get("/catalog/products/linen-apron") == before


def test_a_broken_row_is_named_and_the_good_ones_come_in(admin: Buyer, guest: Buyer) -> None:
    text = (HERE / "blank-skus.csv").read_text()
    text = text.replace("olive-bowl", "cedar-bowl").replace("linen-apron", "hemp-apron")
    job = imported(admin, text.replace(",52,", ",fifty-two,").encode())
    assert (job["status"], job["total"], job["failed"]) == ("completed", 2, 1)
    assert [error["field"] for error in job["errors"]] == ["Variant Price"]
    assert job["errors"][0]["row"] == 4
    assert guest.get("/catalog/products/hemp-apron")["title"] == "Linen Apron"
    assert guest.send("GET", "/catalog/products/cedar-bowl").status == 404


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_exported_comes_back_without_a_change(form: str, admin: Buyer, guest: Buyer) -> None:
    imported(admin, (HERE / "blank-skus.csv").read_bytes())
    exported = admin.send("GET", f"/catalog/exports?format={form}")
    assert exported.status == 200
    before = guest.get("/catalog/products/linen-apron")
    media = "text/csv" if form == "csv" else "application/x-ndjson"
    text = exported.body if isinstance(exported.body, str) else str(exported.body)
    job = imported(admin, text.encode(), media)
    assert (job["failed"], job["created"], job["updated"]) == (0, 0, 0), job
    assert guest.get("/catalog/products/linen-apron") == before
