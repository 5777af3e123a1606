"""The signing keys over their life: the first, the next, the switch, the end, and what authorisers learn of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from functions.identity.accounts.domain import Account
from functions.identity.accounts.tokens import secret_text
from functions.identity.app import rotate
from functions.identity.keys import access_tokens
from functions.identity.keys.domain import AFTER, AHEAD, MAX_KEYS, PERIOD, Key, KeySet
from functions.identity.keys.service import SigningKeys
from functions.identity.table import IdentityTable
from functions.platform.authoriser import KEPT_SECONDS
from functions.shared.clock import now, rfc3339
from functions.shared.errors import ConflictError
from tests.support.lambda_events import Context
from tests.unit.identity.conftest import NOW, Front, some_signing_keys

AMIRA = Account("cus_01kaqz5r7b8v0w3m2x4y6t9n1d", "amira@example.com", "Amira", "", rfc3339(NOW))
LEAD = timedelta(hours=1)
ADMIN = {"subject": "cus_admin", "roles": "customer,admin"}


def key_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def published() -> dict[str, Any]:
    found = boto3.client("ssm").get_parameter(Name="/souk/local/jwks")["Parameter"]["Value"]
    document: dict[str, Any] = json.loads(found)
    return document


def key_states() -> list[str]:
    kms = boto3.client("kms")
    return sorted(
        kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]
    )


def check(token: str) -> Any:
    """Return the claims if any published key signed the token, its times aside."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in published()["keys"]}
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    return jwt.decode(
        token, keys[key_of(token)], algorithms=["ES256"], audience="souk-local", options=options
    )


def test_the_first_token_makes_the_first_key_and_tells_it(signing_keys: SigningKeys) -> None:
    token = signing_keys.access_token(AMIRA, "ses_1", NOW)
    told = published()
    assert (told["issuer"], told["audience"]) == ("http://localhost:8080/identity", "souk-local")
    assert [key["kid"] for key in told["keys"]] == [key_of(token)]
    assert check(token)["sub"] == AMIRA.id


def test_of_two_first_keys_made_at_once_one_stays(table: IdentityTable) -> None:
    one, other = some_signing_keys(table), some_signing_keys(table)
    made = one._first(NOW)
    theirs = other._first(NOW)
    assert made.keys == theirs.keys
    assert key_of(one.access_token(AMIRA, "s", NOW)) == key_of(other.access_token(AMIRA, "s", NOW))
    assert key_states() == ["Enabled", "PendingDeletion"]


def test_keys_that_were_not_told_are_told_before_they_sign(table: IdentityTable) -> None:
    made = some_signing_keys(table)._first(NOW)
    boto3.client("ssm").delete_parameter(Name="/souk/local/jwks")
    table.store_key_set(made, KeySet(made.keys, made.version + 1), "[]")
    assert check(some_signing_keys(table).access_token(AMIRA, "s", NOW))


def test_a_parameter_that_was_damaged_is_repaired_within_a_round(signing_keys: SigningKeys) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    boto3.client("ssm").put_parameter(Name="/souk/local/jwks", Value="{}", Type="String", Overwrite=True)
    signing_keys.maintain(NOW)
    assert len(published()["keys"]) == 1


def test_a_rotation_tells_the_next_key_an_hour_before_it_signs(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    first = key_of(signing_keys.access_token(AMIRA, "s", NOW))
    signing_keys.rotate(NOW)
    assert len(published()["keys"]) == 2
    assert (
        key_of(some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD - timedelta(seconds=1))) == first
    )
    switched = some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD)
    assert key_of(switched) != first
    assert check(switched)


def test_the_lead_is_longer_than_an_authoriser_keeps_the_keys() -> None:
    assert timedelta(seconds=2 * KEPT_SECONDS) < LEAD


def test_asking_again_for_a_rotation_under_way_changes_nothing(signing_keys: SigningKeys) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    once = signing_keys.rotate(NOW)
    assert signing_keys.rotate(NOW + timedelta(minutes=30)) == once
    assert len(once.keys) == 2


def test_a_key_waiting_for_its_ordinary_time_is_hastened(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    soon = NOW + PERIOD - AHEAD
    signing_keys.maintain(soon)
    after = signing_keys.rotate(soon + timedelta(minutes=10))
    assert [key.signs_from for key in after.keys] == [rfc3339(NOW), rfc3339(soon + LEAD)]


def test_the_old_key_stays_told_until_its_last_token_has_ended(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    signing_keys.rotate(NOW)
    last = some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD - timedelta(seconds=1))
    some_signing_keys(table).maintain(NOW + LEAD + AFTER - timedelta(seconds=1))
    assert check(last)
    some_signing_keys(table).maintain(NOW + LEAD + AFTER)
    assert key_of(last) not in {key["kid"] for key in published()["keys"]}
    assert key_states() == ["Enabled", "PendingDeletion"]


def test_every_90_days_the_keys_change_by_themselves(table: IdentityTable) -> None:
    seen = set()
    for day in (0, 45, 88, 89, 90, 91, 92, 150, 178, 179, 180, 181, 182, 200):
        at = NOW + timedelta(days=day)
        worker = some_signing_keys(table)
        worker.maintain(at)
        token = worker.access_token(AMIRA, "s", at)
        assert check(token)
        seen.add(key_of(token))
    assert len(seen) == 3
    assert key_states() == ["Enabled", "PendingDeletion", "PendingDeletion"]


def test_a_key_overdue_is_still_told_before_it_signs(table: IdentityTable, signing_keys: SigningKeys) -> None:
    first = key_of(signing_keys.access_token(AMIRA, "s", NOW))
    late = NOW + 2 * PERIOD
    after = signing_keys.maintain(late)
    assert after.keys[-1].signs_from == rfc3339(late + LEAD)
    assert key_of(some_signing_keys(table).access_token(AMIRA, "s", late)) == first


def test_of_two_rotations_at_once_one_is_refused_and_its_key_given_up(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    before, _ = table.key_set()
    assert before is not None
    made = signing_keys._make(NOW, NOW + LEAD)
    some_signing_keys(table).rotate(NOW)
    assert not signing_keys._replace(before, before.with_key(made), NOW)
    assert key_states() == ["Enabled", "Enabled", "PendingDeletion"]


def test_maintaining_twice_changes_nothing(table: IdentityTable, signing_keys: SigningKeys) -> None:
    once = signing_keys.maintain(NOW)
    assert signing_keys.maintain(NOW) == once
    assert key_states() == ["Enabled"]


def test_the_schedule_makes_the_first_key_before_anybody_logs_in(front: Front) -> None:
    assert rotate({}, Context()) == {"keys": 1}
    front.register()
    assert front.me(front.log_in()["accessToken"]).status == 200
    assert len(published()["keys"]) == 1


def test_a_full_ring_takes_no_further_key() -> None:
    keys = tuple(Key(str(n), "arn", "x", "y", rfc3339(NOW), rfc3339(NOW)) for n in range(MAX_KEYS))
    with pytest.raises(ConflictError):
        KeySet(keys).require_room()


def test_a_full_ring_fits_into_one_parameter(signing_keys: SigningKeys) -> None:
    one = signing_keys.rotate(NOW).keys[0]
    assert len(json.dumps(signing_keys.published(KeySet((one,) * MAX_KEYS)))) < 4096


def test_a_worker_whose_clock_is_behind_signs_with_the_first_key(signing_keys: SigningKeys) -> None:
    made = signing_keys.rotate(NOW)
    assert made.current(NOW - timedelta(seconds=5)) == made.keys[0]


# --- over HTTP ----------------------------------------------------------------------------------------------------


def test_the_discovery_document_leads_to_the_keys(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    found = front.call("GET", "/identity/.well-known/openid-configuration")
    assert found.body["issuer"] == "http://localhost:8080/identity"
    assert found.body["jwks_uri"] == "http://localhost:8080/identity/.well-known/jwks.json"
    told = front.call("GET", "/identity/.well-known/jwks.json")
    assert [key["kid"] for key in told.body["keys"]] == [key_of(token)]
    assert found.headers["Cache-Control"] == told.headers["Cache-Control"] == "public, max-age=300"


def test_any_oidc_library_can_verify_by_the_published_keys(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    told = front.call("GET", "/identity/.well-known/jwks.json").body
    key = jwt.PyJWKSet.from_dict(told)[key_of(token)]
    assert jwt.decode(token, key, algorithms=["ES256"], audience="souk-local")["scope"] == "shop"


def test_nobody_keeps_an_empty_list_of_keys(front: Front) -> None:
    told = front.call("GET", "/identity/.well-known/jwks.json")
    assert (told.body, told.headers["Cache-Control"]) == ({"keys": []}, "no-store")


def test_an_admin_sees_and_rotates_the_keys(front: Front) -> None:
    front.register()
    front.log_in()
    answer = front.call("POST", "/identity/keys/rotations", **ADMIN)
    assert (answer.status, [key["state"] for key in answer.body["items"]]) == (202, ["current", "next"])
    assert front.call("GET", "/identity/keys", **ADMIN).body == answer.body


@pytest.mark.parametrize("roles", ["customer", "customer,staff"])
def test_only_admins_see_and_rotate_keys(front: Front, roles: str) -> None:
    who = {"subject": "cus_other", "roles": roles}
    assert front.call("GET", "/identity/keys", **who).status == 403
    assert front.call("POST", "/identity/keys/rotations", **who).status == 403
    assert front.call("POST", "/identity/keys/rotations").status == 403


def test_a_rotation_logs_nobody_out(front: Front, table: IdentityTable) -> None:
    front.register()
    before = front.log_in()
    some_signing_keys(table).rotate(now() - 2 * LEAD)
    from functions.identity.api import keys

    keys.cache_clear()
    after = front.refresh(before["refreshToken"]).body
    assert key_of(after["accessToken"]) != key_of(before["accessToken"])
    assert front.me(before["accessToken"]).status == 200


# --- text ---------------------------------------------------------------------------------------------------------


def test_a_public_key_becomes_the_jwk_others_make_of_it() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    theirs = jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)
    ours = access_tokens.jwk(der)
    assert {name: ours[name] for name in theirs} == theirs


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    public = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + bytes([4]) + bytes(64)
    members = '{"crv":"P-256","kty":"EC","x":"' + "A" * 43 + '","y":"' + "A" * 43 + '"}'
    digest = hashes.Hash(hashes.SHA256())
    digest.update(members.encode())
    assert access_tokens.jwk(public)["kid"] == secret_text(digest.finalize())


@pytest.mark.parametrize("der", [b"", b"\x04" * 91, bytes(91), bytes(90)])
def test_what_is_no_p256_key_is_refused(der: bytes) -> None:
    if der == b"\x04" * 91:
        assert access_tokens.jwk(der)
    else:
        with pytest.raises((ValueError, IndexError)):
            access_tokens.jwk(der)


@given(st.binary(max_size=40))
def test_a_der_signature_becomes_r_and_s(message: bytes) -> None:
    der = _PRIVATE.sign(message, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    assert access_tokens.raw_signature(der) == r.to_bytes(32, "big") + s.to_bytes(32, "big")


_PRIVATE = ec.generate_private_key(ec.SECP256R1())


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_short_and_long_numbers_of_a_signature_are_padded(r: int, s: int) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    assert access_tokens.raw_signature(encode_dss_signature(r, s)) == r.to_bytes(32, "big") + s.to_bytes(
        32, "big"
    )


@pytest.mark.parametrize("der", [b"\x31\x06\x02\x01\x01\x02\x01\x01", b"\x30\x06\x02\x01\x01\x02\x02\x01"])
def test_what_is_no_der_signature_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match="not an ECDSA signature"):
        access_tokens.raw_signature(der)
