"""Until when a customer may call an order off: until it is confirmed, in a window after that, or while it is unpaid."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest

from functions.orders import service
from functions.orders.domain import Order
from functions.orders.table import OrdersTable
from functions.shared.clock import parse, rfc3339
from functions.shared.context import Caller
from functions.shared.errors import ConflictError
from tests.support.templates import template
from tests.unit.orders.conftest import AMIRA, about, authorised, reserved

HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=1)
CUSTOMER = Caller(AMIRA, frozenset({"customer"}))
STAFF = Caller("cus_staff", frozenset({"staff"}))
GUEST = Caller(None, frozenset())


class Confirmed(NamedTuple):
    """A confirmed order, what opens it for a guest, and when it was confirmed."""

    order_id: str
    token: str | None
    at: datetime


def confirm(placed: Any, hear: Any, table: OrdersTable) -> Confirmed:
    order_id = placed["orderId"]
    assert hear(reserved(order_id), authorised(order_id)) == []
    order = table.order(order_id)
    assert order
    (time,) = (entry.time for entry in order.timeline if entry.type == "OrderConfirmed")
    return Confirmed(order_id, placed["orderToken"], parse(time))


@pytest.fixture
def amiras(place: Any, hear: Any, table: OrdersTable) -> Confirmed:
    return confirm(place().body, hear, table)


@pytest.fixture
def guests(place_as_guest: Any, hear: Any, table: OrdersTable) -> Confirmed:
    return confirm(place_as_guest().body, hear, table)


def cancel(
    table: OrdersTable, order: Confirmed, who: Caller, at: datetime, window: timedelta = HOUR
) -> Order:
    return service.cancel(table, order.order_id, who, order.token, window, at)


def refused(table: OrdersTable, order: Confirmed, who: Caller, at: datetime) -> ConflictError:
    before = table.order(order.order_id)
    with pytest.raises(ConflictError) as error:
        cancel(table, order, who, at)
    assert error.value.code == "cancellation_window_over"
    assert table.order(order.order_id) == before
    return error.value


def test_the_last_moment_of_the_window_is_in_time(table: OrdersTable, amiras: Confirmed) -> None:
    off = cancel(table, amiras, CUSTOMER, amiras.at + HOUR - MOMENT)
    assert (off.status, off.reason) == ("cancelled", "customer")


def test_the_end_of_the_window_is_too_late_and_changes_nothing(table: OrdersTable, amiras: Confirmed) -> None:
    error = refused(table, amiras, CUSTOMER, amiras.at + HOUR)
    assert error.parameters == {"until": rfc3339(amiras.at + HOUR)}


def test_a_guest_has_the_same_time(table: OrdersTable, guests: Confirmed) -> None:
    refused(table, guests, GUEST, guests.at + HOUR)
    assert cancel(table, guests, GUEST, guests.at + HOUR - MOMENT).reason == "customer"


def test_later_staff_call_it_off(table: OrdersTable, amiras: Confirmed) -> None:
    assert cancel(table, amiras, STAFF, amiras.at + 100 * HOUR).reason == "operator"


def test_staff_who_hold_a_guests_link_are_staff(table: OrdersTable, guests: Confirmed) -> None:
    assert cancel(table, guests, STAFF, guests.at + 100 * HOUR).reason == "operator"


def test_staff_call_their_own_order_off_for_themselves(table: OrdersTable, amiras: Confirmed) -> None:
    own = Caller(AMIRA, frozenset({"customer", "staff"}))
    assert cancel(table, amiras, own, amiras.at + 100 * HOUR).reason == "customer"


def test_what_is_off_already_stays_so_however_late(table: OrdersTable, amiras: Confirmed) -> None:
    cancel(table, amiras, STAFF, amiras.at)
    assert cancel(table, amiras, CUSTOMER, amiras.at + 100 * HOUR).reason == "operator"


def test_before_it_is_confirmed_there_is_no_end(place: Any, table: OrdersTable) -> None:
    placed = place().body
    order = Confirmed(placed["orderId"], None, parse(placed["placedAt"]))
    assert cancel(table, order, CUSTOMER, order.at + 100 * HOUR).reason == "customer"


def capture_failed(order_id: str) -> dict[str, Any]:
    name = "payments/PaymentCaptureFailed.v1"
    return about(name, order_id, 2, code="authorisation_ended", attempt=1)


def test_while_it_is_unpaid_there_is_no_end(table: OrdersTable, hear: Any, amiras: Confirmed) -> None:
    hear(capture_failed(amiras.order_id))
    assert cancel(table, amiras, CUSTOMER, amiras.at + 100 * HOUR).reason == "customer"


def test_once_it_is_paid_by_other_means_its_time_is_over(
    table: OrdersTable, hear: Any, amiras: Confirmed
) -> None:
    hear(capture_failed(amiras.order_id))
    service.pay_again(table, amiras.order_id, "tok_visa", CUSTOMER, None, amiras.at + 2 * HOUR)
    refused(table, amiras, CUSTOMER, amiras.at + 2 * HOUR)
    hear(about("payments/PaymentCaptured.v1", amiras.order_id, 5))
    refused(table, amiras, CUSTOMER, amiras.at + 2 * HOUR)


def test_the_order_says_until_when(send: Any, place: Any, hear: Any, table: OrdersTable) -> None:
    placed = place().body

    def shown() -> Any:
        path = {"orderId": placed["orderId"]}
        return send("GET", "/orders/{orderId}", path=path, subject=AMIRA).body["cancellableUntil"]

    assert (placed["cancellableUntil"], shown()) == (None, None)
    order = confirm(placed, hear, table)
    assert shown() == rfc3339(order.at + HOUR)
    hear(
        about("payments/PaymentCaptured.v1", order.order_id, 5),
        about("inventory/StockCommitted.v1", order.order_id),
    )
    assert shown() == rfc3339(order.at + HOUR)
    listed = send("GET", "/orders", subject=AMIRA).body["items"]
    assert [one["cancellableUntil"] for one in listed] == [rfc3339(order.at + HOUR)]
    cancel(table, order, STAFF, order.at)
    assert shown() is None


def test_without_a_window_a_confirmed_order_is_the_shops_to_cancel(
    send: Any, amiras: Confirmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANCELLATION_WINDOW_SECONDS", "0")
    path = {"orderId": amiras.order_id}
    answer = send("POST", "/orders/{orderId}/cancel", None, path=path, subject=AMIRA)
    assert (answer.status, answer.body["code"]) == (409, "cancellation_window_over")
    assert send("GET", "/orders/{orderId}", path=path, subject=AMIRA).body["status"] == "confirmed"
    assert (
        send("POST", "/orders/{orderId}/cancel", None, path=path, subject="cus_s", roles="staff").status
        == 200
    )


def test_the_window_is_an_hour_unless_the_shop_says_otherwise() -> None:
    assert template("orders")["Parameters"]["CancellationWindowSeconds"]["Default"] == 3600
