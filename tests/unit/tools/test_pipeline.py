"""`make pipeline`: which roles it makes, what it asks for first, and what `make deploy` looks at."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.support.templates import template
from tools.build import sam
from tools.operate import pipeline
from tools.operate.deploy import deploy
from tools.operate.environment import Deployed
from tools.report import ToolError
from tools.services import services

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS..IAM..OIDCProvider")  # moto makes none
ALL = ["platform", *services(), "edge"]


@pytest.fixture
def dev(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """An account where the platform of dev is deployed."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    boto3.client("ssm").put_parameter(Name="/souk/dev/apis/platform", Value="a1b2c3", Type="String")
    return Deployed("dev")


def roles() -> dict[str, dict[str, Any]]:
    found = boto3.client("iam").list_roles(PathPrefix="/pipeline/")["Roles"]
    return {one["RoleName"]: one for one in found}


def parameters(stack: str) -> dict[str, str]:
    return pipeline._parameters(boto3.client("cloudformation"), stack)


def test_each_stack_has_a_role_of_its_own_and_a_service_what_bounds_its_functions(dev: Deployed) -> None:
    pipeline.deploy(dev, "souk/shop")
    assert sorted(roles()) == sorted(f"souk-pipeline-dev-{name}" for name in ALL)
    (statement,) = roles()["souk-pipeline-dev-orders"]["AssumeRolePolicyDocument"]["Statement"]
    assert "repo:souk/shop:environment:dev-orders" in json.dumps(statement["Condition"])
    bounds = boto3.client("iam").list_policies(Scope="Local", PathPrefix="/pipeline/")["Policies"]
    assert sorted(one["PolicyName"] for one in bounds) == [f"souk-dev-{name}-boundary" for name in services()]
    assert parameters("souk-pipeline-dev-orders")["Api"] == "a1b2c3"


def test_it_can_be_repeated_and_one_alone_changed(dev: Deployed) -> None:
    pipeline.deploy(dev, "souk/shop", ["orders"])
    pipeline.deploy(dev, "souk/shop", ["orders"])
    pipeline.deploy(dev, "souk@1/shop@2", ["orders", "cart"])
    assert sorted(roles()) == ["souk-pipeline-dev-cart", "souk-pipeline-dev-orders"]
    assert parameters("souk-pipeline-dev-orders")["Repository"] == "souk@1/shop@2"


def test_whose_tokens_are_taken_is_made_once_in_an_account_and_by_whom_it_was_made(dev: Deployed) -> None:
    pipeline.deploy(dev, "souk/shop", ["platform", "cart"])
    iam = boto3.client("iam")
    if not iam.list_open_id_connect_providers()[
        "OpenIDConnectProviderList"
    ]:  # moto's CloudFormation makes none
        iam.create_open_id_connect_provider(
            Url=f"https://{pipeline.ISSUER}", ClientIDList=["sts.amazonaws.com"]
        )
    pipeline.deploy(dev, "souk/shop", ["platform", "orders"])
    assert parameters("souk-pipeline-dev-platform")["Provider"] == "new", "it would be deleted"
    assert parameters("souk-pipeline-dev-orders")["Provider"] == "existing"


def test_the_platform_comes_first_and_rest_apis_are_a_persons(dev: Deployed) -> None:
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/souk/dev/apis/platform", Value="none", Type="String", Overwrite=True)
    with pytest.raises(ToolError, match="Gateway=rest a person deploys"):
        pipeline.deploy(dev, "souk/shop")
    ssm.delete_parameter(Name="/souk/dev/apis/platform")
    with pytest.raises(ToolError, match="make deploy ENV=dev SERVICE=platform"):
        pipeline.deploy(dev, "souk/shop")
    assert not roles()


def test_previews_share_one_role(dev: Deployed) -> None:
    pipeline.deploy(Deployed("preview"), "souk/shop")
    assert list(roles()) == ["souk-pipeline-preview"]
    assert parameters("souk-pipeline-preview") | {"Beyond": ""} == {
        "Label": "preview",
        "Environment": "pre*",
        "Stack": "*",
        "Repository": "souk/shop",
        "Api": "*",
        "Provider": "new",
        "Beyond": "",
    }
    with pytest.raises(ToolError, match="make pipeline ENV=preview"):
        pipeline.deploy(Deployed("prefeaturec7d0e"), "souk/shop")


@pytest.mark.parametrize(
    "repository", ["", "shop", "souk/shop:*", "souk/*", "souk/shop/more", "*/*", "souk@a/shop"]
)
def test_a_repository_that_is_none_is_refused(repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPOSITORY", repository)
    with pytest.raises(ToolError, match="REPOSITORY is owner/name"):
        pipeline.main()


def test_a_deploy_is_refused_whose_functions_the_boundary_would_hold_back(
    dev: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("cloudformation")
    with pytest.raises(ToolError, match="make pipeline ENV=dev SERVICE=orders REPOSITORY=owner/name"):
        pipeline.check(client, "dev", ["orders"])
    pipeline.deploy(dev, "souk/shop", ["orders"])
    pipeline.check(client, "dev", ["orders"])
    function = template("orders")["Resources"]["HttpFunction"]["Properties"]
    queue = {
        "Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:souk-${Environment}-cart-inbox"
    }
    more = {"Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}]}
    monkeypatch.setitem(function, "Policies", [*function["Policies"], more])
    with pytest.raises(
        ToolError, match="orders: its functions are to do what souk-pipeline-dev-orders does not let"
    ):
        pipeline.check(client, "dev", ["orders"])
    pipeline.deploy(dev, "souk/shop", ["orders"])
    pipeline.check(client, "dev", ["orders"])


def test_make_deploy_looks_before_it_builds(dev: Deployed) -> None:
    with pytest.raises(ToolError, match="make pipeline ENV=dev SERVICE=orders REPOSITORY=owner/name"):
        deploy("dev", [sam.StackTemplate("orders")], {"Boundary": "true"})


def test_another_right_to_what_is_its_own_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pipeline.beyond("dev", ["orders"])
    function = template("orders")["Resources"]["HttpFunction"]["Properties"]
    table = {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": {"Fn::GetAtt": ["OrdersTable", "Arn"]}}
    monkeypatch.setitem(function, "Policies", [*function["Policies"], {"Statement": [table]}])
    assert pipeline.beyond("dev", ["orders"]) == before
    table["Resource"] = {"Fn::Sub": "arn:${AWS::Partition}:sqs:::souk-${Environment}-orders2-inbox"}
    assert pipeline.beyond("dev", ["orders"]) != before, "another service, whose name begins alike"


def test_previews_are_refused_by_the_role_they_share(dev: Deployed) -> None:
    with pytest.raises(ToolError, match="make pipeline ENV=preview REPOSITORY=owner/name"):
        pipeline.check(boto3.client("cloudformation"), "prefeaturec7d0e", ["orders"])
    pipeline.deploy(Deployed("preview"), "souk/shop")
    pipeline.check(boto3.client("cloudformation"), "prefeaturec7d0e", list(services()))
