"""What a visit asks the edge for, of a storefront of two pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import billing, storefront
from tests.bench.storefront import Asked

PAGE = '<link rel="stylesheet" href="/css/shop.css"><link rel="icon" href="/icon.svg"><script src="/js/{}.js"></script>'


@pytest.fixture
def web(tmp_path: Path) -> Path:
    for folder in ("css", "js"):
        (tmp_path / folder).mkdir()
    for name in ("list", "product"):
        (tmp_path / f"{name}.html").write_text(PAGE.format(name))
        (tmp_path / f"js/{name}.js").write_text("x" * 2000)
    (tmp_path / "css/shop.css").write_text("x" * 10)
    (tmp_path / "icon.svg").write_text("x" * 10)
    return tmp_path


def test_a_page_has_what_it_names(web: Path) -> None:
    assert storefront.files("list.html", web) == {"list.html", "js/list.js", "css/shop.css", "icon.svg"}


def test_pages_are_asked_for_each_time_and_what_they_name_once(web: Path) -> None:
    """Two pages, 4 views in all: 4 of pages, 1 of each module, 1 of the style, 1 of the icon, 24 of pictures."""
    found = storefront.visit({"list.html": 1, "product.html": 3}, 24, web=web)
    assert found.requests == 4 + 2 + 1 + 1 + 24


def test_what_has_not_changed_is_sent_as_its_headers(web: Path) -> None:
    """Three views: the page whole once, then its headers only; the rest once, a module of 2,000 bytes as 600."""
    page, style = len(PAGE.format("list")), 10
    whole = (500 + page) + (500 + 600) + (500 + style) + (500 + 10)
    found = storefront.visit({"list.html": 3}, 0, web=web)
    assert found.transfer_bytes == pytest.approx(whole + 2 * 500)


def test_files_cost_what_comes_on_top_of_the_calls() -> None:
    """The calls have used up what is free; each file is a request, and each page runs the function that finds it."""
    prices = billing.assumed({})
    visits, calls = 1_000_000, Asked(20_000_000, 2000e9, 20_000_000)
    found = storefront.bill(visits, 0, calls, prices)
    asked = storefront.visit(storefront.VISIT)
    assert found["edge requests"] == pytest.approx(asked.requests * visits * 1.2e-6)
    pages = sum(storefront.VISIT.values())
    assert found["edge functions"] == pytest.approx(pages * visits * 0.1e-6)
    assert found["edge transfer"] == pytest.approx(asked.transfer_bytes * visits / 1e9 * 0.085)
