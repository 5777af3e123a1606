"""The peer's order by hand: what was counted of it, on our prices."""

from __future__ import annotations

import pytest

from tests.bench import billing, peer


def test_an_order_of_the_peer_starts_eight_functions_and_writes_eight_units() -> None:
    assert (peer.invocations(), peer.write_units()) == (8, 8)


def test_its_calls_cost_one_of_appsync_and_three_of_a_rest_api() -> None:
    assert peer.bill(billing.assumed({}))["API"] == pytest.approx((4.0 + 3 * 3.5) / 1e6)


def test_its_writes_reads_and_event_cost_their_list_price() -> None:
    found = peer.bill(billing.assumed({}))
    assert found["writes"] == pytest.approx(8 * 0.705 / 1e6)
    assert found["reads"] == pytest.approx(0.1415 / 1e6)
    assert found["events"] == pytest.approx(1 / 1e6)


def test_its_log_has_ten_lines_of_its_own_and_three_of_lambda_for_each_function() -> None:
    assert peer.log_bytes(peer.counts()) == 10 * (400 + 26) + 8 * (350 + 3 * 26)


def test_a_function_of_128_megabytes_computes_four_times_as_long() -> None:
    """The function that keeps the token: 6 ms of its own and 3.5 of a call are 38, and 4.5 of waiting."""
    (keeps,) = [one for one in peer.counts()["functions"] if one["name"] == "payment: on created"]
    assert peer.busy_seconds(keeps, peer.counts(), billing.assumed({})) == pytest.approx(0.0425)


def test_two_of_its_functions_wait_while_the_provider_does() -> None:
    fast, slow = peer.provider_wait(billing.assumed({}))
    assert fast == pytest.approx(2 * 0.125 * 0.3 * 1.66667e-5)
    assert slow == pytest.approx(2 * 0.125 * 1.0 * 1.66667e-5)
