"""The signing keys over their life: the first, the next, the switch, the end, and what services learn of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from functions.identity.accounts.domain import Account
from functions.identity.app import rotate
from functions.identity.keys import access_tokens
from functions.identity.keys.domain import AFTER, AHEAD, MAX_KEYS, PERIOD, Key, KeySet
from functions.identity.keys.service import SigningKeys
from functions.identity.table import IdentityTable
from functions.shared import aws, jws, tokens
from functions.shared.clock import now, rfc3339
from functions.shared.errors import ConflictError, UnavailableError
from functions.shared.tokens import KEPT_SECONDS
from tests.support.lambda_events import Context
from tests.support.tokens import rsa_key
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
    keys = {key["kid"]: jwt.PyJWK(key) for key in told()}
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    key = keys[key_of(token)]
    return jwt.decode(token, key, algorithms=[key.algorithm_name], audience="souk-local", options=options)


def told() -> list[dict[str, str]]:
    """Return all published keys."""
    document = published()
    return [*document["keys"], *document["rs256"]]


def test_the_first_token_makes_the_first_key_and_tells_it(signing_keys: SigningKeys) -> None:
    token = signing_keys.access_token(AMIRA, "ses_1", NOW)
    document = published()
    assert (document["issuer"], document["audience"]) == ("http://localhost:8080/identity", "souk-local")
    assert [key["kid"] for key in document["rs256"]] == [key_of(token)]
    assert jwt.get_unverified_header(token)["alg"] == "RS256"
    assert check(token)["sub"] == AMIRA.id


def test_of_two_first_keys_made_at_once_one_stays(table: IdentityTable) -> None:
    one, other = some_signing_keys(table), some_signing_keys(table)
    made = one._first(NOW)
    theirs = other._first(NOW)
    assert made.keys == theirs.keys
    assert key_of(one.access_token(AMIRA, "s", NOW)) == key_of(other.access_token(AMIRA, "s", NOW))
    assert key_states() == ["Enabled"]


def test_keys_that_were_not_told_are_told_before_they_sign(table: IdentityTable) -> None:
    made = some_signing_keys(table)._first(NOW)
    boto3.client("ssm").delete_parameter(Name="/souk/local/jwks")
    table.store_key_set(made, KeySet(made.keys, made.version + 1), "[]")
    assert check(some_signing_keys(table).access_token(AMIRA, "s", NOW))


def test_a_parameter_that_was_damaged_is_repaired_within_a_round(signing_keys: SigningKeys) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    boto3.client("ssm").put_parameter(Name="/souk/local/jwks", Value="{}", Type="String", Overwrite=True)
    signing_keys.maintain(NOW)
    assert len(told()) == 1


def test_a_rotation_tells_the_next_key_an_hour_before_it_signs(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    first = key_of(signing_keys.access_token(AMIRA, "s", NOW))
    signing_keys.rotate(NOW)
    assert len(told()) == 2
    assert (
        key_of(some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD - timedelta(seconds=1))) == first
    )
    switched = some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD)
    assert key_of(switched) != first
    assert check(switched)


def test_the_lead_is_longer_than_a_service_keeps_the_keys() -> None:
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
    assert key_of(last) not in {key["kid"] for key in told()}
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


def test_of_two_rotations_at_once_one_is_refused_and_no_key_is_wasted(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    signing_keys.access_token(AMIRA, "s", NOW)
    before, _ = table.key_set()
    assert before is not None
    made = signing_keys._make(NOW, NOW + LEAD, before)
    after = some_signing_keys(table).rotate(NOW)
    assert not signing_keys._replace(before, before.with_key(made), NOW)
    assert after.keys[-1].kms_id == made.kms_id
    assert key_states() == ["Enabled", "Enabled"]


def test_maintaining_twice_changes_nothing(table: IdentityTable, signing_keys: SigningKeys) -> None:
    once = signing_keys.maintain(NOW)
    assert signing_keys.maintain(NOW) == once
    assert key_states() == ["Enabled"]


def test_the_schedule_makes_the_first_key_before_anybody_logs_in(front: Front) -> None:
    assert rotate({}, Context()) == {"keys": 1}
    front.register()
    assert front.me(front.log_in()["accessToken"]).status == 200
    assert len(told()) == 1


def test_a_full_ring_takes_no_further_key() -> None:
    keys = tuple(Key(str(n), "arn", rfc3339(NOW), rfc3339(NOW), "n") for n in range(MAX_KEYS))
    with pytest.raises(ConflictError):
        KeySet(keys).require_room()


def test_a_full_ring_fits_into_one_parameter(table: IdentityTable, signing_keys: SigningKeys) -> None:
    one = signing_keys.rotate(NOW).keys[0]
    longest = replace(
        signing_keys._publication, issuer="https://" + "a" * 253 + "/identity", audience="souk-" + "a" * 16
    )
    text = SigningKeys(table, longest)._text(KeySet((one,) * MAX_KEYS))
    assert 3700 < len(text) <= 4096
    assert len(text) + len(json.dumps(one.jwk(), separators=(",", ":"))) > 4096, "there is room for one more"


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
    listed = front.call("GET", "/identity/.well-known/jwks.json")
    assert [key["kid"] for key in listed.body["keys"]] == [key_of(token)]
    assert found.headers["Cache-Control"] == listed.headers["Cache-Control"] == "public, max-age=300"
    assert found.body["id_token_signing_alg_values_supported"] == ["RS256"]


def test_any_oidc_library_can_verify_by_the_published_keys(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    listed = front.call("GET", "/identity/.well-known/jwks.json").body
    key = jwt.PyJWKSet.from_dict(listed)[key_of(token)]
    assert jwt.decode(token, key, algorithms=["RS256"], audience="souk-local")["scope"] == "shop"


def test_nobody_keeps_an_empty_list_of_keys(front: Front) -> None:
    listed = front.call("GET", "/identity/.well-known/jwks.json")
    assert (listed.body, listed.headers["Cache-Control"]) == ({"keys": []}, "no-store")


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
    assert front.call("POST", "/identity/keys/rotations").status == 401


def test_a_rotation_logs_nobody_out(front: Front, table: IdentityTable) -> None:
    front.register()
    before = front.log_in()
    some_signing_keys(table).rotate(now() - 2 * LEAD)
    from functions.identity.api import keys

    keys.cache_clear()
    after = front.refresh(before["refreshToken"]).body
    assert key_of(after["accessToken"]) != key_of(before["accessToken"])
    assert front.me(before["accessToken"]).status == 200


# --- a key set from before keys were RSA --------------------------------------------------------------------------


def old_key(signs_from: datetime) -> Key:
    """Return a key of P-256 that KMS keeps, as an older version made them."""
    kms = boto3.client("kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    point = kms.get_public_key(KeyId=made)["PublicKey"][-64:]
    x, y = jws.base64url(point[:32]), jws.base64url(point[32:])
    return Key(f"old-{made}", made, rfc3339(signs_from), rfc3339(signs_from), x=x, y=y)


def kept_by_an_older_version(table: IdentityTable, *signs_from: datetime) -> KeySet:
    """Store and publish such a key set."""
    key_set = KeySet(tuple(map(old_key, signs_from)))
    assert table.store_key_set(None, key_set, "[]")
    some_signing_keys(table)._publish(key_set)
    return key_set


def test_an_old_key_signs_until_an_rsa_key_was_told_for_an_hour(table: IdentityTable) -> None:
    kept_by_an_older_version(table, NOW - timedelta(days=3))
    first = some_signing_keys(table).access_token(AMIRA, "s", NOW)
    assert jwt.get_unverified_header(first)["alg"] == "ES256"
    some_signing_keys(table).maintain(NOW)
    before = some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD - timedelta(seconds=1))
    after = some_signing_keys(table).access_token(AMIRA, "s", NOW + LEAD)
    assert [jwt.get_unverified_header(one)["alg"] for one in (before, after)] == ["ES256", "RS256"]
    assert check(first)["sub"] == check(before)["sub"] == check(after)["sub"] == AMIRA.id


def test_an_old_key_stays_told_until_its_last_token_has_ended(table: IdentityTable) -> None:
    (old,) = kept_by_an_older_version(table, NOW - timedelta(days=3)).keys
    some_signing_keys(table).maintain(NOW)
    some_signing_keys(table).maintain(NOW + LEAD + AFTER - timedelta(seconds=1))
    assert [key["kid"] for key in published()["keys"]] == [old.id]
    some_signing_keys(table).maintain(NOW + LEAD + AFTER)
    assert (published()["keys"], len(published()["rs256"])) == ([], 1)
    assert key_states() == ["Enabled", "PendingDeletion"]


def test_an_old_key_that_waits_is_passed_over(table: IdentityTable) -> None:
    turn = NOW + timedelta(hours=20)
    kept_by_an_older_version(table, NOW - timedelta(days=89), turn)
    after = some_signing_keys(table).maintain(NOW)
    assert [(key.algorithm, key.signs_from) for key in after.keys[1:]] == [
        ("ES256", rfc3339(turn)),
        ("RS256", rfc3339(turn)),
    ]
    assert after.current(turn).algorithm == "RS256"
    assert some_signing_keys(table).maintain(NOW) == after


def test_what_reads_keys_alone_sees_none_that_it_does_not_know(table: IdentityTable) -> None:
    kept_by_an_older_version(table, NOW - timedelta(days=3))
    some_signing_keys(table).maintain(NOW)
    assert {key["alg"] for key in published()["keys"]} == {"ES256"}
    assert {key["alg"] for key in published()["rs256"]} == {"RS256"}


def test_a_key_set_that_is_full_of_old_keys_goes_over_as_soon_as_one_has_ended(table: IdentityTable) -> None:
    turns = [NOW - timedelta(hours=12 - number) for number in range(10)]
    kept_by_an_older_version(table, *turns)
    for hours in range(3):
        after = some_signing_keys(table).maintain(NOW + hours * timedelta(hours=1))
    assert after.keys[-1].algorithm == "RS256"
    assert len(json.dumps(published())) < 4096


def test_services_take_tokens_of_old_keys_and_of_new_ones(front: Front, table: IdentityTable) -> None:
    front.register()
    kept_by_an_older_version(table, NOW - timedelta(days=3))
    old = front.log_in()["accessToken"]
    assert jwt.get_unverified_header(old)["alg"] == "ES256"
    assert front.me(old).status == 200
    some_signing_keys(table).maintain(NOW - 2 * LEAD)
    from functions.identity.api import keys

    keys.cache_clear()
    tokens.keys.cache_clear()
    new = front.log_in()["accessToken"]
    assert jwt.get_unverified_header(new)["alg"] == "RS256"
    assert (front.me(old).status, front.me(new).status) == (200, 200)


# --- a key that was made and is not shown yet ---------------------------------------------------------------------


class Hidden:
    """KMS whose new keys are not shown to the role that made them, for so many times."""

    def __init__(self, times: int, code: str = "AccessDeniedException") -> None:
        self.times, self.code = times, code
        self.real = aws.kms()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def get_public_key(self, **request: Any) -> Any:
        if self.times > 0:
            self.times -= 1
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetPublicKey")
        return self.real.get_public_key(**request)


@pytest.fixture
def hidden() -> Iterator[Callable[[Hidden], Hidden]]:
    real = {name: getattr(aws, name)() for name in ("dynamodb", "ssm", "kms")}

    def put(kms: Hidden) -> Hidden:
        aws.use(lambda name: kms if name == "kms" else real[name])
        return kms

    yield put
    aws.use(None)


def test_a_key_that_is_not_shown_yet_is_taken_up_by_the_next_round(
    table: IdentityTable, signing_keys: SigningKeys, hidden: Any
) -> None:
    hidden(Hidden(times=3))
    for _ in range(3):
        with pytest.raises(UnavailableError):
            signing_keys.maintain(NOW)
    assert len(signing_keys.maintain(NOW).keys) == 1
    assert key_states() == ["Enabled"]


def test_the_next_key_is_another_than_the_one_made_before(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    first, second = signing_keys.maintain(NOW).keys[0], signing_keys.rotate(NOW).keys[1]
    assert first.kms_id != second.kms_id
    assert table.made_key() == second.kms_id


def test_a_log_in_meanwhile_is_told_to_come_again(front: Front, hidden: Any) -> None:
    front.register()
    hidden(Hidden(times=1))
    answer = front.try_log_in()
    assert (answer.status, answer.body["code"], answer.headers["Retry-After"]) == (
        503,
        "keys_not_ready",
        "10",
    )
    assert front.try_log_in().status == 200


@pytest.mark.parametrize("code", ["NotFoundException", "KMSInvalidStateException"])
def test_a_key_that_somebody_deleted_is_replaced(signing_keys: SigningKeys, hidden: Any, code: str) -> None:
    hidden(Hidden(times=1, code=code))
    with pytest.raises(UnavailableError):
        signing_keys.maintain(NOW)
    assert len(signing_keys.maintain(NOW).keys) == 1
    assert key_states() == ["Enabled", "Enabled"]


def test_of_two_keys_made_at_once_the_one_recorded_first_is_taken(
    table: IdentityTable, signing_keys: SigningKeys
) -> None:
    assert signing_keys._create(NOW, None) == some_signing_keys(table)._create(NOW, None)
    assert key_states() == ["Enabled", "PendingDeletion"]


# --- text ---------------------------------------------------------------------------------------------------------


def der(public: Any) -> bytes:
    found: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return found


def test_a_public_key_becomes_the_jwk_others_make_of_it() -> None:
    public = rsa_key().public_key()
    theirs = jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True)
    ours = Key("k", "arn", "", "", access_tokens.modulus(der(public))).jwk()
    assert {name: ours[name] for name in ("kty", "n", "e")} == {
        name: theirs[name] for name in ("kty", "n", "e")
    }


def test_the_key_id_is_the_thumbprint_of_rfc_7638() -> None:
    """The key and its thumbprint are the example of RFC 7638, 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
        "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert access_tokens.key_id(modulus) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_what_is_no_rsa_key_of_2048_bits_is_refused() -> None:
    good = der(rsa_key().public_key())
    curve = der(ec.generate_private_key(ec.SECP256R1()).public_key())
    large = der(rsa.RSAPublicNumbers(65537, 2**3071 + 1).public_key())
    odd = der(rsa.RSAPublicNumbers(3, rsa_key().public_key().public_numbers().n).public_key())
    even = good[:-6] + bytes([good[-6] & 0xFE]) + good[-5:]
    for other in (b"", bytes(294), good[:-1], good + b"\0", curve, large, odd, even):
        with pytest.raises(ValueError, match="not a"):
            access_tokens.modulus(other)


_PRIVATE = ec.generate_private_key(ec.SECP256R1())


@given(st.binary(max_size=40))
def test_a_der_signature_becomes_r_and_s(message: bytes) -> None:
    signature = _PRIVATE.sign(message, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signature)
    assert access_tokens.raw_signature(signature) == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_short_and_long_numbers_of_a_signature_are_padded(r: int, s: int) -> None:
    expected = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert access_tokens.raw_signature(encode_dss_signature(r, s)) == expected


@pytest.mark.parametrize("der", [b"\x31\x06\x02\x01\x01\x02\x01\x01", b"\x30\x06\x02\x01\x01\x02\x02\x01"])
def test_what_is_no_der_signature_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match="not an ECDSA signature"):
        access_tokens.raw_signature(der)
