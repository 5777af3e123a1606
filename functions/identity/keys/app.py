"""Routes of staff and admins: customers, roles, keys; and the public ones that tell of the keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from chalice.app import Response
from msgspec import Meta

from functions.identity.accounts import service
from functions.identity.api import CustomerView, app, customer_view, keys, me, publication, table
from functions.identity.domain import ROLES, scope
from functions.identity.keys.domain import KeySet
from functions.shared.clock import now
from functions.shared.email_address import comparable
from functions.shared.errors import InvalidError
from functions.shared.http import IDEMPOTENCY_KEY, IF_MATCH_OPTIONAL, etag, json_response
from functions.shared.idempotency import answered_once
from functions.shared.types import Body, Query, View

_CACHED = {"Cache-Control": "public, max-age=300"}


class FindCustomers(Query, frozen=True):
    """Whom to look for."""

    email: str = ""


class CustomersView(View, frozen=True):
    """The customers found."""

    items: list[CustomerView]
    next_cursor: str | None = None


class SetRoles(Body, frozen=True):
    """All roles the account is to have; everybody is a customer."""

    roles: Annotated[tuple[Literal["customer", "staff", "admin"], ...], Meta(max_length=10)]


class KeyView(View, frozen=True):
    """A signing key: next (published, not signing yet), current, or retired (its last tokens are still in force)."""

    key_id: str
    state: str
    made_at: str
    signs_from: str


class KeysView(View, frozen=True):
    """The signing keys in the order in which they sign."""

    items: list[KeyView]
    next_cursor: str | None = None


def keys_view(key_set: KeySet | None, at: datetime) -> KeysView:
    """Shape the key set."""
    found = key_set.keys if key_set else ()
    return KeysView(
        [KeyView(key.id, key_set.state(key, at), key.made_at, key.signs_from) for key in found if key_set]
    )


@app.endpoint("GET", "/identity/health", auth="none")
def health() -> Response:
    """Tell that the service answers: 200."""
    return json_response({"status": "ok", "service": "identity"})


@app.endpoint("GET", "/identity/.well-known/openid-configuration", auth="none")
def discovery() -> Response:
    """Tell OIDC libraries how to verify our tokens (OpenID Connect Discovery): 200."""
    issuer = publication().issuer
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": scope(ROLES).split(),
        "claims_supported": ["sub", "roles", "email_verified", "sid"],
    }
    return json_response(document, headers=_CACHED)


@app.endpoint("GET", "/identity/.well-known/jwks.json", auth="none")
def jwks() -> Response:
    """Tell the public keys, as a JWK set: 200."""
    key_set = keys().key_set(now())
    document = {"keys": keys().published(key_set)["keys"]}
    return json_response(document, headers=_CACHED if key_set else None)


@app.endpoint(
    "GET", "/identity/customers", roles=("staff", "admin"), query=FindCustomers, returns=CustomersView
)
def find_customers(query: FindCustomers) -> Response:
    """Find a customer (``?email=``): 200, empty where there is none | 400 | 403."""
    if not query.email:
        raise InvalidError("email_required", "Say whom to look for: ?email=…")
    found = table().account_of(comparable(query.email))
    return json_response(CustomersView([customer_view(found)] if found else []))


@app.endpoint("GET", "/identity/customers/{customerId}", roles=("staff", "admin"), returns=CustomerView)
def get_customer(customer_id: str) -> Response:
    """Get a customer: 200 with ETag | 403 | 404."""
    account = service.account(table(), customer_id)
    return json_response(customer_view(account), headers=etag(account.version))


@app.endpoint(
    "PUT",
    "/identity/customers/{customerId}/roles",
    roles=("admin",),
    body=SetRoles,
    headers=(IF_MATCH_OPTIONAL,),
    returns=CustomerView,
)
def set_roles(customer_id: str, body: SetRoles, version: int | None) -> Response:
    """Replace a customer's roles, in force from their next access token on: 200 | 400 | 403 | 404 | 409 own | 412."""
    account = service.set_roles(table(), customer_id, body.roles, by=me(), version=version, at=now())
    return json_response(customer_view(account), headers=etag(account.version))


@app.endpoint("GET", "/identity/keys", roles=("admin",), returns=KeysView)
def get_keys() -> Response:
    """List the signing keys: 200 | 403."""
    at = now()
    return json_response(keys_view(keys().key_set(at), at))


@app.endpoint(
    "POST",
    "/identity/keys/rotations",
    roles=("admin",),
    headers=(IDEMPOTENCY_KEY,),
    returns=KeysView,
    status=202,
)
def rotate_keys(key: str | None) -> Response:
    """Have another key sign as soon as every authoriser knows it: 202 the keys | 403 | 409 too many, key reused."""
    at = now()

    def run() -> Response:
        return json_response(keys_view(keys().rotate(at), at), 202)

    return answered_once(app, table(), f"rotate#{me()}", at, run, key=key)
