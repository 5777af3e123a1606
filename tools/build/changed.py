"""`make changed BASE=origin/main`: what a change touches, as JSON, for pipelines to deploy and to test.

    {"stacks": ["cart", "edge"], "tests": ["cart"]}

A file of one service touches that service; what all are built from or deployed with touches all stacks; documents,
tests and what runs on a developer's machine touch none. Tests are those of services, or ["all"] where anything is
touched that is not of a service alone. With BASE=none all is.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable

from tools import ROOT, options
from tools.report import ToolError
from tools.services import EDGE, PLATFORM, services

OF_A_SERVICE = re.compile(
    r"functions/(?P<code>\w+)/|infra/(?P<template>\w+)\.yaml|requirements/(?P<wheels>\w+)\.(?:in|txt)"
    r"|tests/unit/(?P<tests>\w+)/|events/(?:schemas|samples|http)/(?P<facts>\w+)/"
)
OF_THE_EDGE = re.compile(r"(?:web|legal)/|infra/edge\.yaml")
OF_PRICES = "infra/cart.yaml"
"""Says what prices include, which pages are told when they are uploaded (tools/build/pages.py)."""
OF_NONE = re.compile(r"infra/(?:pipeline|waf)\.yaml")
"""What a person deploys."""
OF_ALL = re.compile(
    r"functions/shared/|functions/__init__\.py|requirements/(?:layer|bootstrap|dev)\.|template\.yaml|infra/\w+\.yaml"
    r"|samconfig\.toml|Makefile|tools/(?:build|operate|contracts)/|tools/\w+\.py"
)
UNTESTED = re.compile(r"docs/|[^/]+\.md$")
"""What the tests that always run look at by themselves (tests/contract)."""
ALL_TESTS = "all"


def main() -> None:
    """Print what was touched since BASE (origin/main without it)."""
    base = options.text("BASE") or "origin/main"
    paths = ["Makefile"] if base == "none" else files(base)
    print(json.dumps({"stacks": touched(paths), "tests": tests(paths)}))


def files(base: str) -> list[str]:
    """Return the files touched by each commit that `base` does not have; ToolError where git knows no such base.

    Commit by commit: what one changed and a later one took back may be deployed as the first left it.
    """
    line = ["git", "log", "--format=", "--cc", "--name-only", "--no-renames", f"{base}..HEAD"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"git knows no BASE {base!r}: {done.stderr.strip()}")
    return sorted(filter(None, set(done.stdout.splitlines())))


def touched(paths: Iterable[str]) -> list[str]:
    """Return the stacks that files belong to, the platform first and the edge last."""
    known, found = services(), set()
    for path in paths:
        if name := _service(path):
            found.add(name)
            if path == OF_PRICES:
                found.add(EDGE)
        elif OF_THE_EDGE.match(path):
            found.add(EDGE)
        elif OF_ALL.match(path) and not OF_NONE.match(path):
            return [PLATFORM, *known, EDGE]
    return [name for name in (*known, EDGE) if name in found]


def tests(paths: Iterable[str]) -> list[str]:
    """Return the services to test, or that all is to be."""
    seen = [path for path in paths if not UNTESTED.match(path)]
    found = {_service(path) for path in seen}
    return [ALL_TESTS] if None in found else sorted(filter(None, found))


def _service(path: str) -> str | None:
    """Return the service that a file is of."""
    match = OF_A_SERVICE.match(path)
    name = next(filter(None, match.groupdict().values()), None) if match else None
    return name if name in services() else None
