"""Access tokens as a test wants them: by any key, with any header and claims.

Making an RSA key takes longer than most tests, so there are a few for a whole process, and tokens of the same caller
are signed once.
"""

from __future__ import annotations

import functools
import json
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from functions.identity.keys import access_tokens
from functions.shared import aws, jws, tokens

ISSUER, AUDIENCE, PARAMETER = "http://localhost:8080/identity", "souk-local", "/souk/local/jwks"
FAR = 4_102_444_800
"""The year 2100: tokens of callers are in force whatever the clock of a test says."""


_generate = rsa.generate_private_key


def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """Return one of the process's RSA keys of 2048 bits."""
    return _made(number)


@functools.cache
def _made(number: int) -> rsa.RSAPrivateKey:
    return _generate(public_exponent=jws.EXPONENT, key_size=jws.BITS)


class Signer:
    """A key with its id, as one of identity's key set: RSA."""

    algorithm = "RS256"

    def __init__(self, key_id: str = "key-1", number: int = 0) -> None:
        self.key_id = key_id
        self.private = rsa_key(number)

    def jwk(self) -> dict[str, Any]:
        """Return the public half as identity publishes it."""
        modulus = self.private.public_key().public_numbers().n
        public = {"kty": "RSA", "n": jws.base64url(modulus.to_bytes(256, "big")), "e": "AQAB"}
        return {**public, "kid": self.key_id, "use": "sig", "alg": "RS256"}

    def sign(self, text: str) -> bytes:
        """Return the signature of a text."""
        return self.private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())

    def signed(self, header: str, said: str) -> str:
        """Return a token of an encoded header and encoded claims, whatever they are."""
        return f"{header}.{said}.{jws.base64url(self.sign(f'{header}.{said}'))}"

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
        given = {"alg": self.algorithm, "typ": "at+jwt", "kid": self.key_id, **(header or {})}
        return self.signed(encoded(given), encoded({name: it for name, it in said.items() if it is not None}))


class OldSigner(Signer):
    """A key of P-256, as identity had them before."""

    algorithm = "ES256"

    def __init__(self, key_id: str = "old-1") -> None:
        self.key_id = key_id
        self.curve = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, Any]:
        """Return the public half as identity publishes it."""
        numbers = self.curve.public_key().public_numbers()
        x, y = (jws.base64url(one.to_bytes(32, "big")) for one in (numbers.x, numbers.y))
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": x,
            "y": y,
            "kid": self.key_id,
            "use": "sig",
            "alg": "ES256",
        }

    def sign(self, text: str) -> bytes:
        """Return the signature of a text."""
        numbers = decode_dss_signature(self.curve.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return b"".join(one.to_bytes(32, "big") for one in numbers)


def encoded(part: Any) -> str:
    """Return a header or claims as a token has them."""
    return jws.base64url(json.dumps(part, separators=(",", ":")).encode())


def published(*signers: Signer) -> dict[str, Any]:
    """Return what identity writes to the parameter /souk/<env>/jwks."""
    old = [signer.jwk() for signer in signers if signer.algorithm == "ES256"]
    rsa = [signer.jwk() for signer in signers if signer.algorithm == "RS256"]
    return {"issuer": ISSUER, "audience": AUDIENCE, "keys": old, "rs256": rsa}


def publish(*signers: Signer) -> None:
    """Write the parameter, for services that have not read it yet; the key of callers without signers."""
    text = json.dumps(published(*(signers or (callers(),))))
    aws.ssm().put_parameter(Name=PARAMETER, Value=text, Type="String", Overwrite=True)
    tokens.keys.cache_clear()


@functools.cache
def callers() -> Signer:
    """Return the key that signs the tokens of callers, under the id that identity gives it."""
    return Signer(access_tokens.key_id(Signer().jwk()["n"]))


@functools.cache
def bearer(subject: str, roles: str = "customer") -> str:
    """Return the Authorization header of a caller."""
    claims = {"sub": subject, "roles": [one for one in roles.split(",") if one]}
    return f"Bearer {callers().token(**claims, iat=0, nbf=0, exp=FAR, sid=None)}"
