"""The services' apps."""

from __future__ import annotations

import importlib
from typing import Any


def app_of(service: str) -> Any:
    """Return the app module of a service."""
    return importlib.import_module(f"functions.{service}.app")
