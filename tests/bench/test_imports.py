"""What an import takes for each product, against what it took before its lists were thinned out: half of it."""

from __future__ import annotations

from tests.bench.imports import PRODUCTS, costs, shop_file

BEFORE = {"new": (160.6, 2.6, 3.4), "every price changed": (183.8, 2.5, 2.2), "unchanged": (0.1, 2.5, 1.1)}
"""Write units, read units and calls of a product when each word and tag had its own entry in both indexes."""
HISTORY = {"every price changed": (0, 1), "every price changed again": (1, 2)}
"""Read units and calls by which the prices of before are kept: read too where there are any."""


def test_an_import_takes_half_of_what_it_took() -> None:
    for name, cost in costs().items():
        writes, reads, calls = BEFORE[name.removesuffix(" again")]
        more_reads, more_calls = HISTORY.get(name, (0, 0))
        assert cost.write_units <= max(writes / 2, 0.15), name
        assert cost.read_units <= reads / 2 + more_reads, name
        assert cost.aws_calls <= calls * 0.6 + more_calls, name


def test_the_file_that_is_measured_has_three_variants_a_product() -> None:
    assert len(shop_file().splitlines()) == 1 + 3 * PRODUCTS
