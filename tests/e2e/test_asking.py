"""What the console asks before money goes back or an order is called off, and that nothing happens without a yes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.test_money import opened

ORDER = "ord_1"
EUR = {"currency": "EUR"}
MAIN = {
    "orderId": ORDER,
    "status": "confirmed",
    "reason": None,
    "paymentStatus": "captured",
    "email": "a@example.com",
    "lines": [{"sku": "A", "title": "Pot", "quantity": 2, "unitPrice": 1028, "total": 2057}],
    "totals": {"currency": "EUR", "subtotal": 2057, "shipping": 490, "tax": 0, "total": 2547},
    "shippingAddress": {"name": "A", "line1": "B 1", "postalCode": "1", "city": "C", "country": "DE"},
}
PAYMENT = {
    **{name: {"amount": 2547, **EUR} for name in ("amount", "captured", "refundable")},
    **{name: {"amount": 0, **EUR} for name in ("refunded", "refunding", "disputed")},
}
ANSWERS: dict[str, Any] = {
    f"/orders/{ORDER}": MAIN,
    f"/payments/{ORDER}": {**PAYMENT, "status": "captured", "refunds": []},
}
SHOW = """async () => {
  const { order } = await import("/js/console/orders.js");
  const body = document.createElement("main");
  document.body.append(body);
  await order(body, { argument: "ord_1", left: new AbortController().signal });
}"""


class Console:
    """An order on the console's page, and what the page has sent since."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent: list[tuple[str, Any]] = []
        for service in ("orders", "payments", "journal", "inventory"):
            page.route(f"**/{service}/**", self._answer)
        page.evaluate(SHOW)

    def _answer(self, route: Route) -> None:
        asked = route.request
        path = urlsplit(asked.url).path
        if asked.method == "POST":
            self.sent.append((path, asked.post_data_json))
        route.fulfill(json=ANSWERS.get(path, {"items": []}))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def asked(self, title: str) -> Any:
        return self.page.get_by_role("dialog", name=title)


@pytest.fixture
def console(browser: Browser) -> Iterator[Console]:
    page = opened(browser)
    yield Console(page)
    page.context.close()


def test_a_refund_is_asked_for_in_the_currencys_own_form_and_sent_after_a_yes(console: Console) -> None:
    console.press("Refund")
    expect(console.asked("Refund this payment?")).to_contain_text("€25.47 of €25.47")
    expect(console.asked("Refund this payment?")).to_contain_text("The order stays as it is")
    assert console.sent == []
    with console.page.expect_response(f"**/payments/{ORDER}/refunds"):
        console.press("Refund €25.47")
    assert console.sent == [
        (f"/payments/{ORDER}/refunds", {"amount": {"amount": 2547, **EUR}, "reason": "goodwill"})
    ]


def test_a_cancellation_says_what_else_will_happen_and_is_sent_after_a_yes(console: Console) -> None:
    console.press("Cancel order")
    for said in ("€25.47 of €25.47", "All 2 units go back into stock", "gets a mail"):
        expect(console.asked("Cancel this order?")).to_contain_text(said)
    assert console.sent == []
    with console.page.expect_response(f"**/orders/{ORDER}/cancel"):
        console.press("Cancel the order")
    assert [path for path, _ in console.sent] == [f"/orders/{ORDER}/cancel"]


@pytest.mark.parametrize("button", ["Refund", "Cancel order"])
def test_who_leaves_it_changes_nothing(console: Console, button: str) -> None:
    console.press(button)
    console.press("Leave it")
    expect(console.page.get_by_role("dialog")).to_have_count(0)
    assert console.sent == []


def test_more_than_is_left_is_not_even_asked_for(console: Console) -> None:
    console.page.get_by_label("Amount to refund").fill("25.48")
    console.press("Refund")
    expect(console.page.get_by_role("status")).to_have_text("At most €25.47 can still be paid back.")
    expect(console.page.get_by_role("dialog")).to_have_count(0)
