"""Access tokens as a test wants them: by any key, with any header and claims."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER, AUDIENCE = "http://localhost:8080/identity", "souk-local"


class Signer:
    """A P-256 key with its id, as one of identity's key set."""

    def __init__(self, key_id: str = "key-1") -> None:
        self.key_id = key_id
        self.private = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, Any]:
        """Return the public half as identity publishes it."""
        public = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.key_id, "use": "sig", "alg": "ES256"}

    def token(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token in force for cus_1; claims given as None are left out."""
        now = int(time.time())
        said = {
            "iss": ISSUER,
            "sub": "cus_1",
            "aud": AUDIENCE,
            "iat": now,
            "nbf": now,
            "exp": now + 900,
            "jti": "jti_1",
            "sid": "ses_1",
            "roles": ["customer"],
            "scope": "shop",
            "email_verified": True,
            **claims,
        }
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.private,
            algorithm="ES256",
            headers={"typ": "at+jwt", "kid": self.key_id, **(header or {})},
        )


def published(*signers: Signer) -> dict[str, Any]:
    """Return what identity writes to the parameter /souk/<env>/jwks."""
    return {"issuer": ISSUER, "audience": AUDIENCE, "keys": [signer.jwk() for signer in signers]}
