"""A small flash sale, on counts alone: what is sold, and what a sale and a refusal take. Nothing here is timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.templates import ROOT

UNITS, BUYERS = 100, 1000


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the four sales by name; run in a process of its own, because it moves the clock."""
    file: Path = tmp_path_factory.mktemp("flash") / "sale.json"
    command = [sys.executable, "-m", "tests.bench.flash_sale", "--units", str(UNITS), "--buyers", str(BUYERS)]
    subprocess.run([*command, "--file", str(file)], cwd=ROOT, env=os.environ.copy(), check=True, timeout=300)
    return {sale["name"]: sale for sale in json.loads(file.read_text())["sales"]}


@pytest.mark.parametrize("way", ["neither", "shards", "grouping", "both"])
def test_every_unit_is_sold_once_and_every_buyer_is_answered(
    sales: dict[str, dict[str, Any]], way: str
) -> None:
    sale = sales[way]
    found = {name: sale[name] for name in ("sold", "refused", "unanswered", "left")}
    assert found == {"sold": UNITS, "refused": BUYERS - UNITS, "unanswered": 0, "left": 0}


def test_a_refusal_takes_one_write_unit(sales: dict[str, dict[str, Any]]) -> None:
    assert {way: sale["units_a_refusal"] for way, sale in sales.items() if way in ("grouping", "both")} == {
        "grouping": 1,
        "both": 1,
    }


def test_a_sale_takes_at_most_11_write_units_to_leave_the_shelf(sales: dict[str, dict[str, Any]]) -> None:
    assert sales["both"]["units_a_sale"] <= 11


def test_grouping_and_shards_each_spare_conflicts_and_both_spare_most(
    sales: dict[str, dict[str, Any]],
) -> None:
    conflicts = {way: sale["conflicts"] for way, sale in sales.items()}
    assert conflicts["both"] < min(conflicts["grouping"], conflicts["shards"])
    assert max(conflicts["grouping"], conflicts["shards"]) < conflicts["neither"]


def test_an_order_reads_at_most_two_units_as_deployed(sales: dict[str, dict[str, Any]]) -> None:
    assert sales["both"]["reads_an_order"] <= 2
