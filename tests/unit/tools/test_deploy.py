"""What a deploy sees to afterwards: identity's signing keys, and on an emulator the sender of mail."""

from __future__ import annotations

import io
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from tools.operate.deploy import have_a_sender, make_keys


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
