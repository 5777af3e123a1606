"""What `make deploy` tells the edge of the APIs, and that it does so whenever they change."""

from __future__ import annotations

import json

import boto3
import pytest

from tools.operate import deploy
from tools.operate.environment import Deployed
from tools.report import ToolError
from tools.services import segments, services

TEMPLATE = json.dumps(
    {
        "Parameters": {
            **{name: {"Type": "String"} for name in ("Apis", "Api", "Gateway")},
            "WebAcl": {"Type": "String", "Default": ""},
        },
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
)


def an_api(name: str, api: str) -> None:
    boto3.client("ssm").put_parameter(Name=f"/souk/dev/apis/{name}", Value=api, Type="String", Overwrite=True)


def an_edge(**parameters: str) -> None:
    told = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    boto3.client("cloudformation").create_stack(
        StackName="souk-dev-edge",
        TemplateBody=TEMPLATE,
        Parameters=[*told, {"ParameterKey": "Gateway", "ParameterValue": "http"}],  # type: ignore[list-item]
    )


def test_with_an_http_api_every_segment_is_of_the_one_api(cloud: None) -> None:
    an_api("platform", "a1b2")
    told = deploy.apis("dev")
    assert told["Api"] == "a1b2"
    assert told["Apis"].split(",") == [f"{segment}:a1b2" for segment in sorted(segments())]


def test_with_rest_apis_each_segment_is_of_its_services_api_if_that_is_deployed(cloud: None) -> None:
    an_api("platform", "none")
    an_api("cart", "c1")
    an_api("orders", "o1")
    assert deploy.apis("dev") == {"Apis": "carts:c1,orders:o1", "Api": "c1"}


def test_without_any_api_there_is_nothing_to_stand_in_front_of(cloud: None) -> None:
    with pytest.raises(ToolError, match="deploy the services first"):
        deploy.apis("dev")


def test_rules_before_the_edge_stay_where_a_role_for_the_edge_alone_deploys(cloud: None) -> None:
    rules = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/souk-dev/1"
    pipeline, person = "souk-pipeline-dev-edge/GitHubActions", "Admin/somebody"
    me = "arn:aws:sts::123456789012:assumed-role/"
    assert deploy.web_acl(Deployed("dev"), me + pipeline) == ""
    an_api("cart", "c1")
    an_edge(**deploy.apis("dev"), WebAcl=rules)
    assert deploy.web_acl(Deployed("dev"), me + pipeline) == rules
    assert deploy.web_acl(Deployed("dev"), me + person) == "", "samconfig.toml asks for none"


def test_the_edge_is_told_again_when_an_api_has_another_id_or_a_service_is_new(cloud: None) -> None:
    assert len(services()) > 1
    an_api("cart", "c1")
    assert not deploy.edge_is_stale(Deployed("dev")), "there is no edge yet"
    an_edge(**deploy.apis("dev"))
    assert not deploy.edge_is_stale(Deployed("dev"))
    an_api("cart", "c2")
    assert deploy.edge_is_stale(Deployed("dev"))
    an_api("cart", "c1")
    an_api("orders", "o1")
    assert deploy.edge_is_stale(Deployed("dev"))
