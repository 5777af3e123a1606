"""What holds on every page: readable by everyone, on any screen, in both languages, with the keyboard, and at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.contract.test_web import texts
from tests.e2e.conftest import ADDRESS, Person, Watch, add_to_cart, check_out, log_in
from tools import ROOT

TAGINE = "saffron-glazed-tagine"
NAMES = (
    "home",
    "legal",
    "list",
    "product",
    "cart",
    "checkout",
    "order",
    "account",
    "addresses",
    "profile",
    "login",
    "register",
    "console",
    "console-order",
    *(
        f"console-{view}"
        for view in ("orders", "sagas", "queues", "catalog", "stock", "customers", "faults", "audit")
    ),
)
FIGURES = ROOT / ".local" / "e2e" / "performance.json"
# Takes what the page has painted and moved until now; reading buffered entries needs an observer each.
MEASURE = """() => new Promise((done) => {
  const seen = { lcp: 0, cls: 0, blocked: 0 };
  const watch = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  watch("largest-contentful-paint", (entry) => { seen.lcp = Math.round(entry.startTime); });
  watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.cls += entry.value; });
  watch("longtask", (entry) => { seen.blocked += Math.max(0, Math.round(entry.duration - 50)); });
  setTimeout(() => {
    const [page] = performance.getEntriesByType("navigation");
    const resources = performance.getEntriesByType("resource");
    done({ ...seen, load: Math.round(page.loadEventEnd), requests: resources.length + 1,
      kilobytes: Math.round(resources.reduce((sum, one) => sum + one.transferSize, page.transferSize) / 1024) });
  }, 300);
})"""


@pytest.fixture(scope="module")
def guest_order() -> dict[str, str]:
    """Where the order lies that the first test of this module placed, and how to open it."""
    return {}


class Guide:
    """Opens a page by its name, with something on it to look at."""

    def __init__(self, operator: Person, guest_order: dict[str, str]) -> None:
        self.operator = operator
        self.guest_order = guest_order

    def __call__(self, page: Page, name: str) -> None:
        """Open a page and wait until it shows what it is for."""
        {
            "home": lambda: self.plain(page, "/", "#products a.product"),
            "list": lambda: self.plain(page, "/products.html", "#products a.product"),
            "legal": lambda: self.plain(page, "/legal/terms.html", "souk-footer nav a"),
            "product": lambda: self.plain(
                page, f"/product.html?p={TAGINE}", "form [role=status]:not(:empty)"
            ),
            "cart": lambda: add_to_cart(page, TAGINE),
            "checkout": lambda: self.checkout(page),
            "order": lambda: self.plain(page, self.order(page)["link"], "[data-fact=PaymentCaptured]"),
            "account": lambda: self.inside(page, "/account.html#orders", "#orders, #account .empty"),
            "addresses": lambda: self.address_form(page),
            "profile": lambda: self.inside(page, "/account.html#profile", "section.part form"),
            "login": lambda: self.plain(page, "/account.html#login", "form button"),
            "register": lambda: self.plain(page, "/account.html#register", "form button"),
            "console": lambda: self.inside(page, "/console/#pulse", "#services .badge.good"),
            "console-order": lambda: self.inside(
                page, f"/console/#order/{self.order(page)['id']}", "#story tbody tr"
            ),
            "console-catalog": lambda: self.product_form(page),
        }.get(name, lambda: self.view(page, name.removeprefix("console-")))()

    def order(self, page: Page) -> dict[str, str]:
        """Return the link and the id of a guest's order, the same for all tests."""
        if not self.guest_order:
            add_to_cart(page, TAGINE)
            check_out(page)
            expect(page.locator("[data-fact=PaymentCaptured]")).to_be_visible()
            self.guest_order["link"] = str(page.locator("a[href*='token=']").get_attribute("href"))
            self.guest_order["id"] = page.url.partition("id=")[2].partition("&")[0]
        return self.guest_order

    def checkout(self, page: Page) -> None:
        """Fill in the checkout until it shows what is to be paid."""
        add_to_cart(page, TAGINE)
        page.goto("/checkout.html")
        page.get_by_label("Country").select_option("DE")  # first: it says what a postal code looks like
        for name, value in {"email": "amira@example.com", **ADDRESS}.items():
            page.locator(f"#checkout-form [name={name}]").fill(value)
        expect(page.locator(".totals .sum")).to_be_visible()

    def address_form(self, page: Page) -> None:
        """Open the form of a new address."""
        self.inside(page, "/account.html#addresses", "#account section button.quiet")
        page.get_by_role("button", name="Add an address").click()

    def product_form(self, page: Page) -> None:
        """Open the form of a product."""
        self.view(page, "catalog")
        page.locator("tbody button.plain").first.click()
        expect(page.locator("#product-form")).to_be_visible()

    def view(self, page: Page, name: str) -> None:
        """Open a view of the console."""
        ready = {
            "customers": "form input",
            "stock": "form input",
            "faults": "#provider",
            "queues": "tr[data-queue]",
        }
        self.inside(page, f"/console/#{name}", f"main {ready.get(name, 'tbody td')}")

    def plain(self, page: Page, path: str, ready: str) -> None:
        """Open a page as it is."""
        page.goto(path)
        expect(page.locator(ready).first).to_be_visible()

    def inside(self, page: Page, path: str, ready: str) -> None:
        """Open a page that one has to log in for."""
        log_in(page, self.operator, path.partition("#")[0])
        self.plain(page, path, ready)


@pytest.fixture
def go(operator: Person, guest_order: dict[str, str]) -> Guide:
    """Who opens pages by their names."""
    return Guide(operator, guest_order)


KEY = re.compile(
    rf"\b(?:{'|'.join(sorted({key.partition('.')[0] for key in texts('en') if '.' in key}))})\.[\w-]+"
)
"""What a text looks like that is missing: its key."""


def text_of(page: Page) -> str:
    """Return all that a page says, names of controls included."""
    return str(
        page.evaluate(
            """() => [document.title, document.body.innerText,
              ...[...document.querySelectorAll("[aria-label],[placeholder]")]
                .flatMap((one) => [one.ariaLabel ?? "", one.placeholder ?? ""])].join("\\n")"""
        )
    )


def grave(page: Page) -> list[Any]:
    """Return what axe finds that keeps people from reading or using the page."""
    return [
        (one["id"], [node["target"] for node in one["nodes"]][:3], one["nodes"][0]["failureSummary"][:200])
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_for_everyone(page: Page, go: Any, name: str) -> None:
    """By axe in both colour schemes, on a narrow and a wide screen, and in both languages: opened once for all."""
    go(page, name)
    found: dict[str, Any] = {"light": grave(page)}
    page.emulate_media(color_scheme="dark")
    found["dark"] = grave(page)
    for width in (360, 1440):
        page.set_viewport_size({"width": width, "height": 860})
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        found[f"wider than {width}"] = max(0, page.evaluate(over))
    assert not any(found.values()), found
    if not name.startswith("console"):
        speaks_german_and_shows_no_key(page)


def speaks_german_and_shows_no_key(page: Page) -> None:
    """Choose German, and read both."""
    english = text_of(page)
    page.get_by_label("Language").select_option("de")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    german = ""
    for _ in range(60):  # what the page still fetches comes in a moment
        if german == (german := text_of(page)):
            break
        page.wait_for_timeout(500)
    for said in (english, german):
        assert KEY.findall(said) == []
    assert english != german


def test_prices_are_written_as_the_reader_writes_them(open_browser: Callable[..., Page]) -> None:
    page = open_browser(locale="de-DE")
    page.goto(f"/product.html?p={TAGINE}")
    expect(page.locator(".detail .price")).to_have_text("44,00\xa0€")


def test_the_appearance_can_be_chosen(page: Page) -> None:
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Appearance").select_option("dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


# --- the keyboard -------------------------------------------------------------------------------------------------


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, as one does without a mouse."""
    for _ in range(80):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {selector}")


def test_a_purchase_needs_no_mouse(open_browser: Callable[..., Page]) -> None:
    page = open_browser(locale="en-DE")  # Germany is chosen beforehand, as the address is one of there
    page.goto("/products.html?q=tagine")
    expect(page.locator("#products a.product")).to_have_count(1)
    tab_to(page, "a.product")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Add to cart")).to_be_enabled()
    tab_to(page, "main form button.primary")
    page.keyboard.press("Enter")
    expect(page.locator("dialog .line")).to_be_visible()
    tab_to(page, "dialog a.button")
    page.keyboard.press("Enter")
    expect(page.locator("#checkout-form")).to_be_visible()
    for name, value in {"email": "amira@example.com", **ADDRESS}.items():
        tab_to(page, f"#checkout-form [name={name}]")
        page.keyboard.type(value)
    tab_to(page, "[name=token]")
    expect(page.get_by_role("button", name="Order and pay")).to_be_enabled()
    tab_to(page, "aside button.primary")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Confirmed")


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#products a.product").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_escape_closes_the_cart_and_gives_the_focus_back(page: Page) -> None:
    page.goto("/")
    button = page.locator(".cart-button")
    button.click()
    expect(page.locator("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    expect(button).to_be_focused()


# --- the policy ---------------------------------------------------------------------------------------------------


def test_the_policy_keeps_scripts_of_others_out(page: Page, watch: Watch) -> None:
    page.goto("/")
    watch.expects("Content Security Policy")
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        page.evaluate(
            """() => {
              const inline = document.createElement("script");
              inline.textContent = "window.ran = true";
              document.body.append(inline);
            }"""
        )
    assert page.evaluate("window.ran") is None


# --- figures ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, Any]]:
    """What was measured, written to .local/e2e/performance.json; times depend on the machine, so none is a test."""
    measured: dict[str, Any] = {}
    yield measured
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(measured, indent=1) + "\n")


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("name", ["home", "list", "product"])
def test_nothing_moves_while_a_page_loads(
    open_browser: Callable[..., Page], go: Any, figures: dict[str, Any], name: str, width: int
) -> None:
    page = open_browser(width=width)
    go(page, name)
    measured = page.evaluate(MEASURE)
    figures[f"{name} {width}"] = measured
    assert measured["cls"] < 0.1, measured


# --- pictures -----------------------------------------------------------------------------------------------------

PICTURES = [
    ("home", 1440, "light"),
    ("product", 1440, "light"),
    ("checkout", 1440, "light"),
    ("order", 360, "light"),
    ("home", 360, "dark"),
    ("console", 1440, "dark"),
    ("console-order", 1440, "light"),
    ("console-faults", 1440, "light"),
]


@pytest.mark.parametrize(("name", "width", "scheme"), PICTURES)
def test_a_picture_for_the_readme(
    open_browser: Callable[..., Page], go: Any, name: str, width: int, scheme: str
) -> None:
    page = open_browser(width=width, height=720 if width == 360 else 800, color_scheme=scheme)
    go(page, name)
    page.wait_for_load_state("networkidle" if not name.startswith("console") else "load")
    page.wait_for_timeout(600)
    folder = Path(os.environ.get("SOUK_PICTURES", FIGURES.parent))  # `make pictures` says docs/images
    target = folder / f"{name}-{width}{'-dark' if scheme == 'dark' else ''}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=target)
    assert target.stat().st_size < 400_000
