"""What operators do by invoking the admin function, and that routes and template agree."""

from __future__ import annotations

from typing import Any

import pytest

from functions.identity.app import admin
from functions.identity.table import IdentityTable
from tests.support.lambda_events import Context
from tests.unit.identity.conftest import Front


def order(**given: Any) -> Any:
    return admin(given, Context())


def test_the_first_admin_is_made_by_an_operator(front: Front) -> None:
    customer_id = front.register().body["customerId"]
    answer = order(action="grant_role", email="Amira@example.com", roles=["admin"])
    assert answer == {"customerId": customer_id, "roles": ["customer", "admin"], "emailVerified": False}
    token = front.log_in()["accessToken"]
    assert front.call("GET", "/identity/keys", token=token).status == 200


def test_granting_adds_to_the_roles_there_are_and_is_safe_to_repeat(
    front: Front, table: IdentityTable
) -> None:
    customer_id = front.register().body["customerId"]
    order(action="grant_role", email="amira@example.com", roles=["staff"])
    for _ in range(2):
        answer = order(action="grant_role", email="amira@example.com", roles=["admin"])
    assert answer["roles"] == ["customer", "staff", "admin"]
    account = table.account(customer_id)
    assert account is not None
    assert account.version == 3


def acts(front: Front) -> list[tuple[str, str | None]]:
    """Return the facts on the bus that are not the customer's own, each with its actor."""
    return [
        (fact["type"], fact.get("actor")) for fact in front.facts() if fact["type"] != "CustomerRegistered"
    ]


def test_what_operators_do_is_told_with_them_as_its_actor(front: Front) -> None:
    front.register()
    front.log_in()
    assert acts(front) == [("SigningKeysChanged", None)]
    order(action="grant_role", email="amira@example.com", roles=["staff"])
    order(action="verify_email", email="amira@example.com")
    order(action="rotate_keys")
    kinds = ("CustomerRolesChanged", "CustomerEmailConfirmed", "SigningKeysChanged")
    assert acts(front) == [(kind, "operator") for kind in kinds]


def test_what_changes_nothing_is_not_told(front: Front) -> None:
    front.register()
    order(action="verify_email", email="amira@example.com")
    acts(front)
    order(action="grant_role", email="amira@example.com", roles=["customer"])
    order(action="verify_email", email="amira@example.com")
    assert acts(front) == []


def test_an_operator_takes_an_address_for_proven(front: Front) -> None:
    front.register()
    assert order(action="verify_email", email="amira@example.com")["emailVerified"] is True
    assert front.me(front.log_in()["accessToken"]).body["emailVerified"] is True


def test_an_operator_rotates_the_keys(front: Front) -> None:
    front.register()
    front.log_in()
    assert [key["state"] for key in order(action="rotate_keys")["items"]] == ["current", "next"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"action": "drop_table"},
        {"action": "grant_role", "email": "amira@example.com"},
        {"action": "grant_role", "email": "amira@example.com", "roles": []},
        {"action": "grant_role", "email": "amira@example.com", "roles": ["root"]},
        {"action": "verify_email", "email": "amira"},
        {"action": "rotate_keys", "force": True},
    ],
)
def test_a_malformed_order_is_refused(front: Front, given: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="invalid_order"):
        order(**given)


def test_an_order_about_nobody_is_refused_and_the_log_does_not_name_them(
    front: Front, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception, match="no_account"):
        order(action="verify_email", email="nobody@example.com")
    assert "nobody@" not in capsys.readouterr().out
