"""Files in the console's browser: large ones go straight to where they are kept, and all products come as one."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Person, log_in


def test_a_file_too_large_for_a_call_comes_in_and_out_again(
    open_browser: Callable[..., Page], operator: Person, tmp_path: Path
) -> None:
    console = open_browser()
    log_in(console, operator, "/console/")
    mark, file = time.time_ns(), tmp_path / "products.csv"
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["Handle", "Title", "Body (HTML)", "Status", "Variant SKU", "Variant Price"])
    for number in range(60):
        rows.writerow(
            [f"tome-{mark}-{number}", f"Tome {number}", "x " * 40_000, "draft", f"T{mark}-{number}", "9.50"]
        )
    file.write_text(out.getvalue())
    assert file.stat().st_size > 4_500_000
    console.goto("/console/#catalog")
    console.get_by_label("Product file").set_input_files(file)
    console.get_by_role("button", name="Import", exact=True).click()
    expect(console.get_by_text("completed: 60 of 60 products, 60 new")).to_be_visible(timeout=90_000)
    with console.expect_download(timeout=90_000) as saved:
        console.get_by_role("button", name="Export CSV").click()
    with Path(saved.value.path()).open(newline="", encoding="utf-8") as content:
        handles = [row["Handle"] for row in csv.DictReader(content)]
    assert {f"tome-{mark}-{number}" for number in range(60)} <= set(handles)
