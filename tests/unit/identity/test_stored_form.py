"""The form in which accounts are stored: two versions of the code read and write it during a deploy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.identity.accounts.domain import Account, Address, AddressBook, EmailRequest, OneTimeToken
from functions.identity.keys.domain import Key, KeySet
from functions.identity.sessions.domain import UNCOUNTED, Session
from functions.identity.table import IdentityTable

AT = datetime(2026, 11, 22, 17, 5, 9, 123000, tzinfo=UTC)
TIME = "2026-11-22T17:05:09.123Z"
ENDS, EXPIRES = "2026-12-22T17:00:00.000Z", 1797958800
AMIRA = Account("cus_1", "amira@example.com", "Amira", "$argon2id$", TIME, True, ("customer", "staff"), 2, 3)
AMIRA_ITEM = {
    "pk": "ACCOUNT#cus_1",
    "sk": "ACCOUNT",
    "id": "cus_1",
    "email": "amira@example.com",
    "name": "Amira",
    "password": "$argon2id$",
    "created_at": TIME,
    "verified": True,
    "roles": ["customer", "staff"],
    "epoch": 2,
    "version": 3,
}


@pytest.fixture
def accounts(deploy: Any) -> IdentityTable:
    return IdentityTable(deploy("identity"))


def test_an_account_is_stored_in_the_form_that_all_versions_read(
    accounts: IdentityTable, stored: Any
) -> None:
    mail = EmailRequest(
        id="eml_1", kind="verify_email", correlation_id="c0ffee", customer_id="cus_1", epoch=2
    )
    assert accounts.create(AMIRA, "[]", mail)
    text = '{"id":"eml_1","kind":"verify_email","correlationId":"c0ffee","customerId":"cus_1","epoch":2}'
    owner = {"pk": "EMAIL#amira@example.com", "sk": "EMAIL", "customer_id": "cus_1"}
    assert stored(accounts) == [{**AMIRA_ITEM, "outbox": "[]", "mail": text}, owner]
    assert accounts.account("cus_1") == AMIRA
    assert accounts.store(AMIRA, AMIRA)
    assert stored(accounts) == [AMIRA_ITEM, owner]


def test_an_address_book_is_stored_in_the_form_that_all_versions_read(
    accounts: IdentityTable, stored: Any
) -> None:
    accounts.put(AMIRA_ITEM)
    full = Address(
        id="adr_1",
        name="Amira",
        line1="Lane 1",
        city="Ulm",
        country="DE",
        postal_code="89073",
        line2="Back yard",
        region="BW",
        phone="+49 731 123",
        default=True,
        version=2,
    )
    plain = Address(id="adr_2", name="Amira", line1="Lane 2", city="Dubai", country="AE", postal_code=None)
    book = AddressBook((full, plain), 4)
    assert accounts.store_address_book("cus_1", AddressBook(), book)
    assert stored(accounts)[1] == {
        "pk": "ACCOUNT#cus_1",
        "sk": "ADDRESSES",
        "version": 4,
        "addresses": [
            {
                "id": "adr_1",
                "name": "Amira",
                "line1": "Lane 1",
                "city": "Ulm",
                "country": "DE",
                "postal_code": "89073",
                "line2": "Back yard",
                "region": "BW",
                "phone": "+49 731 123",
                "default": True,
                "version": 2,
            },
            {
                "id": "adr_2",
                "name": "Amira",
                "line1": "Lane 2",
                "city": "Dubai",
                "country": "AE",
                "default": False,
                "version": 1,
            },
        ],
    }
    assert accounts.address_book("cus_1") == book
    assert accounts.address_book("cus_2") == AddressBook((), 0)


def test_a_session_is_stored_in_the_form_that_all_versions_read(accounts: IdentityTable, stored: Any) -> None:
    session = Session("ses_1", "cus_1", "digest", "seed", 2, TIME, ENDS)
    accounts.open_session(session)
    item = {
        "pk": "ACCOUNT#cus_1",
        "sk": "SESSION#ses_1",
        "id": "ses_1",
        "account_id": "cus_1",
        "current": "digest",
        "seed": "seed",
        "epoch": 2,
        "started_at": TIME,
        "ends_at": ENDS,
        "previous": "",
        "rotated_at": "",
        "rotations": 0,
        "expires": EXPIRES,
    }
    assert stored(accounts) == [item]
    assert accounts.session("cus_1", "ses_1") == session
    del item["rotations"]
    accounts.put(item)
    read = accounts.session("cus_1", "ses_1")
    assert read
    assert read.rotations == UNCOUNTED


def test_a_one_time_token_is_stored_in_the_form_that_all_versions_read(
    accounts: IdentityTable, stored: Any
) -> None:
    token = OneTimeToken("cus_1", "reset", "amira@example.com", "digest", ENDS, 2)
    accounts.put_token(token)
    item = {
        "pk": "ACCOUNT#cus_1",
        "sk": "TOKEN#reset",
        "account_id": "cus_1",
        "purpose": "reset",
        "email": "amira@example.com",
        "digest": "digest",
        "ends_at": ENDS,
        "epoch": 2,
        "expires": EXPIRES,
    }
    assert stored(accounts) == [item]
    assert accounts.token("cus_1", "reset") == token
    del item["epoch"]
    accounts.put(item)
    read = accounts.token("cus_1", "reset")
    assert read
    assert read.epoch == -1


def test_the_keys_are_stored_in_the_form_that_all_versions_read(accounts: IdentityTable, stored: Any) -> None:
    keys = KeySet((Key("k1", "arn", TIME, ENDS, n="modulus"),), 3)
    assert accounts.store_key_set(None, keys, "[]")
    key = {
        "id": "k1",
        "kms_id": "arn",
        "made_at": TIME,
        "signs_from": ENDS,
        "n": "modulus",
        "x": "",
        "y": "",
    }
    item = {"pk": "KEYS", "sk": "RING", "keys": [key], "version": 3}
    assert stored(accounts) == [{**item, "outbox": "[]"}]
    assert accounts.key_set() == (keys, False)
    accounts.mark_published(keys)
    assert stored(accounts) == [{**item, "published": 3}]
    assert accounts.key_set() == (keys, True)


def test_keys_from_before_they_were_rsa_are_read(accounts: IdentityTable) -> None:
    key = {
        "id": "4bOi8mF2Wk5n8vQyXc0oZQhJm1yY2o6c1u5m3b7T9aA",
        "kms_id": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "made_at": TIME,
        "signs_from": ENDS,
    }
    accounts.put({"pk": "KEYS", "sk": "RING", "keys": [key], "version": 3, "published": 3})
    found, published = accounts.key_set()
    assert found
    assert (found.version, published) == (3, True)
    assert found.keys == (Key(key["id"], key["kms_id"], TIME, ENDS, x=key["x"], y=key["y"]),)
    assert found.keys[0].jwk() == {
        "kty": "EC",
        "crv": "P-256",
        "x": key["x"],
        "y": key["y"],
        "kid": key["id"],
        "use": "sig",
        "alg": "ES256",
    }


def test_the_key_made_last_is_stored_in_the_form_that_all_versions_read(
    accounts: IdentityTable, stored: Any
) -> None:
    assert accounts.record_made_key("kms-1", instead_of=None) == "kms-1"
    assert stored(accounts) == [{"pk": "KEYS", "sk": "MADE", "kms_id": "kms-1"}]
    assert accounts.made_key() == "kms-1"
