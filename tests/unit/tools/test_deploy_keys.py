"""The signing keys after a deploy: made by identity's own maintenance, asked for until it has them."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tools.operate.deploy import make_keys


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
