"""Quotes: what is promised, what binds it, and what cannot be quoted."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import boto3
import msgspec
import pytest

from functions.cart.app import app, terms
from functions.orders.events import Quote as OrdersQuote
from functions.shared import signing
from functions.shared.addresses import format_of
from functions.shared.clock import now, parse
from functions.shared.ids import is_id
from tests.unit.cart.conftest import ADDRESS, Shop, payload, product, stored, withdrawn

BOSTON = {**ADDRESS, "city": "Boston", "region": "MA", "postalCode": "02108", "country": "US"}


def filled(shop: Shop, *lines: tuple[str, int, int], **options: Any) -> Any:
    """Return a cart with lines of SKU, price and quantity, each SKU a product of its own."""
    cart = shop.open(**options)
    for sku, amount, quantity in lines or (("MUG-1", 1999, 2),):
        shop.sells(sku, amount)
        shop.set(cart, sku, quantity)
    return cart


def test_a_quote_says_what_everything_costs(shop: Shop) -> None:
    answer = shop.quote(filled(shop, ("MUG-1", 1999, 2), ("POT-1", 501, 1)))
    assert answer.status == 200
    assert answer.body["lines"] == [
        {
            "sku": "MUG-1",
            "productId": "prd_MUG-1",
            "title": "Title of MUG-1",
            "quantity": 2,
            "unitPrice": 1999,
            "total": 3998,
            "taxRate": 190_000,
            "tax": 760,
        },
        {
            "sku": "POT-1",
            "productId": "prd_POT-1",
            "title": "Title of POT-1",
            "quantity": 1,
            "unitPrice": 501,
            "total": 501,
            "taxRate": 190_000,
            "tax": 95,
        },
    ]
    assert answer.body["totals"] == {
        "currency": "EUR",
        "subtotal": 4499,
        "shipping": 490,
        "tax": 948,
        "total": 5937,
        "taxes": [{"rate": 190_000, "net": 4989, "tax": 948}],
    }
    assert answer.body["shippingAddress"] == ADDRESS


def test_where_nothing_ships_there_is_no_shipping(shop: Shop) -> None:
    shop.sells("E-BOOK", 1000, ships=False)
    cart = shop.open()
    shop.set(cart, "E-BOOK", 2)
    assert shop.quote(cart).body["totals"] == {
        "currency": "EUR",
        "subtotal": 2000,
        "shipping": 0,
        "tax": 380,
        "total": 2380,
        "taxes": [{"rate": 190_000, "net": 2000, "tax": 380}],
    }


def test_one_thing_that_ships_is_shipped_whatever_comes_along(shop: Shop) -> None:
    shop.sells("E-BOOK", 1000, ships=False)
    shop.sells("MUG-1", 1000, ships=True)
    shop.sells("POT-1", 1000)  # told before the catalog said which goods ship
    for sku in ("MUG-1", "POT-1"):
        cart = shop.open()
        shop.set(cart, "E-BOOK")
        shop.set(cart, sku)
        assert shop.quote(cart).body["totals"]["shipping"] == 490


def test_an_offer_that_was_kept_before_goods_could_be_digital_ships(shop: Shop) -> None:
    cart = filled(shop)
    boto3.client("dynamodb").update_item(
        TableName="souk-local-cart",
        Key={"pk": {"S": "SKU#MUG-1"}, "sk": {"S": "OFFER"}},
        UpdateExpression="REMOVE ships",
    )
    assert shop.quote(cart).body["totals"]["shipping"] == 490


def test_goods_that_become_digital_pay_no_shipping_from_then_on(shop: Shop) -> None:
    cart = filled(shop)
    assert shop.told(product([("MUG-1", 1999)], 2, product_id="prd_MUG-1", ships=False)) == []
    assert shop.quote(cart).body["totals"]["shipping"] == 0


def test_digital_goods_go_where_nothing_is_shipped_to_but_tax_is_known(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIPPING_RATES", '{"DE":490}')
    terms.cache_clear()
    shop.sells("E-BOOK", 1000, ships=False)
    cart = shop.open()
    shop.set(cart, "E-BOOK")
    vienna = {**ADDRESS, "city": "Wien", "postalCode": "1010", "country": "AT"}
    to = {
        where: shop.quote(cart, shippingAddress=address)
        for where, address in (("AT", vienna), ("US", BOSTON))
    }
    assert (to["AT"].body["totals"]["tax"], to["US"].body["code"]) == (200, "country_not_served")
    shop.sells("MUG-1", 1000)
    shop.set(cart, "MUG-1")
    refused = shop.quote(cart, shippingAddress=vienna)
    assert (refused.status, refused.body["code"]) == (422, "country_not_served")


def test_what_is_shown_is_what_is_signed(shop: Shop) -> None:
    cart = filled(shop)
    answer = shop.quote(cart)
    signed = payload(answer)
    for name in ("lines", "totals", "shippingAddress", "cartId", "issuedAt", "expiresAt"):
        assert signed[name] == answer.body[name]
    assert (signed["id"], signed["email"]) == (answer.body["quoteId"], "amira@example.com")
    assert is_id("quo", signed["id"])


def test_a_quote_is_what_orders_reads(shop: Shop) -> None:
    address = {**ADDRESS, "line2": "Hinterhaus", "region": "Berlin"}
    answer = shop.quote(filled(shop, subject="cus_1"), shippingAddress=address)
    read = msgspec.convert(payload(answer), OrdersQuote)
    assert (read.customer_id, read.totals.total, read.shipping_address.line2) == ("cus_1", 5341, "Hinterhaus")


def test_a_quote_goes_to_an_address_that_mail_reaches_in_its_one_form(shop: Shop) -> None:
    cart = filled(shop)
    assert (
        payload(shop.quote(cart, email="Amira@B\u00fccher.example"))["email"] == "amira@xn--bcher-kva.example"
    )
    refused = shop.quote(cart, email="amira@example..com")
    assert (refused.status, refused.body["code"], refused.body["pointer"]) == (400, "wrong_form", "/email")


def test_a_quote_holds_for_fifteen_minutes(shop: Shop) -> None:
    signed = payload(shop.quote(filled(shop)))
    assert parse(signed["expiresAt"]) - parse(signed["issuedAt"]) == timedelta(minutes=15)
    assert abs(parse(signed["issuedAt"]) - now()) < timedelta(seconds=30)


def test_a_guests_quote_names_no_customer(shop: Shop) -> None:
    assert payload(shop.quote(filled(shop)))["customerId"] is None


def test_a_customers_quote_names_the_customer(shop: Shop) -> None:
    assert payload(shop.quote(filled(shop, subject="cus_1")))["customerId"] == "cus_1"


def test_an_edited_quote_is_no_quote(shop: Shop) -> None:
    text, signature = shop.quote(filled(shop)).body["quote"].split(".")
    said = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    said["totals"]["total"] = 1
    edited = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    with pytest.raises(signing.BadSignatureError):
        signing.verify("quote", f"{edited}.{signature}")


def test_a_signature_for_another_purpose_makes_no_quote(shop: Shop) -> None:
    forged = signing.sign("order-link", json.dumps(payload(shop.quote(filled(shop)))).encode())
    with pytest.raises(signing.BadSignatureError):
        signing.verify("quote", forged)


def test_a_quote_leaves_the_cart_as_it_is(shop: Shop) -> None:
    cart = filled(shop)
    before = shop.get(cart).body
    shop.quote(cart)
    assert shop.get(cart).body == before


def test_a_quote_takes_the_price_of_now_and_settles_the_notice(shop: Shop) -> None:
    cart = shop.open()
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart, "MUG-1")
    shop.told(product([("MUG-1", 2499)], 2))
    assert shop.quote(cart).body["lines"][0]["unitPrice"] == 2499
    (line,) = shop.get(cart).body["lines"]
    assert (line["unitPrice"], line["previousUnitPrice"], line["notices"]) == (2499, None, [])


def test_a_quote_stands_whatever_the_price_does_afterwards(shop: Shop) -> None:
    cart = shop.open()
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart, "MUG-1")
    answer = shop.quote(cart)
    shop.told(product([("MUG-1", 9999)], 2))
    assert payload(answer)["lines"][0]["unitPrice"] == 1999


def test_exempt_goods_are_quoted_without_tax(shop: Shop) -> None:
    cart = shop.open()
    shop.told(product([("MUG-1", 1999)], tax_class="exempt"))
    shop.set(cart, "MUG-1")
    assert shop.quote(cart).body["totals"]["tax"] == 0


def test_an_empty_cart_cannot_be_quoted(shop: Shop) -> None:
    answer = shop.quote(shop.open())
    assert (answer.status, answer.body["code"]) == (409, "cart_empty")


def test_withdrawn_lines_are_named_instead_of_quoted(shop: Shop) -> None:
    shop.told(product([("A", 100), ("B", 100), ("C", 100)]))
    cart = shop.open()
    for sku in "ABC":
        shop.set(cart, sku)
    shop.told(product([("B", 100)], 2, kind="ProductChanged"))
    answer = shop.quote(cart)
    assert (answer.status, answer.body["code"]) == (409, "lines_withdrawn")
    assert answer.body["detail"].endswith(": A, C.")


def test_a_cart_without_its_withdrawn_lines_can_be_quoted_again(shop: Shop) -> None:
    shop.told(product([("A", 100), ("B", 100)]))
    cart = shop.open()
    for sku in "AB":
        shop.set(cart, sku)
    shop.told(product([("B", 100)], 2, kind="ProductChanged"))
    shop.remove(cart, "A")
    assert shop.quote(cart).status == 200


def test_a_refused_quote_leaves_nothing_behind(shop: Shop) -> None:
    shop.told(product([("A", 100)]))
    shop.set(cart := shop.open(), "A")
    shop.told(withdrawn(["A"], 2))
    before = stored()
    shop.quote(cart)
    assert stored() == before


def test_a_country_that_is_not_served_is_named(shop: Shop) -> None:
    answer = shop.quote(filled(shop), shippingAddress=BOSTON)
    assert (answer.status, answer.body["code"]) == (422, "country_not_served")
    assert answer.body["pointer"] == "/shippingAddress/country"
    assert "DE" in answer.body["detail"]


def test_more_than_an_order_may_cost_is_no_failure_of_ours(shop: Shop) -> None:
    answer = shop.quote(filled(shop, ("GOLD", 99_999_999_999, 999)))
    assert (answer.status, answer.body["code"]) == (409, "total_too_large")


def test_a_request_that_names_its_own_price_is_refused(shop: Shop) -> None:
    answer = shop.quote(filled(shop), totals={"total": 1})
    assert (answer.status, answer.body["pointer"]) == (400, "/totals")


def test_neither_email_nor_address_is_stored_or_logged(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    cart = filled(shop)
    shop.quote(cart)
    kept = json.dumps(stored()) + capsys.readouterr().out
    for secret in ("amira@example.com", "Sonnenallee", "Haddad", cart["headers"]["X-Cart-Token"]):
        assert secret not in kept


@pytest.mark.parametrize("rates", ['{"default":990}', '{"DE":490,"AT":690}'])
def test_the_countries_listed_are_those_that_can_be_quoted(
    shop: Shop, call: Any, monkeypatch: pytest.MonkeyPatch, rates: str
) -> None:
    monkeypatch.setenv("SHIPPING_RATES", rates)
    terms.cache_clear()
    told = call(app, "GET", "/carts/countries").body
    goods, download = filled(shop), shop.open()
    shop.sells("E-BOOK", 1000, ships=False)
    shop.set(download, "E-BOOK")

    def quoted(cart: Any) -> list[str]:
        return [
            code for code in told["items"] if shop.quote(cart, shippingAddress=fitting(code)).status == 200
        ]

    assert told["items"] == sorted(told["formats"]) == quoted(download)
    assert told["delivered"] == quoted(goods)


def fitting(country: str) -> dict[str, Any]:
    """Return an address as that country writes them."""
    form = format_of(country)
    region = (form.regions or (("Region", ""),))[0][0]
    return {**ADDRESS, "postalCode": form.postal_code_example, "region": region, "country": country}


def test_a_cart_says_whether_something_in_it_is_delivered(shop: Shop) -> None:
    shop.sells("E-BOOK", 1000, ships=False)
    shop.sells("MUG-1", 1000)
    cart = shop.open()
    assert shop.set(cart, "E-BOOK").body["requiresShipping"] is False
    assert shop.set(cart, "MUG-1").body["requiresShipping"] is True
    assert shop.get(cart).body["requiresShipping"] is True
    assert shop.remove(cart, "MUG-1").body["requiresShipping"] is False


def test_how_addresses_are_written_is_told_with_the_countries(call: Any, shop: Shop) -> None:
    formats = call(app, "GET", "/carts/countries").body["formats"]
    assert formats["IE"] == {
        "fields": ["name", "line1", "line2", "city", "region", "postalCode"],
        "required": ["city", "line1", "name"],
        "label": ["{name}", "{line1}", "{line2}", "{city}", "{region}", "{postalCode}"],
        "names": {"city": "city", "region": "county", "postalCode": "eircode"},
        "regions": formats["IE"]["regions"],
        "closed": False,
        "postalCodePattern": "[\\dA-Z]{3} ?[\\dA-Z]{4}",
        "postalCodeExample": "A65 F4E2",
    }
    assert ["Co. Cork", "Co. Cork"] in formats["IE"]["regions"]
    assert (formats["IT"]["closed"], formats["DE"]["regions"]) == (True, [])


def test_a_quote_without_a_postal_code_is_what_orders_reads(shop: Shop) -> None:
    dublin = {**ADDRESS, "city": "Dublin", "postalCode": None, "country": "IE"}
    answer = shop.quote(filled(shop), shippingAddress=dublin)
    assert answer.body["shippingAddress"]["postalCode"] is None
    assert msgspec.convert(payload(answer), OrdersQuote).shipping_address.postal_code is None


def test_what_is_signed_is_the_address_in_its_one_form(shop: Shop) -> None:
    typed = {
        **ADDRESS,
        "name": " Jose\u0301\u00a0 Ruiz",
        "line2": "\u3000",
        "city": "Berlin\n",
        "postalCode": " 12 047",
    }
    signed = payload(shop.quote(filled(shop), shippingAddress=typed))["shippingAddress"]
    assert signed == {**ADDRESS, "name": "José Ruiz"}


@pytest.mark.parametrize(("provider", "rounding", "total"), [("stripe", -4, 5120), ("simulator", None, 5124)])
def test_a_quote_is_of_what_the_provider_can_charge(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, provider: str, rounding: int | None, total: int
) -> None:
    monkeypatch.setenv("CURRENCY", "KWD")
    monkeypatch.setenv("PROVIDER_NAME", provider)
    monkeypatch.setenv("SHIPPING_RATES", '{"default": 0}')
    rates = [{"country": "DE", "tax_class": "standard", "rate": 0}]
    monkeypatch.setenv("TAX", json.dumps({"prices": "exclude_tax", "home": "DE", "rates": rates}))
    terms.cache_clear()
    shop.sells("MUG-1", 5124, currency="KWD")
    cart = shop.open()
    shop.set(cart, "MUG-1", 1)
    answer = shop.quote(cart)
    shown = answer.body["totals"]
    assert (shown["total"], shown.get("rounding")) == (total, rounding)
    promised = msgspec.convert(payload(answer), OrdersQuote)
    assert (promised.totals.total, promised.totals.rounding) == (total, rounding or 0)
