"""Paid through Stripe: card fields of its own on the page, under the Content-Security-Policy of the edge on AWS.

A double stands at Stripe's addresses, as its reference describes what is called (docs.stripe.com/js).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.contract.test_web import content_security_policy
from tests.e2e.conftest import Watch, add_to_cart
from tests.e2e.test_checkout import TAGINE, fill_in
from tools.build import pages
from tools.local import edge

KEY = "pk_test_51Souk"
GIVEN = {"PaymentProvider": "stripe", "StripePublishableKey": KEY}
CODE = """
let typed = "", made = 0;
addEventListener("message", ({ data, origin }) => {
  if (origin !== "https://js.stripe.com") return;
  typed = data;
  for (const hear of window.hearing) hear({});
});
window.hearing = [];
window.asked = [];
window.Stripe = (key, { locale }) => ({
  elements: () => ({
    create: (kind) => ({
      mount(place) {
        const frame = document.createElement("iframe");
        frame.title = `${kind} fields of ${key} in ${locale}`;
        frame.src = "https://js.stripe.com/v3/card.html";
        place.append(frame);
      },
      on: (name, hear) => window.hearing.push(hear),
    }),
  }),
  async createPaymentMethod({ type }) {
    const answer = await fetch("https://api.stripe.com/v1/payment_methods", { method: "POST", body: type });
    if (!answer.ok || !typed.startsWith("4242")) return { error: { message: "Your card number is incomplete." } };
    made += 1;
    return { paymentMethod: { id: `pm_${made}` } };
  },
  async handleNextAction({ clientSecret }) { window.asked.push(clientSecret); return {}; },
});
"""
FIELDS = """<!doctype html><title>Card</title><label>Number <input></label>
<script>document.querySelector("input").oninput = ({ target }) => parent.postMessage(target.value, "*");</script>"""


def as_on_aws(route: Route) -> None:
    """Answer with the page as a shop that is paid through Stripe uploads it, and as its edge sends it."""
    answer = route.fetch()
    policy = re.sub(r"https://souk-[^ ;]+", edge.FILES, content_security_policy(stripe=True))
    headers = {**answer.headers, "content-security-policy": policy}
    route.fulfill(response=answer, headers=headers, body=pages.told(answer.body(), GIVEN))


def at_stripe(route: Route) -> None:
    """Answer as Stripe does."""
    free = {"Access-Control-Allow-Origin": "*"}
    match urlsplit(route.request.url).path:
        case "/v3/":
            route.fulfill(body=CODE, content_type="text/javascript")
        case "/v3/card.html":
            route.fulfill(body=FIELDS, content_type="text/html")
        case _:
            route.fulfill(json={}, headers=free)


@pytest.fixture
def paid_by_card(page: Page, watch: Watch) -> Iterator[Page]:
    """A page of a shop that is paid through Stripe."""
    for path in ("**/checkout.html", "**/order.html*"):
        page.route(path, as_on_aws)
    page.route("https://*.stripe.com/**", at_stripe)
    yield page
    assert {urlsplit(url).hostname for url in watch.foreign} <= {"js.stripe.com", "api.stripe.com"}
    watch.foreign.clear()


def number(page: Page) -> Any:
    return page.frame_locator("iframe").get_by_label("Number")


def test_a_card_is_typed_into_stripes_frame_and_its_token_is_ordered_by(
    paid_by_card: Page, watch: Watch
) -> None:
    page, sent = paid_by_card, []
    watch.expects("/orders")  # the answer that is lost, and an order that is made up

    def placed(route: Route) -> None:
        sent.append((route.request.post_data_json["payment"], route.request.headers["idempotency-key"]))
        if len(sent) == 1:
            return route.abort()  # it may have been placed, and nobody heard
        return route.fulfill(status=202, json={"orderId": "ord_1", "orderToken": "t"})

    page.route("**/orders", placed)
    add_to_cart(page, TAGINE)
    fill_in(page)
    expect(page.locator("iframe")).to_have_attribute("title", f"card fields of {KEY} in en")
    assert page.get_by_label("Test card that is accepted").count() == 0
    button, trouble = page.get_by_role("button", name="Order and pay €"), page.locator("aside [role=alert]")
    number(page).fill("42")
    button.click()
    expect(trouble).to_have_text("Your card number is incomplete.")
    assert sent == []
    number(page).fill("4242 4242 4242 4242")
    button.click()
    expect(trouble).not_to_be_empty()
    button.click()
    page.wait_for_url("**/order.html?id=ord_1")
    assert sent[0] == sent[1], "the order whose answer was lost is sent again with the same token"
    assert sent[0][0] == {"token": "pm_1"}


def test_card_fields_that_do_not_load_are_asked_for_again(paid_by_card: Page, watch: Watch) -> None:
    page, tried = paid_by_card, []

    def lost(route: Route) -> None:
        tried.append(route.request.url)
        route.abort() if len(tried) == 1 else route.fallback()

    page.route("https://js.stripe.com/v3/", lost)
    watch.expects("js.stripe.com/v3/")
    add_to_cart(page, TAGINE)
    fill_in(page)
    expect(page.get_by_text("could not be loaded")).to_be_visible()
    page.get_by_role("button", name="Order and pay €").click()  # which finds no card in them
    expect(number(page)).to_be_visible()
    assert len(tried) == 2


ORDER = {
    "orderId": "ord_1",
    "number": "S-1",
    "status": "placed",
    "reason": None,
    "unpaid": False,
    "paymentStatus": "action_required",
    "email": "amira@example.com",
    "placedAt": "2026-11-30T10:00:00.000Z",
    "decideBy": "2026-11-30T10:15:00.000Z",
    "cancellableUntil": None,
    "lines": [
        {"sku": "A", "title": "Pot", "quantity": 1, "unitPrice": 2500, "total": 2500, "taxRate": 0, "tax": 0}
    ],
    "totals": {
        "currency": "EUR",
        "subtotal": 2500,
        "shipping": 0,
        "tax": 0,
        "total": 2500,
        "rounding": 0,
        "taxes": [],
        "taxIncluded": True,
    },
    **{
        name: {"amount": 0, "currency": "EUR"}
        for name in ("refunded", "refunding", "refundFailed", "disputed")
    },
    "shippingAddress": {"name": "A", "line1": "B 1", "postalCode": "10969", "city": "C", "country": "DE"},
}


def test_a_bank_that_asks_in_stripes_own_code_is_answered_on_the_page(paid_by_card: Page) -> None:
    page = paid_by_card

    def action(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(json={"kind": "provider", "url": None, "clientSecret": "pi_1_secret_2"})
        else:
            route.fulfill(json={"status": "action_required", "until": None})

    def settles(asked: Request) -> bool:
        return asked.method == "POST" and asked.url.endswith("/payments/ord_1/action")

    page.route("**/orders/ord_1", lambda route: route.fulfill(json=ORDER))
    page.route("**/orders/ord_1/timeline", lambda route: route.fulfill(json={"items": []}))
    page.route("**/payments/ord_1/action", action)
    with page.expect_request(settles):  # once, as the buyer comes to the page
        page.goto("/order.html?id=ord_1")
    with page.expect_request(settles):
        page.locator("#bank button").click()
    assert page.evaluate("window.asked") == ["pi_1_secret_2"]


def test_with_the_simulator_nothing_of_stripe_is_loaded(page: Page, watch: Watch) -> None:
    add_to_cart(page, TAGINE)
    page.goto("/checkout.html")
    expect(page.get_by_label("Test card that is accepted")).to_be_checked()
    assert not [
        name
        for name in page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
        if "card-fields" in name
    ]
    assert watch.foreign == []
