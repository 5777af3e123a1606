"""People buy in the storefront, as guests and as customers, and are told what happened when it does not work out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import (
    NO_PICTURE,
    PATIENCE,
    Person,
    Watch,
    add_to_cart,
    check_out,
    log_in,
    mailed_links,
    new_link,
    person,
)
from tools.local.stack import Stack

TAGINE = "saffron-glazed-tagine"


def test_a_guest_buys(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Tableware").click()
    page.get_by_role("link", name=re.compile("Saffron Glazed Tagine")).click()
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Check out").click()
    check_out(page)
    expect(page.locator("#status")).to_have_text("Confirmed")
    expect(page.locator(".saga [data-state=done]")).to_have_count(4)
    expect(page.locator("[data-fact=PaymentCaptured]")).to_be_visible()


def test_a_guests_order_opens_elsewhere_by_its_link(page: Page, open_browser: Callable[..., Page]) -> None:
    add_to_cart(page, TAGINE)
    check_out(page)
    link = page.get_by_role("link", name="Link to this order").get_attribute("href")
    elsewhere = open_browser()
    elsewhere.goto(str(link))
    expect(elsewhere.locator(".totals")).to_contain_text("Saffron Glazed Tagine")


def test_a_guest_is_mailed_the_link_that_opens_the_order_anywhere(
    page: Page, open_browser: Callable[..., Page], shop: Stack
) -> None:
    email = f"guest-{time.time_ns()}@example.com"
    add_to_cart(page, TAGINE)
    check_out(page, email)
    link = new_link(shop, email, "/order.html", [])
    elsewhere = open_browser()
    elsewhere.goto(link)
    expect(elsewhere.locator("#status")).to_have_text("Confirmed")
    expect(elsewhere.locator("address")).to_contain_text("Sonnenallee 12")
    expect(elsewhere.get_by_role("button", name="Cancel the order")).to_be_visible()


def test_an_order_does_not_open_without_its_link(
    page: Page, open_browser: Callable[..., Page], watch: Watch
) -> None:
    add_to_cart(page, TAGINE)
    check_out(page)
    elsewhere = open_browser()
    elsewhere.goto(page.url.partition("#")[0])
    expect(elsewhere.get_by_text("There is no such order, or the link is not complete.")).to_be_visible()
    watch.expects("status of 404")


def test_the_cart_is_empty_once_the_order_is_confirmed(page: Page) -> None:
    add_to_cart(page, TAGINE)
    check_out(page)
    expect(page.locator("#status")).to_have_text("Confirmed")
    expect(page.get_by_role("button", name="Open cart, 0 items")).to_be_visible()


def test_a_customer_registers_confirms_the_address_and_buys(page: Page, shop: Stack) -> None:
    email = f"new-{time.time_ns()}@example.com"
    add_to_cart(page, TAGINE)
    page.goto("/account.html#register")
    page.get_by_label("Full name").fill("Nadia Benali")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("a long enough password")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()

    page.goto(new_link(shop, email, "#verify=", []))
    expect(page.get_by_text("Your e-mail address is confirmed.")).to_be_visible()

    log_in(page, Person(email, "a long enough password", None), "/checkout.html")  # type: ignore[arg-type]
    expect(page.locator("#checkout-form [name=email]")).to_have_value(email)
    check_out(page, email=None)
    expect(page.locator("#status")).to_have_text("Confirmed")
    page.goto("/account.html#orders")
    expect(page.locator("#orders .badge")).to_have_text("Confirmed")
    expect(page.locator("#orders")).to_contain_text("Saffron Glazed Tagine")


def test_a_forgotten_password_is_replaced_by_the_mailed_link(
    page: Page, shop: Stack, customer: Person
) -> None:
    before = mailed_links(shop, customer.email, "#reset=")
    page.goto("/account.html#forgot")
    page.get_by_label("E-mail").fill(customer.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_text("a mail with a link is on its way")).to_be_visible()
    page.goto(new_link(shop, customer.email, "#reset=", before))
    page.get_by_label("New password").fill(customer.password)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page, customer)


@pytest.fixture
def newcomer(shop: Stack) -> Person:
    """A customer with an account of their own, which a test may do anything to."""
    return person(shop, f"newcomer-{time.time_ns()}")


ADDRESS_FORM = {
    "Full name": "Amira Haddad",
    "Street and number": "Sonnenallee 12",
    "Postal code": "12047",
    "City": "Berlin",
}


def test_addresses_are_added_edited_offered_and_deleted(page: Page, newcomer: Person) -> None:
    log_in(page, newcomer)
    page.goto("/account.html#addresses")
    page.get_by_role("button", name="Add an address").click()
    for label, value in ADDRESS_FORM.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("Country").select_option("DE")
    page.get_by_label("Offer this address first").check()
    page.get_by_role("button", name="Save").click()
    card = page.locator("#addresses li")
    expect(card).to_contain_text("Sonnenallee 12")
    expect(card.get_by_text("Offered first")).to_be_visible()

    card.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("City")).to_have_value("Berlin")
    page.get_by_label("Street and number").fill("Weserstraße 7")
    page.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Weserstraße 7")
    expect(card.get_by_text("Offered first")).to_be_visible()

    add_to_cart(page, TAGINE)
    page.goto("/checkout.html")
    expect(page.locator("#checkout-form [name=line1]")).to_have_value("Weserstraße 7")

    page.goto("/account.html#addresses")
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)


def test_an_address_changed_elsewhere_meanwhile_is_shown_not_overwritten(
    page: Page, newcomer: Person, watch: Watch
) -> None:
    mine = {
        "name": "Amira",
        "line1": "Old street 1",
        "city": "Berlin",
        "postalCode": "12047",
        "country": "DE",
    }
    kept = newcomer.calls.send("POST", "/identity/me/addresses", mine).body
    log_in(page, newcomer)
    page.goto("/account.html#addresses")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Street and number").fill("Mine 1")
    path = f"/identity/me/addresses/{kept['addressId']}"
    assert newcomer.calls.send("PUT", path, {**mine, "line1": "Theirs 2"}, if_match='"1"').status == 200
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("changed elsewhere meanwhile")
    expect(page.locator("#addresses li")).to_contain_text("Theirs 2")
    watch.expects("status of 412")


def test_the_email_address_is_changed_by_the_link_mailed_to_the_new_one(
    page: Page, shop: Stack, newcomer: Person
) -> None:
    new = f"moved-{time.time_ns()}@example.com"
    log_in(page, newcomer)
    page.goto("/account.html#profile")
    form = page.locator("section.part", has_text="Change e-mail address")
    form.get_by_label("New e-mail address").fill(new)
    form.get_by_label("Current password").fill(newcomer.password)
    form.get_by_role("button", name="Change e-mail address").click()
    expect(form.get_by_role("status")).to_contain_text(f"on its way to {new}")
    page.goto(new_link(shop, new, "#verify=", []))
    expect(page.get_by_text("Your e-mail address is confirmed.")).to_be_visible()
    page.goto("/account.html#profile")
    expect(page.get_by_text(f"You log in with {new}.")).to_be_visible()


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example/x", "/\\evil.example/x", "https://evil.example/x", "javascript:alert(1)"]
)
def test_a_login_leads_to_no_other_shop(elsewhere: str, page: Page, customer: Person) -> None:
    page.goto(f"/account.html?next={quote(elsewhere)}#login")
    page.get_by_label("E-mail").fill(customer.email)
    page.get_by_label("Password").fill(customer.password)
    page.locator("form").get_by_role("button", name="Log in").click()
    page.wait_for_url("/account.html#orders")


def test_goods_on_back_order_are_not_said_to_be_nearly_gone(page: Page, sold: Callable[..., Any]) -> None:
    sku = f"E2E{time.time_ns()}"
    variant = {"sku": sku, "price": {"amount": 2500, "currency": "EUR"}, "stockPolicy": "backorder"}
    product = sold("A lamp that is made to order", units=3, variants=[variant])
    page.goto(f"/product.html?p={product['slug']}")
    expect(page.get_by_text("3 in stock, more are sent later")).to_be_visible()
    page.get_by_label("Quantity").fill("5")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("dialog").get_by_label("Quantity of A lamp")).to_have_value("5")
    expect(page.get_by_role("dialog").get_by_text("Only")).to_have_count(0)


def test_an_account_is_erased_when_asked_twice(page: Page, newcomer: Person, watch: Watch) -> None:
    log_in(page, newcomer)
    page.goto("/account.html#profile")
    page.get_by_role("button", name="Erase the account").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Erase the account").click()
    page.get_by_role("button", name="Erase it").click()
    expect(page.get_by_role("heading", name="Your account is erased")).to_be_visible()
    page.goto("/account.html#login")
    page.get_by_label("E-mail").fill(newcomer.email)
    page.get_by_label("Password").fill(newcomer.password)
    page.locator("form").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).not_to_be_empty()
    watch.expects("status of 401")


def test_an_order_that_could_not_be_charged_is_paid_by_other_means(page: Page) -> None:
    add_to_cart(page, TAGINE)
    check_out(page, card="Test card whose hold is gone when it is charged")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("nothing was charged")
    alert.get_by_label("Test card that is accepted").check()
    alert.get_by_role("button", name="Pay").click()
    expect(page.locator("#timeline [data-fact=PaymentCaptured]")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_decline_is_explained_and_the_cart_is_untouched(page: Page) -> None:
    add_to_cart(page, TAGINE)
    check_out(page, card="Test card that is declined")
    expect(page.locator("#status")).to_have_text("Cancelled")
    expect(page.get_by_role("alert")).to_contain_text("The payment was declined. Nothing was charged")
    expect(page.get_by_role("alert")).to_contain_text("The bank declined the card")
    expect(page.locator(".saga [data-step=payment]")).to_have_attribute("data-state", "failed")
    expect(page.get_by_role("button", name="Open cart, 1 items")).to_be_visible()
    page.get_by_role("link", name="Back to the checkout").click()
    expect(page.locator("#checkout-form")).to_be_visible()


def test_who_was_too_late_is_told_so(page: Page, sold: Callable[..., Any], operator: Person) -> None:
    product = sold("The last brass lamp", units=1)
    add_to_cart(page, product["slug"])
    sku = product["variants"][0]["sku"]
    gone = operator.calls.send(
        "POST", f"/inventory/stock/{sku}/adjustments", {"delta": -1, "reason": "broken"}
    )
    assert gone.status == 201
    check_out(page)
    expect(page.get_by_role("alert")).to_contain_text("sold out before we could hold it")


def test_a_customer_calls_an_order_off_and_gets_the_money_back(page: Page) -> None:
    add_to_cart(page, TAGINE)
    check_out(page)
    expect(page.locator("[data-fact=PaymentCaptured]")).to_be_visible()
    page.on("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_role("alert")).to_contain_text("You cancelled this order")
    expect(page.locator("[data-fact=PaymentRefunded]")).to_be_visible()


def test_a_guests_cart_comes_along_at_log_in(page: Page, customer: Person) -> None:
    add_to_cart(page, "incense-sticks")
    log_in(page, customer)
    page.locator(".cart-button").click()
    expect(page.locator("dialog .line")).to_contain_text(["Incense Sticks"])


def test_search_finds_as_one_types(page: Page) -> None:
    page.goto("/products.html")
    expect(page.locator("#products a.product").first).to_be_visible()
    page.get_by_role("searchbox").press_sequentially("lanter")
    expect(page.locator("#products .name")).to_have_text(["Pierced Brass Lantern"])
    expect(page).to_have_url(re.compile("q=lanter"))


def test_filters_and_order_are_in_the_address(page: Page) -> None:
    page.goto("/products.html")
    page.get_by_label("Category").select_option("Lighting")
    page.get_by_label("Sort by").select_option("price")
    expect(page).to_have_url(re.compile("category=Lighting&sort=price"))
    page.reload()
    expect(page.get_by_label("Category")).to_have_value("Lighting")
    expect(page.locator("#products .name").first).to_have_text("Beeswax Taper Candles")


def test_choosing_a_variant_changes_the_price(page: Page) -> None:
    page.goto(f"/product.html?p={TAGINE}")
    expect(page.locator(".detail .price")).to_have_text("€44.00")
    page.get_by_text("Large, 30 cm").click()
    expect(page.locator(".detail .price")).to_have_text("€62.00")


def test_a_picture_that_is_missing_is_drawn(page: Page, sold: Callable[..., Any]) -> None:
    product = sold("Unpictured", images=[{"src": NO_PICTURE}])
    page.goto(f"/product.html?p={product['slug']}")
    expect(page.locator(".detail img.drawn")).to_be_visible()


def test_the_shop_goes_on_while_its_catalog_is_down(
    page: Page, open_browser: Callable[..., Page], operator: Person, watch: Watch
) -> None:
    add_to_cart(page, TAGINE)
    assert operator.calls.send("PUT", "/journal/faults/catalog", {"down": True}).status == 200
    try:
        page.goto("/products.html")
        expect(page.get_by_role("alert")).to_contain_text("does not answer right now")
        check_out(page)
        expect(page.locator("#status")).to_have_text("Confirmed")
    finally:
        operator.calls.send("PUT", "/journal/faults/catalog", {"down": False})
    page.goto("/products.html")
    expect(page.locator("#products a.product").first).to_be_visible(timeout=PATIENCE)
    watch.expects("status of 503")


MARKUP = "<img src=x onerror=window.hacked=1>"


def test_a_product_named_like_markup_stays_text_everywhere(
    page: Page, sold: Callable[..., Any], operator: Person
) -> None:
    product = sold(MARKUP, vendor="<b>me</b>", bodyHtml="<script>window.hacked=2</script><p>Text</p>")
    seen = []

    def look(where: str) -> None:
        expect(page.get_by_text(MARKUP).first).to_be_visible()
        seen.append((where, page.evaluate("window.hacked"), page.locator("img[src=x]").count()))

    add_to_cart(page, product["slug"])
    look("product and cart")
    page.goto("/products.html?vendor=" + "%3Cb%3Eme%3C/b%3E")
    look("list")
    check_out(page)
    look("order")
    log_in(page, operator, "/console/")
    page.goto("/console/#catalog")
    page.get_by_label("Search products").fill("onerror")
    look("console")
    page.get_by_role("button", name=MARKUP).first.click()
    expect(page.locator("#product-form")).to_be_visible()
    look("editor")
    assert [(hacked, images) for _, hacked, images in seen] == [(None, 0)] * 5, seen
