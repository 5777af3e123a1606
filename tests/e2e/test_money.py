"""Money in a browser, over every currency of ISO 4217: typed, stored, shown, charged and mailed are one amount.

The pages' own module runs in a page that nothing but this test serves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Browser, Page, Route

from functions.cart.domain import PricedLine
from functions.cart.quotes import Terms, charged
from functions.cart.tax import Place, TaxRate, TaxRules
from functions.catalog.views import currencies_view
from functions.orders.domain import Totals
from functions.orders.mails.emails import amounts
from functions.shared.money import EXPONENTS, charge_step, format_amount, parse_amount, provider_amount
from functions.shared.types import Money
from tools import ROOT

MODULE = "import('/js/lib/money.js')"
STRIPE = EXPONENTS | {"ISK": 2, "UGX": 2, "MGA": 0}
"""The decimals of the amounts that Stripe takes (docs.stripe.com/currencies)."""


def served(route: Route, *, told: bool = True) -> None:
    """Answer as the edge does: the pages' modules, and the table of currencies."""
    path = urlsplit(route.request.url).path
    if path == "/catalog/currencies":
        body = msgspec.json.encode(currencies_view(EXPONENTS)).decode()
        route.fulfill(
            status=200 if told else 503, body=body if told else "{}", content_type="application/json"
        )
    elif path.startswith("/js/"):
        route.fulfill(path=ROOT / "web" / path[1:], content_type="text/javascript")
    else:
        route.fulfill(body="<!doctype html><title>Money</title>", content_type="text/html")


def opened(browser: Browser, *, told: bool = True) -> Page:
    page = browser.new_context(locale="en-IE", base_url="https://souk.test").new_page()
    page.route("**/*", lambda route: served(route, told=told))
    page.goto("/")
    return page


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = opened(browser)
    yield made
    made.context.close()


def ask(page: Page, function: str, rows: list[list[Any]]) -> list[Any]:
    """Return what a function of the module says to each row of arguments."""
    script = (
        f"async (rows) => {{ const m = await {MODULE}; return rows.map((row) => m.{function}(...row)); }}"
    )
    found: list[Any] = page.evaluate(script, rows)
    return found


def number(shown: str) -> str:
    """Return the digits and the decimal point of a shown price."""
    return "".join(one for one in shown if one.isdigit() or one == ".").strip(".")


def as_typed(currency: str) -> str:
    decimals = EXPONENTS[currency]
    return "1999" + ("." + "5124"[:decimals] if decimals else "")


def test_what_is_typed_is_stored_shown_charged_and_mailed_in_every_currency(page: Page) -> None:
    currencies = sorted(EXPONENTS)
    stored = ask(page, "minor", [[as_typed(one), one] for one in currencies])
    assert stored == [parse_amount(as_typed(one), one) for one in currencies]
    bills = [a_bill(amount, one) for amount, one in zip(stored, currencies, strict=True)]
    shown = ask(page, "price", [[bill.total, bill.currency] for bill in bills])
    again = ask(page, "decimal", [[bill.total, bill.currency] for bill in bills])
    for bill, text, field in zip(bills, shown, again, strict=True):
        mailed = dict(amounts(bill))["Total"]
        charged = provider_amount("stripe", bill.total, bill.currency)
        assert number(text) == field == format_amount(bill.total, bill.currency)
        assert mailed == f"{field} {bill.currency}"
        assert Decimal(charged).scaleb(-STRIPE[bill.currency]) == Decimal(field)


def a_bill(amount: int, currency: str) -> Totals:
    """Return the totals of one thing at that price, as orders read them."""
    price = Money(amount, currency)
    line = PricedLine("A", 1, "prd_1", "A", None, price, price, withdrawn=False)
    rules = TaxRules("exclude_tax", "DE", (TaxRate("DE", "standard", 0),))
    terms = Terms(currency, {}, rules, charge_step("stripe", currency))
    quoted = charged([line], 0, terms, Place("DE", "2026-11-29"))[1]
    return msgspec.json.decode(msgspec.json.encode(quoted), type=Totals)


def test_a_price_in_forints_is_shown_with_its_hundredths(page: Page) -> None:
    assert ask(page, "minor", [["1999.00", "HUF"]]) == [199900]
    assert number(ask(page, "price", [[199900, "HUF"]])[0]) == "1999.00"


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("19.999", "EUR"),
        ("1.5", "JPY"),
        ("1.5", "ISK"),
        ("1.2345", "KWD"),
        ("-1", "EUR"),
        ("", "EUR"),
        ("1", "XXX"),
        ("1e3", "EUR"),
        ("9999999999.99", "EUR"),
    ],
)
def test_what_is_no_amount_of_the_currency_is_none(page: Page, text: str, currency: str) -> None:
    assert ask(page, "minor", [[text, currency]]) == [None]


def test_a_comma_is_a_decimal_point_and_zeros_at_the_end_say_nothing(page: Page) -> None:
    rows = [["19,99", "EUR"], ["19.990", "EUR"], ["1500.00", "JPY"], ["999999999.99", "EUR"]]
    assert ask(page, "minor", rows) == [1999, 1999, 1500, 99_999_999_999]


def test_what_is_taken_off_is_shown_with_its_sign(page: Page) -> None:
    assert ask(page, "decimal", [[-4, "KWD"]]) == ["-0.004"]
    assert "-" in ask(page, "price", [[-4, "KWD"]])[0]


def test_without_the_table_no_amount_is_shown_or_taken_rather_than_a_wrong_one(browser: Browser) -> None:
    page = opened(browser, told=False)
    try:
        assert ask(page, "price", [[1999, "EUR"]]) == ["– EUR"]
        assert ask(page, "minor", [["19.99", "EUR"]]) == [None]
    finally:
        page.context.close()


def test_a_table_that_was_told_once_serves_while_nobody_tells_it(page: Page) -> None:
    page.evaluate("table => localStorage.setItem('souk.currencies', table)", json.dumps({"HUF": 2}))
    page.unroute("**/*")
    page.route("**/*", lambda route: served(route, told=False))
    page.reload()
    assert ask(page, "minor", [["1999.00", "HUF"]]) == [199900]
