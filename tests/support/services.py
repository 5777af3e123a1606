"""Which services there are: those with a template and an app."""

from __future__ import annotations

import importlib
from typing import Any

from tests.support.templates import ROOT

NOT_SERVICES = ("edge",)


def services() -> list[str]:
    """Return the services, in the order of their names."""
    stems = sorted(path.stem for path in (ROOT / "infra").glob("*.yaml"))
    return [
        name for name in stems if name not in NOT_SERVICES and (ROOT / "functions" / name / "app.py").exists()
    ]


def stacks() -> list[str]:
    """Return the stacks with functions: the platform and every service."""
    return ["platform", *services()]


def app_of(service: str) -> Any:
    """Return the app module of a service."""
    return importlib.import_module(f"functions.{service}.app")
