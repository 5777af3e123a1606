"""Verify access tokens as a stranger would: authlib, and nothing of ours but the issuer's address.

Runs in .local/judges: `python with_authlib.py ISSUER AUDIENCE`, tokens on standard input, one a line; prints a line of
JSON for each, its claims or why it is refused.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator  # type: ignore[import-untyped]
from authlib.oidc.discovery import get_well_known_url  # type: ignore[import-untyped]


def fetched(url: str) -> Any:
    """Return a JSON document."""
    with urllib.request.urlopen(url, timeout=35) as answer:  # noqa: S310  the shop's address
        return json.load(answer)


class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
    """authlib's check of access tokens (RFC 9068), with the keys that the discovery document names."""

    def get_jwks(self) -> Any:
        """Return the public keys."""
        return fetched(fetched(get_well_known_url(self.issuer, external=True))["jwks_uri"])


def main() -> None:
    """Verify every token."""
    issuer, audience = sys.argv[1:]
    said = fetched(get_well_known_url(issuer, external=True))["issuer"]
    if said != issuer:
        sys.exit(f"the discovery document says it is of {said}, not of {issuer}")
    validator = Validator(issuer, audience)
    for line in sys.stdin:
        try:
            token = validator.authenticate_token(line.strip())
            validator.validate_token(token, None, None)
            print(json.dumps({"claims": dict(token), "kid": token.header["kid"]}))
        except (AuthlibBaseError, ValueError) as error:
            cause = error.__cause__ or error
            print(json.dumps({"refused": f"{type(cause).__name__}: {cause}"}))


if __name__ == "__main__":
    main()
