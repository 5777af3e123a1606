"""Access tokens: which hold and which do not, and what happens while the keys cannot be read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from functions.identity.keys import access_tokens
from functions.shared import jws, tokens
from functions.shared.errors import UnavailableError
from functions.shared.tokens import (
    ASK_AGAIN_SECONDS,
    KEPT_SECONDS,
    KEPT_TOKENS,
    LEEWAY_SECONDS,
    Claims,
    Keys,
    RefusedError,
)
from tests.support.tokens import AUDIENCE, ISSUER, OldSigner, Signer, callers, encoded, published

NOW = 1_795_366_000
ONE, TWO, OLD = Signer("key-1"), Signer("key-2", 1), OldSigner()


class Parameter:
    """The parameter as a test moves it: its text, how often it was read, whether reading fails."""

    def __init__(self, *signers: Signer) -> None:
        self.text: str | None = json.dumps(published(*signers)) if signers else None
        self.reads = 0
        self.fails = False
        self.now = 1000.0

    def read(self) -> str | None:
        self.reads += 1
        if self.fails:
            raise TimeoutError
        return self.text

    def clock(self) -> float:
        return self.now


Known = Callable[..., tuple[Keys, Parameter]]


@pytest.fixture
def known() -> Known:
    def make(*signers: Signer) -> tuple[Keys, Parameter]:
        parameter = Parameter(*signers)
        return Keys(parameter.read, parameter.clock), parameter

    return make


def token(signer: Signer = ONE, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a token that is in force at NOW."""
    return signer.token(header, **{"iat": NOW, "nbf": NOW, "exp": NOW + 900, **claims})


def claims_of(text: str, *signers: Signer, at: float = NOW) -> Claims:
    parameter = Parameter(*(signers or (ONE, OLD)))
    return Keys(parameter.read, parameter.clock).claims(text, at)


def reason(text: str, *signers: Signer, at: float = NOW) -> str:
    """Return why a token is refused."""
    with pytest.raises(RefusedError) as refused:
        claims_of(text, *signers, at=at)
    return str(refused.value)


# --- what holds ---------------------------------------------------------------------------------------------------


def test_a_valid_token_tells_who_calls() -> None:
    assert claims_of(token(roles=["customer", "staff"], sid="ses_7")) == Claims(
        iss=ISSUER,
        sub="cus_1",
        aud=AUDIENCE,
        iat=NOW,
        nbf=NOW,
        exp=NOW + 900,
        jti="jti_1",
        roles=("customer", "staff"),
        sid="ses_7",
    )


def test_a_token_from_before_keys_were_rsa_holds_until_it_ends() -> None:
    old = token(OLD)
    assert jwt.get_unverified_header(old)["alg"] == "ES256"
    assert claims_of(old).sub == "cus_1"
    assert claims_of(old, at=NOW + 900 + LEEWAY_SECONDS - 1).sub == "cus_1"
    assert reason(old, at=NOW + 900 + LEEWAY_SECONDS) == "expired"
    assert reason(token(OldSigner())) == "signature"


def test_what_an_older_version_published_is_read() -> None:
    document = published(OLD)
    del document["rs256"]
    parameter = Parameter()
    parameter.text = json.dumps(document)
    assert Keys(parameter.read, parameter.clock).claims(token(OLD), NOW).sub == "cus_1"


def test_a_token_as_identity_writes_it_holds() -> None:
    from functions.identity.accounts.domain import Account
    from functions.shared.clock import parse

    account = Account("cus_1", "a@example.com", "Amira", "", "", roles=("customer", "admin"))
    at = parse("2026-11-22T17:05:09.123Z")
    said = access_tokens.claims(account, "ses_1", issuer=ISSUER, audience=AUDIENCE, token_id="jti_1", at=at)
    text = access_tokens.signing_input("RS256", ONE.key_id, said)
    found = claims_of(access_tokens.signed(text, ONE.sign(text)), at=at.timestamp())
    assert (found.sub, found.roles, found.sid) == ("cus_1", ("customer", "admin"), "ses_1")


def test_a_further_claim_changes_nothing() -> None:
    assert claims_of(token(more={"a": [1]})).sub == "cus_1"


def test_where_a_claim_stands_twice_the_same_one_counts_as_everywhere() -> None:
    """What identity signs has none twice; were it so, no other library would read another."""
    said = json.dumps({**base_claims(), "sub": "cus_1"})[:-1] + ', "sub": "cus_2"}'
    text = ONE.signed(jws.header("RS256", "key-1"), jws.base64url(said.encode()))
    assert claims_of(text).sub == json.loads(said)["sub"] == "cus_2"


def base_claims() -> dict[str, Any]:
    body = token().split(".")[1]
    found: dict[str, Any] = json.loads(jws.from_base64url(body))
    return found


# --- time, issuer, audience ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": NOW - LEEWAY_SECONDS}, "expired"),
        ({"exp": 0}, "expired"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "not yet in force"),
        ({"iat": NOW + LEEWAY_SECONDS + 1}, "not yet in force"),
        ({"aud": "souk-prod"}, "audience"),
        ({"aud": "souk-local2"}, "audience"),
        ({"aud": ""}, "audience"),
        ({"iss": "http://evil.example/identity"}, "issuer"),
        ({"iss": f"{ISSUER}/"}, "issuer"),
        ({"iss": f"{ISSUER}.evil.example"}, "issuer"),
        ({"iss": ISSUER.upper()}, "issuer"),
        ({"iss": f" {ISSUER}"}, "issuer"),
    ],
)
def test_a_token_not_in_force_for_us_is_refused(claims: dict[str, Any], why: str) -> None:
    assert reason(token(**claims)) == why


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"])
def test_a_token_without_one_of_its_claims_is_refused(name: str) -> None:
    assert reason(token(**{name: None})) == "form: ValidationError"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": str(NOW + 900)},
        {"exp": NOW + 900.5},
        {"exp": 10**30},
        {"exp": 2**63},
        {"exp": -1},
        {"exp": True},
        {"exp": [NOW + 900]},
        {"exp": {"$gt": 0}},
        {"nbf": "0"},
        {"nbf": 0.5},
        {"iat": False},
        {"aud": [AUDIENCE]},
        {"aud": {AUDIENCE: 1}},
        {"iss": [ISSUER]},
        {"sub": ""},
        {"sub": 1},
        {"sub": ["cus_1"]},
        {"jti": 7},
        {"roles": "admin"},
        {"roles": {"admin": True}},
        {"roles": [1]},
        {"roles": [None]},
        {"sid": 1},
    ],
)
def test_a_claim_of_another_type_is_refused(claims: dict[str, Any]) -> None:
    assert reason(token(**claims)) == "form: ValidationError"


@pytest.mark.parametrize(
    "text", ["", "null", "[]", '"x"', "{", "{}", '{"exp": NaN}', '{"exp": 1e999}', "\xff"]
)
def test_claims_that_are_no_object_of_ours_are_refused(text: str) -> None:
    said = jws.base64url(text.encode("latin-1"))
    assert reason(ONE.signed(jws.header("RS256", "key-1"), said)).startswith("form: ")


def test_clocks_may_differ_by_a_few_seconds() -> None:
    early = token(nbf=NOW + LEEWAY_SECONDS, iat=NOW + LEEWAY_SECONDS)
    assert claims_of(early)
    assert claims_of(token(exp=NOW - LEEWAY_SECONDS + 1))


# --- known tricks -------------------------------------------------------------------------------------------------


def changed(**header: Any) -> str:
    """Return a token of our own key with another header, its signature made for it."""
    return token(header=header)


@pytest.mark.parametrize(
    "algorithm",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        None,
        0,
        [],
        "HS256",
        "RS384",
        "RS512",
        "PS256",
        "ES256",
        "rs256",
        "RS256 ",
    ],
)
def test_no_algorithm_is_taken_from_the_header(algorithm: Any) -> None:
    assert reason(changed(alg=algorithm)) == "unknown key or header"


@pytest.mark.parametrize("text", ["", "AA", "e30"])
def test_an_unsigned_token_is_refused(text: str) -> None:
    header, said, _ = token().split(".")
    assert reason(f"{header}.{said}.{text}") == "signature"
    for name in ("none", "None", "NONE"):
        unsigned = encoded({"alg": name, "typ": "at+jwt", "kid": "key-1"})
        assert reason(f"{unsigned}.{said}.{text}") == "unknown key or header"


def public_forms() -> list[bytes]:
    public = ONE.private.public_key()
    kinds = serialization.PublicFormat
    form, encoding = (kinds.SubjectPublicKeyInfo, kinds.PKCS1), serialization.Encoding
    texts = [public.public_bytes(one, each) for one in (encoding.PEM, encoding.DER) for each in form]
    return [*texts, texts[0].strip(), json.dumps(ONE.jwk()).encode(), ONE.jwk()["n"].encode(), b""]


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    said = token().split(".")[1]
    for secret in public_forms():
        for header in (
            encoded({"alg": "HS256", "typ": "at+jwt", "kid": "key-1"}),
            jws.header("RS256", "key-1"),
        ):
            mac = hmac.new(secret, f"{header}.{said}".encode(), hashlib.sha256).digest()
            assert reason(f"{header}.{said}.{jws.base64url(mac)}") in ("unknown key or header", "signature")


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "crit", "b64", "zip", "cty", "pad"])
def test_a_header_with_anything_more_is_refused(name: str) -> None:
    value = {"jwk": TWO.jwk(), "crit": ["exp"], "b64": False}.get(name, f"https://evil.example/{name}")
    assert reason(changed(**{name: value})) == "unknown key or header"
    assert reason(token(TWO, {"kid": "key-1", name: value})) == "unknown key or header"


@pytest.mark.parametrize(
    "key_id",
    [
        "",
        "key-2",
        "KEY-1",
        "key-1 ",
        "key-1\0",
        "../../dev/null",
        "x' OR '1'='1",
        "key-1/../key-1",
        None,
        1,
        ["key-1"],
        {},
    ],
)
def test_a_key_is_known_by_its_own_id_alone(key_id: Any) -> None:
    assert reason(changed(kid=key_id)) == "unknown key or header"


def test_another_key_under_a_known_id_signs_nothing() -> None:
    assert reason(token(TWO, {"kid": "key-1"})) == "signature"


def test_a_key_signs_with_the_algorithm_it_was_published_for() -> None:
    """The old key's signature under the new key's header, and the other way round."""
    crossed = OLD.signed(jws.header("RS256", "key-1"), token().split(".")[1])
    assert reason(crossed) == "signature"
    other = ONE.signed(jws.header("ES256", "old-1"), token().split(".")[1])
    assert reason(other) == "signature"
    assert reason(changed(kid="old-1")) == "unknown key or header"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "AT+JWT", "application/at+jwt", "", None, "logout+jwt"])
def test_a_token_of_another_type_is_refused(kind: Any) -> None:
    assert reason(changed(typ=kind)) == "unknown key or header"


@pytest.mark.parametrize(
    "text",
    [
        '{"alg":"RS256","typ":"at+jwt","kid":"key-1","kid":"key-1"}',
        '{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"key-1"}',
        '{"alg":"RS256","typ":"at+jwt","kid":"key\\u002d1"}',
        '{"\\u0061lg":"RS256","typ":"at+jwt","kid":"key-1"}',
        '{ "alg":"RS256","typ":"at+jwt","kid":"key-1"}',
        '{"typ":"at+jwt","alg":"RS256","kid":"key-1"}',
        '{"alg":"RS256","typ":"at+jwt","kid":"key-1"}\n',
        '\ufeff{"alg":"RS256","typ":"at+jwt","kid":"key-1"}',
        "{",
        "[]",
        "null",
    ],
)
def test_a_header_written_otherwise_is_refused(text: str) -> None:
    header = jws.base64url(text.encode())
    assert reason(ONE.signed(header, token().split(".")[1])) == "unknown key or header"


def test_what_was_changed_after_signing_is_refused() -> None:
    header, _, signature = token().split(".")
    assert reason(f"{header}.{encoded({**base_claims(), 'roles': ['admin']})}.{signature}") == "signature"


def test_a_token_in_a_token_is_refused() -> None:
    assert reason(ONE.signed(jws.header("RS256", "key-1"), token())) == "form"
    inner = jws.base64url(json.dumps(token()).encode())
    assert reason(ONE.signed(jws.header("RS256", "key-1"), inner)) == "form: ValidationError"


def test_a_token_has_three_parts() -> None:
    header, said, signature = token().split(".")
    wrong = (
        "",
        ".",
        "..",
        "...",
        header,
        f"{header}.{said}",
        f"{token()}.",
        f"{token()}.{signature}",
        f".{token()}",
    )
    for text in wrong:
        assert reason(text) in ("form", "unknown key or header")
    assert reason(f"{header}..{signature}") == "signature"
    document = json.dumps({"payload": said, "signatures": [{"protected": header, "signature": signature}]})
    assert reason(document) == "form"


def test_a_token_has_one_text() -> None:
    """Other characters, padding, white space and bits left over are refused, in each of the three parts."""
    parts = token().split(".")
    for place in range(3):
        for change in (
            lambda part: part + "=",
            lambda part: part + "==",
            lambda part: part + "A",
            lambda part: " " + part,
            lambda part: part[:5] + "\n" + part[5:],
            lambda part: part[:5] + "+" + part[6:],
            lambda part: part[:5] + "\u00e9" + part[6:],
            lambda part: part[:5] + "\ud800" + part[6:],
            lambda part: part[:5] + "\0" + part[5:],
        ):
            text = ".".join(change(part) if place == number else part for number, part in enumerate(parts))
            assert reason(text)
    last = "AQgw"  # the only last letters of 256 bytes: two bits are left over
    signature = parts[2]
    assert signature[-1] in last
    for letter in "BCDRxyz0":
        assert reason(f"{parts[0]}.{parts[1]}.{signature[:-1]}{letter}") == "form: ValueError"


def test_claims_that_are_signed_but_not_written_as_base64url_are_refused() -> None:
    said = base64.b64encode(json.dumps(base_claims()).encode()).decode()
    for text in (said + "=", said.rstrip("=") + "\n", "A", said[:-4] + "AB"):
        assert reason(ONE.signed(jws.header("RS256", "key-1"), text)).startswith("form")


def test_a_token_too_long_to_be_ours_is_not_even_read(known: Known) -> None:
    keys, parameter = known(ONE)
    with pytest.raises(RefusedError, match="too long"):
        keys.claims(token(pad="x" * 4000), NOW)
    assert parameter.reads == 0


# --- tokens that were seen before ---------------------------------------------------------------------------------


def test_a_token_is_proven_once_and_its_time_looked_at_each_time(known: Known) -> None:
    keys, _ = known(ONE)
    text = token()
    assert keys.claims(text, NOW) is keys.claims(text, NOW + 1)
    with pytest.raises(RefusedError, match="expired"):
        keys.claims(text, NOW + 1000)
    with pytest.raises(RefusedError, match="not yet"):
        keys.claims(text, NOW - 1000)


def test_a_token_that_differs_in_anything_is_proven_anew(known: Known) -> None:
    keys, _ = known(ONE)
    text = token()
    keys.claims(text, NOW)
    for other in (text[:-1] + "A", text[:-1], text + "A"):
        if other != text:
            with pytest.raises(RefusedError):
                keys.claims(other, NOW)


def test_a_token_that_was_refused_is_not_remembered(known: Known) -> None:
    keys, _ = known(ONE)
    for _ in range(2):
        with pytest.raises(RefusedError, match="audience"):
            keys.claims(token(aud="other"), NOW)


def test_no_more_than_so_many_tokens_are_remembered(known: Known) -> None:
    keys, _ = known(ONE)
    for number in range(KEPT_TOKENS + 5):
        assert keys.claims(token(jti=f"jti_{number}"), NOW).jti == f"jti_{number}"
    assert len(keys._known._proven) <= KEPT_TOKENS


def test_a_token_proven_by_a_key_that_was_withdrawn_is_refused(known: Known) -> None:
    keys, parameter = known(ONE)
    text = token()
    keys.claims(text, NOW)
    parameter.text = json.dumps(published(TWO))
    parameter.now += KEPT_SECONDS + 1
    with pytest.raises(RefusedError, match="unknown key"):
        keys.claims(text, NOW)


# --- the keys -----------------------------------------------------------------------------------------------------


def test_the_keys_are_read_once_for_many_tokens(known: Known) -> None:
    keys, parameter = known(ONE)
    for number in range(3):
        keys.claims(token(jti=str(number)), NOW)
    assert parameter.reads == 1


def test_the_keys_are_read_again_after_five_minutes(known: Known) -> None:
    keys, parameter = known(ONE)
    keys.claims(token(), NOW)
    parameter.now += KEPT_SECONDS
    keys.claims(token(), NOW)
    assert parameter.reads == 1
    parameter.now += 1
    keys.claims(token(), NOW)
    assert parameter.reads == 2


def test_a_new_key_is_learnt_from_its_first_token(known: Known) -> None:
    keys, parameter = known(ONE)
    keys.claims(token(), NOW)
    parameter.text = json.dumps(published(ONE, TWO))
    parameter.now += ASK_AGAIN_SECONDS
    assert keys.claims(token(TWO), NOW).sub == "cus_1"


def test_made_up_key_ids_do_not_make_us_read_more_often(known: Known) -> None:
    keys, parameter = known(ONE)
    keys.claims(token(), NOW)
    for number in range(50):
        with pytest.raises(RefusedError):
            keys.claims(token(header={"kid": f"made-up-{number}"}), NOW)
    assert parameter.reads == 1
    parameter.now += ASK_AGAIN_SECONDS
    for number in range(50):
        with pytest.raises(RefusedError):
            keys.claims(token(header={"kid": f"made-up-{number}"}), NOW)
    assert parameter.reads == 2
    assert keys.claims(token(), NOW)


def test_no_token_holds_before_identity_has_a_key(known: Known) -> None:
    keys, parameter = known()
    with pytest.raises(RefusedError, match="unknown key"):
        keys.claims(token(), NOW)
    parameter.text = json.dumps(published(ONE))
    assert keys.claims(token(), NOW)


GOOD = {**published(ONE)["rs256"][0], "kid": "key-9"}
DAMAGED = [
    "{",
    '{"issuer": 1}',
    '{"issuer":"i","audience":"a","rs256":[{"kid":"k"}]}',
    *(
        json.dumps({**published(ONE), "rs256": [{**GOOD, **change}]})
        for change in (
            {"kty": "EC"},
            {"alg": "RS512"},
            {"alg": "none"},
            {"e": "Aw"},
            {"e": "AAEAAQ"},
            {"n": GOOD["n"][:-4]},
            {"n": GOOD["n"] + "="},
            {"n": ""},
        )
    ),
    json.dumps({**published(OLD), "keys": [{**OLD.jwk(), "crv": "P-384"}]}),
    json.dumps({**published(OLD), "keys": [{**OLD.jwk(), "x": "A="}]}),
]


@pytest.mark.parametrize("text", [None, *DAMAGED])
def test_the_known_keys_go_on_while_the_parameter_cannot_be_read(known: Known, text: str | None) -> None:
    keys, parameter = known(ONE)
    keys.claims(token(), NOW)
    parameter.fails, parameter.text = text is None, text
    for _ in range(20):
        parameter.now += KEPT_SECONDS / 10
        assert keys.claims(token(), NOW)
    with pytest.raises(RefusedError):
        keys.claims(token(header={"kid": "key-9"}), NOW)
    assert 2 <= parameter.reads <= 2 + 20


def test_known_keys_go_on_when_the_parameter_is_gone(known: Known) -> None:
    keys, parameter = known(ONE)
    keys.claims(token(), NOW)
    parameter.text = None
    parameter.now += KEPT_SECONDS + 1
    assert keys.claims(token(), NOW)


@pytest.mark.parametrize("text", [None, *DAMAGED])
def test_without_any_key_a_failure_is_ours_and_not_the_tokens(known: Known, text: str | None) -> None:
    keys, parameter = known(ONE)
    good = parameter.text
    parameter.fails, parameter.text = text is None, text
    with pytest.raises(UnavailableError) as unavailable:
        keys.claims(token(), NOW)
    assert unavailable.value.retry_after == 2
    parameter.fails, parameter.text = False, good
    assert keys.claims(token(), NOW)


def test_while_reading_fails_it_is_tried_every_ten_seconds_only(known: Known) -> None:
    keys, parameter = known(ONE)
    keys.claims(token(), NOW)
    parameter.fails = True
    parameter.now += KEPT_SECONDS + 1
    for _ in range(9):
        keys.claims(token(), NOW)
        parameter.now += 1
    assert parameter.reads == 2


def test_the_workers_keys_are_those_of_the_parameter(cloud: None) -> None:
    assert tokens.keys().claims(callers().token(), time.time()).sub == "cus_1"
