"""What the edge sends so that services know it: made once, and changed without a refused call."""

from __future__ import annotations

import hashlib
import json

import boto3
import pytest

from tools import templates
from tools.operate import guard
from tools.operate.environment import Deployed
from tools.report import ToolError

DEV = Deployed("dev")
EDGE = json.dumps(
    {
        "Parameters": {"SecretVersion": {"Type": "String", "Default": ""}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
)
BEFORE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})


@pytest.fixture(autouse=True)
def account(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without anything."""
    monkeypatch.setenv("ENV", "dev")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def edge(version: str | None = None) -> None:
    """Deploy the edge as one that sends a version of the secret, None: as it was before it sent any."""
    client = boto3.client("cloudformation")
    told = [{"ParameterKey": "SecretVersion", "ParameterValue": version or ""}] if version is not None else []
    deploy = client.create_stack if guard.sent(DEV) is None else client.update_stack
    deploy(StackName="souk-dev-edge", TemplateBody=BEFORE if version is None else EDGE, Parameters=told)


def digest(version: str) -> str:
    found = boto3.client("secretsmanager").get_secret_value(SecretId="souk-dev-edge", VersionId=version)
    return hashlib.sha256(found["SecretString"].encode()).hexdigest()


def test_a_new_environment_wants_the_secret_at_once_and_it_is_the_same_at_the_next_deploy() -> None:
    wanted = guard.digests(DEV, whole=True)
    assert wanted == digest(guard.current(DEV))
    edge(guard.current(DEV))
    assert guard.digests(DEV, whole=True) == wanted
    assert guard.digests(DEV, whole=False) == wanted


def test_services_that_are_deployed_before_there_is_an_edge_take_every_call() -> None:
    assert guard.digests(DEV, whole=False) == ""


@pytest.mark.parametrize("version", [None, ""])
def test_an_edge_that_sends_none_yet_is_given_one_first(version: str | None) -> None:
    edge(version)
    assert guard.digests(DEV, whole=True) == ""
    edge(guard.current(DEV))
    assert guard.digests(DEV, whole=True) == digest(guard.current(DEV))


def test_a_new_secret_is_known_to_services_before_the_edge_sends_it_and_the_old_one_until_then() -> None:
    first = guard.current(DEV)
    edge(first)
    guard.main()
    second = guard.current(DEV)
    assert second != first
    for whole in (True, False):
        assert guard.digests(DEV, whole=whole) == f"{digest(second)},{digest(first)}"
    edge(second)
    assert guard.digests(DEV, whole=True) == digest(second)


def test_a_second_new_secret_waits_until_the_edge_sends_the_first() -> None:
    edge(guard.current(DEV))
    guard.main()
    before = guard.current(DEV)
    with pytest.raises(ToolError, match="first: make deploy ENV=dev"):
        guard.main()
    assert guard.current(DEV) == before


def test_an_emulator_has_no_edge_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    with pytest.raises(ToolError, match="no CloudFront"):
        guard.main()


def test_it_goes_with_its_environment_however_often() -> None:
    guard.current(DEV)
    for _ in range(2):
        guard.forget(DEV)
    names = [one["Name"] for one in boto3.client("secretsmanager").list_secrets()["SecretList"]]
    assert "souk-dev-edge" not in names


def test_the_edge_sends_the_version_that_it_is_told_in_the_header_that_services_read() -> None:
    told = templates.template("edge")
    origins = told["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Origins"]
    (api,) = [origin for origin in origins if origin["Id"] == "api"]
    resolved = "{{resolve:secretsmanager:souk-${Environment}-edge:SecretString:::${SecretVersion}}}"
    sent = {"HeaderName": "X-Souk-Edge", "HeaderValue": {"Fn::Sub": resolved}}
    assert api["OriginCustomHeaders"] == {"Fn::If": ["Known", [sent], {"Ref": "AWS::NoValue"}]}
