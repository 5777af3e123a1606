"""A worker that dies, or an answer that is lost, at each point: the message comes again and the effect is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.payments import domain
from functions.payments.providers.domain import ProviderUnavailableError
from functions.payments.table import PaymentsTable
from tests.unit.payments.conftest import ORDER, Shop
from tests.unit.payments.fake_provider import Crash, FakeProvider


class DyingTable(PaymentsTable):
    """The table, with a worker that dies before or after one of its writes."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.dies_before = self.dies_after = 0

    def _write(self, write: Callable[[], bool]) -> bool:
        self.dies_before, self.dies_after = self.dies_before - 1, self.dies_after - 1
        if self.dies_before == 0:
            raise Crash("before the write")
        done = write()
        if self.dies_after == 0:
            raise Crash("after the write")
        return done

    def add(self, *args: object, **options: object) -> bool:
        return self._write(lambda: PaymentsTable.add(self, *args, **options))  # type: ignore[arg-type]

    def move(self, *args: object, **options: object) -> bool:
        return self._write(lambda: PaymentsTable.move(self, *args, **options))  # type: ignore[arg-type]


@pytest.fixture
def dying(table: PaymentsTable, provider: FakeProvider) -> tuple[Shop, DyingTable]:
    mortal = DyingTable(table.name)
    return Shop(mortal, provider), mortal


def test_a_hold_whose_worker_died_is_found_again(shop: Shop) -> None:
    shop.provider.crash_after("authorise")
    with pytest.raises(Crash):
        shop.place()
    shop.place()
    assert (shop.payment.status, shop.provider.status) == ("authorized", {ORDER: "authorized"})


def test_a_hold_whose_worker_died_is_freed_when_the_order_was_cancelled_since(shop: Shop) -> None:
    shop.provider.crash_after("authorise")
    with pytest.raises(Crash):
        shop.place()
    shop.cancel()
    shop.place()
    assert (shop.payment.status, shop.provider.status[ORDER]) == ("refused", "voided")


def test_a_hold_whose_message_never_comes_again_is_freed_by_the_sweep(shop: Shop) -> None:
    shop.provider.crash_after("authorise")
    with pytest.raises(Crash):
        shop.place()
    shop.cancel()
    assert shop.provider.status[ORDER] == "authorized"
    shop.sweep(minutes=11)
    assert shop.provider.status[ORDER] == "voided"


def test_a_hold_whose_answer_is_lost_is_found_by_the_retry(shop: Shop) -> None:
    shop.provider.lose("authorise")
    shop.place()
    assert (shop.payment.status, shop.provider.calls) == ("authorized", ["authorise", "authorise"])


def test_an_order_waits_in_its_queue_while_the_provider_is_down(shop: Shop) -> None:
    shop.provider.down("authorise")
    with pytest.raises(ProviderUnavailableError):
        shop.place()
    assert shop.table.payment(ORDER) is None


@pytest.mark.parametrize("point", ["dies_before", "dies_after"])
@pytest.mark.parametrize("steps", [("place",), ("place", "confirm"), ("place", "cancel")], ids="-".join)
def test_a_worker_that_dies_at_its_write_is_made_up_for(
    dying: tuple[Shop, DyingTable], steps: tuple[str, ...], point: str
) -> None:
    shop, mortal = dying
    for step in steps[:-1]:
        getattr(shop, step)()
    setattr(mortal, point, 1)
    with pytest.raises(Crash):
        getattr(shop, steps[-1])()
    getattr(shop, steps[-1])()
    expected = {"place": "authorized", "confirm": "captured", "cancel": "voided"}[steps[-1]]
    assert (shop.payment.status, shop.provider.status[ORDER]) == (expected, expected)


@pytest.mark.parametrize("point", ["dies_before", "dies_after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_full_refund_whose_worker_died_is_paid_once(
    dying: tuple[Shop, DyingTable], write: int, point: str
) -> None:
    shop, mortal = dying
    shop.place()
    shop.confirm()
    setattr(mortal, point, write)
    with pytest.raises(Crash):
        shop.cancel()
    shop.cancel()
    assert (shop.payment.refunded, shop.payment.refunding) == (5000, 0)
    assert (list(shop.provider.given(ORDER).values()), len(shop.ledger())) == ([5000], 2)


def test_a_capture_whose_worker_died_is_taken_once(shop: Shop) -> None:
    shop.place()
    shop.provider.crash_after("capture")
    with pytest.raises(Crash):
        shop.confirm()
    shop.confirm()
    assert (shop.payment.captured, len(shop.ledger())) == (5000, 1)


def test_a_capture_that_was_never_recorded_is_refunded_with_both_lines_in_the_ledger(shop: Shop) -> None:
    shop.place()
    shop.provider.crash_after("capture")
    with pytest.raises(Crash):
        shop.confirm()
    shop.cancel()
    assert [kind for kind, *_ in shop.ledger()] == ["capture", "refund"]
    assert shop.payment.standing == "refunded"


def test_a_void_whose_worker_died_is_recorded_by_the_next(shop: Shop) -> None:
    shop.place()
    shop.provider.crash_after("void")
    with pytest.raises(Crash):
        shop.cancel()
    shop.cancel()
    assert (shop.payment.status, [kind for kind, _ in shop.told()]) == ("voided", ["PaymentVoided"])


def test_a_capture_while_the_provider_is_down_is_taken_later_by_the_sweep(shop: Shop) -> None:
    shop.place()
    shop.provider.down("capture")
    shop.confirm()
    shop.provider.up()
    shop.sweep(minutes=2)
    assert (shop.payment.status, shop.payment.captured, len(shop.ledger())) == ("captured", 5000, 1)


def test_a_capture_whose_answer_is_lost_for_long_is_taken_once(shop: Shop) -> None:
    shop.place()
    shop.provider.lose("capture", times=3)
    shop.confirm()
    assert shop.payment.status == "capturing"
    shop.sweep(minutes=2)
    assert (shop.payment.captured, shop.provider.captured[ORDER], len(shop.ledger())) == (5000, 5000, 1)


def test_a_void_while_the_provider_is_down_is_done_later_by_the_sweep(shop: Shop) -> None:
    shop.place()
    shop.provider.down("void")
    shop.cancel()
    assert shop.payment.status == "voiding"
    shop.provider.up()
    shop.sweep(minutes=2)
    assert (shop.payment.status, shop.provider.status[ORDER]) == ("voided", "voided")


def test_a_confirmation_that_comes_while_a_void_waits_takes_nothing(shop: Shop) -> None:
    shop.place()
    shop.provider.down("void")
    shop.cancel()
    shop.confirm()
    assert (shop.payment.status, shop.provider.captured) == ("voiding", {})


def test_a_cancellation_that_comes_while_a_capture_waits_frees_the_hold(shop: Shop) -> None:
    shop.place()
    shop.provider.down("capture")
    shop.confirm()
    shop.cancel()
    assert (shop.payment.status, shop.provider.captured) == ("voided", {})


def test_a_cancellation_that_comes_while_a_lost_capture_waits_refunds_it(shop: Shop) -> None:
    shop.place()
    shop.provider.lose("capture", times=3)
    shop.confirm()
    shop.cancel()
    assert (shop.payment.standing, sum(shop.provider.given(ORDER).values())) == ("refunded", 5000)


def test_two_workers_with_the_same_order_hold_once(shop: Shop) -> None:
    shop.provider.meanwhile("authorise", shop.place)
    shop.place()
    assert (shop.payment.version, shop.provider.status) == (1, {ORDER: "authorized"})


def test_two_workers_with_the_same_confirmation_write_one_line(shop: Shop) -> None:
    shop.place()
    shop.provider.meanwhile("capture", shop.confirm)
    shop.confirm()
    assert (shop.payment.version, len(shop.ledger())) == (2, 1)


def test_a_worker_with_an_old_view_overwrites_nothing(shop: Shop) -> None:
    shop.place()
    before = shop.payment
    shop.confirm()
    assert not shop.table.move(before, domain.capture_failed(before, "late"), None, shop.at)
    assert shop.payment.status == "captured"
