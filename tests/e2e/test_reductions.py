"""What buyers see of a reduction: the lowest price of 30 days, a percentage of that, and nothing that was typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.test_money import served
from tools import ROOT


def euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def a_variant(size: str, price: int, prior: int | None) -> dict[str, Any]:
    told = {"priorPrice": prior and euro(prior), "stock": {"availability": "in_stock", "available": 20}}
    return {"sku": size, "options": [size], "price": euro(price), "compareAt": euro(99_900), **told}


PRODUCT = {
    "slug": "pot",
    "title": "Pot",
    "options": ["Size"],
    "variants": [a_variant("S", 2001, 3000), a_variant("L", 4000, None)],
}
CARD = {"slug": "pot", "title": "Pot", "vendor": "", "image": None, "compareAt": euro(99_900)}
CARDS = [
    {**CARD, "price": {"min": euro(2001), "max": euro(4000)}, "priorPrice": euro(3000)},
    {**CARD, "price": {"min": euro(2000), "max": euro(2000)}, "priorPrice": euro(2001)},
    {**CARD, "price": {"min": euro(2000), "max": euro(2000)}, "priorPrice": None},
    {**CARD, "price": {"min": euro(2000), "max": euro(2000)}},
]


def answer(route: Route) -> None:
    path = urlsplit(route.request.url).path
    if path == "/product.html":
        route.fulfill(path=ROOT / "web/product.html", content_type="text/html")
    elif path == "/catalog/products/pot":
        route.fulfill(json=PRODUCT)
    elif path == "/catalog/products":
        route.fulfill(json={"items": CARDS, "nextCursor": None})
    elif path == "/products.html":
        route.fulfill(path=ROOT / "web/products.html", content_type="text/html")
    else:
        served(route)


@pytest.fixture(params=["en-IE", "de-DE"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    made = browser.new_context(locale=request.param, base_url="https://souk.test").new_page()
    made.route("**/*", answer)
    yield made
    made.context.close()


def texts(page: Page) -> tuple[str, str, str]:
    """Return in the page's language: "from", the words before the price, and a percentage with its sign for 33."""
    german = page.evaluate("navigator.language").startswith("de")
    if german:
        return "ab ", "Niedrigster Preis der letzten 30 Tage", "-33 %"
    return "from ", "Lowest price of the last 30 days", "-33%"


def seen(page: Page, selector: str) -> list[str]:
    """Return the texts that are shown, blanks made plain and left out at line breaks."""
    return [" ".join(text.split()) for text in page.locator(selector).all_inner_texts()]


def test_the_page_of_a_product_strikes_through_what_its_price_was_and_not_what_was_typed(page: Page) -> None:
    page.goto("/product.html?p=pot")
    price = page.locator("#product .price")
    _, before, less = texts(page)
    expect(price.locator("s")).to_contain_text("30")
    expect(price).to_contain_text(before)
    assert seen(page, "#product .price .less") == [less]
    page.locator("#product label", has_text="L").last.click()
    expect(price).to_contain_text("40")
    expect(price.locator("s")).to_have_count(0)
    expect(page.locator("#product")).not_to_contain_text("999")


def test_a_card_says_what_its_cheapest_variant_was_reduced_from(page: Page) -> None:
    page.goto("/products.html")
    cards = page.locator("a.product .price")
    expect(cards).to_have_count(4)
    from_, before, less = texts(page)
    first, little, *none = seen(page, "a.product .price")
    assert first.startswith(from_)
    assert less in first
    assert before in first
    assert before in little
    assert "%" not in little  # less than one percent
    assert all(before not in one and "%" not in one for one in none)
    expect(cards.locator("s")).to_have_count(2)
    expect(page.locator("main")).not_to_contain_text("999")
