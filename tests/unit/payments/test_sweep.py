"""What is open is found and gone on with; what is closed leaves the index."""

from __future__ import annotations

import json

import pytest

from functions.shared import log
from tests.unit.payments.conftest import ORDER, Shop


def test_a_hold_without_a_decision_asks_for_it(shop: Shop) -> None:
    shop.place()
    assert shop.sweep(minutes=8) == 1
    ((kind, data),) = shop.told()
    assert (kind, data["reminder"]) == ("PaymentAuthorized", True)


def test_a_hold_within_its_time_is_left_alone(shop: Shop) -> None:
    shop.place()
    assert shop.sweep(minutes=6) == 0


def test_a_reminder_is_a_new_version(shop: Shop) -> None:
    shop.place()
    shop.sweep(minutes=8)
    assert shop.payment.version == 2


def test_the_next_reminder_waits_five_minutes(shop: Shop) -> None:
    shop.place()
    shop.sweep(minutes=8)
    assert [shop.sweep(minutes=4), shop.sweep(minutes=2)] == [0, 1]


def test_a_reminded_hold_is_captured_like_any_other(shop: Shop) -> None:
    shop.place()
    shop.sweep(minutes=8)
    shop.confirm()
    assert (shop.payment.status, shop.ledger()[0][0]) == ("captured", "capture")


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
    shop.place()
    capsys.readouterr()
    log.logged("sweep", lambda *_: shop.sweep(minutes=8))({}, None)
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["correlationId"], line["orderId"], line["outcome"]) == (ORDER, ORDER, "ok")
