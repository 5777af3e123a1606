"""Throttling: guesses are slowed down, by account and by place, and no owner is locked out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from functions.identity.accounts import limits
from functions.identity.accounts.limits import (
    LOGIN_ACCOUNT,
    LOGIN_NETWORK,
    LOGIN_PAIR,
    MAIL_NETWORK,
    Limit,
    client_address,
    network,
)
from functions.identity.accounts.passwords import MEMORY_KIB, NOBODY, PASSES, fits, outdated
from functions.identity.accounts.service import register
from functions.identity.keys.service import SigningKeys
from functions.identity.sessions import service as sessions
from functions.identity.table import IdentityTable
from functions.shared.errors import TooManyRequestsError, UnauthorisedError
from tests.unit.identity.conftest import NOW, PASSWORD, Front

EMAIL, HOME = "amira@example.com", "203.0.113.7"
CUSTOMER = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"


class Login:
    """Log-ins without the cost of hashing: attempts are used up directly, one real try asks what they led to."""

    def __init__(self, table: IdentityTable, signing_keys: SigningKeys) -> None:
        self.table, self.signing_keys = table, signing_keys
        register(table, EMAIL, "Amira", PASSWORD, customer_id=CUSTOMER, at=NOW)

    def use_up(self, limit: Limit, subject: str, at: Any = NOW) -> None:
        while self.table.attempt(limit, subject, at):
            pass

    def __call__(self, password: str = PASSWORD, place: str = HOME, email: str = EMAIL, at: Any = NOW) -> Any:
        return sessions.log_in(self.table, self.signing_keys, email, password, network=place, at=at)


@pytest.fixture
def login(table: IdentityTable, signing_keys: SigningKeys) -> Login:
    return Login(table, signing_keys)


def test_too_many_wrong_passwords_are_answered_with_when_to_come_back(front: Front) -> None:
    front.register()
    answers = [front.try_log_in(password="not it at all") for _ in range(LOGIN_PAIR.most + 1)]
    assert [answer.status for answer in answers] == [401] * LOGIN_PAIR.most + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 900
    assert answers[-1].body["code"] == "too_many_attempts"
    assert front.try_log_in().status == 429


def test_accounts_that_do_not_exist_are_throttled_just_the_same(front: Front) -> None:
    answers = [front.try_log_in("nobody@example.com") for _ in range(LOGIN_PAIR.most + 1)]
    assert [answer.status for answer in answers] == [401] * LOGIN_PAIR.most + [429]


def test_right_passwords_are_not_counted(login: Login) -> None:
    for _ in range(LOGIN_PAIR.most + 2):
        assert login()


def test_a_window_ends_and_refused_attempts_do_not_prolong_it(login: Login) -> None:
    login.use_up(LOGIN_PAIR, f"{EMAIL} {HOME}")
    for minute in range(15):
        with pytest.raises(TooManyRequestsError) as refused:
            login(at=NOW + timedelta(minutes=minute * 0.6))
    assert login(at=NOW + timedelta(seconds=(refused.value.retry_after or 0) + 540))


def test_guesses_from_elsewhere_do_not_use_up_the_owners_own(login: Login) -> None:
    login.use_up(LOGIN_PAIR, f"{EMAIL} 198.51.100.9")
    with pytest.raises(TooManyRequestsError):
        login(place="198.51.100.9")
    assert login(place=HOME)


def test_one_password_tried_on_many_accounts_is_stopped_by_place(login: Login) -> None:
    login.use_up(LOGIN_NETWORK, "198.51.100.9")
    with pytest.raises(TooManyRequestsError):
        login(place="198.51.100.9")


def test_guesses_from_many_places_at_once_are_stopped_by_account(login: Login) -> None:
    login.use_up(LOGIN_ACCOUNT, EMAIL)
    with pytest.raises(TooManyRequestsError):
        login(place="192.0.2.55")


def test_the_owner_gets_in_from_a_known_place_while_the_account_is_under_attack(login: Login) -> None:
    login(place=HOME)
    login.use_up(LOGIN_ACCOUNT, EMAIL)
    assert login(place=HOME)
    with pytest.raises(TooManyRequestsError):
        login(place="192.0.2.55")


def test_a_known_place_is_known_for_90_days(login: Login) -> None:
    login(place=HOME)
    later = NOW + timedelta(days=90)
    login.use_up(LOGIN_ACCOUNT, EMAIL, later)
    with pytest.raises(TooManyRequestsError):
        login(place=HOME, at=later)


def test_a_known_place_does_not_help_to_guess(login: Login) -> None:
    login(place=HOME)
    login.use_up(LOGIN_PAIR, f"{EMAIL} {HOME}")
    with pytest.raises(TooManyRequestsError):
        login(place=HOME)


def test_choosing_a_new_password_by_mail_ends_the_siege(front: Front, table: IdentityTable) -> None:
    front.register()
    from functions.shared.clock import now

    for limit, subject in ((LOGIN_ACCOUNT, EMAIL), (LOGIN_PAIR, f"{EMAIL} {HOME}")):
        while table.attempt(limit, subject, now()):
            pass
    assert front.try_log_in().status == 429
    front.call("POST", "/identity/password/forgot", {"email": EMAIL})
    token = front.mails()[-1].token
    front.call("POST", "/identity/password/reset", {"token": token, "password": "a better one"})
    assert front.try_log_in(password="a better one").status == 200


def test_guesses_at_the_same_time_are_counted_before_they_are_judged(login: Login) -> None:
    for _ in range(LOGIN_PAIR.most - 1):
        login.table.attempt(LOGIN_PAIR, f"{EMAIL} {HOME}", NOW)
    with pytest.raises(UnauthorisedError):
        login("not it at all")
    with pytest.raises(TooManyRequestsError):
        login("not it at all")


def test_asking_for_mails_is_limited_by_place(front: Front, table: IdentityTable) -> None:
    from functions.shared.clock import now

    while table.attempt(MAIL_NETWORK, HOME, now()):
        pass
    answer = front.call("POST", "/identity/password/forgot", {"email": EMAIL})
    assert (answer.status, answer.body["code"]) == (429, "too_many_requests")
    assert int(answer.headers["Retry-After"]) >= 1


def test_the_current_password_cannot_be_guessed_through_a_borrowed_session(front: Front) -> None:
    front.register()
    token = front.log_in()["accessToken"]
    body = {"currentPassword": "not it at all", "newPassword": "a better one"}
    answers = [front.call("POST", "/identity/password/change", body, token=token) for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]


# --- pure rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "forwarded", "client"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("130.176.1.1", "203.0.113.7, 130.176.1.1", "203.0.113.7"),
        ("130.176.1.1", "6.6.6.6, 203.0.113.7, 130.176.1.1", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", " , ", "127.0.0.1"),
    ],
)
def test_the_client_is_whom_cloudfront_saw_not_whom_the_client_names(
    source: str, forwarded: str, client: str
) -> None:
    assert client_address(source, forwarded) == client


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("nonsense", "nonsense"),
        ("x" * 500, "x" * 64),
    ],
)
def test_an_ipv6_network_counts_as_one_place(address: str, place: str) -> None:
    assert network(address) == place


def test_retry_after_is_the_rest_of_the_window() -> None:
    limit = Limit("x", 1, timedelta(minutes=15))
    assert limit.retry_after(NOW) == 900 - int(NOW.timestamp()) % 900
    later = NOW + timedelta(seconds=limit.retry_after(NOW))
    assert limit.key("s", NOW) != limit.key("s", later)


def test_an_account_nobody_has_costs_the_same_hashing() -> None:
    assert f"m={MEMORY_KIB},t={PASSES}," in NOBODY
    assert not outdated(NOBODY)
    assert not fits(None, PASSWORD)


def test_limits_are_named_apart() -> None:
    found = [value for value in vars(limits).values() if isinstance(value, Limit)]
    assert len({limit.name for limit in found}) == len(found)
