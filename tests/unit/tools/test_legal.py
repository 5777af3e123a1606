"""The table of what the law wants: it says what is there, and never that something is that is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import ROOT
from tools.build import pages
from tools.operate import legal


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Legal texts, all written."""
    for language in pages.TO_WRITE:
        (tmp_path / language).mkdir()
        for name in pages.NAMES:
            (tmp_path / language / f"{name}.md").write_text("# Text\n\nWritten.\n")
    return tmp_path


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The pages' modules, to be changed."""
    return Path(shutil.copytree(ROOT / "web/js", tmp_path / "js"))


def state(rows: list[legal.Row], start: str) -> str:
    (row,) = (row for row in rows if row.duty.startswith(start))
    return row.state


def test_each_legal_page_has_its_row_and_is_a_draft_until_it_is_written(written: Path) -> None:
    rows = list(legal.rows("include_tax"))
    assert [row for row in rows if row.state.startswith("draft: ")] == [
        row for row in rows if row.where.startswith("/legal/")
    ]
    assert {row.where.split(".")[0] for row in rows if row.where.startswith("/")} == {
        f"/legal/{name}" for name in pages.NAMES
    }
    assert state(rows, "terms (") == "draft: legal/en/terms.md, legal/de/terms.md"
    assert {row.state for row in legal.rows("include_tax", written) if row.where.startswith("/")} == {"there"}
    (written / "de" / "terms.md").unlink()
    assert (
        state(list(legal.rows("include_tax", written)), "terms (") == "missing: legal/de/terms.md is missing"
    )


def test_prices_without_tax_are_a_gap_for_who_sells_to_consumers() -> None:
    assert state(list(legal.rows("exclude_tax")), "prices include").startswith("missing: ")
    assert state(list(legal.rows("include_tax")), "prices include").startswith("there: ")


@pytest.mark.parametrize(
    ("field", "duty"),
    [
        ("measure", "price for a kilogram"),
        ("priorPrice", "lowest price"),
        ("manufacturer", "maker"),
        ("guarantee", "notice on the legal guarantee"),
        ("withdrawal", "exceptions from withdrawal"),
    ],
)
def test_what_no_page_shows_is_missing(code: Path, field: str, duty: str) -> None:
    for file in code.rglob("*.js"):  # those that other work has brought by now
        file.write_text(file.read_text().replace(f".{field}", ".x").replace(f" {field}", " x"))
    assert state(list(legal.rows("include_tax", code=code)), duty).startswith("missing: ")
    with (code / "components/product-card.js").open("a") as card:
        card.write(f"\nh(product.{field});\n")
    assert state(list(legal.rows("include_tax", code=code)), duty).startswith("there")


def test_a_button_of_another_text_is_found(code: Path) -> None:
    assert state(list(legal.rows("include_tax", code=code)), "the button").startswith("there")
    texts = code / "lib/texts.js"
    texts.write_text(texts.read_text().replace("Zahlungspflichtig bestellen", "Weiter"))
    assert state(list(legal.rows("include_tax", code=code)), "the button").startswith("missing")


def test_it_is_one_table_that_says_that_it_is_no_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENV", "prod")
    legal.main()
    page = capsys.readouterr().out
    assert page.startswith("What the law wants on the pages of prod")
    assert page.count(legal.NOT_ADVICE) == 2
    assert max(map(len, page.splitlines()[1:])) <= 150
    assert legal.linked() == {"terms", "privacy", "withdrawal"}


def test_what_stripe_stores_on_the_device_is_said_where_the_shop_is_paid_through_it() -> None:
    assert "no banner" in state(list(legal.rows("include_tax")), "nothing stored")
    assert "Stripe's cookies" in state(
        list(legal.rows("include_tax", payee="pk_live_51Ab")), "nothing stored"
    )
