"""The facts identity publishes. It reads none."""

from __future__ import annotations

from functions.shared.types import CustomerId, Data, Email, Line


class CustomerRegistered(Data, frozen=True):
    """Somebody opened an account; whether the e-mail address is theirs is not known yet."""

    customer_id: CustomerId
    email: Email
    name: Line


class CustomerChanged(Data, frozen=True):
    """Name or e-mail address of a customer are others now; both as they are."""

    customer_id: CustomerId
    email: Email
    name: Line


class CustomerRolesChanged(Data, frozen=True):
    """An account has other roles now; the envelope's actor is who gave or took them."""

    customer_id: CustomerId
    roles: tuple[str, ...]


class CustomerEmailConfirmed(Data, frozen=True):
    """An operator vouched for an account's e-mail address."""

    customer_id: CustomerId


class SigningKeysChanged(Data, frozen=True):
    """Other keys are published, or sign from another time; in the order in which they sign."""

    key_ids: tuple[str, ...]


class CustomerErased(Data, frozen=True):
    """The account and all it held is gone; others delete what they keep of the person."""

    customer_id: CustomerId


PUBLISHED = (
    CustomerRegistered,
    CustomerChanged,
    CustomerRolesChanged,
    CustomerEmailConfirmed,
    CustomerErased,
    SigningKeysChanged,
)
