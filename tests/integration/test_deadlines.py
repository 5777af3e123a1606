"""Somebody does not answer: the order ends at its deadline, and whoever comes back late finds that it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.patience import eventually
from tools.local.buyer import Buyer

Stock = Callable[[str], tuple[int, int]]
Goods = Callable[..., str]


@pytest.mark.parametrize("participant", ["payments", "inventory"])
def test_a_silent_participant_ends_the_order_at_its_deadline(
    participant: str,
    amira: Buyer,
    admin: Buyer,
    goods: Goods,
    stock: Stock,
    silenced: Any,
    calm: Any,
    invoke: Any,
    over_at_once: Any,
) -> None:
    sku = goods(3)
    quote = amira.quote(amira.fill_cart({sku: 2}))["quote"]
    with silenced(f"{participant}-inbox"), over_at_once():
        order_id = amira.place(quote).body["orderId"]
        assert eventually(lambda: invoke("orders-sweep") and amira.order(order_id)["status"] != "placed")
        order = amira.order(order_id)
        assert (order["status"], order["reason"]) == ("cancelled", "timeout")
    calm()
    assert stock(sku) == (3, 3)
    paid = admin.send("GET", f"/payments/{order_id}")
    assert paid.status == 404 or paid.body["captured"]["amount"] == 0
    assert paid.status == 404 or paid.body["status"] in ("voided", "refused")
    assert amira.order(order_id)["reason"] == "timeout"


def test_a_participant_that_comes_back_in_time_still_has_its_say(
    amira: Buyer, goods: Goods, stock: Stock, silenced: Any, invoke: Any
) -> None:
    sku = goods(3)
    quote = amira.quote(amira.fill_cart({sku: 1}))["quote"]
    with silenced("payments-inbox"):
        order_id = amira.place(quote).body["orderId"]
        assert eventually(lambda: stock(sku) == (3, 2))
        invoke("orders-sweep")
        assert amira.order(order_id)["status"] == "placed"
    assert amira.decided(order_id)["status"] == "confirmed"
