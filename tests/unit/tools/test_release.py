"""What a deployed service reads is kept in its stack, and nobody's events may break it."""

from __future__ import annotations

import json
from typing import Any

import boto3

from tests.unit.tools.test_compatibility import BEFORE, edited
from tools import templates
from tools.contracts import compatibility
from tools.operate import release


def deploy(environment: str, service: str, reads: dict[str, Any]) -> None:
    kept = {contract: json.dumps(schema) for contract, schema in reads.items()}
    template = {"Metadata": {"Souk": {"Reads": kept}}, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(
        StackName=f"souk-{environment}-{service}", TemplateBody=json.dumps(template)
    )


def known(contract: str) -> Any:
    return json.loads((compatibility.SCHEMAS / f"{contract}.json").read_text())


def breaks(*services: str) -> list[str]:
    return release.breaks(boto3.client("cloudformation"), "dev", services)


def test_events_that_a_deployed_service_cannot_read_are_named(cloud: None) -> None:
    schema = known("orders/OrderConfirmed.v1")
    for place in schema["$defs"].values():
        place.get("properties", {}).pop("confirmedAt", None)
    before = json.loads(json.dumps(known("orders/OrderConfirmed.v1")).replace("orderId", "orderNumber"))
    deploy("dev", "payments", {"orders/OrderConfirmed.v1": before, "orders/OrderLost.v1": schema})
    told = breaks("orders")
    assert "payments, as deployed, reads orders/OrderConfirmed.v1: /detail/data/orderNumber is gone" in told
    assert "payments, as deployed, reads orders/OrderLost.v1: it is gone" in told
    assert breaks("inventory", "payments") == [], "they publish none of these"


def test_another_environment_and_what_is_not_deployed_break_nothing(cloud: None) -> None:
    deploy("prod", "payments", {"orders/OrderLost.v1": BEFORE})
    assert breaks("orders") == []


def test_a_stack_from_before_this_was_kept_breaks_nothing(cloud: None) -> None:
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    boto3.client("cloudformation").create_stack(StackName="souk-dev-payments", TemplateBody=body)
    assert breaks("orders") == []


def test_the_events_of_today_can_be_read_by_all_services_of_today(cloud: None) -> None:
    deploy("dev", "payments", compatibility.reads("payments"))
    deploy("dev", "orders", compatibility.reads("orders"))
    assert breaks("orders", "payments", "inventory", "identity") == []


def test_each_service_reads_what_its_classes_say_and_nothing_of_its_own() -> None:
    assert sorted(compatibility.reads("payments")) == [
        "orders/OrderCancelled.v1",
        "orders/OrderConfirmed.v1",
        "orders/OrderPaymentChanged.v1",
        "orders/OrderPlaced.v1",
    ]


def test_the_template_that_is_deployed_holds_what_the_service_reads() -> None:
    souk = release.with_reads(templates.template("payments"), "payments")["Metadata"]["Souk"]
    assert {name: json.loads(schema) for name, schema in souk["Reads"].items()} == compatibility.reads(
        "payments"
    )
    assert souk["Without"], "what stands there already stays"


def test_what_a_reader_can_do_without_may_come_and_go() -> None:
    note = "/detail/data/note"

    def lacks(schema: Any) -> None:
        del schema["$defs"]["WishGranted"]["properties"]["note"]

    def has_more(schema: Any) -> None:
        schema["$defs"]["WishGranted"]["properties"]["colour"] = {"type": "string"}
        schema["$defs"]["WishGranted"]["required"] += ["colour", "note"]

    def lacks_what_is_needed(schema: Any) -> None:
        schema["$defs"]["WishGranted"]["required"].remove("wishId")

    assert edited(lacks) == [f"{note} is gone"], "as a change it is a break"
    for edit, found in (
        (lacks, []),
        (has_more, []),
        (lacks_what_is_needed, ["/detail/data/wishId: required was true, is false"]),
    ):
        after = json.loads(json.dumps(BEFORE))
        edit(after)
        assert compatibility.unreadable(BEFORE, after) == found
