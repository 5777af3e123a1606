"""Sessions: log-in, rotation of refresh tokens, reuse, and every way a session ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from msgspec.structs import replace

from functions.identity.accounts.service import register
from functions.identity.accounts.tokens import split_opaque
from functions.identity.keys.service import SigningKeys
from functions.identity.sessions import service as sessions
from functions.identity.sessions.domain import RETRY_GRACE, SESSION_IDLE, SESSION_LIFE, Session, Tokens
from functions.identity.sessions.service import end_sessions
from functions.identity.table import IdentityTable
from functions.shared.errors import UnauthorisedError
from tests.support.tokens import Signer
from tests.unit.identity.conftest import NOW, PASSWORD, Front, images

CUSTOMER = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"


@pytest.fixture
def tokens(table: IdentityTable, signing_keys: SigningKeys) -> Tokens:
    """The tokens of a session opened at NOW."""
    register(table, "amira@example.com", "Amira", PASSWORD, customer_id=CUSTOMER, at=NOW)
    return sessions.log_in(table, signing_keys, "amira@example.com", PASSWORD, network="203.0.113.7", at=NOW)


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_an_access_token_says_who_for_whom_and_until_when(tokens: Tokens) -> None:
    said = claims(tokens.access_token)
    seconds = int(NOW.timestamp())
    assert jwt.get_unverified_header(tokens.access_token).keys() == {"alg", "typ", "kid"}
    assert said | {"jti": "", "sid": ""} == {
        "iss": "http://localhost:8080/identity",
        "sub": CUSTOMER,
        "aud": "souk-local",
        "client_id": "souk-local",
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + 900,
        "jti": "",
        "sid": "",
        "roles": ["customer"],
        "scope": "shop",
        "email_verified": False,
    }


def test_a_log_in_answers_with_bearer_tokens_for_15_minutes(front: Front) -> None:
    front.register()
    answer = front.log_in()
    assert answer | {"accessToken": "", "refreshToken": ""} == {
        "accessToken": "",
        "refreshToken": "",
        "expiresIn": 900,
        "tokenType": "Bearer",
    }


def test_a_wrong_password_and_no_account_are_the_same(front: Front) -> None:
    front.register()
    wrong, nobody = front.try_log_in(password="not it at all"), front.try_log_in("nobody@example.com")
    assert wrong.status == nobody.status == 401
    assert wrong.body | {"correlationId": ""} == nobody.body | {"correlationId": ""}
    assert wrong.body["code"] == "invalid_credentials"


@pytest.mark.parametrize("body", [{}, {"email": "a@example.com"}, {"email": "a@example.com", "password": 1}])
def test_a_log_in_without_its_fields_is_refused(front: Front, body: Any) -> None:
    assert front.call("POST", "/identity/login", body).status == 400


def test_a_refresh_gives_a_new_pair(tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys) -> None:
    later = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW + timedelta(minutes=14))
    assert later.refresh_token != tokens.refresh_token
    assert claims(later.access_token)["exp"] == claims(tokens.access_token)["exp"] + 14 * 60
    assert claims(later.access_token)["sid"] == claims(tokens.access_token)["sid"]


def test_a_chain_of_refreshes_goes_on(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    given, at, seen = tokens.refresh_token, NOW, set()
    for _ in range(5):
        at += timedelta(minutes=15)
        given = sessions.refresh(table, signing_keys, given, at).refresh_token
        seen.add(given)
    assert len(seen) == 5


def test_a_repeated_refresh_gets_the_same_token_again(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    first = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    almost = NOW + RETRY_GRACE - timedelta(milliseconds=1)
    second = sessions.refresh(table, signing_keys, tokens.refresh_token, almost)
    assert second.refresh_token == first.refresh_token
    assert sessions.refresh(table, signing_keys, first.refresh_token, NOW + timedelta(hours=1))


class Behind(IdentityTable):
    """A worker that read the session before another one rotated it."""

    stale: Session | None = None

    def session(self, customer_id: str, session_id: str) -> Session | None:
        stale, self.stale = self.stale, None
        return stale or super().session(customer_id, session_id)


def test_two_refreshes_at_the_same_time_get_the_same_token(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    behind = Behind(table.name)
    account, session, _ = split_opaque(tokens.refresh_token) or ("", "", "")
    behind.stale = table.session(account, session)
    first = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    second = sessions.refresh(behind, signing_keys, tokens.refresh_token, NOW)
    assert second.refresh_token == first.refresh_token
    assert sessions.refresh(table, signing_keys, first.refresh_token, NOW + timedelta(hours=1))


def test_a_refresh_that_meets_the_end_of_its_session_is_refused(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    behind = Behind(table.name)
    account, session, _ = split_opaque(tokens.refresh_token) or ("", "", "")
    behind.stale = table.session(account, session)
    table.end_session(account, session)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(behind, signing_keys, tokens.refresh_token, NOW)
    assert table.session(account, session) is None


def test_an_old_refresh_token_used_again_ends_the_session_for_both(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    newer = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, tokens.refresh_token, NOW + RETRY_GRACE)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, newer.refresh_token, NOW + RETRY_GRACE)


def test_a_token_replaced_twice_is_stolen_even_at_once(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    second = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    third = sessions.refresh(table, signing_keys, second.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, third.refresh_token, NOW)


def test_a_secret_that_was_never_issued_ends_nobody_s_session(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    for _ in range(3):
        tokens = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
        made_up = tokens.refresh_token[:52] + "A" * 43
        with pytest.raises(UnauthorisedError):
            sessions.refresh(table, signing_keys, made_up, NOW + timedelta(hours=1))
    assert sessions.refresh(table, signing_keys, tokens.refresh_token, NOW + timedelta(hours=1))


def test_a_token_replaced_long_ago_ends_the_session(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    newest = tokens
    for _ in range(30):
        newest = sessions.refresh(table, signing_keys, newest.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, newest.refresh_token, NOW)


def test_a_token_replaced_before_rotations_were_counted_ends_the_session_too(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    newest = tokens
    for _ in range(3):
        newest = sessions.refresh(table, signing_keys, newest.refresh_token, NOW)
    account, session, _ = split_opaque(newest.refresh_token) or ("", "", "")
    table.update({"pk": f"ACCOUNT#{account}", "sk": f"SESSION#{session}"}, "REMOVE rotations", {})
    newest = sessions.refresh(table, signing_keys, newest.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, newest.refresh_token[:52] + "A" * 43, NOW)
    newest = sessions.refresh(table, signing_keys, newest.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, newest.refresh_token, NOW)


def test_reuse_ends_one_session_and_no_other(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    other = sessions.log_in(
        table, signing_keys, "amira@example.com", PASSWORD, network="198.51.100.1", at=NOW
    )
    sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, tokens.refresh_token, NOW + timedelta(minutes=1))
    assert sessions.refresh(table, signing_keys, other.refresh_token, NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    "edit", [lambda t: "", lambda t: "x", lambda t: t + "A", lambda t: t[:-1], lambda t: t[:26]]
)
def test_what_is_no_refresh_token_is_refused(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys, edit: Any
) -> None:
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, edit(tokens.refresh_token), NOW)
    assert sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)


@pytest.mark.parametrize(
    ("given", "pointer"), [({}, "/refreshToken"), ({"refreshToken": 1}, "/refreshToken")]
)
def test_a_refresh_without_its_token_is_refused(front: Front, given: Any, pointer: str) -> None:
    answer = front.call("POST", "/identity/refresh", given)
    assert (answer.status, answer.body["pointer"]) == (400, pointer)


def test_a_session_not_used_for_30_days_ends(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    at = NOW + SESSION_IDLE - timedelta(seconds=1)
    used = sessions.refresh(table, signing_keys, tokens.refresh_token, at)
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, used.refresh_token, at + SESSION_IDLE)


def test_a_session_ends_after_180_days_however_much_it_is_used(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    given, at = tokens.refresh_token, NOW
    while at + timedelta(days=20) < NOW + SESSION_LIFE:
        at += timedelta(days=20)
        given = sessions.refresh(table, signing_keys, given, at).refresh_token
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, given, NOW + SESSION_LIFE)


def test_the_end_of_a_session_is_no_theft(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, tokens.refresh_token, NOW + SESSION_IDLE)
    account, session, _ = split_opaque(tokens.refresh_token) or ("", "", "")
    assert table.session(account, session) is not None


def test_the_table_holds_no_token(tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys) -> None:
    newer = sessions.refresh(table, signing_keys, tokens.refresh_token, NOW)
    kept = json.dumps(images(table))
    for token in (tokens.refresh_token, newer.refresh_token):
        assert token[-43:] not in kept
    assert tokens.access_token.split(".")[2] not in kept


def test_the_log_holds_no_token_no_password_and_no_address(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    front.register()
    first = front.log_in()
    second = front.refresh(first["refreshToken"]).body
    front.try_log_in(password="not it at all")
    front.refresh(first["refreshToken"] + "x")
    front.call("POST", "/identity/password/forgot", {"email": "amira@example.com"})
    mails = front.mails()
    said = capsys.readouterr().out
    secrets = [first["refreshToken"][-43:], second["refreshToken"][-43:], PASSWORD, "not it at all", "amira"]
    secrets += [mail.token[-43:] for mail in mails] + first["accessToken"].split(".")
    assert [secret for secret in secrets if secret in said] == []
    assert len(mails) == 2


# --- log out ------------------------------------------------------------------------------------------------------


def test_logging_out_by_refresh_token_ends_its_session(front: Front) -> None:
    front.register()
    tokens = front.log_in()
    given = {"refreshToken": tokens["refreshToken"]}
    assert front.call("POST", "/identity/logout", given).status == 204
    assert front.refresh(tokens["refreshToken"]).status == 401
    assert front.call("POST", "/identity/logout", given).status == 204


def test_logging_out_by_access_token_ends_its_session_and_no_other(front: Front) -> None:
    front.register()
    one, other = front.log_in(), front.log_in()
    assert front.call("POST", "/identity/logout", token=one["accessToken"]).status == 204
    assert front.refresh(one["refreshToken"]).status == 401
    assert front.refresh(other["refreshToken"]).status == 200


def test_a_made_up_refresh_token_logs_nobody_out(front: Front) -> None:
    front.register()
    tokens = front.log_in()
    forged = tokens["refreshToken"][:-43] + "A" * 43
    assert front.call("POST", "/identity/logout", {"refreshToken": forged}).status == 204
    assert front.refresh(tokens["refreshToken"]).status == 200


def test_logging_out_of_nothing_is_refused(front: Front) -> None:
    assert front.call("POST", "/identity/logout").status == 400
    assert front.call("POST", "/identity/logout", {"token": "x"}).status == 400


def test_logging_out_everywhere_ends_every_session(front: Front) -> None:
    front.register()
    one, other = front.log_in(), front.log_in()
    assert front.call("POST", "/identity/logout-all", token=one["accessToken"]).status == 204
    assert front.refresh(one["refreshToken"]).status == front.refresh(other["refreshToken"]).status == 401
    assert front.refresh(front.log_in()["refreshToken"]).status == 200


def test_a_session_opened_while_all_are_ended_is_ended_too(
    tokens: Tokens, table: IdentityTable, signing_keys: SigningKeys
) -> None:
    account, session, _ = split_opaque(tokens.refresh_token) or ("", "", "")
    opened = table.session(account, session)
    end_sessions(table, CUSTOMER)
    assert opened is not None
    table.open_session(replace(opened, id="ses_01kaqz5r7b8v0w3m2x4y6t9n1d"))
    late = tokens.refresh_token[:26] + "01kaqz5r7b8v0w3m2x4y6t9n1d" + tokens.refresh_token[52:]
    with pytest.raises(UnauthorisedError):
        sessions.refresh(table, signing_keys, late, NOW)


# --- who may call -------------------------------------------------------------------------------------------------


def test_a_service_takes_what_identity_signs_and_nothing_else(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    assert front.me(token).status == 200
    header, said, signature = token.split(".")
    for forged in (
        Signer().token(),
        f"{header}.{said}.",
        f"{header}.{said}.{signature[:-2]}AA",
        Signer(jwt.get_unverified_header(token)["kid"]).token(sub=claims(token)["sub"]),
    ):
        answer = front.me(forged)
        assert (answer.status, answer.body["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("method", "route"),
    [("GET", "/identity/me"), ("POST", "/identity/logout-all"), ("GET", "/identity/me/addresses")],
)
def test_a_guest_is_nobody(front: Front, method: str, route: str) -> None:
    assert front.call(method, route).status == 401


@pytest.mark.usefixtures("real_argon2")
def test_a_password_hashed_with_other_parameters_is_hashed_anew_at_log_in(
    front: Front, table: IdentityTable
) -> None:
    customer_id = front.register().body["customerId"]
    account = table.account(customer_id)
    assert account is not None
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    assert table.store(account, account.changed(password=weak))
    front.log_in()
    kept = table.account(customer_id)
    assert kept is not None
    assert kept.password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert front.log_in()
