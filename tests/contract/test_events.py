"""Published facts: schemas and samples follow from the code, fit each other, and are what the rules ask for."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from functions.shared.outbox import Envelope
from functions.shared.types import event_type
from tests.support.contracts import Contract, contracts, forms, read, rule_patterns
from tests.support.templates import ROOT
from tools.contracts.schemas import published
from tools.services import services

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER


def validator(contract: Contract) -> Any:
    return jsonschema.Draft202012Validator(read("schemas", contract), format_checker=CHECKER)


def test_schemas_and_samples_follow_from_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.contracts.schemas", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", services())
def test_every_published_fact_has_its_contract(service: str) -> None:
    facts = {Contract(service, *event_type(kind)) for kind in published(service)}
    assert facts == {contract for contract in contracts() if contract.source == service}


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_a_schema_is_one(contract: Contract) -> None:
    jsonschema.Draft202012Validator.check_schema(read("schemas", contract))


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_a_sample_fits_its_schema_in_each_of_its_forms(contract: Contract) -> None:
    for event in forms(contract).values():
        validator(contract).validate(event)


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_a_schema_is_not_so_wide_that_anything_fits(contract: Contract) -> None:
    sample = read("samples", contract)
    for change in ({"source": "souk.other"}, {"detail-type": "Other"}, {"detail": {}}):
        assert not validator(contract).is_valid(sample | change)
    for name in read("samples", contract)["detail"]["data"]:
        wrong = {**sample, "detail": {**sample["detail"], "data": {**sample["detail"]["data"], name: 1.5}}}
        assert not validator(contract).is_valid(wrong), name


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_a_fact_is_told_in_the_past_tense(contract: Contract) -> None:
    irregular = ("Withdrawn",)
    assert contract.type.endswith(("ed", *irregular))


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_no_fact_carries_a_fraction(contract: Contract) -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            assert node.get("type") != "number"
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(read("schemas", contract))


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.name)
def test_the_schema_knows_every_field_of_the_envelope(contract: Contract) -> None:
    known = read("schemas", contract)["properties"]["detail"]
    assert set(known["properties"]) == set(Envelope.__struct_encode_fields__)
    optional = {"causationId", "actor", "also", "routed"}
    assert set(known["required"]) == set(Envelope.__struct_encode_fields__) - optional


@pytest.mark.parametrize("service", services())
def test_every_fact_a_rule_names_is_published(service: str) -> None:
    known = set(contracts())
    for pattern in rule_patterns(service):
        if "detail-type" not in pattern:
            continue
        sources = [source.removeprefix("souk.") for source in pattern["source"]]
        for kind in pattern["detail-type"]:
            assert known & {Contract(source, kind) for source in sources}, f"nobody publishes {kind}"
        for source in sources:
            assert known & {Contract(source, kind) for kind in pattern["detail-type"]}, f"nothing of {source}"


def test_every_type_is_published_by_one_service_only() -> None:
    owners = {(contract.source, contract.type) for contract in contracts()}
    assert len(owners) == len({contract.type for contract in contracts()})
