"""Signatures: what we signed for a purpose, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.shared import signing
from functions.shared.signing import BadSignatureError, sign, verify

pytestmark = pytest.mark.usefixtures("cloud")

PAYLOAD = b'{"id":"quo_1","total":1999}'


def rotate() -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId="souk-local-signing", SecretString="n" * 64)


def age(seconds: float) -> None:
    """Let time pass for the keys kept."""
    signing._keys.update({stage: (at - seconds, key) for stage, (at, key) in signing._keys.items()})


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def test_what_was_signed_verifies() -> None:
    assert verify("quote", sign("quote", PAYLOAD)) == PAYLOAD


@pytest.mark.parametrize("payload", [b"", b"x", b"\x00\xff.\n", b"x" * 100_000])
def test_any_bytes_can_be_signed(payload: bytes) -> None:
    assert verify("quote", sign("quote", payload)) == payload


def test_signed_text_can_stand_in_an_address() -> None:
    assert not set(sign("order-link", bytes(range(256)))) - set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    )


def test_an_edited_payload_is_refused() -> None:
    _, mac = sign("quote", PAYLOAD).split(".")
    with pytest.raises(BadSignatureError):
        verify("quote", text(PAYLOAD.replace(b"1999", b"1")) + "." + mac)


def test_a_signature_by_another_key_is_refused() -> None:
    mac = hmac.new(b"guess", b"quote\n" + PAYLOAD, hashlib.sha256).digest()
    with pytest.raises(BadSignatureError):
        verify("quote", f"{text(PAYLOAD)}.{text(mac)}")


def test_a_signature_for_another_purpose_is_refused() -> None:
    with pytest.raises(BadSignatureError):
        verify("order-link", sign("quote", PAYLOAD))


def test_purpose_and_payload_do_not_run_into_each_other() -> None:
    with pytest.raises(BadSignatureError):
        verify("quote", sign("quo", b"te\n" + PAYLOAD))
    with pytest.raises(BadSignatureError):
        verify("quotex", sign("quote", b"x" + PAYLOAD))


@pytest.mark.parametrize(
    "signed", ["", ".", "a", "a.b.c", "e30.", "e30.e30", "e30.*", "é.é", "{}.{}", "e30=.e30=", " . "]
)
def test_text_of_another_form_is_refused(signed: str) -> None:
    with pytest.raises(BadSignatureError):
        verify("quote", signed)


def test_what_the_previous_secret_signed_still_verifies_after_a_rotation() -> None:
    signed = sign("quote", PAYLOAD)
    rotate()
    signing._keys.clear()
    assert sign("quote", PAYLOAD) != signed
    assert verify("quote", signed) == PAYLOAD


def test_what_the_secret_before_the_previous_signed_is_refused() -> None:
    signed = sign("quote", PAYLOAD)
    rotate()
    boto3.client("secretsmanager").put_secret_value(SecretId="souk-local-signing", SecretString="m" * 64)
    signing._keys.clear()
    with pytest.raises(BadSignatureError):
        verify("quote", signed)


def test_a_worker_that_has_not_seen_a_rotation_verifies_what_one_that_has_signed() -> None:
    sign("quote", PAYLOAD)
    ours = dict(signing._keys)
    rotate()
    signing._keys.clear()
    theirs = sign("quote", PAYLOAD)
    signing._keys.clear()
    signing._keys.update(ours)
    age(60)
    assert verify("quote", theirs) == PAYLOAD


def test_a_forged_text_does_not_fetch_the_secret_each_time() -> None:
    sign("quote", PAYLOAD)
    rotate()
    with pytest.raises(BadSignatureError):
        verify("quote", "e30.e30")
    assert signing._keys["AWSCURRENT"][1] == b"k" * 64


def test_the_secret_is_asked_for_again_after_a_while() -> None:
    before = sign("quote", PAYLOAD)
    rotate()
    assert sign("quote", PAYLOAD) == before
    age(301)
    assert sign("quote", PAYLOAD) != before


def test_without_its_secret_nothing_is_signed_or_verified() -> None:
    boto3.client("secretsmanager").delete_secret(
        SecretId="souk-local-signing", ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(ClientError):
        sign("quote", PAYLOAD)
    with pytest.raises(ClientError):
        verify("quote", "e30.e30")


def test_keys_are_kept_by_a_clock_that_never_jumps() -> None:
    sign("quote", PAYLOAD)
    assert abs(signing._keys["AWSCURRENT"][0] - time.monotonic()) < 60
