"""What buyers meet on the way to an order: it goes where the screen says, and what is wrong is said where it is."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.conftest import ADDRESS, Person, Watch, add_to_cart
from tests.support.patience import eventually
from tests.support.templates import ROOT
from tools import templates

TAGINE = "saffron-glazed-tagine"
EMAIL = "amira@example.com"


def field(page: Page, name: str) -> Any:
    return page.locator(f"#checkout-form [name={name}]")


def fill_in(page: Page, **other: str) -> None:
    """Fill in the checkout and wait until it shows what would be paid."""
    page.goto("/checkout.html")
    field(page, "country").select_option("DE")  # first: it says what a postal code looks like
    for name, value in {"email": EMAIL, **ADDRESS, **other}.items():
        field(page, name).fill(value)
    expect(page.get_by_role("button", name="Order and pay €")).to_be_visible()


def stop_timers(page: Page) -> None:
    """From here on no timer runs: whatever waits some time after the last key does not come before the button."""
    page.clock.install()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))


def back_from_the_page_cache(page: Page) -> None:
    """Tell the page what a browser tells one that comes back from its page cache; this one has none under test."""
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")


def test_the_order_goes_to_the_address_on_the_screen(page: Page) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    stop_timers(page)
    field(page, "line1").fill("Weserstrasse 7")
    # A browser that fills a form by itself, or brings an old one back, tells nobody.
    field(page, "city").evaluate("(element) => { element.value = 'Potsdam'; }")
    page.get_by_role("button", name="Order and pay €").click()
    page.wait_for_url("**/order.html?id=*")
    expect(page.locator("address")).to_contain_text("Weserstrasse 7")
    expect(page.locator("address")).to_contain_text("Potsdam")


@pytest.mark.parametrize(
    ("locale", "width", "binds"),
    [
        ("en-IE", 360, "Order and pay €"),
        ("de-DE", 1280, "Zahlungspflichtig bestellen: "),
    ],
)
def test_the_button_says_that_it_binds_and_what_is_bought_stands_directly_above_it(
    open_browser: Callable[..., Page], locale: str, width: int, binds: str
) -> None:
    """Directive 2011/83/EU, art. 8(2): goods, delivery, taxes and total come before the button, and nothing between."""
    page = open_browser(locale=locale, width=width)
    page.goto(f"/product.html?p={TAGINE}")
    page.locator(".buy button").click()
    expect(page.locator("dialog .line").first).to_be_visible()
    page.goto("/checkout.html")
    field(page, "country").select_option("DE")
    for name, value in {"email": EMAIL, **ADDRESS}.items():
        field(page, name).fill(value)
    button, totals = page.locator("button[form=checkout-form]"), page.locator(".totals")
    expect(page.locator(".totals .sum")).to_be_visible()
    total = page.locator(".totals .sum span").last.inner_text()
    expect(button).to_have_text(re.compile(f"^{re.escape(binds)}"))
    expect(button).to_contain_text(total)
    named = totals.locator("> div > span:first-child").all_inner_texts()
    for wanted in ("1 × Saffron", "Shipping|Versand", "Tax 19|19.% Steuer", "^(Total|Gesamt)"):
        assert len([name for name in named if re.search(wanted, name)]) == 1, (wanted, named)
    follows = "(button) => document.querySelector('.totals').compareDocumentPosition(button)"
    assert button.evaluate(follows) == 4, "in the order of the document, which is read aloud, it follows"
    lowest, top = totals.bounding_box(), button.bounding_box()
    assert lowest
    assert top
    assert lowest["y"] + lowest["height"] <= top["y"] <= lowest["y"] + lowest["height"] + 120


def test_another_total_than_the_one_on_the_button_is_shown_before_it_is_paid(
    page: Page, sold: Callable[..., dict[str, Any]]
) -> None:
    add_to_cart(page, sold("Cheap and dear", price=1000)["slug"])
    fill_in(page)
    button = page.get_by_role("button", name="Order and pay €")
    before = button.text_content()
    stop_timers(page)
    field(page, "country").select_option("FR")  # other shipping, other tax
    expect(button).to_have_text(str(before))
    button.click()
    expect(page.get_by_text("The total or the items have changed.")).to_be_visible()
    expect(button).not_to_have_text(str(before))
    assert "/checkout.html" in page.url


def test_only_countries_that_the_cart_can_be_sold_to_are_offered(
    page: Page, sold: Callable[..., dict[str, Any]]
) -> None:
    def without_france(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "delivered": [code for code in told["delivered"] if code != "FR"]})

    page.route("**/carts/countries", without_france)
    price = {"amount": 1000, "currency": "EUR"}
    sku = f"E2EPDF{time.time_ns()}"
    variants = [{"sku": sku, "price": price, "requiresShipping": False}]
    add_to_cart(page, sold("A pattern to download", units=5, variants=variants)["slug"])
    page.goto("/checkout.html")
    expect(page.get_by_role("group", name="Your address")).to_be_visible()
    country = field(page, "country")
    expect(country.get_by_role("option", name="Germany")).to_have_count(1)
    country.select_option("FR")
    paris = {"name": "A. Haddad", "line1": "1 rue Oberkampf", "postalCode": "75011", "city": "Paris"}
    for name, value in {"email": EMAIL, **paris}.items():
        field(page, name).fill(value)
    expect(page.get_by_role("button", name="Order and pay €12.00")).to_be_visible()  # nothing for shipping

    other = page.context.new_page()
    add_to_cart(other, TAGINE)
    expect(page.get_by_role("group", name="Delivery address")).to_be_visible()
    expect(country).to_have_value("")
    expect(country).to_have_accessible_description("We do not deliver to this country.")
    expect(country.get_by_role("option", name="France")).to_have_count(0)
    other.get_by_role("button", name=re.compile("Remove: .*tagine", re.IGNORECASE)).click()
    expect(country.get_by_role("option", name="France")).to_have_count(1)
    country.select_option("FR")
    page.get_by_role("button", name="Order and pay €12.00").click()
    page.wait_for_url("**/order.html?id=*")
    expect(page.locator("address")).to_contain_text("France")


def test_the_form_survives_a_reload_a_decline_and_the_page_cache(page: Page) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    page.reload()
    expect(field(page, "line1")).to_have_value(ADDRESS["line1"])
    page.get_by_label("Test card that is declined").check()
    page.get_by_role("button", name="Order and pay €").click()
    page.get_by_role("link", name="Back to the checkout").click()
    expect(field(page, "email")).to_have_value(EMAIL)
    expect(page.get_by_role("button", name="Order and pay €")).to_be_visible()
    field(page, "city").fill("Leipzig")
    back_from_the_page_cache(page)
    expect(field(page, "city")).to_have_value("Leipzig")
    page.get_by_role("button", name="Order and pay €").click()
    expect(page.locator("address")).to_contain_text("Leipzig")
    expect(page.locator("#status")).to_have_text("Confirmed")
    assert page.evaluate("sessionStorage.getItem('souk.checkout')") is None


def test_a_cart_paid_in_two_tabs_is_bought_once_and_again_only_on_purpose(page: Page, watch: Watch) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    other = page.context.new_page()
    fill_in(other, line1="Weserstrasse 7")
    page.get_by_role("button", name="Order and pay €").click()
    page.wait_for_url("**/order.html?id=*")
    other.get_by_role("button", name="Order and pay €").click()
    see = other.get_by_role("link", name="See that order")
    expect(see).to_have_attribute("href", page.url.removeprefix(page.url.split("/order.html")[0]))
    expect(page.locator("#status")).to_have_text("Confirmed")
    expect(other.get_by_role("button", name="Order and pay €")).to_have_count(0)
    expect(see).to_be_visible()
    assert "/checkout.html" in other.url
    watch.expects("status of 409")


def order_of(page: Page) -> str:
    """Return the id of the order whose page opens."""
    page.wait_for_url("**/order.html?id=*")
    return parse_qs(urlsplit(page.url).query)["id"][0]


def test_what_an_open_order_buys_is_bought_again_on_purpose_as_a_second_order(
    page: Page,
    watch: Watch,
    sold: Callable[..., dict[str, Any]],
    operator: Person,
    undecided: None,
) -> None:
    product = sold("Wanted twice", units=5)
    add_to_cart(page, product["slug"])
    fill_in(page)
    other = page.context.new_page()
    fill_in(other, line1="Weserstrasse 7")  # the same once more would be the same order
    page.get_by_role("button", name="Order and pay €").click()
    first = order_of(page)
    other.get_by_role("button", name="Order and pay €").click()
    expect(other.get_by_role("alert")).to_contain_text("You have ordered these items already.")
    see = other.get_by_role("link", name="See that order")
    expect(see).to_have_attribute("href", f"/order.html?id={first}")
    expect(other.locator("#checkout-form")).to_have_js_property("inert", False)

    other.get_by_role("button", name="Buy them again as well").click()
    expect(see).to_have_count(0)
    other.get_by_role("button", name="Order and pay €").click()
    second = order_of(other)
    assert second != first
    for tab, street in ((page, "Sonnenallee 12"), (other, "Weserstrasse 7")):
        expect(tab.locator(".totals")).to_contain_text("1 × Wanted twice")
        expect(tab.locator("address")).to_contain_text(street)
    level = f"/inventory/admin/stock/{product['variants'][0]['sku']}"
    assert eventually(lambda: operator.calls.send("GET", level).body["reserved"] == 2)
    watch.expects("status of 409")


# Asks the page's own cart for a quote of what the form would send, and tells what it is refused for.
ASKED = """async () => {
  const cart = await import("/js/lib/cart.js");
  const { email, ...address } = cart.delivery.kept();
  const filled = Object.fromEntries(Object.entries(address).filter(([, value]) => value));
  return cart.quote(email, filled).then(() => null, (error) => error.code);
}"""


def test_a_checkout_that_is_opened_while_an_order_buys_its_items_says_so_before_anybody_pays(
    page: Page, watch: Watch, undecided: None
) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    page.get_by_role("button", name="Order and pay €").click()
    first = order_of(page)
    assert eventually(lambda: page.evaluate(ASKED) == "lines_on_order"), "the cart has not heard of the order"
    page.goto("/checkout.html")
    expect(page.get_by_role("link", name="See that order")).to_have_attribute(
        "href", f"/order.html?id={first}"
    )
    expect(page.get_by_role("button", name="Order and pay €")).to_have_count(0)
    page.get_by_role("button", name="Buy them again as well").click()
    page.get_by_role("button", name="Order and pay €").click()
    page.wait_for_url(lambda url: "/order.html?id=" in url and first not in url)
    watch.expects("status of 409")


CHANGES = {
    "email": "leyla@example.com",
    "name": "Leyla Haddad",
    "line1": "Weserstrasse 7",
    "line2": "2nd floor",
    "postalCode": "12045",
    "city": "Potsdam",
}


def test_whatever_is_typed_voids_the_quote_and_another_is_sent(page: Page, watch: Watch) -> None:
    """Every field is changed and Pay pressed at once: the quote that is sent is of what is on the screen then."""
    asked: dict[str, Any] = {}

    def quoted(route: Route) -> None:
        answer = route.fetch()
        asked[answer.json()["quote"]] = route.request.post_data_json
        route.fulfill(response=answer)

    page.route("**/carts/*/quote", quoted)
    page.route("**/orders", lambda route: route.fulfill(status=503, json={"code": "service_unavailable"}))
    add_to_cart(page, TAGINE)
    fill_in(page)
    stop_timers(page)
    screen = {**ADDRESS, "country": "DE"}
    email = EMAIL
    for name, value in CHANGES.items():
        field(page, name).fill(value)
        expect(page.locator("aside")).to_contain_text("The total is being worked out")
        with page.expect_request("**/orders") as ordering:
            page.get_by_role("button", name="Order and pay €").click()
        email, screen = (value, screen) if name == "email" else (email, {**screen, name: value})
        sent = asked[ordering.value.post_data_json["quote"]]
        assert sent == {"email": email, "shippingAddress": screen}, name
        expect(page.locator("#checkout-form")).to_have_js_property("inert", False)
    watch.expects("status of 503")


def test_pay_waits_for_the_quote_of_what_is_on_the_screen_and_an_older_one_is_not_taken(page: Page) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    held: list[Route] = []
    orders: list[str] = []
    page.on("request", lambda asked: orders.append(asked.url) if asked.url.endswith("/orders") else None)
    page.route("**/carts/*/quote", lambda route: held.append(route))
    with page.expect_request("**/carts/*/quote"):  # asked for by itself, with nothing pressed
        field(page, "line1").fill("Weserstrasse 7")
    stop_timers(page)
    field(page, "line1").fill("Weserstrasse 8")
    with page.expect_response("**/carts/*/quote"):
        held[0].continue_()
    expect(page.locator("aside")).to_contain_text("The total is being worked out")
    with page.expect_request("**/carts/*/quote"):
        page.get_by_role("button", name="Order and pay €").click()
    expect(page.get_by_role("button", name="Placing the order")).to_be_visible()
    expect(page.locator("#checkout-form")).to_have_js_property("inert", True)
    assert orders == []
    held[1].continue_()
    page.wait_for_url("**/order.html?id=*")
    expect(page.locator("address")).to_contain_text("Weserstrasse 8")


def test_who_leaves_the_checkout_and_comes_back_pays_what_is_on_the_screen_then(
    page: Page, sold: Callable[..., dict[str, Any]]
) -> None:
    add_to_cart(page, sold("Left and found", price=1000)["slug"])
    fill_in(page)
    field(page, "line1").fill("Weserstrasse 7")
    add_to_cart(
        page, sold("Put in meanwhile", price=2000)["slug"]
    )  # at once: the page is left without another total
    page.go_back()
    pay = page.get_by_role("button", name="Order and pay €41.53")  # (10.00 + 20.00 + 4.90) × 1.19, rounded
    expect(field(page, "line1")).to_have_value("Weserstrasse 7")
    page.go_forward()
    expect(page.get_by_role("heading", name="Put in meanwhile")).to_be_visible()
    page.go_back()
    expect(field(page, "line1")).to_have_value("Weserstrasse 7")
    field(page, "city").fill("Potsdam")
    pay.click()
    page.wait_for_url("**/order.html?id=*")
    expect(page.locator("address")).to_contain_text("Weserstrasse 7")
    expect(page.locator("address")).to_contain_text("Potsdam")
    expect(page.locator(".totals .sum")).to_contain_text("€41.53")


@pytest.mark.parametrize(
    ("locale", "review", "missing", "wrong"),
    [
        ("en-IE", "See the total", "Fill this in.", "Write the e-mail address like amira@example.com."),
        (
            "de-DE",
            "Summe ansehen",
            "Bitte ausfüllen.",
            "Schreiben Sie die E-Mail-Adresse wie amira@example.com.",
        ),
    ],
)
def test_a_checkout_that_cannot_be_sent_says_which_field_is_why(
    open_browser: Callable[..., Page], watch: Watch, locale: str, review: str, missing: str, wrong: str
) -> None:
    page = open_browser(locale=locale)
    page.goto(f"/product.html?p={TAGINE}")
    page.locator(".buy button").click()
    expect(page.locator("dialog .line").first).to_be_visible()
    page.goto("/checkout.html")
    send = page.get_by_role("button", name=review)
    send.click()
    email = field(page, "email")
    expect(email).to_be_focused()
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(email).to_have_accessible_description(missing)
    expect(field(page, "city")).to_have_accessible_description(missing)
    expect(field(page, "line2")).not_to_have_attribute("aria-invalid", "true")
    for name, value in ADDRESS.items():
        field(page, name).fill(value)
    email.fill("nobody")
    field(page, "line2").fill("   ")
    send.click()
    expect(email).to_be_focused()
    expect(email).to_have_accessible_description(wrong)
    expect(page.locator(".field-error")).to_have_count(1)
    email.fill("nobody@a@b")  # what the browser lets pass the service refuses, at the same field
    send.click()
    expect(email).to_have_accessible_description(wrong)
    watch.expects("status of 400")


def test_an_error_that_nobody_foresaw_shows_its_correlation_id(page: Page, watch: Watch) -> None:
    page.route(
        "**/catalog/products?*",
        lambda route: route.fulfill(
            status=500, json={"code": "internal_error", "detail": "x", "correlationId": "corr-4711"}
        ),
    )
    page.goto("/products.html")
    expect(page.get_by_role("alert")).to_contain_text("corr-4711")
    watch.expects("status of 500")


# --- the cart -----------------------------------------------------------------------------------------------------


def test_more_than_there_is_is_said_in_the_cart_and_every_tab_knows_the_cart(
    page: Page, watch: Watch, sold: Callable[..., dict[str, Any]]
) -> None:
    product = sold("Eight of them", units=8)
    other = page.context.new_page()
    watch(other)
    other.goto("/")
    add_to_cart(page, product["slug"])
    expect(other.get_by_role("button", name="Open cart, 1 items")).to_be_visible()

    quantity = page.get_by_label("Quantity of Eight of them")
    expect(quantity).not_to_have_attribute("aria-invalid", "true")
    quantity.fill("999")
    quantity.press("Enter")
    expect(quantity).to_have_accessible_description(re.compile("Only 8 left"))
    expect(quantity).to_be_focused()
    expect(other.get_by_role("button", name="Open cart, 999 items")).to_be_visible()
    page.goto("/checkout.html")
    expect(page.locator("aside")).to_contain_text("Only 8 left")

    page.get_by_role("button", name="Open cart").click()
    page.get_by_role("button", name="Take 8").click()
    expect(quantity).to_have_value("8")
    expect(quantity).to_be_focused()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_focused()
    expect(other.get_by_role("button", name="Open cart, 0 items")).to_be_visible()


# --- products -----------------------------------------------------------------------------------------------------


def test_a_variant_that_is_sold_out_looks_so_and_another_is_offered(
    page: Page, sold: Callable[..., dict[str, Any]], operator: Any
) -> None:
    price = {"amount": 2500, "currency": "EUR"}
    made = sold(
        "Two sizes",
        units=0,
        options=["Size"],
        variants=[
            {"sku": "E2E-SIZE-S", "price": price, "options": ["Small"]},
            {"sku": "E2E-SIZE-L", "price": price, "options": ["Large"]},
        ],
    )
    change = {"delta": 3, "reason": "received"}
    operator.calls.send("POST", "/inventory/stock/E2E-SIZE-L/adjustments", change)
    large = f"/catalog/products/{made['slug']}"
    assert eventually(
        lambda: operator.calls.send("GET", large).body["variants"][1]["stock"]["available"] == 3
    )
    page.goto(f"/product.html?p={made['slug']}")
    expect(page.get_by_role("radio", name=re.compile(r"Small ?\(sold out\)"))).to_be_visible()
    expect(page.get_by_role("radio", name="Large")).to_be_checked()
    expect(page.get_by_text("Only 3 left")).to_be_visible()
    page.locator(".options label", has_text="Small").click()
    expect(page.get_by_role("button", name="Add to cart")).to_be_disabled()


def test_back_finds_filters_page_and_place_again(page: Page) -> None:
    page.goto("/products.html")
    page.get_by_label("Sort by").select_option("title")
    expect(page).to_have_url(re.compile("sort=title"))
    page.get_by_role("button", name="Show more").click()
    cards = page.locator("#products a.product")
    expect(cards).not_to_have_count(24)
    count = cards.count()
    last = cards.nth(count - 2)
    last.scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 0
    last.click()
    expect(page.locator("article h1")).to_be_visible()
    page.go_back()
    expect(cards).to_have_count(count)
    expect(page.get_by_label("Sort by")).to_have_value("title")
    page.wait_for_function("(place) => Math.abs(scrollY - place) < 200", arg=place)
    page.go_back()  # before the sorting
    expect(page.get_by_label("Sort by")).to_have_value("")
    assert "sort" not in page.url


def test_an_empty_page_of_a_search_is_not_its_end(page: Page) -> None:
    """The service may have looked through a part only: what follows is asked for, and "nothing" is said at the end."""
    asked = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        last = "cursor=b" in route.request.url
        cursor = None if last else "b" if "cursor=a" in route.request.url else "a"
        route.fulfill(json={"items": [], "nextCursor": cursor})

    page.route("**/catalog/products?*", answer)
    page.goto("/products.html?q=co")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    assert ["cursor=a" in url for url in asked] == [False, True, False]


def test_addresses_that_lead_nowhere_say_so(page: Page, watch: Watch) -> None:
    page.goto("/product.html")
    expect(page.get_by_text("This product is not for sale any more.")).to_be_visible()
    page.goto("/order.html")
    expect(page.get_by_text("There is no such order, or the link is not complete.")).to_be_visible()
    answer = page.goto("/nothing-of-the-kind")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
    watch.expects("status of 404")


def test_the_edge_on_aws_sends_each_request_where_the_local_one_does(page: Page) -> None:
    """The CloudFront function itself, run in a browser: a script as there."""
    code = templates.resources("edge", "AWS::CloudFront::Function")["SiteIndex"]["FunctionCode"]["Fn::Sub"]
    told = {
        "Apis": "carts:abc,orders:def",
        "Api": "abc",
        "AWS::Region": "eu-west-1",
        "AWS::URLSuffix": "amazonaws.com",
    }
    for name, value in told.items():
        code = code.replace(f"${{{name}}}", value)
    code = code.replace(
        "import cf from 'cloudfront';",
        "const to = []; const cf = {updateRequestOrigin: one => to.push(one)};",
    )
    page.goto("about:blank")

    def handled(uri: str, accept: str = "*/*") -> Any:
        request = {"uri": uri, "headers": {"accept": {"value": accept}}}
        run = "([code, event]) => new Function(code + 'return event => [handler(event), to];')()(event)"
        answer, origins = page.evaluate(run, [code, {"request": request, "context": {"requestId": "r1"}}])
        return {**answer, "to": origins} if origins else answer

    def problem(answer: Any) -> tuple[int, str]:
        told = json.loads(answer["body"]["data"])
        assert answer["headers"]["content-type"]["value"] == "application/problem+json"
        assert (told["status"], told["correlationId"]) == (answer["statusCode"], "r1")
        return answer["statusCode"], told["code"]

    lost = handled("/nothing/", "text/html,*/*")
    assert (lost["statusCode"], lost["body"]["data"]) == (404, (ROOT / "web/404.html").read_text())
    assert problem(handled("/nothing.html")) == (404, "no_such_file")
    assert problem(handled("/robots.txt", "text/html")) == (404, "no_such_file")
    assert problem(handled("/orders/x.html")) == (404, "no_such_file")
    assert handled("/")["uri"] == "/index.html"
    assert handled("/console/", "text/html")["uri"] == "/console/index.html"
    assert handled("/product.html", "text/html")["uri"] == "/product.html"
    assert handled("/console/map.json")["uri"] == "/console/map.json"
    assert handled("/account", "text/html")["statusCode"] == 308
    assert handled("//evil")["headers"]["location"]["value"] == "/evil/"

    assert handled("/carts")["uri"] == "/carts"
    assert "to" not in handled("/carts/crt_1/lines/A.B"), "the origin is that API's as it is"
    assert handled("/orders/ord_1")["to"] == [{"domainName": "def.execute-api.eu-west-1.amazonaws.com"}]
    assert problem(handled("/carts/", "text/html")) == (404, "no_such_route")
    assert problem(handled("/orders//x")) == (404, "no_such_route")
    assert problem(handled("/constructor/x.y")) == (404, "no_such_file")
    assert problem(handled("/carts:abc/x.y")) == (404, "no_such_file")


@pytest.mark.parametrize(("answer", "end"), [("Yes, pay", "Confirmed"), ("No, decline", "Cancelled")])
def test_who_is_asked_by_their_bank_is_led_there_and_back(page: Page, answer: str, end: str) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    page.get_by_label("Test card whose bank asks you", exact=True).check()
    page.get_by_role("button", name="Order and pay €").click()
    page.get_by_role("button", name="Go to your bank").click()
    page.wait_for_url("**/bank.html?id=*")
    expect(page.get_by_text("is it you who pays €")).to_be_visible()
    page.get_by_role("button", name=answer).click()
    page.wait_for_url("**/order.html?id=*")
    expect(page.locator("#status")).to_have_text(end, timeout=30_000)


def test_a_bank_may_ask_about_another_means_of_payment_too(page: Page) -> None:
    add_to_cart(page, TAGINE)
    fill_in(page)
    page.get_by_label("Test card whose hold is gone when it is charged").check()
    page.get_by_role("button", name="Order and pay €").click()
    page.get_by_label("Test card whose bank asks you", exact=True).check()
    page.get_by_role("button", name="Pay €").click()
    page.get_by_role("button", name="Go to your bank").click()
    page.get_by_role("button", name="Yes, pay").click()
    page.wait_for_url("**/order.html?id=*")
    expect(page.locator("#timeline [data-fact=PaymentCaptured]")).to_be_visible(timeout=30_000)
