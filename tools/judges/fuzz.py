"""schemathesis against every service's OpenAPI page, through the front door: with an admin's token, and as a guest.

    make schemathesis [SERVICE=orders] [EXAMPLES=20]

Every answer has to be one its page describes, in form and type, and never a 5xx; calls follow each other by the ids
they gave (stateful). Not run: operations that would end the judge's own account or break the stack, and two checks
that say nothing here (UNCHECKED).
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from tools import ROOT, options
from tools.judges.environment import judge
from tools.local import seed
from tools.local.shop import Shop
from tools.local.stack import Stack, running_stack
from tools.report import ToolError, step

PAGES = ROOT / "docs" / "openapi"
EXCLUDED = {
    "erase_me": "ends the judge's account",
    "log_out_all": "ends the judge's sessions",
    "change_password": "ends the judge's sessions",
    "rotate_keys": "ten rotations fill the key set for an hour; the judge of log-in rotates",
    "switch_fault": "takes a service down; make chaos does",
    "simulate_trouble": "takes the payment provider down; make chaos does",
}
UNCHECKED = {
    "unsupported_method": "API Gateway answers a method it has no route for like a path it has none for: 404 here",
    "positive_data_acceptance": "a well-formed value is refused for what it means: a forged quote, an unknown SKU",
}
_PASSWORD = "a password for judges"  # noqa: S105  of an account on a local stack


def main() -> int:
    """Fuzz the services; return how many runs found something."""
    # identity last: after it nobody logs in for a while, its limits have been reached
    pages = sorted((page.stem for page in PAGES.glob("*.json")), key=lambda n: (n == "identity", n))
    names = options.services(pages) or pages
    stack = running_stack()
    return sum(_service(stack, name) for name in names)


def _service(stack: Stack, name: str) -> int:
    page = PAGES / f"{name}.json"
    account = seed.Account(f"judge-{time.time_ns()}@souk.example", _PASSWORD)
    token = seed.ensure_account(stack, Shop(stack.url), account, "Judge", roles=["admin", "staff"])
    found = 0
    for who, more in {"admin": ["--header", f"Authorization: Bearer {token}"], "guest": []}.items():
        status, said = judge("schemathesis", *_arguments(stack, page, who), *more)
        log = stack.state / f"schemathesis-{name}-{who}.log"
        log.write_text(said)
        if counted := re.search(r"(\d+) generated", said):
            step(f"schemathesis: {name} as {who}: {counted[1]} calls, {_failures(said)} failures")
        else:
            raise ToolError(f"schemathesis did not judge {name}; its log says why: {log}")
        if status:
            found += 1
            print(said[said.find("= FAILURES =") - 40 :].partition("= WARNINGS =")[0])
    return found


def _arguments(stack: Stack, page: Path, who: str) -> list[str]:
    there = {
        one["operationId"] for path in json.loads(page.read_text())["paths"].values() for one in path.values()
    }
    examples = int(options.text("EXAMPLES") or "10")
    phases = "examples,coverage,fuzzing,stateful"
    if who == "guest":  # most of what a guest may ask for is refused in the same way
        examples, phases = max(examples // 5, 2), "examples,fuzzing,stateful"
    config = str(Path(__file__).with_name("schemathesis.toml"))
    arguments = [
        "--config-file",
        config,
        "run",
        str(page),
        "--url",
        stack.url,
        "--max-examples",
        str(examples),
        "--phases",
        phases,
    ]
    arguments += ["--request-timeout", "35", "--seed", "1"]
    arguments += [
        "--continue-on-failure",
        "--no-color",
        "--exclude-checks",
        ",".join(UNCHECKED),
        "--warnings",
        "off",
    ]
    for name in sorted(there & set(EXCLUDED)):
        arguments += ["--exclude-operation-id", name]
    return arguments


def _failures(said: str) -> str:
    found = re.search(r"(\d+) unique failures?", said)
    return found[1] if found else "no"
