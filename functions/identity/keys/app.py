"""Routes of the signing keys: the public ones that tell of them, and admins' own."""

from __future__ import annotations

from chalice.app import Response

from functions.identity.accounts.domain import ROLES, scope
from functions.identity.api import app, keys, me, publication, table
from functions.identity.keys.views import KeysView, keys_view
from functions.shared.clock import now
from functions.shared.http import IDEMPOTENCY_KEY, json_response
from functions.shared.idempotency import answered_once

_CACHED = {"Cache-Control": "public, max-age=300"}


@app.endpoint("GET", "/identity/.well-known/openid-configuration", auth="none")
def discovery() -> Response:
    """Tell OIDC libraries how to verify our tokens (OpenID Connect Discovery): 200."""
    issuer = publication().issuer
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": scope(ROLES).split(),
        "claims_supported": ["sub", "roles", "email_verified", "sid"],
    }
    return json_response(document, headers=_CACHED)


@app.endpoint("GET", "/identity/.well-known/jwks.json", auth="none")
def jwks() -> Response:
    """Tell the public keys, as a JWK set: 200."""
    key_set = keys().key_set(now())
    document = {"keys": [key.jwk() for key in key_set.keys] if key_set else []}
    return json_response(document, headers=_CACHED if key_set else None)


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
    """Have another key sign as soon as every service knows it: 202 the keys | 403 | 409 too many, key reused."""
    at = now()

    def run() -> Response:
        return json_response(keys_view(keys().rotate(at), at), 202)

    return answered_once(app, table(), f"rotate#{me()}", at, run, key=key)
