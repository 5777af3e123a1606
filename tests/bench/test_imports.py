"""What an import takes for each product, against what it took before its lists were thinned out: half of it."""

from __future__ import annotations

from tests.bench.imports import PRODUCTS, costs, shop_file

BEFORE = {"new": (160.6, 2.6, 3.4), "every price changed": (183.8, 2.5, 2.2), "unchanged": (0.1, 2.5, 1.1)}
"""Write units, read units and calls of a product when each word and tag had its own entry in both indexes."""


def test_an_import_takes_half_of_what_it_took() -> None:
    for name, cost in costs().items():
        writes, reads, calls = BEFORE[name]
        assert cost.write_units <= max(writes / 2, 0.15), name
        assert cost.read_units <= reads / 2, name
        assert cost.aws_calls <= calls * 0.6, name


def test_the_file_that_is_measured_has_three_variants_a_product() -> None:
    assert len(shop_file().splitlines()) == 1 + 3 * PRODUCTS
