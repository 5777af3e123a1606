"""The services' apps, and the stacks with functions."""

from __future__ import annotations

import importlib
from typing import Any


def app_of(service: str) -> Any:
    """Return the app module of a service."""
    return importlib.import_module(f"functions.{service}.app")
