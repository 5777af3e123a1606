"""The form in which the journal stores facts: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.journal.domain import JournalEntry, OrderSummary
from functions.journal.table import JournalTable

AT = datetime(2026, 11, 22, 17, 5, 9, 123000, tzinfo=UTC)
TIME = "2026-11-22T17:05:09.123Z"
EXPIRES = 1797959109
CUSTOMER = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"
FACT = JournalEntry(
    id="ord_1.1.OrderPlaced",
    type="OrderPlaced",
    source="orders",
    time=TIME,
    subject="ord_1",
    correlation_id="c0ffee",
    causation_id=None,
    version=1,
    actor=CUSTOMER,
    data={"total": 1999},
)
TEXT = (
    '{"id":"ord_1.1.OrderPlaced","type":"OrderPlaced","source":"orders","time":"2026-11-22T17:05:09.123Z",'
    '"subject":"ord_1","correlation_id":"c0ffee","causation_id":null,"version":1,'
    f'"actor":"{CUSTOMER}","data":{{"total":1999}}}}'
)


@pytest.fixture
def table(deploy: Callable[[str], str]) -> JournalTable:
    return JournalTable(deploy("journal"))


def test_a_fact_is_stored_in_the_form_that_all_versions_read(table: JournalTable, stored: Any) -> None:
    table.store(FACT)
    place = {"sk": f"{TIME}#ord_1.1.OrderPlaced", "expires": EXPIRES}
    assert stored(table) == [
        {"pk": "ACT#2026-11-22", **place, "entry": TEXT},
        {"pk": f"NAMES#{CUSTOMER}", **place, "subject": "ord_1"},
        {
            "pk": "OF#ord_1",
            **place,
            "feed": "MINUTE#2026-11-22T17:05#2",
            "at": f"{TIME}#ord_1.1.OrderPlaced",
            "entry": TEXT,
        },
    ]
    assert table.of("ord_1", 10, None) == ([FACT], None)


def test_a_fact_of_long_ago_is_read(table: JournalTable) -> None:
    text = (
        '{"id":"e","type":"T","source":"s","time":"2026","subject":"ord_1","correlation_id":"c",'
        '"causation_id":"d","version":2}'
    )
    table.put({"pk": "OF#ord_1", "sk": "2026#e", "entry": text})
    assert table.of("ord_1", 10, None)[0] == [JournalEntry("e", "T", "s", "2026", "ord_1", "c", "d", 2)]


def test_a_summary_is_stored_in_the_form_that_all_versions_read(table: JournalTable, stored: Any) -> None:
    summary = OrderSummary("ord_1", "placed", 1, TIME, total=1999, currency="EUR")
    table.summarise(summary, AT)
    assert stored(table) == [
        {
            "pk": "OF#ord_1",
            "sk": "SUMMARY",
            "version": 1,
            "told": f"1#{TIME}",
            "feed": "ORDERS#2026-11-22#3",
            "at": f"{TIME}#ord_1",
            "summary": '{"order_id":"ord_1","status":"placed","version":1,"placed_at":"2026-11-22T17:05:09.123Z",'
            '"reason":null,"total":1999,"currency":"EUR"}',
            "expires": EXPIRES,
        }
    ]
    assert table.summary("ord_1") == summary
