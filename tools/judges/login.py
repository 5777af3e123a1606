"""Log in, have authlib verify the tokens by the discovery document alone, rotate the keys, and verify again."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt

from tools.judges.environment import HOME
from tools.local.buyer import until
from tools.local.seed import Accounts, access_token
from tools.local.shop import Shop, bearer
from tools.local.stack import ENVIRONMENT, Stack, running_stack
from tools.report import ToolError, step

_ADMIN = f"souk-{ENVIRONMENT}-identity-admin"


def main() -> int:
    """Judge log-in, discovery and rotation on the running stack; return the number of findings."""
    stack = running_stack()
    shop = Shop(stack.url)
    findings: list[str] = []

    def expect(holds: bool, what: str) -> None:
        (step if holds else findings.append)(f"  {what}")

    old = access_token(shop, Accounts().customer)
    (before,) = verified(stack, [old])
    expect(
        "claims" in before,
        f"authlib verifies a token by the discovery document: {before.get('refused', 'yes')}",
    )
    rotate(stack)
    new = _token_by_another_key(shop, old)
    forged = new.rpartition(".")[0] + "." + old.rpartition(".")[2]
    earlier, later, wrong = verified(stack, [old, new, forged])
    expect(
        "claims" in earlier,
        f"the token from before the rotation still holds: {earlier.get('refused', 'yes')}",
    )
    expect("claims" in later, f"the token from after it holds: {later.get('refused', 'yes')}")
    expect(earlier.get("kid") != later.get("kid"), "the two are signed with different keys")
    expect("refused" in wrong, f"one with the other's signature is refused: {wrong.get('refused', 'no')}")
    for name, token in (("before", old), ("after", new)):
        expect(_opens(shop, token), f"every service takes the token from {name} the rotation")
    expect(
        shop.call("GET", "/identity/me", headers=bearer(forged)).status == 401, "the shop refuses it as well"
    )
    for finding in findings:
        print(f"oidc: does not hold: {finding.strip()}")
    return len(findings)


def verified(stack: Stack, tokens: list[str]) -> list[dict[str, Any]]:
    """Return what authlib says of each token."""
    done = subprocess.run(
        [
            str(HOME / "bin" / "python"),
            "-W",
            "ignore",
            str(Path(__file__).with_name("with_authlib.py")),
            f"{stack.url}/identity",
            f"souk-{ENVIRONMENT}",
        ],
        input="\n".join(tokens),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise ToolError(f"authlib did not judge: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def rotate(stack: Stack) -> None:
    """Have another key sign at once, without the hour it is published ahead for services to read it."""
    with _lead(stack, "0"):
        answer = stack.client("lambda").invoke(FunctionName=_ADMIN, Payload=b'{"action": "rotate_keys"}')
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise ToolError(f"the keys cannot be rotated: {said[:200]}")
    states = [key["state"] for key in json.loads(said)["items"]]
    step(f"keys rotated: {', '.join(states)}")


@contextlib.contextmanager
def _lead(stack: Stack, seconds: str) -> Iterator[None]:
    client = stack.client("lambda")
    variables = client.get_function_configuration(FunctionName=_ADMIN)["Environment"]["Variables"]
    changed = {**variables, "KEY_LEAD_SECONDS": seconds}
    client.update_function_configuration(FunctionName=_ADMIN, Environment={"Variables": changed})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=_ADMIN, Environment={"Variables": variables})


def _token_by_another_key(shop: Shop, old: str) -> str:
    """Log in until the token is signed with another key: the workers of identity keep the keys for a minute."""
    for _ in range(6):
        time.sleep(15)
        token = access_token(shop, Accounts().customer)
        if jwt.get_unverified_header(token)["kid"] != jwt.get_unverified_header(old)["kid"]:
            break
    return token


def _opens(shop: Shop, token: str) -> bool:
    """Tell whether the services take a token; a service asks for unknown keys again after ten seconds at most."""

    def asked() -> bool | None:
        paths = ("/identity/me", "/orders", "/carts")
        methods = ("GET", "GET", "POST")
        answers = [
            shop.call(method, path, {} if method == "POST" else None, headers=bearer(token)).status
            for method, path in zip(methods, paths, strict=True)
        ]
        return all(status < 300 for status in answers) or None

    with contextlib.suppress(ToolError):
        return until("the services to take a token", asked, seconds=30)
    return False
