"""The services' apps, and the stacks with functions."""

from __future__ import annotations

import importlib
from typing import Any

from tools.services import services


def stacks() -> list[str]:
    """Return the stacks with functions: the platform and every service."""
    return ["platform", *services()]


def app_of(service: str) -> Any:
    """Return the app module of a service."""
    return importlib.import_module(f"functions.{service}.app")
