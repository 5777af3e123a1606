"""After everything else: the books of the whole session add up, and nothing was lost on the way."""

from __future__ import annotations

from collections.abc import Callable

from tools.local import drain
from tools.local.stack import Stack
from tools.operate.audit import audit


def test_stock_money_and_facts_of_all_orders_add_up(stack: Stack, calm: Callable[[], None]) -> None:
    calm()
    checked, differences = audit(stack)
    assert differences == []
    assert checked > 0


def test_no_fact_is_left_in_a_dead_letter_queue(stack: Stack) -> None:
    assert drain.waiting(stack, dead=True) == {}
