"""The page of an order: until when it can be cancelled there, said in the reader's language, and gone after that.

Its files are the real ones; the answers are this test's, and so is the clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tools import ROOT

NOW = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)
ORDER: dict[str, Any] = {
    "orderId": "ord_1",
    "number": "K7-4R92",
    "status": "confirmed",
    "reason": None,
    "paymentStatus": "captured",
    "unpaid": False,
    "email": "a@example.com",
    "placedAt": "2026-11-22T17:04:00.000Z",
    "cancellableUntil": "2026-11-22T18:04:30.000Z",
    "lines": [],
    "unsettled": False,
    **{
        name: {"amount": 0, "currency": "EUR"}
        for name in ("refunded", "refunding", "refundFailed", "disputed")
    },
    "totals": {"currency": "EUR", "subtotal": 0, "shipping": 490, "tax": 0, "total": 490, "rounding": 0},
    "shippingAddress": {"name": "A", "line1": "B 1", "postalCode": "1", "city": "C", "country": "DE"},
}


def opened(browser: Browser, locale: str = "en-IE", **changes: Any) -> Page:
    answers = {"/orders/ord_1": {**ORDER, **changes}, "/orders/ord_1/timeline": {"items": []}}

    def serve(route: Route) -> None:
        path = urlsplit(route.request.url).path
        file = ROOT / "web" / path[1:]
        if path in answers:
            route.fulfill(json=answers[path])
        elif file.is_file():
            route.fulfill(path=file)
        else:
            route.fulfill(
                status=404, json={"code": "no_route", "status": 404, "detail": "", "parameters": {}}
            )

    page = browser.new_context(
        locale=locale, timezone_id="Europe/Berlin", base_url="https://souk.test"
    ).new_page()
    page.clock.install(time=NOW)
    page.route("**/*", serve)
    page.goto("/order.html?id=ord_1")
    return page


@pytest.mark.parametrize(
    ("locale", "button", "until"),
    [
        ("en-IE", "Cancel the order", "You can cancel it yourself until 19:04:30."),
        ("de-DE", "Bestellung stornieren", "Sie können sie bis 19:04:30 selbst stornieren."),
    ],
)
def test_the_page_says_until_when_and_the_button_goes_then(
    browser: Browser, locale: str, button: str, until: str
) -> None:
    page = opened(browser, locale)
    expect(page.get_by_role("button", name=button)).to_be_visible()
    expect(page.get_by_text(until)).to_be_visible()
    page.clock.pause_at(datetime(2026, 11, 22, 18, 0, tzinfo=UTC))
    page.clock.fast_forward("04:29")
    expect(page.get_by_role("button", name=button)).to_be_visible()
    page.clock.fast_forward("00:02")
    expect(page.get_by_role("button", name=button)).to_have_count(0)
    expect(page.get_by_text(until)).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"status": "placed", "cancellableUntil": None}, 1),
        ({"unpaid": True, "paymentStatus": "capture_failed", "cancellableUntil": None}, 1),
        ({"cancellableUntil": "2026-11-22T17:05:00.000Z"}, 0),
        ({"status": "cancelled", "reason": "customer", "cancellableUntil": None}, 0),
    ],
    ids=["placed", "unpaid", "over", "cancelled"],
)
def test_the_button_is_there_while_the_order_can_be_cancelled(
    browser: Browser, changes: Any, shown: int
) -> None:
    page = opened(browser, **changes)
    expect(page.locator("#status")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel the order")).to_have_count(shown)
    page.context.close()
