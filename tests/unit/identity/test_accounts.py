"""Accounts over HTTP: registering, one's profile, and what bad input gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.identity.accounts import service
from functions.identity.accounts.domain import Account
from functions.identity.sessions import service as sessions
from functions.identity.table import IdentityTable
from functions.shared.clock import now
from functions.shared.errors import NotFoundError
from tests.unit.identity.conftest import PASSWORD, Front, images

GOOD = {"email": "amira@example.com", "password": PASSWORD, "name": "Amira Haddad"}


@pytest.mark.usefixtures("real_argon2")
def test_a_new_account_can_log_in_and_see_itself(front: Front) -> None:
    made = front.register()
    me = front.me(front.log_in()["accessToken"])
    assert made.status == 201
    assert me.body | {"createdAt": ""} == {
        "customerId": made.body["customerId"],
        "email": "amira@example.com",
        "emailVerified": False,
        "name": "Amira Haddad",
        "roles": ["customer"],
        "createdAt": "",
    }
    assert me.headers["ETag"] == '"1"'


def test_registering_is_told_to_the_others(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    (fact,) = front.facts()
    assert (fact["type"], fact["aggregate"]) == ("CustomerRegistered", {"id": customer_id, "version": 1})
    assert fact["data"] == {"customerId": customer_id, "email": "amira@example.com", "name": "Amira Haddad"}


def test_an_address_already_used_gets_the_same_answer(front: Front) -> None:
    first, second = front.register(), front.register(password="another one")
    assert (first.status, first.body.keys(), first.headers.keys() - {"X-Correlation-Id"}) == (
        second.status,
        second.body.keys(),
        second.headers.keys() - {"X-Correlation-Id"},
    )
    assert first.body != second.body


def test_an_address_already_used_keeps_its_account_and_password(front: Front, table: IdentityTable) -> None:
    customer_id = front.register().body["customerId"]
    other = front.register(password="another one").body["customerId"]
    assert table.account(other) is None
    assert front.try_log_in(password="another one").status == 401
    assert front.me(front.log_in()["accessToken"]).body["customerId"] == customer_id


def test_the_owner_of_an_address_already_used_gets_a_mail_instead(front: Front) -> None:
    front.register()
    front.mails()
    front.register("AMIRA@example.com")
    (mail,) = front.mails()
    assert (mail.to, mail.subject) == ("amira@example.com", "You have an account already")


def test_an_address_differs_from_none_by_capitals(front: Front) -> None:
    front.register("Amira@Example.com")
    assert front.me(front.log_in("aMIRA@example.COM")["accessToken"]).body["email"] == "amira@example.com"


def test_a_domain_in_other_letters_is_one_account_however_it_is_written(front: Front) -> None:
    front.register("amira@B\u00fccher.example")
    for written in ("amira@b\u00fccher.example", "AMIRA@XN--BCHER-KVA.example", "amira@bu\u0308cher.example"):
        email = front.me(front.log_in(written)["accessToken"]).body["email"]
        assert email == "amira@xn--bcher-kva.example"


def test_an_account_of_an_address_that_is_refused_today_can_log_in_and_get_another(
    front: Front, table: IdentityTable
) -> None:
    customer_id = "cus_01kaqz5r7b8v0w3m2x4y6t9n1d"
    service.register(table, "amira..h@example.com", "Amira", PASSWORD, customer_id=customer_id, at=now())
    token = front.log_in("Amira..H@example.com")["accessToken"]
    body = {"email": "amira.h@example.com", "password": PASSWORD}
    assert front.call("POST", "/identity/email/change", body, token=token).status == 202
    refused = front.call(
        "POST", "/identity/email/change", body | {"email": "amira.@example.com"}, token=token
    )
    assert (refused.status, refused.body["pointer"]) == (400, "/email")


def test_the_same_idempotency_key_registers_once_and_sends_no_second_mail(front: Front) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    first, second = front.register(**key), front.register(**key)
    assert (first.status, first.body) == (second.status, second.body)
    assert len(front.mails()) == 1


def test_a_registration_repeated_after_its_record_was_lost_finds_its_own_account(
    front: Front, table: IdentityTable
) -> None:
    key = {"headers": {"Idempotency-Key": "k1"}}
    first = front.register(**key)
    for image in images(table):
        if image["pk"]["S"].startswith("IDEM#"):
            table.delete({"pk": image["pk"]["S"], "sk": image["sk"]["S"]})
    assert front.register(**key).body == first.body
    assert [mail.subject for mail in front.mails()] == ["Confirm your e-mail address"]


def test_the_same_key_of_different_people_does_not_collide(front: Front) -> None:
    key = {"headers": {"Idempotency-Key": "1"}}
    assert front.register("a@example.com", **key).status == 201
    assert front.register("b@example.com", **key).status == 201
    assert front.log_in("b@example.com")


@pytest.mark.usefixtures("real_argon2")
def test_no_digest_of_a_password_lies_about_but_argon2s(front: Front, table: IdentityTable) -> None:
    one, other = ({"headers": {"Idempotency-Key": "k1"}} for _ in range(2))
    front.register(**one)
    replayed = front.register(password="another password", **other)
    assert replayed.headers.get("Idempotency-Replayed") == "true"
    assert PASSWORD not in json.dumps(images(table))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b"),
        ("email", 7),
        ("email", None),
        ("email", "a b@example.com"),
        ("email", "a@example.com\nBcc: b@example.com"),
        ("email", "ä@example.com"),
        ("email", "a..b@example.com"),
        ("email", "a\x01b@example.com"),
        ("email", "a@exam..ple.com"),
        ("email", "a@localhost"),
        ("email", "x" * 250 + "@example.com"),
        ("password", "seven77"),
        ("password", "x" * 129),
        ("password", 12345678),
        ("password", None),
        ("name", ""),
        ("name", "   "),
        ("name", "\u200b\n"),
        ("name", "x" * 121),
        ("name", ["Amira"]),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_stored(
    front: Front, table: IdentityTable, field: str, value: Any
) -> None:
    answer = front.call("POST", "/identity/register", {**GOOD, field: value})
    assert (answer.status, answer.body["pointer"]) == (400, f"/{field}")
    assert [image for image in images(table) if image["sk"]["S"] == "ACCOUNT"] == []


@pytest.mark.parametrize("field", ["email", "password", "name"])
def test_a_missing_field_is_named(front: Front, field: str) -> None:
    answer = front.call("POST", "/identity/register", {k: v for k, v in GOOD.items() if k != field})
    assert (answer.status, answer.body["pointer"]) == (400, f"/{field}")


def test_an_unknown_field_is_named(front: Front) -> None:
    answer = front.call("POST", "/identity/register", {**GOOD, "roles": ["admin"]})
    assert (answer.status, answer.body["pointer"]) == (400, "/roles")


@pytest.mark.parametrize("body", [None, "", "{", "[]", '"x"', "\ud800", "{" * 2000])
def test_what_is_no_json_object_is_refused(front: Front, body: Any) -> None:
    assert front.call("POST", "/identity/register", body).status == 400


def test_a_body_above_the_limit_is_refused(front: Front) -> None:
    assert front.call("POST", "/identity/register", {**GOOD, "name": "x" * 70_000}).status == 413


@pytest.mark.parametrize("password", ["x" * 8, "x" * 128, "пароль 1", "🔑🔑🔑🔑🔑🔑🔑🔑", "        "])
def test_passwords_of_8_to_128_characters_of_any_kind_work(front: Front, password: str) -> None:
    front.register(password=password)
    assert front.log_in(password=password)


def test_a_password_typed_in_another_unicode_form_is_the_same(front: Front) -> None:
    front.register(password="caf\u00e9 au lait")
    assert front.log_in(password="cafe\u0301 au lait")


# --- one's profile ------------------------------------------------------------------------------------------------


@pytest.fixture
def token(front: Front) -> str:
    front.register()
    access: str = front.log_in()["accessToken"]
    return access


def change(front: Front, token: str, body: Any, etag: str | None = '"1"') -> Any:
    headers = {"If-Match": etag} if etag else {}
    return front.call("PATCH", "/identity/me", body, token=token, headers=headers)


def test_a_new_name_is_kept_and_told(front: Front, token: str) -> None:
    front.facts()
    answer = change(front, token, {"name": " Amira Nasser "})
    assert (answer.status, answer.body["name"], answer.headers["ETag"]) == (200, "Amira Nasser", '"2"')
    (fact,) = front.facts()
    assert (fact["type"], fact["aggregate"]["version"], fact["data"]["name"]) == (
        "CustomerChanged",
        2,
        "Amira Nasser",
    )


def test_a_change_of_a_version_that_is_gone_is_refused(front: Front, token: str) -> None:
    change(front, token, {"name": "One"})
    assert change(front, token, {"name": "Two"}).status == 412
    assert front.me(token).body["name"] == "One"


def test_a_change_without_a_version_is_refused(front: Front, token: str) -> None:
    assert change(front, token, {"name": "One"}, etag=None).status == 428


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"email": "b@example.com"}, {"roles": ["admin"]}, {"name": 1}]
)
def test_only_a_proper_name_can_be_changed_that_way(front: Front, token: str, body: Any) -> None:
    answer = change(front, token, body)
    assert (answer.status, answer.body["pointer"]) == (400, f"/{next(iter(body))}")


def test_changing_nothing_changes_nothing(front: Front, token: str) -> None:
    assert change(front, token, {}).headers["ETag"] == '"1"'


def test_an_erased_account_leaves_nothing_of_the_person(
    front: Front, table: IdentityTable, token: str
) -> None:
    address = {"name": "Amira", "line1": "Lane 1", "city": "Ulm", "postalCode": "89073", "country": "DE"}
    front.call("POST", "/identity/me/addresses", address, token=token)
    front.call("POST", "/identity/password/forgot", {"email": "amira@example.com"})
    front.mails()
    customer_id = front.me(token).body["customerId"]
    front.facts()
    assert front.call("DELETE", "/identity/me", token=token).status == 204
    left = [image for image in images(table) if image["pk"]["S"].startswith(("ACCOUNT#", "EMAIL#"))]
    assert [set(image) for image in left] == [{"pk", "sk", "id", "version", "erased_at", "outbox"}]
    assert "mira" not in json.dumps(left)
    (fact,) = front.facts()
    assert (fact["type"], fact["data"]) == ("CustomerErased", {"customerId": customer_id})


def test_an_erased_account_cannot_be_used_any_more(front: Front) -> None:
    front.register()
    tokens = front.log_in()
    front.call("DELETE", "/identity/me", token=tokens["accessToken"])
    assert front.me(tokens["accessToken"]).status == 404
    assert front.refresh(tokens["refreshToken"]).status == 401
    assert front.try_log_in().status == 401
    assert front.call("DELETE", "/identity/me", token=tokens["accessToken"]).status == 204


def test_an_erased_persons_address_is_free_again(front: Front, token: str) -> None:
    first = front.me(token).body["customerId"]
    front.call("DELETE", "/identity/me", token=token)
    assert front.register().body["customerId"] != first
    assert front.log_in()


class Behind(IdentityTable):
    """A worker that read an account before another one changed it."""

    stale: Account | None = None

    def account(self, customer_id: str) -> Account | None:
        stale, self.stale = self.stale, None
        return stale or super().account(customer_id)


@pytest.mark.parametrize("what", ["sessions", "password", "address"])
def test_of_two_changes_at_once_none_is_lost(
    front: Front, table: IdentityTable, token: str, what: str
) -> None:
    customer_id, mail = front.me(token).body["customerId"], front.mails()[0]
    behind = Behind(table.name)
    behind.stale = table.account(customer_id)
    change(front, token, {"name": "Amira Nasser"})
    if what == "sessions":
        sessions.end_sessions(behind, customer_id)
    elif what == "password":
        sessions.change_password(behind, customer_id, "a better one", keep_session=None, at=now())
    else:
        service.verify_email(behind, mail.token, now())
    after = table.account(customer_id)
    assert after is not None
    assert (after.name, after.version, behind.stale) == ("Amira Nasser", 3, None)


def test_an_erasure_meets_a_change_and_wins(front: Front, table: IdentityTable, token: str) -> None:
    customer_id = front.me(token).body["customerId"]
    behind = Behind(table.name)
    behind.stale = table.account(customer_id)
    change(front, token, {"name": "Amira Nasser"})
    service.erase(behind, customer_id, now())
    assert table.account(customer_id) is None
    assert [fact["type"] for fact in front.facts() if fact["aggregate"]["id"] == customer_id] == [
        "CustomerRegistered",
        "CustomerChanged",
        "CustomerErased",
    ]


def test_a_change_meets_an_erasure_and_brings_nothing_back(
    front: Front, table: IdentityTable, token: str
) -> None:
    customer_id = front.me(token).body["customerId"]
    behind = Behind(table.name)
    behind.stale = table.account(customer_id)
    service.erase(table, customer_id, now())
    with pytest.raises(NotFoundError):
        sessions.end_sessions(behind, customer_id)
    assert table.account(customer_id) is None


# --- staff --------------------------------------------------------------------------------------------------------

STAFF = {"subject": "cus_staff", "roles": "customer,staff"}
ADMIN = {"subject": "cus_admin", "roles": "customer,admin"}
CUSTOMER = {"subject": "cus_other", "roles": "customer"}


def test_staff_find_a_customer_by_id_and_by_address(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    by_id = front.call("GET", "/identity/customers/{customerId}", path={"customerId": customer_id}, **STAFF)
    by_email = front.call("GET", "/identity/customers", query={"email": "AMIRA@example.com"}, **STAFF)
    assert by_id.body["email"] == "amira@example.com"
    assert by_email.body == {"items": [by_id.body], "nextCursor": None}


def test_staff_find_nobody_where_there_is_nobody(front: Front) -> None:
    answer = front.call("GET", "/identity/customers", query={"email": "x@example.com"}, **STAFF)
    assert (answer.status, answer.body["items"]) == (200, [])
    assert (
        front.call("GET", "/identity/customers/{customerId}", path={"customerId": "cus_x"}, **STAFF).status
        == 404
    )
    assert front.call("GET", "/identity/customers", **STAFF).status == 400


def test_customers_are_not_shown_to_customers(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    path = {"customerId": customer_id}
    assert front.call("GET", "/identity/customers/{customerId}", path=path, **CUSTOMER).status == 403
    assert (
        front.call("GET", "/identity/customers", query={"email": "amira@example.com"}, **CUSTOMER).status
        == 403
    )


def set_roles(front: Front, customer_id: str, wanted: Any, **who: Any) -> Any:
    path = {"customerId": customer_id}
    return front.call("PUT", "/identity/customers/{customerId}/roles", {"roles": wanted}, path=path, **who)


def test_an_admin_gives_and_takes_roles(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    assert set_roles(front, customer_id, ["staff"], **ADMIN).body["roles"] == ["customer", "staff"]
    assert front.me(front.log_in()["accessToken"]).body["roles"] == ["customer", "staff"]
    assert set_roles(front, customer_id, [], **ADMIN).body["roles"] == ["customer"]


def test_a_new_role_is_in_the_next_access_token(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    tokens = front.log_in()
    set_roles(front, customer_id, ["staff"], **ADMIN)
    fresh = front.refresh(tokens["refreshToken"]).body["accessToken"]
    query = {"email": "amira@example.com"}
    assert front.call("GET", "/identity/customers", query=query, token=tokens["accessToken"]).status == 403
    assert front.call("GET", "/identity/customers", query=query, token=fresh).status == 200


def test_given_and_taken_roles_are_told_with_who_did_it(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    front.log_in()
    front.facts()
    set_roles(front, customer_id, ["staff"], **ADMIN)
    set_roles(front, customer_id, [], **ADMIN)
    told = [(fact["type"], fact["actor"], fact["data"]["roles"]) for fact in front.facts()]
    assert told == [
        ("CustomerRolesChanged", "cus_admin", ["customer", "staff"]),
        ("CustomerRolesChanged", "cus_admin", ["customer"]),
    ]


def test_only_admins_give_roles(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    for who in (STAFF, CUSTOMER, {**CUSTOMER, "subject": customer_id}):
        assert set_roles(front, customer_id, ["admin"], **who).status == 403


@pytest.mark.parametrize("roles", [["root"], "admin", [1], None, ["staff"] * 11])
def test_made_up_roles_are_refused(front: Front, roles: Any) -> None:
    customer_id = front.register().body["customerId"]
    assert set_roles(front, customer_id, roles, **ADMIN).status == 400


def test_an_admin_cannot_shut_themselves_out(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    set_roles(front, customer_id, ["admin"], **ADMIN)
    answer = set_roles(front, customer_id, ["staff"], subject=customer_id, roles="customer,admin")
    assert (answer.status, answer.body["code"]) == (409, "own_admin_role")


def test_roles_can_be_set_for_one_version_only(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    old = {"headers": {"If-Match": '"1"'}}
    assert set_roles(front, customer_id, ["staff"], **ADMIN, **old).status == 200
    assert set_roles(front, customer_id, ["admin"], **ADMIN, **old).status == 412


def test_roles_of_nobody_are_not_found(front: Front) -> None:
    assert set_roles(front, "cus_nobody", ["staff"], **ADMIN).status == 404
