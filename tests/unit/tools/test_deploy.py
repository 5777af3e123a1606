"""What a deploy builds for, and what it sees to afterwards: identity's signing keys, an emulator's sender of mail."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from tools.build import recipe, sam
from tools.operate.deploy import (
    build_for,
    check_quota,
    have_a_sender,
    in_order,
    main,
    make_keys,
    refuse_beyond_one,
)
from tools.report import ToolError
from tools.services import watched


class Lambda:
    """Lambda whose function fails so many times before it answers."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked: list[str] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request["FunctionName"])
        if len(self.asked) <= self.failures:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorType": "UnavailableError"}')}
        return {"Payload": io.BytesIO(b'{"keys": 1}')}


def test_the_keys_are_asked_for_until_identity_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    client: Any = Lambda(failures=3)
    make_keys(client, "dev", pause=0)
    assert client.asked == ["souk-dev-identity-rotate"] * 4
    assert "1 signing key(s) published" in capsys.readouterr().out


def test_a_deploy_does_not_fail_for_keys_that_come_later(capsys: pytest.CaptureFixture[str]) -> None:
    client: Any = Lambda(failures=99)
    make_keys(client, "dev", tries=3, pause=0)
    assert len(client.asked) == 3
    assert "tries again every 15 minutes" in capsys.readouterr().out


def test_an_emulator_is_given_the_sender_however_often_it_is_deployed_to() -> None:
    with mock_aws():
        ses = boto3.client("sesv2", region_name="eu-west-1")
        for _ in range(2):
            have_a_sender(ses)
        assert [one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]] == [
            "shop@souk.example"
        ]


def test_an_emulator_without_mail_is_deployed_to_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    ses = boto3.client("sesv2", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(ses) as stub:
        stub.add_client_error("create_email_identity", "InternalFailure", "not included in your license", 501)
        have_a_sender(ses)
    assert "no mail goes out" in capsys.readouterr().out


def test_the_edge_can_be_deployed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "moon")
    monkeypatch.setenv("SERVICE", "nothing")
    with pytest.raises(ToolError, match=r"no service nothing; there are: platform cart .* edge$"):
        main()
    monkeypatch.setenv("SERVICE", "edge orders")
    with pytest.raises(ToolError, match="no environment 'moon'"):
        main()


def test_the_role_of_one_stack_says_what_a_person_has_to_do_for_others() -> None:
    me = "arn:aws:sts::123456789012:assumed-role/souk-pipeline-{}/GitHubActions"
    for label in ("prod-orders", "dev-edge"):
        with pytest.raises(
            ToolError, match=r"deployed, but because, and this role is for one stack: make deploy$"
        ):
            refuse_beyond_one(me.format(label), "because", "make deploy")
    refuse_beyond_one(me.format("preview"), "because", "make deploy")
    refuse_beyond_one("arn:aws:sts::123456789012:assumed-role/Admin/somebody", "because", "make deploy")


def test_each_stack_puts_down_what_is_deployed_in_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said, told = tmp_path / "said", tmp_path / "sam"
    told.write_text(f"#!/bin/sh\necho $@ > {said}\necho No changes to deploy\n")
    told.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    watch = sam.StackTemplate("watch", of="orders")
    assert sam.change_set(watch, sam.Target("dev"), tmp_path / "template.json") is None
    assert "--s3-prefix souk-dev-orders-watch " in said.read_text()


# --- what watches ---


def stacks(environment: str, name: str) -> dict[str, dict[str, str]]:
    """Return the stacks that are deployed for one, in order, with their parameters."""
    target = sam.Target(environment, common={"Functions": "mistaken"})
    return {to.stack_name(one): to.overrides(one) for one, to in in_order(sam.StackTemplate(name), target)}


def test_what_watches_over_a_service_comes_before_it_and_knows_what_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    found = stacks("prod", "cart")
    assert list(found) == ["souk-prod-cart-watch", "souk-prod-cart"]
    assert found["souk-prod-cart-watch"] == {"Environment": "prod", **watched("cart")}
    assert list(stacks("prod", "platform")) == ["souk-prod-platform"]


def test_nothing_watches_over_a_preview_or_on_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert list(stacks("prefeaturec7d0e", "cart")) == ["souk-prefeaturec7d0e-cart"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert list(stacks("dev", "cart")) == ["souk-dev-cart"]


# --- what functions run on ---


def test_what_runs_elsewhere_runs_on_the_newest_long_lived_runtime_and_arm64() -> None:
    for environment in ("dev", "prod"):
        assert sam.runs_on(environment) == {"PythonRuntime": "python3.13", "Architecture": "arm64"}


def test_what_runs_here_runs_on_what_is_at_hand() -> None:
    assert sam.runs_on("local") == {
        "PythonRuntime": recipe.python_tag(),
        "Architecture": recipe.target_platform(),
    }


def test_a_deploy_builds_for_the_processor_that_functions_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUK_PLATFORM", "x86_64")
    build_for({"PythonRuntime": recipe.python_tag(), "Architecture": "arm64"}, "dev")
    assert recipe.target_platform() == "arm64"


@pytest.mark.parametrize("runtime", ["python3.10", "python3.99"])
def test_a_deploy_refuses_an_interpreter_whose_modules_would_not_fit_and_says_the_line_to_run(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUK_PLATFORM", "")  # what it sets ends with the test
    with pytest.raises(
        ToolError, match=f"dev runs on {runtime} .* run: .*make deploy ENV=dev PYTHON="
    ) as said:
        build_for({"PythonRuntime": runtime, "Architecture": "arm64"}, "dev")
    if runtime == "python3.99":  # which nobody has
        assert "uv python install 3.99 && make deploy" in str(said.value)


@pytest.mark.parametrize(("limit", "said"), [(10, True), (100, False), (1000, False)])
def test_how_to_raise_a_new_accounts_concurrency_is_said(
    limit: int, said: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    client = boto3.client("lambda", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        stub.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": limit}}, {})
        check_quota(client)
    assert ("request-service-quota-increase" in capsys.readouterr().out) is said
