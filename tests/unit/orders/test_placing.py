"""POST /orders: what it answers, what makes it one order, and what bad input leaves undone."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from functions.orders.table import OrdersTable
from functions.shared import signing
from functions.shared.clock import parse
from tests.support.lambda_events import sample
from tests.unit.orders.conftest import AMIRA

QUOTE = "quo_01kaqz5r7b8v0w3m2x4y6t9n1c"
ORDER = "ord_01kaqz5r7b8v0w3m2x4y6t9n1c"
SHOWN = sample("orders/OrderPlaced.v1")["detail"]["data"]
SHOWN["totals"] = {
    name: value for name, value in SHOWN["totals"].items() if value
}  # 0 and false are left out


def items(table: OrdersTable) -> list[Any]:
    found: list[Any] = boto3.client("dynamodb").scan(TableName=table.name)["Items"]
    return found


def orders_in(table: OrdersTable) -> list[str]:
    return [item["pk"]["S"] for item in items(table) if item["pk"]["S"].startswith("ORDER#")]


# --- one order -----------------------------------------------------------------------------------------------------


def test_an_order_is_placed_as_the_quote_promised(place: Any, quote: Any) -> None:
    answer = place(quote(id=QUOTE))
    assert answer.status == 202
    assert (answer.body["orderId"], answer.body["status"], answer.body["reason"]) == (ORDER, "placed", None)
    assert {name: answer.body[name] for name in ("lines", "totals", "email")} == {
        name: SHOWN[name] for name in ("lines", "totals", "email")
    }
    assert answer.body["shippingAddress"] == SHOWN["shippingAddress"]


def test_its_placing_is_told_with_all_that_others_need(place: Any, quote: Any, told: Any) -> None:
    answer = place(quote(id=QUOTE))
    (event,) = told()
    assert event["detail-type"] == "OrderPlaced"
    times = {"placedAt": answer.body["placedAt"], "decideBy": answer.body["decideBy"]}
    assert event["detail"]["data"] == {**SHOWN, "orderId": ORDER, **times}
    assert event["detail"]["aggregate"] == {"id": ORDER, "version": 1}


def test_an_address_without_postal_code_is_told_in_the_form_of_the_first_version(
    place: Any, quote: Any, told: Any
) -> None:
    dublin = {"name": "A", "line1": "Lane 1", "city": "Dublin", "postalCode": None, "country": "IE"}
    answer = place(quote(id=QUOTE, shippingAddress=dublin))
    assert answer.body["shippingAddress"] == dublin
    (event,) = told()
    assert event["detail"]["data"]["shippingAddress"] == {**dublin, "postalCode": "-"}


def test_it_is_to_be_decided_within_the_deadline(place: Any) -> None:
    body = place().body
    assert parse(body["decideBy"]) - parse(body["placedAt"]) == timedelta(seconds=120)


def test_the_payment_token_is_not_shown_again(place: Any) -> None:
    assert "tok_" not in json.dumps(place(token="tok_lost").body)


def test_no_token_address_or_mail_reaches_the_log(
    place: Any, send: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = place(token="tok_lost").body["orderId"]
    send("GET", "/orders/{orderId}", path={"orderId": order_id}, query={"token": "secret.link"})
    logged = capsys.readouterr().out
    assert logged.count(order_id) == 2
    assert not any(secret in logged for secret in ("tok_", "amira", "Linden", "secret.link"))


def test_the_same_quote_and_token_give_the_same_order_again(
    place: Any, quote: Any, table: OrdersTable
) -> None:
    text = quote()
    first, second = place(text), place(text)
    assert (second.status, second.body) == (202, first.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(orders_in(table)) == 1


def test_the_same_quote_is_answered_the_same_when_the_order_has_moved_on(
    place: Any, quote: Any, send: Any
) -> None:
    text = quote()
    first = place(text)
    send("POST", "/orders/{orderId}/cancel", path={"orderId": first.body["orderId"]}, subject=AMIRA)
    assert place(text).body == first.body


def test_the_same_quote_again_tells_nothing_new(place: Any, quote: Any, told: Any) -> None:
    text = quote()
    place(text), place(text)
    first, again = told()
    assert (first["detail"]["id"], first["detail"]["data"]) == (
        again["detail"]["id"],
        again["detail"]["data"],
    )


def test_a_quote_with_another_token_is_used_up(place: Any, quote: Any, table: OrdersTable) -> None:
    text = quote()
    place(text)
    answer = place(text, token="tok_mastercard")
    assert (answer.status, answer.body["code"]) == (409, "already_ordered")
    assert len(orders_in(table)) == 1


def test_of_two_quotes_of_one_purchase_one_is_ordered_and_the_other_told_by_which(
    place: Any, quote: Any, table: OrdersTable
) -> None:
    order_id = place(quote(id=QUOTE)).body["orderId"]
    answer = place(quote(id=QUOTE, email="bea@example.com"))
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (409, "already_ordered", "/quote")
    assert answer.body["parameters"] == {"orderId": order_id, "link": f"/orders/{order_id}"}
    assert len(orders_in(table)) == 1


def test_two_quotes_that_promise_the_same_are_one_order_though_the_cart_has_changed_in_between(
    place: Any, quote: Any, table: OrdersTable
) -> None:
    first = place(quote(id=QUOTE, cartVersion=3)).body
    assert place(quote(id=QUOTE, cartVersion=5)).body == first


REPLACED = ["quo_01kaqz5r7b8v0w3m2x4y6t9n1a", "quo_01kaqz5r7b8v0w3m2x4y6t9n1b"]


@pytest.mark.parametrize("before", REPLACED)
def test_a_quote_of_merged_carts_makes_those_of_both_void(
    place: Any, quote: Any, table: OrdersTable, before: str
) -> None:
    order_id = place(quote(replaces=REPLACED)).body["orderId"]
    answer = place(quote(id=before))
    assert (answer.status, answer.body["code"]) == (409, "already_ordered")
    assert answer.body["parameters"]["orderId"] == order_id
    assert table.order(before.replace("quo_", "ord_")) is None


@pytest.mark.parametrize("before", REPLACED)
def test_a_quote_of_merged_carts_is_void_once_that_of_either_is_ordered(
    place: Any, quote: Any, table: OrdersTable, before: str
) -> None:
    order_id = place(quote(id=before)).body["orderId"]
    answer = place(quote(id=QUOTE, replaces=REPLACED))
    assert (answer.status, answer.body["parameters"]["orderId"]) == (409, order_id)
    assert len(orders_in(table)) == 1


def test_a_quote_of_merged_carts_may_be_sent_twice(place: Any, quote: Any, told: Any) -> None:
    text = quote(id=QUOTE, replaces=REPLACED)
    assert place(text).body == place(text).body
    assert len({event["detail"]["id"] for event in told()}) == 1


def test_an_order_carries_its_carts_version(place: Any, quote: Any, told: Any) -> None:
    place(quote(cartVersion=7))
    assert [event["detail"]["data"]["cartVersion"] for event in told()] == [7]


def test_a_quote_signed_before_carts_told_their_version_is_ordered_all_the_same(
    place: Any, quote: Any, told: Any
) -> None:
    # A deploy may come between a quote and its order: what was promised stands for its 15 minutes.
    payload = json.loads(signing.verify("quote", quote()))
    del payload["cartVersion"]
    assert "replaces" not in payload
    text = signing.sign("quote", json.dumps(payload).encode())
    assert place(text).status == 202
    assert ["cartVersion" in event["detail"]["data"] for event in told()] == [False]


# --- whose it is ---------------------------------------------------------------------------------------------------


def test_a_guest_gets_a_token_for_the_order(place_as_guest: Any) -> None:
    body = place_as_guest().body
    assert body["customerId"] is None
    assert signing.verify("order-link", body["orderToken"]).startswith(body["orderId"].encode())


def test_a_customer_needs_no_token(place: Any) -> None:
    body = place().body
    assert (body["customerId"], body["orderToken"]) == (AMIRA, None)


def test_a_guests_quote_becomes_the_order_of_who_is_logged_in(place: Any, quote: Any) -> None:
    assert place(quote(customerId=None)).body["customerId"] == AMIRA


@pytest.mark.parametrize("subject", [None, "cus_eve"])
def test_a_customers_quote_is_not_found_by_others(
    place: Any, quote: Any, table: OrdersTable, subject: Any
) -> None:
    answer = place(quote(), subject=subject)
    assert (answer.status, answer.body["code"]) == (404, "quote_not_found")
    assert items(table) == []


def test_a_guests_quote_that_a_customer_ordered_by_is_used_up_for_others(place: Any, quote: Any) -> None:
    text = quote(customerId=None)
    place(text)
    assert place(text, subject=None).body["code"] == "already_ordered"
    assert place(text, subject="cus_eve").body["code"] == "already_ordered"


def test_a_guest_who_logs_in_and_sends_the_same_again_gets_the_same_order(place: Any, quote: Any) -> None:
    text = quote(customerId=None)
    assert place(text, subject=None).body == place(text).body


# --- Idempotency-Key -----------------------------------------------------------------------------------------------


def key(text: str = "k1") -> Any:
    return {"headers": {"Idempotency-Key": text}}


def test_the_same_key_and_body_give_the_same_answer(place: Any, quote: Any, table: OrdersTable) -> None:
    text = quote()
    first, second = place(text, **key()), place(text, **key())
    assert (first.status, first.body) == (second.status, second.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(orders_in(table)) == 1


def test_the_same_key_with_another_body_is_a_conflict(place: Any, quote: Any, table: OrdersTable) -> None:
    place(**key())
    answer = place(quote(), **key())
    assert (answer.status, answer.body["code"]) == (409, "idempotency_key_reused")
    assert len(orders_in(table)) == 1


def test_a_key_belongs_to_its_caller(place: Any, quote: Any) -> None:
    place(**key())
    assert place(quote(customerId="cus_eve"), subject="cus_eve", **key()).status == 202


def test_a_guests_key_belongs_to_the_cart(place: Any, quote: Any) -> None:
    one, other = quote(customerId=None), quote(customerId=None, cartId="crt_other")
    assert place(one, subject=None, **key()).status == 202
    assert place(other, subject=None, **key()).status == 202
    assert place(quote(customerId=None), subject=None, **key()).body["code"] == "idempotency_key_reused"


def test_a_request_that_came_to_nothing_leaves_its_key_free(place: Any, quote: Any) -> None:
    text = quote()
    place(text)
    assert place(text, token="tok_other", **key()).body["code"] == "already_ordered"
    assert place(**key()).status == 202


def test_a_key_is_forgotten_after_two_days(place: Any, table: OrdersTable) -> None:
    place(**key())
    (record,) = [item for item in items(table) if item["pk"]["S"].startswith("IDEM#")]
    boto3.client("dynamodb").put_item(TableName=table.name, Item={**record, "expires": {"N": "1"}})
    assert place(**key()).status == 202


# A key that is the quote's id says no more than the order's id does.

OTHER = QUOTE.replace("1c", "2c")


def test_the_quotes_id_as_the_key_leaves_no_record_but_the_order(
    place: Any, quote: Any, table: OrdersTable
) -> None:
    text = quote(id=QUOTE)
    first, second = place(text, **key(QUOTE)), place(text, **key(QUOTE))
    assert (first.status, second.status, second.body) == (202, 202, first.body)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert [item["pk"]["S"] for item in items(table)] == [f"ORDER#{ORDER}"]


@pytest.mark.parametrize("other", [{"token": "tok_other"}, {"email": "bea@example.com"}])
def test_the_quotes_id_as_the_key_of_another_request_is_a_conflict(
    place: Any, quote: Any, table: OrdersTable, other: dict[str, str]
) -> None:
    place(quote(id=QUOTE), **key(QUOTE))
    token = other.get("token", "tok_visa")
    changes = {name: value for name, value in other.items() if name != "token"}
    answer = place(quote(id=QUOTE, **changes), token=token, **key(QUOTE))
    assert (answer.status, answer.body["code"]) == (409, "already_ordered")
    assert orders_in(table) == [f"ORDER#{ORDER}"]


@pytest.mark.parametrize("is_ordered", [True, False])
def test_a_quotes_id_is_the_key_of_no_other_quote(
    place: Any, quote: Any, table: OrdersTable, is_ordered: bool
) -> None:
    if is_ordered:
        place(quote(id=QUOTE), **key(QUOTE))
    before = items(table)
    answer = place(quote(id=OTHER), **key(QUOTE))
    assert (answer.status, answer.body["code"]) == (409, "idempotency_key_reused")
    assert items(table) == before


def test_an_expired_quote_is_answered_the_same_under_any_key(place: Any, quote: Any) -> None:
    text = quote(id=QUOTE, valid_for=-timedelta(hours=1))
    codes = {name: place(text, **key(name)).body["code"] for name in ("k1", QUOTE, OTHER)}
    assert set(codes.values()) == {"quote_expired"}


@pytest.mark.parametrize("text", ["", "x" * 256, "two words", "ключ"])
def test_a_key_of_another_form_is_refused(place: Any, table: OrdersTable, text: str) -> None:
    answer = place(**key(text))
    assert (answer.status, answer.body["code"]) == (400, "invalid_idempotency_key")
    assert items(table) == []


# --- bad quotes ----------------------------------------------------------------------------------------------------


def edited(text: str, **changes: Any) -> str:
    payload, mac = text.split(".")
    shown = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return (
        base64.urlsafe_b64encode(json.dumps({**shown, **changes}).encode()).decode().rstrip("=") + "." + mac
    )


FORGERIES: dict[str, Callable[[Callable[..., str]], str]] = {
    "not a quote": lambda _: "nonsense",
    "no signature": lambda quote: quote().split(".")[0] + ".",
    "not base64": lambda quote: quote().split(".")[0] + ".!!!!",
    "cut off": lambda quote: quote()[:-1],
    "edited total": lambda quote: edited(quote(), totals={**SHOWN["totals"], "total": 1}),
    "another's made mine": lambda quote: edited(quote(customerId="cus_eve"), customerId=AMIRA),
    "prolonged": lambda quote: edited(
        quote(valid_for=-timedelta(hours=1)), expiresAt="2999-01-01T00:00:00.000Z"
    ),
    "signed for another purpose": lambda quote: quote(purpose="order-link"),
    "of no quote id": lambda quote: quote(id="ord_01kaqz5r7b8v0w3m2x4y6t9n1c"),
    "without lines": lambda quote: quote(lines=[]),
    "with fractions": lambda quote: quote(totals={**SHOWN["totals"], "total": 53.41}),
    "with no end": lambda quote: quote(expiresAt="soon"),
    "not JSON": lambda _: signing.sign("quote", b"\xff{"),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_quote_that_no_cart_signed_is_refused(
    place: Any, quote: Any, table: OrdersTable, forge: Any
) -> None:
    answer = place(forge(quote))
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (400, "quote_invalid", "/quote")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert items(table) == []


def test_a_quote_signed_with_another_key_is_refused(place: Any, quote: Any, table: OrdersTable) -> None:
    payload = signing.verify("quote", quote())
    signing._keys.clear()
    boto3.client("secretsmanager").put_secret_value(SecretId="souk-local-signing", SecretString="x" * 64)
    boto3.client("secretsmanager").put_secret_value(SecretId="souk-local-signing", SecretString="y" * 64)
    forged = signing.sign("quote", payload)
    signing._keys.clear()
    boto3.client("secretsmanager").put_secret_value(SecretId="souk-local-signing", SecretString="k" * 64)
    boto3.client("secretsmanager").put_secret_value(SecretId="souk-local-signing", SecretString="k" * 64)
    assert place(forged).body["code"] == "quote_invalid"
    assert items(table) == []


def test_an_expired_quote_is_gone(place: Any, quote: Any, table: OrdersTable) -> None:
    answer = place(quote(valid_for=timedelta(0)), **key())
    assert (answer.status, answer.body["code"]) == (410, "quote_expired")
    assert items(table) == []


def test_an_order_is_found_again_after_its_quote_has_expired(place: Any, quote: Any) -> None:
    text, late = quote(id=QUOTE), quote(id=QUOTE, valid_for=timedelta(0))
    first = place(text)
    assert (place(late).status, place(late).body) == (202, first.body)
    assert place(late, token="tok_other").body["code"] == "already_ordered"


# --- bad bodies ----------------------------------------------------------------------------------------------------

PAYMENT = {"token": "tok_visa"}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"payment": PAYMENT}, "/quote", "field_required"),
        ({"quote": "q.s"}, "/payment", "field_required"),
        ({"quote": 1, "payment": PAYMENT}, "/quote", "wrong_type"),
        ({"quote": "", "payment": PAYMENT}, "/quote", "field_required"),
        ({"quote": "q" * 50_001, "payment": PAYMENT}, "/quote", "too_long"),
        ({"quote": "q.s", "payment": "tok_visa"}, "/payment", "wrong_type"),
        ({"quote": "q.s", "payment": {}}, "/payment/token", "field_required"),
        ({"quote": "q.s", "payment": {"token": None}}, "/payment/token", "wrong_type"),
        ({"quote": "q.s", "payment": {"token": "tok visa"}}, "/payment/token", "wrong_form"),
        ({"quote": "q.s", "payment": {"token": "tok_visa\n"}}, "/payment/token", "wrong_form"),
        ({"quote": "q.s", "payment": {"token": "4242424242424242"}}, "/payment/token", "wrong_form"),
        ({"quote": "q.s", "payment": {"token": "t" * 256}}, "/payment/token", "too_long"),
        ({"quote": "q.s", "payment": {**PAYMENT, "cvc": "123"}}, "/payment/cvc", "unknown_field"),
        ({"quote": "q.s", "payment": PAYMENT, "total": 1}, "/total", "unknown_field"),
        ([], "", "wrong_type"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_its_field(
    send: Any, table: OrdersTable, body: Any, pointer: str, code: str
) -> None:
    answer = send("POST", "/orders", body, subject=AMIRA)
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (400, code, pointer)
    assert "4242424242424242" not in json.dumps(answer.body)
    assert items(table) == []


@pytest.mark.parametrize(
    ("body", "code"), [(None, "body_required"), ("", "body_required"), ("{", "malformed_json")]
)
def test_a_body_that_is_no_json_is_refused(send: Any, table: OrdersTable, body: Any, code: str) -> None:
    answer = send("POST", "/orders", body, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (400, code)
    assert items(table) == []


def test_a_body_above_the_limit_is_refused(send: Any, table: OrdersTable) -> None:
    answer = send("POST", "/orders", {"quote": "q" * 70_000, "payment": PAYMENT}, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (413, "body_too_large")
    assert items(table) == []


def test_a_body_of_another_type_is_refused(send: Any, table: OrdersTable) -> None:
    answer = send("POST", "/orders", "quote=q", headers={"Content-Type": "text/plain"}, subject=AMIRA)
    assert answer.status == 415
    assert items(table) == []
