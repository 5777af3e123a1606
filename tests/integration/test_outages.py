"""A service is down: who buys does not notice, and the front door says which one it is to who asks it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.patience import eventually
from tools.local.buyer import Buyer
from tools.local.shop import Shop
from tools.local.stack import Stack
from tools.services import segments

Goods = Callable[..., str]


@pytest.mark.parametrize("segment", segments())
def test_every_service_answers(guest: Buyer, segment: str) -> None:
    answer = guest.send("GET", f"/{segment}/health")
    assert (answer.status, answer.body) == (200, {"status": "ok", "service": segments()[segment]})


def test_an_order_is_bought_while_everything_it_does_not_need_is_down(
    stack: Stack, amira: Buyer, guest: Buyer, goods: Goods, silenced: Any
) -> None:
    sku = goods(3)
    amira.fill_cart({sku: 1})  # so that the cart has heard of it
    with contextlib.ExitStack() as down:
        for function in ("catalog-http", "identity-http", "inventory-http", "payments-http", "journal-inbox"):
            down.enter_context(silenced(function))
        answer = guest.send("GET", "/catalog/products")
        assert (answer.status, answer.code) == stack.emulator.throttled
        order_id = amira.buy({sku: 1})["orderId"]
        assert amira.decided(order_id)["status"] == "confirmed"


def test_carts_and_quotes_go_on_while_orders_is_down(
    stack: Stack, amira: Buyer, goods: Goods, silenced: Any
) -> None:
    cart = amira.fill_cart({goods(3): 1})
    with silenced("orders-http"):
        quote = amira.quote(cart)["quote"]
        refused = amira.place(quote)
        assert (refused.status, refused.code) == stack.emulator.throttled
    assert amira.place(quote).status == 202


def test_what_is_at_no_service_is_not_found(guest: Buyer) -> None:
    for path in ("/orders/health/more", "/inventory/nothing", "/identity"):
        answer = guest.send("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json"), path


def takes_no_calls_for_a_while(stack: Stack) -> None:
    """See what a caller is told meanwhile, and that the function answers again."""
    shop, functions, name = Shop(stack.url), stack.client("lambda"), "souk-local-catalog-http"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        answer = shop.call("GET", "/catalog/products")
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    assert (answer.status, answer.code) == stack.emulator.throttled
    assert answer.headers["content-type"] == "application/problem+json"
    assert eventually(lambda: shop.call("GET", "/catalog/products").status == 200)


def test_a_function_that_takes_no_calls_fails_as_a_problem_and_then_answers_again(stack: Stack) -> None:
    """On LocalStack with another status: test_localstack.py."""
    takes_no_calls_for_a_while(stack)
