"""Times as Souk writes and reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from functions.shared.clock import epoch, from_caller, now, parse, rfc3339

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


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-22T17:05:09Z", "2026-11-22T17:05:09.000Z"),
        ("2026-11-22t17:05:09.5z", "2026-11-22T17:05:09.500Z"),
        ("2026-11-22 17:05:09.123456789Z", "2026-11-22T17:05:09.123Z"),
        ("2026-11-22T18:35:09+01:30", "2026-11-22T17:05:09.000Z"),
        ("2026-11-22T09:05:09-08:00", "2026-11-22T17:05:09.000Z"),
        ("2026-11-22T17:05:09-00:00", "2026-11-22T17:05:09.000Z"),
        ("2026-11-22T18:05:09 01:00", "2026-11-22T17:05:09.000Z"),
    ],
)
def test_a_caller_may_write_a_time_in_every_form_of_rfc_3339(text: str, utc: str) -> None:
    assert rfc3339(from_caller(text)) == utc


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-11-22",
        "2026-11-22T17:05Z",
        "2026-11-22T17:05:09",
        "2026-02-30T17:05:09Z",
        "2026-13-01T17:05:09Z",
        "2026-11-22T24:00:01Z",
        "2026-11-22T17:05:61Z",
        "2026-11-22T17:05:09+24:00",
        "20261122T170509Z",
        "2026-W47-7T17:05:09Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-11-22T17:05:09Z\n",
        "\u0662026-11-22T17:05:09Z",
    ],
)
def test_what_is_no_time_by_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"not a time|out of range|must be in|strictly between|unconverted|month|day"
    ):
        from_caller(text)
