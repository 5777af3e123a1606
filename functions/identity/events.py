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


class CustomerErased(Data, frozen=True):
    """The account and all it held is gone; others delete what they keep of the person."""

    customer_id: CustomerId


PUBLISHED = (CustomerRegistered, CustomerChanged, CustomerErased)
