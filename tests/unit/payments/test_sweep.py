"""What is open is found and gone on with; what is closed leaves the index."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from functions.shared import log
from tests.unit.payments.conftest import ORDER, Shop


def test_a_hold_waits_for_the_decision_and_asks_for_nothing(shop: Shop) -> None:
    shop.place()
    assert shop.sweep(days=30) == 0
    shop.confirm()
    assert (shop.payment.status, shop.ledger()[0][0]) == ("captured", "capture")


@pytest.mark.parametrize("held", [True, False])
def test_a_cancellation_that_was_followed_is_answered_again_each_time_it_comes(
    shop: Shop, held: bool
) -> None:
    if held:
        shop.place()
    shop.cancel()
    if not held:
        assert shop.told() == [], "somebody may be holding the money just now"
        shop.sweep(minutes=11)
    ((kind, first),) = shop.told()
    payment = shop.payment
    shop.at += timedelta(hours=1)
    shop.cancel()
    assert (kind, shop.payment) == ("PaymentVoided", payment)
    (again,) = shop.answers
    assert (again.detail.id, again.detail.time) == (f"{ORDER}.2.PaymentVoided", payment.changed_at)
    assert json.loads(bytes(again.detail.data)) == first


@pytest.mark.parametrize("end", ["confirm", "cancel"])
def test_a_decided_payment_is_never_looked_at_again(shop: Shop, end: str) -> None:
    shop.place()
    getattr(shop, end)()
    assert shop.sweep(days=30) == 0


def test_a_declined_payment_is_never_looked_at(shop: Shop) -> None:
    shop.place("declined")
    assert shop.sweep(days=30) == 0


def test_a_tombstone_is_looked_at_once(shop: Shop) -> None:
    shop.cancel()
    assert [shop.sweep(minutes=11), shop.sweep(days=30)] == [1, 0]


def test_a_tombstone_waits_for_a_provider_that_is_down(shop: Shop) -> None:
    shop.cancel()
    shop.provider.down("void")
    shop.sweep(minutes=11)
    shop.provider.up()
    shop.sweep(minutes=2)
    assert (shop.payment.status, shop.payment.open_at, shop.provider.status[ORDER]) == (
        "refused",
        "",
        "voided",
    )


def test_a_capture_that_still_fails_is_tried_a_minute_later(shop: Shop) -> None:
    shop.place()
    shop.provider.down("capture")
    shop.confirm()
    assert [shop.sweep(minutes=2), shop.sweep(seconds=30), shop.sweep(minutes=1)] == [1, 0, 1]
    assert shop.payment.status == "capturing"


def test_one_payment_that_fails_does_not_hold_up_the_others(shop: Shop) -> None:
    shop.place()
    shop.provider.down("capture")
    shop.confirm()
    broken = shop.table.get({"pk": f"PAYMENT#{ORDER}", "sk": "PAYMENT"}) or {}
    shop.table.put({**broken, "pk": "PAYMENT#ord_0", "order_id": "ord_0", "provider": "gone"})
    shop.provider.up()
    shop.sweep(minutes=2)
    assert shop.payment.status == "captured"


def test_each_payment_that_is_looked_at_has_its_line(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.cancel()
    capsys.readouterr()
    log.logged("sweep", lambda *_: shop.sweep(minutes=11))({}, None)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["correlationId"], line["orderId"], line["outcome"]) == (ORDER, ORDER, "ok")
