"""A real browser in front of a whole shop: Chromium, driven by Playwright, on a stack like the integration tests'."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.contract.test_web import stored
from tests.integration.conftest import calm, deploy_order, invoke, logged_in, over_at_once, stack, tap
from tests.support.patience import eventually
from tools import ROOT
from tools.local import seed
from tools.local.buyer import Buyer
from tools.local.shop import Shop
from tools.local.stack import Stack
from tools.operate import mail

__all__ = ["calm", "deploy_order", "invoke", "over_at_once", "stack", "tap"]

CATALOG = ROOT / "data" / "catalog.csv"
PATIENCE = 45_000
"""Milliseconds that anything may take on a busy machine before a test gives up on it."""
# The last five keep Chromium from calling home, which a closed network refuses again and again.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_PICTURE = "/images/there-is-none.svg"
MISSING = (NO_PICTURE, "/journal/audit")
"""What a browser may report as not found: a picture that is none, and the last audit where none has run."""
ADDRESS = {
    "name": "Amira Haddad",
    "line1": "Sonnenallee 12",
    "postalCode": "12047",
    "city": "Berlin",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(
                pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
            )


# --- the browser --------------------------------------------------------------------------------------------------


def chromium() -> str:
    """Return the path of a Chromium, installed from Debian's packages where there is none."""
    found = os.environ.get("CHROME_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None and shutil.which("apt-get"):
        for command in (
            ["apt-get", "update"],
            ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"],
        ):
            subprocess.run(command, capture_output=True, check=False)
        found = shutil.which("chromium")
    if found is None:
        pytest.exit(
            "the browser tests need Chromium: apt-get install chromium, or CHROME_PATH=/path/to/chrome; "
            "make unit runs without it",
            returncode=1,
        )
    return found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser; closed after the last test of this folder, because its event loop would be in others' way."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        expect.set_options(timeout=PATIENCE)
        yield made
        made.close()


class Watch:
    """What a page must never do: errors on its console (the CSP's among them), requests to other origins.

    Files of imports and exports are sent to and fetched from their bucket.
    """

    def __init__(self, origin: str, files: str) -> None:
        self.origin, self.files = origin, files
        self.errors: list[str] = []
        self.expected: list[str] = list(MISSING)
        self.foreign: list[str] = []

    def __call__(self, page: Page) -> None:
        """Watch one page."""
        page.on("console", lambda said: self._said(said.type, f"{said.text} {said.location.get('url')}"))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda asked: self._asked(asked.url))

    def _said(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def expects(self, text: str) -> None:
        """Have errors that name a text pass, whenever in the test the browser reports them."""
        self.expected.append(text)

    def unexpected(self) -> list[str]:
        """Return the errors that nobody expected."""
        return [error for error in self.errors if not any(text in error for text in self.expected)]

    def _asked(self, url: str) -> None:
        if not url.startswith((self.origin + "/", self.files, "data:", "blob:")):
            self.foreign.append(url)


@pytest.fixture
def watch(shop: Stack) -> Iterator[Watch]:
    """The watch on every page of the test, read when it is over."""
    made = Watch(shop.url, f"{shop.endpoint}/souk-local-catalog-imports-")
    yield made
    assert made.foreign == []
    assert made.unexpected() == []


@pytest.fixture
def open_browser(browser: Browser, shop: Stack, watch: Watch) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page as another visitor, who has nothing stored yet."""
    contexts: list[BrowserContext] = []

    def run(width: int = 1280, height: int = 860, **options: Any) -> Page:
        context = browser.new_context(
            base_url=shop.url,
            viewport={"width": width, "height": height},
            **{"locale": "en-IE", "reduced_motion": "reduce", **options},
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        watch(page)
        return page

    yield run
    for context in contexts:
        kept = context.storage_state()
        assert kept["cookies"] == []
        assert {
            one["name"] for origin in kept["origins"] for one in origin["localStorage"]
        } <= stored().keys()
        context.close()


@pytest.fixture
def page(open_browser: Callable[..., Page]) -> Page:
    """A visitor's page."""
    return open_browser()


# --- the shop -----------------------------------------------------------------------------------------------------


class Person(NamedTuple):
    """Somebody who can log in, and their calls."""

    email: str
    password: str
    calls: Buyer


def person(stack: Stack, name: str, *roles: str) -> Person:
    """Return somebody with a confirmed account and these roles."""
    account = seed.Account(f"{name}@souk.example", "a password for the browser")
    return Person(*account, Buyer(Shop(stack.url), session=logged_in(stack, account, name.title(), *roles)))


@pytest.fixture(scope="session")
def operator(stack: Stack) -> Person:
    """Somebody who may do everything."""
    return person(stack, "operator", "staff", "admin")


@pytest.fixture(scope="session")
def customer(stack: Stack) -> Person:
    """A customer with an account."""
    return person(stack, "leyla")


@pytest.fixture(scope="session")
def shop(stack: Stack, operator: Person) -> Stack:
    """The shop with its catalog loaded."""
    assert operator.calls.session
    seed.load_catalog(stack, seed.Shop(stack.url), operator.calls.session.token(), CATALOG)
    return stack


@pytest.fixture
def sold(operator: Person, shop: Stack) -> Callable[..., dict[str, Any]]:
    """Return a function that puts a new product on sale, in stock, and returns it."""

    def make(title: str, units: int = 10, price: int = 2500, **more: Any) -> dict[str, Any]:
        sku = f"E2E{time.time_ns()}"
        variants = [{"sku": sku, "price": {"amount": price, "currency": "EUR"}}]
        body: dict[str, Any] = {
            "title": title,
            "slug": sku.lower(),
            "status": "published",
            "variants": variants,
            **more,
        }
        created = operator.calls.send("POST", "/catalog/products", body)
        assert created.status == 201, created
        sku = body["variants"][0]["sku"]
        if units:
            change = {"delta": units, "reason": "received"}
            operator.calls.send("POST", f"/inventory/stock/{sku}/adjustments", change)
        product: dict[str, Any] = created.body
        guest = Buyer(Shop(shop.url))
        assert eventually(lambda: _known(guest, sku)), "the cart has not heard of the product"
        assert eventually(lambda: _stocked(guest, product["slug"], sku, units)), (
            "the catalog has not heard of it"
        )
        return product

    return make


def _known(guest: Buyer, sku: str) -> bool:
    cart = guest.send("POST", "/carts", {}).body
    path = f"/carts/{cart['cartId']}/lines/{sku}"
    return guest.send("PUT", path, {"quantity": 1}, x_cart_token=cart["token"]).status == 200


def _stocked(guest: Buyer, slug: str, sku: str, units: int) -> bool:
    variants = guest.send("GET", f"/catalog/products/{slug}").body["variants"]
    stock = {one["sku"]: one["stock"] for one in variants}[sku]
    return bool(stock) and stock["available"] in (None, min(units, 20))


@pytest.fixture
def switch(operator: Person) -> Iterator[Callable[[str], None]]:
    """Return a function that switches a service off; everything is on again when the test is over."""
    off: list[str] = []

    def run(service: str) -> None:
        off.append(service)
        assert operator.calls.send("PUT", f"/journal/faults/{service}", {"down": True}).status == 200

    yield run
    for service in off:
        operator.calls.send("PUT", f"/journal/faults/{service}", {"down": False})


@pytest.fixture
def undecided(shop: Stack, switch: Callable[[str], None]) -> Iterator[None]:
    """No order is decided while the test runs: payments does not vote, and nobody looks after deadlines."""
    functions, sweep = shop.client("lambda"), "souk-local-orders-sweep"
    functions.put_function_concurrency(FunctionName=sweep, ReservedConcurrentExecutions=0)
    switch("payments")
    yield
    functions.delete_function_concurrency(FunctionName=sweep)


# --- what people do -----------------------------------------------------------------------------------------------


def add_to_cart(page: Page, slug: str) -> None:
    """Open a product and put one into the cart; the drawer opens."""
    page.goto(f"/product.html?p={slug}")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("dialog .line").first).to_be_visible()


def check_out(
    page: Page, email: str | None = "amira@example.com", card: str = "Test card that is accepted"
) -> None:
    """Fill in the checkout and pay; the order's page opens."""
    page.goto("/checkout.html")
    page.get_by_label("Country").select_option("DE")  # first: it says what a postal code looks like
    for name, value in {**({"email": email} if email else {}), **ADDRESS}.items():
        page.locator(f"#checkout-form [name={name}]").fill(value)
    page.get_by_label(card).check()
    page.get_by_role("button", name="Order and pay").click()
    page.wait_for_url("**/order.html?id=*")


def log_in(page: Page, who: Person, following: str = "/account.html") -> None:
    """Log in and go where one wanted to go."""
    page.goto(f"/account.html?next={following}#login")
    page.get_by_label("E-mail").fill(who.email)
    page.get_by_label("Password").fill(who.password)
    page.locator("form").get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: urlsplit(url).path == following and "next=" not in url)


def mailed_links(stack: Stack, to: str, mark: str) -> list[str]:
    """Return the links with a mark that were mailed to somebody, oldest first."""
    texts = [one["BodyText"] or "" for one in mail.sent(stack) if to in json.dumps(one["To"])]
    return [word for text in texts for word in text.split() if mark in word]


def new_link(stack: Stack, to: str, mark: str, before: list[str]) -> str:
    """Return the link with a mark that is mailed to somebody next."""
    after = eventually(lambda: [link for link in mailed_links(stack, to, mark) if link not in before])
    assert after, f"no mail with {mark} has come"
    return after[-1]
