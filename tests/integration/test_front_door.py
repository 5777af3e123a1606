"""Who comes in: tokens that are missing, forged, expired or meant for somebody else stop at the front door."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.identity.keys import access_tokens
from tests.support.tokens import Signer
from tools.local.buyer import Buyer
from tools.local.stack import Stack


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token."""
    header, claims, _ = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(text + "==")) for text in (header, claims)]
    return decoded[0], decoded[1]


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@pytest.fixture
def token(amira: Buyer) -> str:
    """A customer's own token, in force."""
    assert amira.session
    return amira.session.token()


@pytest.fixture
def signed_by_the_shop(stack: Stack, token: str) -> Callable[..., str]:
    """Return a function that signs other claims with the shop's own key."""
    kms, (header, claims) = stack.client("kms"), parts(token)

    def signs(key: str) -> bool:
        described = kms.describe_key(KeyId=key)["KeyMetadata"]
        if described.get("KeySpec") != "RSA_2048" or described["KeyState"] != "Enabled":
            return False
        modulus = access_tokens.modulus(kms.get_public_key(KeyId=key)["PublicKey"])
        return access_tokens.key_id(modulus) == header["kid"]

    keys = [key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]]
    (ours,) = filter(signs, keys)

    def make(**changes: Any) -> str:
        text = access_tokens.signing_input("RS256", header["kid"], {**claims, **changes})
        algorithm = "RSASSA_PKCS1_V1_5_SHA_256"
        answer = kms.sign(KeyId=ours, Message=text.encode(), MessageType="RAW", SigningAlgorithm=algorithm)
        return access_tokens.signed(text, answer["Signature"])

    return make


def bad_tokens(token: str, sign: Callable[..., str]) -> dict[str, str]:
    header, claims = parts(token)
    hour_ago = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    stranger = Signer(header["kid"])
    mac = token.rpartition(".")[2]
    return {
        "unsigned": f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}.",
        "of another key": stranger.token(**claims),
        "edited": f"{token.partition('.')[0]}.{encoded({**claims, 'roles': ['admin']})}.{mac}",
        "without its signature": token.rpartition(".")[0] + ".",
        "expired": sign(iat=hour_ago, nbf=hour_ago, exp=hour_ago + 900),
        "not in force yet": sign(nbf=int(time.time()) + 3600),
        "for another audience": sign(aud="souk-prod"),
        "of another issuer": sign(iss="https://elsewhere.example/identity"),
        "no token": "hunter2",
    }


def test_the_shops_own_signature_opens_the_door(guest: Buyer, signed_by_the_shop: Callable[..., str]) -> None:
    assert guest.send("GET", "/orders", Authorization=f"Bearer {signed_by_the_shop()}").status == 200


@pytest.mark.parametrize("route", ["/orders", "/carts/crt_01kaqz5r7b8v0w3m2x4y6t9n1f"])
def test_a_bad_token_is_refused_where_one_is_needed_and_where_none_is(
    guest: Buyer, token: str, signed_by_the_shop: Callable[..., str], route: str
) -> None:
    for kind, bad in bad_tokens(token, signed_by_the_shop).items():
        answer = guest.send("GET", route, Authorization=f"Bearer {bad}")
        assert answer.status == 401, kind
        assert answer.headers["content-type"] == "application/problem+json", kind
        assert answer.code == "not_authenticated", kind


def test_without_a_token_only_public_calls_are_answered(guest: Buyer) -> None:
    for method, path in (
        ("GET", "/orders"),
        ("GET", "/identity/me"),
        ("POST", "/inventory/stock/MUG/adjustments"),
        ("POST", "/catalog/products"),
        ("GET", "/payments/ord_01kaqz5r7b8v0w3m2x4y6t9n1c"),
        ("GET", "/journal/events"),
    ):
        assert guest.send(method, path, {} if method == "POST" else None).status == 401, path


def test_head_is_answered_wherever_get_is(guest: Buyer, amira: Buyer) -> None:
    for buyer, path in ((guest, "/catalog/products"), (guest, "/carts/countries"), (amira, "/identity/me")):
        answer = buyer.send("HEAD", path)
        assert (answer.status, bool(answer.body)) == (200, False), path
    assert guest.send("HEAD", "/identity/me").status == 401


def test_a_packed_body_is_refused_at_once(guest: Buyer) -> None:
    answer = guest.send("POST", "/carts", gzip.compress(b"{}"), content_encoding="gzip")
    assert (answer.status, answer.code) == (415, "unsupported_content_encoding")


def test_a_customer_may_not_do_what_staff_may(amira: Buyer) -> None:
    for method, path, body in (
        ("POST", "/inventory/stock/MUG/adjustments", {"delta": 5, "reason": "x"}),
        ("GET", "/inventory/stock/MUG/movements", None),
        (
            "POST",
            "/catalog/products",
            {"title": "x", "variants": [{"price": {"amount": 1, "currency": "EUR"}}]},
        ),
        ("POST", "/catalog/exports", None),
        ("GET", "/identity/customers?email=a@example.com", None),
        ("POST", "/identity/keys/rotations", {}),
        ("GET", "/journal/events", None),
    ):
        answer = amira.send(method, path, body)
        assert (answer.status, answer.code) == (403, "role_required"), path


def test_nobody_is_whom_a_header_says_they_are(guest: Buyer) -> None:
    claimed = {"X_Principal_Id": "cus_1", "X_Roles": "admin", "X_Amzn_Principalid": "cus_1"}
    assert guest.send("GET", "/orders", **claimed).status == 401
