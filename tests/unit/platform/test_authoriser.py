"""The authorisers: which tokens pass, what the services learn, and what happens when the keys cannot be read."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import jwt
import pytest

from functions.platform import authoriser
from functions.platform.authoriser import ASK_AGAIN_SECONDS, KEPT_SECONDS, Keys, RefusedError
from tests.support.lambda_events import Context
from tests.support.tokens import Signer, published

ARN = "arn:aws:execute-api:eu-west-1:000000000000:a1b2c3/v1/GET/orders/ord_1"


def publish(*signers: Signer) -> None:
    boto3.client("ssm").put_parameter(
        Name="/souk/local/jwks", Value=json.dumps(published(*signers)), Type="String", Overwrite=True
    )


@pytest.fixture
def signer(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Signer:
    monkeypatch.setenv("SERVICE_NAME", "platform")
    authoriser.keys.cache_clear()
    made = Signer()
    publish(made)
    return made


def required(authorization: str | None) -> Any:
    return authoriser.required(
        {"type": "TOKEN", "authorizationToken": authorization, "methodArn": ARN}, Context()
    )


def optional(headers: dict[str, str] | None, many: dict[str, list[str]] | None = None) -> Any:
    event = {"type": "REQUEST", "headers": headers, "multiValueHeaders": many, "methodArn": ARN}
    return authoriser.optional(event, Context())


def text(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def refused(authorization: str | None) -> bool:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        required(authorization)
    return True


def test_a_valid_token_passes_with_its_subject_and_roles(signer: Signer) -> None:
    policy = required(f"Bearer {signer.token(roles=['customer', 'staff'], scope='shop back-office')}")
    assert policy["principalId"] == "cus_1"
    assert policy["context"] == {
        "roles": "customer,staff",
        "scope": "shop back-office",
        "emailVerified": True,
        "sessionId": "ses_1",
    }


def test_the_policy_covers_the_whole_stage_so_that_it_may_be_kept(signer: Signer) -> None:
    (statement,) = required(f"Bearer {signer.token()}")["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-west-1:000000000000:a1b2c3/v1/*",
    }


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer x", "Bearer a.b.c"]
)
def test_what_is_no_bearer_token_is_refused(signer: Signer, authorization: str | None) -> None:
    assert refused(authorization)


def test_the_scheme_is_read_in_any_case(signer: Signer) -> None:
    assert required(f"bearer {signer.token()}")["principalId"] == "cus_1"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"nbf": int(time.time()) + 86_400},
        {"iat": int(time.time()) + 86_400},
        {"aud": "souk-prod"},
        {"iss": "http://evil.example/identity"},
        {"exp": None},
        {"sub": None},
        {"aud": None},
        {"nbf": None},
        {"jti": None},
    ],
)
def test_a_token_not_in_force_for_us_is_refused(signer: Signer, claims: dict[str, Any]) -> None:
    assert refused(f"Bearer {signer.token(**claims)}")


def test_clocks_may_differ_by_a_few_seconds(signer: Signer) -> None:
    assert required(f"Bearer {signer.token(nbf=int(time.time()) + 3, iat=int(time.time()) + 3)}")


def test_a_token_of_another_key_under_a_known_key_id_is_refused(signer: Signer) -> None:
    assert refused(f"Bearer {Signer(signer.key_id).token()}")


def test_a_token_of_an_unknown_key_is_refused(signer: Signer) -> None:
    assert refused(f"Bearer {Signer('key-2').token()}")


def test_an_unsigned_token_is_refused(signer: Signer) -> None:
    _, claims, signature = signer.token().split(".")
    for algorithm in ("none", "None", "NONE"):
        header = text({"alg": algorithm, "typ": "at+jwt", "kid": signer.key_id})
        assert refused(f"Bearer {header}.{claims}.")
        assert refused(f"Bearer {header}.{claims}.{signature}")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(signer: Signer) -> None:
    _, claims, _ = signer.token().split(".")
    header = text({"alg": "HS256", "typ": "at+jwt", "kid": signer.key_id})
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = mac.sign(f"{header}.{claims}".encode(), json.dumps(signer.jwk()).encode())
    made = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    assert refused(f"Bearer {header}.{claims}.{made}")


def test_a_token_whose_claims_were_edited_is_refused(signer: Signer) -> None:
    header, claims, signature = signer.token().split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert refused(f"Bearer {header}.{text({**said, 'roles': ['admin']})}.{signature}")


def test_a_token_of_another_type_is_refused(signer: Signer) -> None:
    assert refused(f"Bearer {signer.token({'typ': 'JWT'})}")


def test_a_token_with_a_critical_header_nobody_knows_is_refused(signer: Signer) -> None:
    assert refused(f"Bearer {signer.token({'crit': ['souk'], 'souk': 1})}")


def test_a_token_too_long_to_be_ours_is_not_even_read(signer: Signer) -> None:
    assert refused(f"Bearer {signer.token(pad='x' * 5000)}")


def test_a_guest_passes_where_a_token_is_optional(signer: Signer) -> None:
    for event in ({}, None):
        policy = optional(event)
        assert (policy["principalId"], policy["context"]) == ("guest", {})


def test_a_valid_token_is_recognised_where_it_is_optional(signer: Signer) -> None:
    token = f"Bearer {signer.token()}"
    assert optional({"authorization": token})["principalId"] == "cus_1"
    assert optional({"Authorization": token}, {"Authorization": [token]})["principalId"] == "cus_1"


@pytest.mark.parametrize("value", ["", "Bearer x", "guest"])
def test_a_bad_token_is_no_guest(signer: Signer, value: str) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        optional({"Authorization": value})


def test_two_tokens_in_one_request_are_refused(signer: Signer) -> None:
    token = f"Bearer {signer.token()}"
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        optional({"Authorization": token}, {"Authorization": [token, token]})


def test_the_log_line_names_the_subject_and_the_reason_and_never_the_token(
    signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    token, bad = signer.token(), signer.token(aud="other")
    required(f"Bearer {token}")
    refused(f"Bearer {bad}")
    said = capsys.readouterr().out
    passed, stopped = map(json.loads, said.splitlines())
    assert (passed["subject"], passed["outcome"]) == ("cus_1", "ok")
    assert (stopped["level"], stopped["outcome"], stopped["reason"]) == (
        "info",
        "unauthorised",
        "InvalidAudienceError",
    )
    for part in (*token.split("."), *bad.split(".")):
        assert part not in said


def test_no_token_passes_before_identity_has_a_key(cloud: None) -> None:
    authoriser.keys.cache_clear()
    assert refused(f"Bearer {Signer().token()}")


# --- the keys -----------------------------------------------------------------------------------------------------


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


@pytest.fixture
def known() -> Callable[..., tuple[Keys, Parameter]]:
    def make(*signers: Signer) -> tuple[Keys, Parameter]:
        parameter = Parameter(*signers)
        return Keys(parameter.read, parameter.clock), parameter

    return make


def test_the_keys_are_read_once_for_many_tokens(known: Any) -> None:
    one = Signer()
    keys, parameter = known(one)
    for _ in range(3):
        keys.claims(one.token())
    assert parameter.reads == 1


def test_the_keys_are_read_again_after_five_minutes(known: Any) -> None:
    one = Signer()
    keys, parameter = known(one)
    keys.claims(one.token())
    parameter.now += KEPT_SECONDS + 1
    keys.claims(one.token())
    assert parameter.reads == 2


def test_a_new_key_is_learnt_from_its_first_token(known: Any) -> None:
    one, two = Signer("key-1"), Signer("key-2")
    keys, parameter = known(one)
    keys.claims(one.token())
    parameter.text = json.dumps(published(one, two))
    parameter.now += ASK_AGAIN_SECONDS
    assert keys.claims(two.token())["sub"] == "cus_1"


def test_made_up_key_ids_do_not_make_us_read_more_often(known: Any) -> None:
    one = Signer()
    keys, parameter = known(one)
    keys.claims(one.token())
    for number in range(50):
        with pytest.raises(RefusedError):
            keys.claims(Signer(f"made-up-{number}").token())
    assert parameter.reads == 1
    assert keys.claims(one.token())


def test_a_key_that_was_withdrawn_is_refused_after_five_minutes(known: Any) -> None:
    one, two = Signer("key-1"), Signer("key-2")
    keys, parameter = known(one)
    keys.claims(one.token())
    parameter.text = json.dumps(published(two))
    parameter.now += KEPT_SECONDS + 1
    with pytest.raises(RefusedError):
        keys.claims(one.token())


@pytest.mark.parametrize(
    "text", [None, "{", '{"issuer": 1}', '{"issuer":"i","audience":"a","keys":[{"kid":"k"}]}']
)
def test_the_known_keys_go_on_while_the_parameter_cannot_be_read(known: Any, text: str | None) -> None:
    one = Signer()
    keys, parameter = known(one)
    keys.claims(one.token())
    parameter.fails, parameter.text = text is None, text
    for _ in range(20):
        parameter.now += KEPT_SECONDS / 10
        assert keys.claims(one.token())
    assert parameter.reads <= 2 + 20


def test_without_any_key_a_failure_is_ours_and_not_the_tokens(known: Any) -> None:
    one = Signer()
    keys, parameter = known(one)
    parameter.fails = True
    with pytest.raises(TimeoutError):
        keys.claims(one.token())
    parameter.fails = False
    assert keys.claims(one.token())


def test_while_reading_fails_it_is_tried_every_ten_seconds_only(known: Any) -> None:
    one = Signer()
    keys, parameter = known(one)
    keys.claims(one.token())
    parameter.fails = True
    parameter.now += KEPT_SECONDS + 1
    for _ in range(9):
        keys.claims(one.token())
        parameter.now += 1
    assert parameter.reads == 2
