"""Times as Souk writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from functions.shared.clock import epoch, now, parse, rfc3339

MOMENT = datetime(2026, 11, 22, 17, 5, 9, 123_456, tzinfo=UTC)


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(MOMENT) == "2026-11-22T17:05:09.123Z"
    assert rfc3339(MOMENT.astimezone(timezone(timedelta(hours=-7)))) == "2026-11-22T17:05:09.123Z"


def test_written_times_sort_as_the_times_do() -> None:
    times = [MOMENT + timedelta(milliseconds=step) for step in (0, 1, 877, 60_000, 86_400_000)]
    written = [rfc3339(time) for time in times]
    assert written == sorted(written)


def test_a_time_is_read_as_it_was_written() -> None:
    assert parse(rfc3339(MOMENT)) == MOMENT.replace(microsecond=123_000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-11-22",
        "2026-11-22T17:05:09.123",
        "2026-11-22T17:05:09Z",
        "2026-11-22T17:05:09.123+02:00",
    ],
)
def test_a_time_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|isoformat"):
        parse(text)


def test_now_knows_its_zone() -> None:
    assert now().tzinfo is UTC


def test_dynamodbs_ttl_is_in_whole_seconds() -> None:
    assert epoch(MOMENT) == 1_795_367_109
