"""What the law wants to be on the pages, seen in a browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.contract.test_web import stored
from tests.e2e.conftest import Watch, add_to_cart
from tools.build import pages

TAGINE = "saffron-glazed-tagine"
SHIPPING = "/legal/shipping.html"


@pytest.mark.parametrize("path", ["/", "/products.html", "/order.html", "/legal/terms.html", "/nothing.html"])
def test_every_page_links_the_legal_pages(page: Page, watch: Watch, path: str) -> None:
    page.goto(path)
    links = page.get_by_role("navigation", name="Legal").get_by_role("link")
    expect(links).to_have_count(len(pages.NAMES))
    assert [one.get_attribute("href") for one in links.all()] == [f"/{place}" for place in pages.PLACES]
    watch.expects("status of 404")


def test_a_legal_page_is_read_in_the_readers_language(open_browser: Callable[..., Page]) -> None:
    page = open_browser(locale="de-DE")
    page.goto("/legal/withdrawal.html")
    expect(page.get_by_role("heading", level=1)).to_have_text("Widerrufsrecht")
    expect(page).to_have_title("Widerrufsrecht · Souk")
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Right of withdrawal")
    expect(page.get_by_text("Vom Shop zu schreiben.").first).to_be_hidden()


def include_tax(route: Route) -> None:
    """Answer with the page as it is where prices include tax."""
    answer = route.fetch()
    route.fulfill(response=answer, body=pages.priced(answer.body(), "include_tax"))


@pytest.mark.parametrize(
    ("locale", "included", "said"),
    [
        ("en-IE", False, "plus tax, plus shipping"),
        ("en-IE", True, "incl. VAT, plus shipping"),
        ("de-DE", True, "inkl. MwSt., zzgl. Versand"),
    ],
)
def test_what_a_price_includes_stands_beside_it(
    open_browser: Callable[..., Page], locale: str, included: bool, said: str
) -> None:
    page = open_browser(locale=locale)
    if included:
        for path in ("**/", "**/product*.html*"):
            page.route(path, include_tax)
    for path in ("/", "/products.html"):
        page.goto(path)
        expect(page.locator("a.product .price-note").first).to_have_text(said)
        expect(page.locator("#prices")).to_have_text(said)
        expect(page.locator("#prices a")).to_have_attribute("href", SHIPPING)
    page.goto(f"/product.html?p={TAGINE}")
    expect(page.locator(".detail .price-note")).to_have_text(said)
    expect(page.locator(".detail .price-note a")).to_have_attribute("href", SHIPPING)


@pytest.mark.parametrize(("included", "said"), [(True, "incl. VAT"), (False, "plus tax")])
def test_the_cart_says_what_its_own_answer_says(page: Page, included: bool, said: str) -> None:
    def told(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "taxIncluded": included})

    page.route("**/carts/*/lines/*", told)
    add_to_cart(page, TAGINE)
    note = page.locator("dialog .price-note")
    expect(note).to_have_text(f"{said}, plus shipping")
    expect(note.get_by_role("link")).to_have_attribute("href", SHIPPING)


def test_what_is_not_delivered_is_not_said_to_cost_shipping(
    page: Page, sold: Callable[..., dict[str, Any]]
) -> None:
    price = {"amount": 1000, "currency": "EUR"}
    variants = [{"sku": f"E2EPDF{time.time_ns()}", "price": price, "requiresShipping": False}]
    add_to_cart(page, sold("A pattern", units=5, variants=variants)["slug"])
    for note in (page.locator(".detail .price-note"), page.locator("dialog .price-note")):
        expect(note).to_have_text("plus tax")


def test_the_checkout_names_terms_privacy_and_withdrawal_above_its_button(page: Page) -> None:
    add_to_cart(page, TAGINE)
    page.goto("/checkout.html")
    expect(page.locator("#checkout-form")).to_be_visible()
    above = """(button) => [...button.parentElement.querySelectorAll("a")]
      .map((one) => [one.getAttribute("href"), one.compareDocumentPosition(button)])"""
    named = page.locator("button[form=checkout-form]").evaluate(above)
    assert named == [[f"/legal/{name}.html", 4] for name in ("terms", "privacy", "withdrawal")]


def test_who_only_looks_is_remembered_by_nothing_but_the_table_of_currencies(page: Page) -> None:
    page.goto("/products.html")
    expect(page.locator("a.product .price").first).to_be_visible()
    page.goto(f"/product.html?p={TAGINE}")
    expect(page.locator(".detail .price")).to_be_visible()
    assert page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]") == [
        "souk.currencies"
    ]
    assert page.context.cookies() == []


def test_what_a_checkout_stores_in_its_tab_is_on_the_list(page: Page) -> None:
    add_to_cart(page, TAGINE)
    page.goto("/checkout.html")
    page.locator("#checkout-form [name=city]").fill("Berlin")
    kept = page.evaluate("Object.keys(sessionStorage)")
    assert kept == ["souk.checkout"]
    assert set(kept) <= stored().keys()
