"""Carts over HTTP: whose they are, what is in them, and what bad input leaves unchanged."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import timedelta
from typing import Any

import pytest

from functions.cart.app import app
from functions.shared.clock import now, parse
from tests.support.lambda_events import Context, http_sample, sample
from tests.unit.cart.conftest import Shop, expire, product, stored, withdrawn

LINE = "/carts/{cartId}/lines/{sku}"


def problem(answer: Any) -> Any:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status, answer.body["code"], answer.body.get("pointer")


# --- opening -----------------------------------------------------------------------------------------------------


def test_a_guest_gets_a_cart_and_the_token_to_it(shop: Shop) -> None:
    answer = shop.send("POST", "/carts")
    assert answer.status == 201
    assert answer.body["cartId"].startswith("crt_")
    assert len(answer.body["token"]) >= 43


def test_the_table_never_holds_a_guests_token(shop: Shop) -> None:
    headers = proof()
    token = shop.send("POST", "/carts", headers=headers).body["token"]
    kept = json.dumps(stored())
    assert token not in kept
    assert headers["X-Cart-Secret"] not in kept


def proof(key: str = "k1") -> dict[str, str]:
    """Return a key, and a secret that nobody else has."""
    return {"Idempotency-Key": key, "X-Cart-Secret": secrets.token_urlsafe(32)}


def test_each_guest_gets_a_cart_of_their_own(shop: Shop) -> None:
    assert shop.open()["path"] != shop.open()["path"]


def test_a_guests_repeated_request_gets_the_same_cart_and_token(shop: Shop) -> None:
    headers = proof()
    first, second = shop.send("POST", "/carts", headers=headers), shop.send("POST", "/carts", headers=headers)
    assert (second.status, second.body) == (201, first.body)
    assert (
        shop.send(
            "GET",
            "/carts/{cartId}",
            path={"cartId": second.body["cartId"]},
            headers={"X-Cart-Token": second.body["token"]},
        ).status
        == 200
    )


@pytest.mark.parametrize(
    "others", [proof(), {"Idempotency-Key": "k1"}, {"X-Cart-Secret": "s" * 32}], ids=["own", "none", "no key"]
)
@pytest.mark.parametrize("key", ["k1", str(uuid.uuid4())], ids=["short", "random"])
def test_a_guests_key_gives_nobody_else_the_cart(shop: Shop, key: str, others: dict[str, str]) -> None:
    mine = proof(key)
    if "Idempotency-Key" in others:
        others = {**others, "Idempotency-Key": key}
    first, second = shop.send("POST", "/carts", headers=mine), shop.send("POST", "/carts", headers=others)
    assert (first.status, second.status) == (201, 201)
    assert first.body["cartId"] != second.body["cartId"]
    assert first.body["token"] != second.body["token"]
    assert shop.send("POST", "/carts", headers=mine).body == first.body


def test_without_a_secret_two_guests_with_one_key_have_a_cart_each(shop: Shop) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first, second = shop.send("POST", "/carts", headers=headers), shop.send("POST", "/carts", headers=headers)
    assert (first.status, second.status) == (201, 201)
    assert first.body["cartId"] != second.body["cartId"]
    assert first.body["token"] != second.body["token"]


def test_one_secret_opens_a_cart_for_each_key(shop: Shop) -> None:
    one = proof("k1")
    first = shop.send("POST", "/carts", headers=one)
    second = shop.send("POST", "/carts", headers={**one, "Idempotency-Key": "k2"})
    assert first.body["cartId"] != second.body["cartId"]
    assert first.body["token"] != second.body["token"]


@pytest.mark.parametrize("secret", ["", "s" * 31, "s" * 129, "s" * 31 + " s", "s" * 31 + "é"])
def test_a_secret_that_could_be_guessed_is_refused(shop: Shop, secret: str) -> None:
    answer = shop.send("POST", "/carts", headers={"Idempotency-Key": "k1", "X-Cart-Secret": secret})
    assert problem(answer)[:2] == (400, "invalid_cart_secret")
    assert stored() == []


def test_a_customer_has_one_cart_however_often_it_is_opened(shop: Shop) -> None:
    assert shop.open(subject="cus_1")["path"] == shop.open(subject="cus_1")["path"]
    assert shop.open(subject="cus_2")["path"] != shop.open(subject="cus_1")["path"]


def test_a_customers_cart_has_no_token(shop: Shop) -> None:
    assert shop.send("POST", "/carts", subject="cus_1").body["token"] is None


def test_opening_a_customers_cart_again_leaves_what_is_in_it(shop: Shop) -> None:
    shop.sells("MUG-1")
    cart = shop.open(subject="cus_1")
    shop.set(cart, "MUG-1", 2)
    assert shop.lines(shop.open(subject="cus_1")) == {"MUG-1": 2}


def test_a_customers_repeated_request_is_answered_from_the_first(shop: Shop) -> None:
    options = {"subject": "cus_1", "headers": {"Idempotency-Key": "k1"}}
    first, second = shop.send("POST", "/carts", **options), shop.send("POST", "/carts", **options)
    assert (second.body, second.headers["Idempotency-Replayed"]) == (first.body, "true")


def test_a_cart_cannot_be_opened_with_anything_in_it(shop: Shop) -> None:
    assert shop.send("POST", "/carts", {"lines": []}).status == 400
    assert stored() == []


def test_an_empty_object_opens_a_cart_as_no_body_does(shop: Shop) -> None:
    assert shop.send("POST", "/carts", {}).status == 201


# --- whose -------------------------------------------------------------------------------------------------------


def test_a_new_cart_is_empty(shop: Shop) -> None:
    answer = shop.get(cart := shop.open())
    assert answer.status == 200
    assert answer.body | {"expiresAt": ""} == {
        "cartId": cart["path"]["cartId"],
        "currency": "EUR",
        "lines": [],
        "units": 0,
        "subtotal": 0,
        "taxIncluded": False,
        "requiresShipping": False,
        "expiresAt": "",
    }


def foreign(shop: Shop) -> list[Any]:
    """Return ways to get at a cart that is not one's own."""
    guests, customers = shop.open(), shop.open(subject="cus_1")
    return [
        {**guests, "headers": {}},
        {**guests, "headers": {"X-Cart-Token": "wrong"}},
        {**guests, "headers": shop.open()["headers"]},
        {**guests, "headers": {}, "subject": "cus_1"},
        {**customers, "subject": None},
        {**customers, "subject": "cus_2"},
        {**customers, "subject": "cus_2", "headers": guests["headers"]},
        {**guests, "path": {"cartId": "crt_none"}},
        {**guests, "path": {"cartId": "x" * 5000}},
    ]


def test_a_foreign_cart_is_not_found_by_any_call(shop: Shop) -> None:
    shop.sells("MUG-1")
    for cart in foreign(shop):
        for answer in (
            shop.get(cart),
            shop.set(cart, "MUG-1"),
            shop.remove(cart, "MUG-1"),
            shop.quote(cart),
            shop.merge(cart, "cus_3"),
        ):
            assert problem(answer)[:2] == (404, "cart_not_found")


def test_a_foreigner_learns_nothing_of_the_catalog_either(shop: Shop) -> None:
    assert shop.set({**shop.open(), "headers": {}}, "NOPE").status == 404


def test_a_customer_may_use_a_guests_cart_with_its_token(shop: Shop) -> None:
    assert shop.get({**shop.open(), "subject": "cus_1"}).status == 200


# --- lines -------------------------------------------------------------------------------------------------------


def test_a_line_has_the_catalogs_title_picture_and_price(shop: Shop) -> None:
    shop.sells("MUG-1", 1999)
    answer = shop.set(shop.open(), "MUG-1", 2)
    assert answer.status == 200
    assert answer.body["lines"] == [
        {
            "sku": "MUG-1",
            "productId": "prd_MUG-1",
            "title": "Title of MUG-1",
            "quantity": 2,
            "imageUrl": "https://cdn.example.com/clay-pot.jpg",
            "unitPrice": 1999,
            "previousUnitPrice": None,
            "total": 3998,
            "notices": [],
        }
    ]
    assert (answer.body["units"], answer.body["subtotal"]) == (2, 3998)


def test_the_quantity_is_what_is_asked_for_not_what_is_added(shop: Shop) -> None:
    shop.sells("MUG-1")
    cart = shop.open()
    for quantity in (2, 2, 5):
        shop.set(cart, "MUG-1", quantity)
    assert shop.lines(cart) == {"MUG-1": 5}


def test_lines_keep_the_order_in_which_they_were_added(shop: Shop) -> None:
    for sku in ("B", "A", "C"):
        shop.sells(sku)
    cart = shop.open()
    for sku in ("B", "A", "C", "A"):
        shop.set(cart, sku, 3)
    assert list(shop.lines(cart)) == ["B", "A", "C"]


def test_a_quantity_that_is_none_is_refused_and_changes_nothing(shop: Shop) -> None:
    shop.sells("MUG-1")
    cart = shop.open()
    shop.set(cart, "MUG-1", 7)
    assert problem(shop.set(cart, "MUG-1", 0)) == (400, "too_small", "/quantity")
    assert shop.lines(cart) == {"MUG-1": 7}


def test_what_can_be_no_sku_is_refused(shop: Shop) -> None:
    cart = shop.open()
    assert problem(shop.set(cart, "A B")) == (400, "invalid_sku", "/sku")
    assert problem(shop.remove(cart, "A B")) == (400, "invalid_sku", "/sku")


def test_a_body_above_the_limit_is_refused(shop: Shop) -> None:
    cart = shop.open()
    body = '{"quantity":1}' + " " * 70_000
    assert shop.send("PUT", LINE, body, **{**cart, "path": {**cart["path"], "sku": "MUG-1"}}).status == 413


def test_an_unknown_sku_cannot_be_added(shop: Shop) -> None:
    assert problem(shop.set(shop.open(), "NOPE")) == (422, "unknown_sku", "/sku")


def test_a_withdrawn_product_cannot_be_added(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]), withdrawn(["MUG-1"], 2))
    assert problem(shop.set(shop.open(), "MUG-1")) == (422, "product_withdrawn", "/sku")


def test_more_of_a_withdrawn_product_cannot_be_had_either(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1", 2)
    shop.told(withdrawn(["MUG-1"], 2))
    assert shop.set(cart, "MUG-1", 3).status == 422
    assert shop.lines(cart) == {"MUG-1": 2}


def test_a_product_in_another_currency_cannot_be_added(shop: Shop) -> None:
    shop.sells("MUG-1", currency="USD")
    assert problem(shop.set(shop.open(), "MUG-1")) == (422, "currency_not_sold", "/sku")


def test_a_line_can_be_removed(shop: Shop) -> None:
    shop.sells("A")
    shop.sells("B")
    cart = shop.open()
    shop.set(cart, "A")
    shop.set(cart, "B")
    answer = shop.remove(cart, "A")
    assert (answer.status, [line["sku"] for line in answer.body["lines"]]) == (200, ["B"])


def test_removing_what_is_not_there_is_no_error(shop: Shop) -> None:
    assert shop.remove(shop.open(), "MUG-1").status == 200


def test_a_withdrawn_line_can_be_removed(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1")
    shop.told(withdrawn(["MUG-1"], 2))
    assert shop.remove(cart, "MUG-1").body["lines"] == []


# --- notices -----------------------------------------------------------------------------------------------------


def test_a_changed_price_is_shown_with_the_one_before(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1", 2)
    shop.told(product([("MUG-1", 2499)], 2, kind="ProductChanged"))
    (line,) = shop.get(cart).body["lines"]
    assert (line["unitPrice"], line["previousUnitPrice"], line["total"]) == (2499, 1999, 4998)
    assert line["notices"] == ["price_changed"]


def test_a_price_that_came_back_is_no_change(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1")
    shop.told(product([("MUG-1", 2499)], 2), product([("MUG-1", 1999)], 3))
    assert shop.get(cart).body["lines"][0]["notices"] == []


def test_another_quantity_does_not_hide_a_changed_price(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1")
    shop.told(product([("MUG-1", 2499)], 2))
    assert shop.set(cart, "MUG-1", 3).body["lines"][0]["previousUnitPrice"] == 1999


def test_a_line_added_again_remembers_the_price_of_now(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1")
    shop.remove(cart, "MUG-1")
    shop.told(product([("MUG-1", 2499)], 2))
    assert shop.set(cart, "MUG-1").body["lines"][0]["notices"] == []


def test_a_withdrawn_line_is_shown_but_does_not_count(shop: Shop) -> None:
    shop.told(product([("A", 1000), ("B", 500)]))
    cart = shop.open()
    shop.set(cart, "A")
    shop.set(cart, "B")
    shop.told(product([("B", 500)], 2, kind="ProductChanged"))
    body = shop.get(cart).body
    assert [(line["sku"], line["notices"]) for line in body["lines"]] == [("A", ["withdrawn"]), ("B", [])]
    assert body["subtotal"] == 500


def test_a_product_that_changed_its_currency_counts_as_withdrawn(shop: Shop) -> None:
    shop.told(product([("MUG-1", 1999)]))
    shop.set(cart := shop.open(), "MUG-1")
    shop.told(product([("MUG-1", 1999)], 2, currency="USD"))
    body = shop.get(cart).body
    assert (body["lines"][0]["notices"], body["subtotal"]) == (["withdrawn"], 0)


# --- expiry ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("subject", "days"), [(None, 30), ("cus_1", 90)])
def test_a_cart_lives_for_its_time_after_the_last_change(shop: Shop, subject: str | None, days: int) -> None:
    shop.sells("MUG-1")
    expire(cart := shop.open(subject=subject), now() + timedelta(minutes=1))
    left = parse(shop.set(cart, "MUG-1").body["expiresAt"]) - now()
    assert timedelta(days=days, minutes=-1) < left <= timedelta(days=days)


def test_an_expired_cart_is_not_found_although_it_is_still_stored(shop: Shop) -> None:
    shop.sells("MUG-1")
    expire(cart := shop.open(), now() - timedelta(seconds=1))
    assert {shop.get(cart).status, shop.set(cart, "MUG-1").status, shop.quote(cart).status} == {404}


def test_a_customer_whose_cart_has_expired_gets_an_empty_one(shop: Shop) -> None:
    shop.sells("MUG-1")
    cart = shop.open(subject="cus_1")
    shop.set(cart, "MUG-1")
    expire(cart, now() - timedelta(seconds=1))
    assert shop.lines(shop.open(subject="cus_1")) == {}


# --- the rest ----------------------------------------------------------------------------------------------------


def test_health_needs_nobody_and_no_table(shop: Shop) -> None:
    assert shop.send("GET", "/carts/health").body == {"status": "ok", "service": "cart"}


def test_a_method_that_is_none_of_the_calls_is_refused(shop: Shop) -> None:
    assert problem(shop.send("PATCH", "/carts/{cartId}", {}, **shop.open()))[:2] == (
        405,
        "method_not_allowed",
    )


def test_a_body_that_is_no_json_by_its_type_is_refused(shop: Shop) -> None:
    cart = shop.open()
    options = {
        "path": {**cart["path"], "sku": "A"},
        "headers": {**cart["headers"], "Content-Type": "text/plain"},
    }
    assert shop.send("PUT", LINE, "quantity=1", **options).status == 415


def test_the_sample_requests_are_answered(shop: Shop) -> None:
    shop.told(sample("catalog/ProductPublished.v1"))
    shop.open(subject="cus_01kaqz5r7b8v0w3m2x4y6t9n1d")
    statuses = {
        name: app(http_sample(f"cart/{name}"), Context())["statusCode"]
        for name in ("health", "open", "get", "set-line", "quote", "remove-line", "merge")
    }
    assert statuses.pop("open") == 201
    assert statuses.pop("merge") == 404  # it names a guest's cart that is not there
    assert set(statuses.values()) == {200}
