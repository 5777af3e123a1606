"""Of every field that a fact carries it is decided whether the journal keeps it: a new one has to be decided on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from functions.journal.domain import PUBLIC, public
from tests.support.contracts import Contract, contracts, read

WITHHELD = {
    *(
        "email",
        "name",
        "shippingAddress",
        "line1",
        "line2",
        "city",
        "region",
        "postalCode",
        "country",
        "phone",
    ),
    "paymentToken",
}
"""Fields that tell something of a person, or open something: functions/journal/domain.py does not keep them."""


def fields(node: Any) -> Iterator[str]:
    """Yield the names of all fields, at any depth."""
    if isinstance(node, dict):
        for name, inner in node.items():
            yield name
            yield from fields(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from fields(inner)


def test_no_field_is_both_kept_and_withheld() -> None:
    assert not PUBLIC & WITHHELD


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_every_field_of_a_fact_is_kept_by_the_journal_or_withheld(contract: Contract) -> None:
    undecided = set(fields(read("samples", contract)["detail"]["data"])) - PUBLIC - WITHHELD
    assert not undecided, (
        "may operators see it? then PUBLIC of functions/journal/domain.py, else WITHHELD here"
    )


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_what_is_kept_of_a_fact_has_no_field_that_is_withheld(contract: Contract) -> None:
    assert not set(fields(public(read("samples", contract)["detail"]["data"]))) & WITHHELD
