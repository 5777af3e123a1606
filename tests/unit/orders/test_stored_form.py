"""The form in which orders are stored: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from functions.orders.domain import (
    Content,
    Mail,
    MoneyBack,
    Order,
    OrderLine,
    TaxPart,
    TimelineEntry,
    Totals,
)
from functions.orders.table import OrdersTable
from functions.shared.addresses import PostalAddress

AT = datetime(2026, 11, 22, 17, 5, 9, 123000, tzinfo=UTC)
PLACED_AT = "2026-11-22T17:05:09.123Z"
DECIDE_BY = "2026-11-22T17:07:09.123Z"
KEY = {"pk": "ORDER#ord_1", "sk": "ORDER"}
CONTENT = Content(
    cart_id="crt_1",
    email="amira@example.com",
    lines=(
        OrderLine("POT-CLAY-L", "prd_1", "Clay pot, größer", 2, 1999, 3998, 190_000, 638),
        OrderLine("MUG-1", "prd_2", "A “mug”", 1, 500, 500, 70_000, 33),
    ),
    totals=Totals(
        "EUR",
        4498,
        490,
        745,
        4990,
        2,
        (TaxPart(190_000, 3726, 708), TaxPart(70_000, 517, 37)),
        tax_included=True,
    ),
    shipping_address=PostalAddress(
        "Amira Haddad", "Sonnenallee 12", "Berlin", "12047", "DE", "2nd", "Berlin"
    ),
    payment_token="tok_visa",
    decide_by=DECIDE_BY,
    cart_version=3,
)
TEXT = (
    '["crt_1","amira@example.com",'
    '[["POT-CLAY-L","prd_1","Clay pot, größer",2,1999,3998,190000,638],["MUG-1","prd_2","A “mug”",1,500,500,70000,33]],'
    '["EUR",4498,490,745,4990,2,[[190000,3726,708],[70000,517,37]],true],'
    '["Amira Haddad","Sonnenallee 12","Berlin","12047","DE","2nd","Berlin"],'
    '"tok_visa","2026-11-22T17:07:09.123Z",3]'
)
PLAIN_TEXT = (
    '["crt_1","a@b.ie",[["MUG-1","prd_2","A mug",1,500,500,0,0]],["EUR",500,0,0,500,0,[],false],'
    '["A","1 Main St","Cork",null,"IE",null,null],"tok_visa","2026-11-22T17:07:09.123Z",0]'
)
OLD_TEXT = (
    '["crt_1","a@b.ie",[["MUG-1","prd_2","A mug",1,500,500]],["EUR",500,0,0,500],'
    '["A","1 Main St","Cork",null,"IE"],"tok_visa","2026-11-22T17:07:09.123Z"]'
)
NEWER_TEXT = (
    '["crt_1","a@b.ie",[["MUG-1","prd_2","A mug",1,500,500,0,0,"new"]],["EUR",500,0,0,500,0,[],false,"new"],'
    '["A","1 Main St","Cork",null,"IE",null,null,"new"],"tok_visa","2026-11-22T17:07:09.123Z",0,"new"]'
)
PLAIN = Content(
    cart_id="crt_1",
    email="a@b.ie",
    lines=(OrderLine("MUG-1", "prd_2", "A mug", 1, 500, 500),),
    totals=Totals("EUR", 500, 0, 0, 500),
    shipping_address=PostalAddress("A", "1 Main St", "Cork", None, "IE"),
    payment_token="tok_visa",
    decide_by=DECIDE_BY,
)


def test_a_new_order_is_stored_in_the_form_that_all_versions_read(table: OrdersTable, stored: Any) -> None:
    order = Order("ord_1", "cus_1", PLACED_AT, CONTENT, correlation_id="purchase-1")
    assert table.place(order)
    assert stored(table) == [
        {
            **KEY,
            "customer": "cus_1",
            "placed_at": PLACED_AT,
            "content": TEXT,
            "status": "placed",
            "version": 1,
            "correlation_id": "purchase-1",
            "open_shard": "OPEN#3",
            "open_at": DECIDE_BY,
        }
    ]
    assert table.order("ord_1") == order


def test_what_became_of_an_order_is_stored_in_the_form_that_all_versions_read(
    table: OrdersTable, stored: Any
) -> None:
    before = Order("ord_1", None, PLACED_AT, PLAIN)
    assert table.place(before)
    after = Order(
        "ord_1",
        None,
        PLACED_AT,
        PLAIN,
        status="cancelled",
        reason="customer",
        parts={"inventory": "released", "payments": "partially_refunded"},
        back=MoneyBack(4, 300, 200, 100, 50, 1),
        timeline=(
            TimelineEntry(PLACED_AT, "StockReserved", "ord_1.1.StockReserved"),
            TimelineEntry(DECIDE_BY, "OrderCancelled", "guest", "two words", 2),
        ),
        version=2,
        attempts=2,
        failed_attempt=1,
    )
    assert table.change(before, after, None)
    assert stored(table) == [
        {
            **KEY,
            "placed_at": PLACED_AT,
            "content": PLAIN_TEXT,
            "status": "cancelled",
            "reason": "customer",
            "version": 2,
            "stock": "released",
            "payment": "partially_refunded",
            "refunded": 300,
            "back": "4 0 200 100 50 1",
            "timeline": [
                f"{PLACED_AT} StockReserved ~.1.StockReserved",
                f"{DECIDE_BY} OrderCancelled@2 guest two words",
            ],
            "attempts": 2,
            "failed_attempt": 1,
            "open_shard": "UNSETTLED#3",
            "open_at": PLACED_AT,
        }
    ]
    assert table.order("ord_1") == after


def test_an_order_is_read_without_what_later_versions_store_and_with_what_they_add(
    table: OrdersTable,
) -> None:
    old = {"placed_at": PLACED_AT, "status": "placed", "version": 1}
    for text in (OLD_TEXT, NEWER_TEXT):
        table.put({**KEY, **old, "content": text, "anything": "new"})
        assert table.order("ord_1") == Order("ord_1", None, PLACED_AT, PLAIN)


def test_a_refund_of_before_its_version_was_stored_is_read(table: OrdersTable) -> None:
    table.put(
        {
            **KEY,
            "placed_at": PLACED_AT,
            "status": "confirmed",
            "version": 5,
            "content": PLAIN_TEXT,
            "refunded": 300,
        }
    )
    order = table.order("ord_1")
    assert order
    assert order.back == MoneyBack(refunded=300)
    assert (order.attempts, order.failed_attempt, order.timeline, order.parts) == (1, 0, (), {})


def test_mails_are_read_with_and_without_who_asked_for_them(table: OrdersTable) -> None:
    sent = {"pk": "ORDER#ord_1", "kind": "confirmed", "sent_at": PLACED_AT, "expires": 1}
    table.put({**sent, "sk": "MAIL#confirmed"})
    table.put({**sent, "sk": "MAIL#again", "by": "usr_1"})
    assert table.mails("ord_1") == [
        Mail("again", "confirmed", "usr_1", PLACED_AT),
        Mail("confirmed", "confirmed", None, PLACED_AT),
    ]
