"""Hit rates by hand, and those that were worked out for a shop of 20 million visits a month."""

from __future__ import annotations

import pytest

from tests.bench import cache


def test_the_second_most_popular_of_two_is_asked_for_half_as_often() -> None:
    assert cache.shares(2) == pytest.approx([2 / 3, 1 / 3])


def test_of_eleven_requests_in_ten_seconds_one_is_fetched_in_each_region() -> None:
    """Three a second in three regions are one a second in each: one is fetched, ten more come before it is old."""
    assert cache.fetches(3, 10, regions=3) == pytest.approx(3 / 11)
    assert cache.hit_rate(3, 1, 10, regions=3) == pytest.approx(10 / 11)


def test_the_hit_rate_is_that_of_all_things_together() -> None:
    """Nine a second for two: 6 and 3, so 2 and 1 in each region; of 21 and of 11 one each is fetched."""
    assert cache.hit_rate(9, 2, 10, regions=3) == pytest.approx(1 - (6 / 21 + 3 / 11) / 9)


def test_what_may_not_be_kept_is_never_answered_from_a_cache() -> None:
    assert cache.hit_rate(9, 2, 0) == 0
    assert cache.fetches(9, 0) == 9


@pytest.mark.parametrize(
    ("products", "seconds", "expected"),
    [(1_000, 15, 0.45), (1_000, 5, 0.31), (10_000, 15, 0.32), (10_000, 5, 0.21)],
)
def test_three_looks_at_a_product_in_each_of_20_million_visits(
    products: int, seconds: float, expected: float
) -> None:
    asked = 3 * 20_000_000 / (30 * 24 * 3600)
    assert cache.hit_rate(asked, products, seconds) == pytest.approx(expected, abs=0.005)


def test_more_visitors_are_answered_from_the_caches_more_often() -> None:
    assert cache.hit_rate(2_000, 1_000, 15) > 0.9
