"""What `make deploy` puts into templates: what a service reads, which nobody's events may break, and the canary."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest

from tests.support.expanded import expanded
from tests.unit.tools.test_compatibility import BEFORE, edited
from tools import templates
from tools.build import sam
from tools.contracts import compatibility
from tools.operate import release
from tools.services import services


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


# --- the canary ---------------------------------------------------------------------------------------------------

CALLERS = {
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGatewayV2::Integration",
    "AWS::Events::Rule",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Permission",
}


def test_an_environment_has_canary_and_boundary_where_its_parameters_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CANARY", raising=False)
    orders = sam.StackTemplate("orders")

    def function(**common: str) -> dict[str, Any]:
        template = release.released(templates.template("orders"), orders, sam.Target("dev", common=common))
        assert template["Metadata"]["Souk"]["Reads"]
        found: dict[str, Any] = template["Resources"]["HttpFunction"]["Properties"]
        return found

    assert not {"PermissionsBoundary", "AutoPublishAlias"} & set(function())
    bounded = function(Boundary="true")
    assert bounded["PermissionsBoundary"]["Fn::Sub"].endswith(":policy/pipeline/souk-dev-orders-boundary")
    assert "DeploymentPreference" not in bounded
    both = function(Boundary="true", Canary="true")
    assert both["DeploymentPreference"]["Role"] == {"Fn::GetAtt": ["CanaryRole", "Arn"]}


def resources(service: str, version: str = "one", *, shift: bool = True) -> dict[str, Any]:
    """Return a service's resources as prod gets them."""
    template = release.with_alias(templates.template(service), version, shift=shift)
    found: dict[str, Any] = expanded(template, "prod")["Resources"]
    return found


def of(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: one for name, one in found.items() if one["Type"] == kind}


@pytest.mark.parametrize("service", services())
def test_with_a_canary_whoever_calls_a_function_calls_its_alias(service: str) -> None:
    found = resources(service)
    functions = of(found, "AWS::Lambda::Function")
    for name, one in found.items():
        if one["Type"] in CALLERS:
            named = set(re.findall(r'"Ref": "(\w+)"|\$\{(\w+)\}|"Fn::GetAtt": \["(\w+)"', json.dumps(one)))
            assert not {place for places in named for place in places} & set(functions), (
                f"{name} calls past it"
            )
    called = json.dumps([one for one in found.values() if one["Type"] in CALLERS])
    for name in functions:
        assert f"{name}Aliaslive" in called or "Admin" in name or "Rotate" in name, f"nobody calls {name}"


@pytest.mark.parametrize("service", services())
def test_every_alias_is_moved_bit_by_bit_and_back_by_the_functions_own_alarms(service: str) -> None:
    found = resources(service)
    groups = of(found, "AWS::CodeDeploy::DeploymentGroup")
    aliases = of(found, "AWS::Lambda::Alias")
    assert len(aliases) == len(groups) == len(of(found, "AWS::Lambda::Function"))
    for alias in aliases.values():
        policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        told = groups[policy["DeploymentGroupName"]["Ref"]]["Properties"]
        assert told["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent5Minutes"}
        function = found[alias["Properties"]["FunctionName"]["Ref"]]["Properties"]["FunctionName"]["Fn::Sub"]
        alarms = [one["Name"]["Fn::Sub"] for one in told["AlarmConfiguration"]["Alarms"]]
        assert alarms[0] == f"{function}-errors"
        assert (f"{function}-5xx" in alarms) is function.endswith("-http")
        assert told["AutoRollbackConfiguration"]["Enabled"]


def test_a_change_of_layer_or_parameters_alone_makes_new_versions_too() -> None:
    """SAM by itself sees a function's code only."""
    one, other = (of(resources("cart", version), "AWS::Lambda::Version") for version in ("one", "other"))
    assert len(one) == len(other)
    assert not one.keys() & other.keys()


def test_without_the_shift_the_alias_moves_at_once() -> None:
    found = resources("cart", shift=False)
    assert of(found, "AWS::Lambda::Alias")
    assert not of(found, "AWS::CodeDeploy::DeploymentGroup")


def test_a_canary_is_for_those_to_turn_on_who_have_deployed_once() -> None:
    assert not [name for name, common in sam.configured().items() if common.keys() & set(release.SWITCHES)]


# --- snapshots and traces -----------------------------------------------------------------------------------------


def released(**switches: str) -> dict[str, Any]:
    """Return the resources of orders as `make deploy` gives them to AWS."""
    target = sam.Target("prod", common=switches)
    template = release.released(templates.template("orders"), sam.StackTemplate("orders"), target)
    found: dict[str, Any] = expanded(template, "prod")["Resources"]
    return found


def test_with_snapstart_those_that_answer_calls_start_from_a_snapshot() -> None:
    found = released(SnapStart="true")
    snapped = {
        one["Properties"]["FunctionName"]["Fn::Sub"]
        for one in of(found, "AWS::Lambda::Function").values()
        if one["Properties"].get("SnapStart") == {"ApplyOn": "PublishedVersions"}
    }
    assert snapped == {"souk-${Environment}-orders-http"}
    assert of(found, "AWS::Lambda::Alias"), "only versions have snapshots, and the alias names the version"
    assert not of(found, "AWS::CodeDeploy::DeploymentGroup"), "a canary is another switch"


def test_with_tracing_every_function_is_traced_and_may_say_so() -> None:
    found = released(Tracing="true")
    for one in of(found, "AWS::Lambda::Function").values():
        assert one["Properties"]["TracingConfig"] == {"Mode": "Active"}
    for role in of(found, "AWS::IAM::Role").values():
        assert "AWSXrayWriteOnlyAccess" in json.dumps(role["Properties"]["ManagedPolicyArns"])
    assert not of(found, "AWS::Lambda::Alias")


def test_without_switches_nothing_is_added() -> None:
    found = released()
    assert not of(found, "AWS::Lambda::Alias")
    assert "TracingConfig" not in json.dumps(found)
