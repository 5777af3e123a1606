"""The signing secret is rotated so that no order's link ends before its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest

from functions.orders.domain import LINK_KEPT
from functions.shared import signing
from tools.operate import signing as rotation
from tools.operate.environment import Deployed
from tools.report import ToolError

HERE = Deployed("local")


def secret() -> str:
    signing._keys.clear()  # as a worker that has not seen it yet
    return boto3.client("secretsmanager").get_secret_value(SecretId="souk-local-signing")["SecretString"]


def test_what_the_one_before_signed_is_still_taken(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_SECRET_NAME", "souk-local-signing")
    before, link = secret(), signing.sign("order-link", b"ord_1 1")
    rotation.rotate(HERE, datetime.now(UTC))
    assert secret() != before
    assert len(secret()) == 64
    assert signing.verify("order-link", link) == b"ord_1 1"


def test_a_second_rotation_waits_for_all_links_of_the_first_secret(cloud: None) -> None:
    rotation.rotate(HERE, datetime.now(UTC))
    first, made = secret(), datetime.now(UTC)
    with pytest.raises(
        ToolError, match=r"links of orders .* put-secret-value --secret-id souk-local-signing"
    ):
        rotation.rotate(HERE, made + rotation.KEPT - timedelta(minutes=1))
    assert secret() == first
    rotation.rotate(HERE, made + rotation.KEPT + timedelta(minutes=1))
    assert secret() != first
    assert rotation.KEPT >= LINK_KEPT
