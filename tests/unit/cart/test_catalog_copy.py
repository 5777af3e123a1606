"""The cart's own copy of the catalog, whatever order the facts come in and however often."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from functions.cart import service
from functions.cart.app import carts
from functions.cart.events import ProductChanged
from functions.cart.table import CartTable
from functions.shared import aws
from tests.support.dlq import dead_letters
from tests.support.lambda_events import sample
from tests.unit.cart.conftest import Shop, as_fact, product, withdrawn


def prices(*skus: str) -> dict[str, int]:
    """Return the price of each SKU that can be bought."""
    offers = carts().offers(skus)
    return {sku: offer.price.amount for sku, offer in offers.items() if offer.for_sale}


def test_the_publishers_sample_can_be_bought(shop: Shop) -> None:
    assert shop.told(sample("catalog/ProductPublished.v1")) == []
    (line,) = shop.set(shop.open(), "POT-CLAY-L").body["lines"]
    assert (line["title"], line["unitPrice"]) == ("Clay Plant Pot, Large", 1999)


@pytest.mark.parametrize("name", ["ProductPublished", "ProductChanged", "ProductWithdrawn"])
def test_every_fact_of_the_catalog_can_be_read(shop: Shop, name: str) -> None:
    assert shop.told(sample(f"catalog/{name}.v1")) == []
    assert dead_letters() == []


def test_a_later_fact_replaces_an_earlier(shop: Shop) -> None:
    shop.told(product([("A", 100)]), product([("A", 200)], 2, kind="ProductChanged"))
    assert prices("A") == {"A": 200}


def test_a_late_fact_changes_nothing(shop: Shop) -> None:
    shop.told(product([("A", 200)], 2, kind="ProductChanged"), product([("A", 100)]))
    assert prices("A") == {"A": 200}


def test_a_late_fact_brings_back_no_sku_that_is_gone(shop: Shop) -> None:
    shop.told(product([("A", 200)], 2, kind="ProductChanged"), product([("A", 100), ("B", 100)]))
    assert prices("A", "B") == {"A": 200}


def test_a_repeated_fact_changes_nothing(shop: Shop) -> None:
    first = product([("A", 100)])
    shop.told(first, product([("A", 200)], 2), first, first)
    assert prices("A") == {"A": 200}


def test_a_delivery_of_many_variants_that_died_goes_on_where_it_was(shop: Shop) -> None:
    """Else 2,048 writes that take longer than a worker may live would never be done."""
    skus = [f"S{number:03}" for number in range(service.MANY_SKUS + 1)]
    fact, written = product([(sku, 100) for sku in skus]), []

    def dies_at_60(params: dict[str, Any], **_: Any) -> None:
        written.append(params["body"])
        if len(written) == 60:
            raise ConnectionError("this worker is no more")

    events = aws.dynamodb().meta.events
    events.register("before-call.dynamodb.PutItem", dies_at_60)
    try:
        assert shop.told(fact) != []
        assert shop.told(fact) == []
    finally:
        events.unregister("before-call.dynamodb.PutItem", dies_at_60)
    assert prices(*skus) == dict.fromkeys(skus, 100)
    assert len(written) == len(skus) + 2  # what the product has, and the write that failed and was done again


def test_a_sku_that_a_product_dropped_is_not_for_sale(shop: Shop) -> None:
    shop.told(product([("A", 100), ("B", 100)]), product([("B", 100)], 2))
    assert prices("A", "B") == {"B": 100}


def test_a_dropped_sku_can_come_back(shop: Shop) -> None:
    shop.told(product([("A", 100)]), product([], 2), product([("A", 300)], 3))
    assert prices("A") == {"A": 300}


def test_a_withdrawn_product_is_not_for_sale(shop: Shop) -> None:
    shop.told(product([("A", 100), ("B", 100)]), withdrawn(["A", "B"], 2))
    assert prices("A", "B") == {}


def test_a_withdrawal_reaches_skus_it_does_not_name(shop: Shop) -> None:
    shop.told(product([("A", 100), ("B", 100)]), withdrawn(["A"], 2))
    assert prices("A", "B") == {}


def test_a_withdrawn_product_can_be_published_again(shop: Shop) -> None:
    shop.told(product([("A", 100)]), withdrawn(["A"], 2), product([("A", 100)], 3))
    assert prices("A") == {"A": 100}


def test_a_withdrawal_that_overtakes_the_publication_stands(shop: Shop) -> None:
    shop.told(withdrawn(["A"], 2), product([("A", 100)]))
    assert prices("A") == {}


def test_a_sku_never_sold_here_but_withdrawn_is_unknown(shop: Shop) -> None:
    shop.told(withdrawn(["A"], 2))
    assert shop.set(shop.open(), "A").body["code"] == "unknown_sku"


def history(number: int) -> list[dict[str, Any]]:
    """Return the life of a product of its own; at its end it is C that is for sale."""
    product_id, (a, b, c) = f"prd_{number}", (f"{letter}{number}" for letter in "ABC")
    return [
        product([(a, 100), (b, 100)], 1, product_id=product_id),
        product([(a, 200), (c, 100)], 2, product_id=product_id, kind="ProductChanged"),
        withdrawn([a, c], 3, product_id=product_id),
        product([(c, 300)], 4, product_id=product_id),
    ]


def test_the_facts_of_a_product_end_the_same_in_any_order(shop: Shop) -> None:
    for number, order in enumerate(itertools.permutations(range(4))):
        facts = history(number)
        shop.told(*(facts[which] for which in order))
        assert prices(*(f"{letter}{number}" for letter in "ABC")) == {f"C{number}": 300}, order


def move(number: int) -> list[dict[str, Any]]:
    """Return what is told of a SKU that one product gives up and another takes."""
    one, other, sku = f"prd_{number}", f"prd_other_{number}", f"A{number}"
    return [
        product([(sku, 100)], 1, product_id=one, time="2026-11-22T10:00:00.000Z"),
        product([], 2, product_id=one, time="2026-11-22T11:00:00.000Z"),
        product([(sku, 500)], 1, product_id=other, time="2026-11-22T12:00:00.000Z"),
        withdrawn([], 3, product_id=one, time="2026-11-22T13:00:00.000Z"),
    ]


def test_a_sku_that_moves_to_another_product_ends_there_in_any_order(shop: Shop) -> None:
    for number, order in enumerate(itertools.permutations(range(4))):
        facts = move(number)
        shop.told(*(facts[which] for which in order))
        assert prices(f"A{number}") == {f"A{number}": 500}, order


class Dying(CartTable):
    """The real table for so many writes; then nothing works any more."""

    def __init__(self, writes: int) -> None:
        super().__init__("souk-local-cart")
        self._left = writes

    def _live(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError

    def note_product(self, product_id: str, before: Any, after: Any) -> bool:
        self._live()
        return super().note_product(product_id, before, after)

    def take_offer(self, offer: Any, version: int, told_at: str) -> bool:
        self._live()
        return super().take_offer(offer, version, told_at)

    def drop_offer(self, sku: str, product_id: str, version: int, told_at: str) -> bool:
        self._live()
        return super().drop_offer(sku, product_id, version, told_at)


def test_a_delivery_that_died_half_way_is_done_again(shop: Shop) -> None:
    for writes in range(4):
        one, (a, b, c) = f"prd_{writes}", (f"{letter}{writes}" for letter in "ABC")
        shop.told(product([(a, 100), (b, 100)], product_id=one))
        event = product([(a, 200), (c, 200)], 2, product_id=one, kind="ProductChanged")
        with pytest.raises(ConnectionError):
            service.on_product(Dying(writes), as_fact(event, ProductChanged))
        shop.told(event)
        assert prices(a, b, c) == {a: 200, c: 200}, writes


def test_a_long_title_is_cut_to_what_an_order_takes(shop: Shop) -> None:
    shop.sells("A", title="x" * 300)
    assert len(shop.set(shop.open(), "A").body["lines"][0]["title"]) == 120


def test_a_line_without_a_title_is_called_by_its_sku(shop: Shop) -> None:
    event = product([("A", 100)])
    event["detail"]["data"]["variants"][0]["title"] = ""
    shop.told(event)
    assert shop.set(shop.open(), "A").body["lines"][0]["title"] == "A"


def test_a_product_of_a_hundred_variants_is_taken_over(shop: Shop) -> None:
    skus = [f"S{number}" for number in range(100)]
    assert shop.told(product([(sku, 100) for sku in skus])) == []
    assert len(prices(*skus)) == 100


@pytest.mark.parametrize("field", ["productId", "variants"])
def test_a_fact_that_cannot_be_read_goes_to_the_dead_letters_alone(shop: Shop, field: str) -> None:
    broken = product([("A", 100)])
    del broken["detail"]["data"][field]
    assert shop.told(broken, product([("B", 100)], product_id="prd_2")) == []
    assert (len(dead_letters()), prices("A", "B")) == (1, {"B": 100})


def test_a_price_as_a_float_is_not_believed(shop: Shop) -> None:
    event = product([("A", 100)])
    event["detail"]["data"]["variants"][0]["price"]["amount"] = 19.99
    shop.told(event)
    assert (len(dead_letters()), prices("A")) == (1, {})
