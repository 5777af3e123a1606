"""After everything else in the browser: its shop's books add up too."""

from tests.integration.test_books import (
    test_no_fact_is_left_in_a_dead_letter_queue,
    test_stock_money_and_facts_of_all_orders_add_up,
)

__all__ = ["test_no_fact_is_left_in_a_dead_letter_queue", "test_stock_money_and_facts_of_all_orders_add_up"]
