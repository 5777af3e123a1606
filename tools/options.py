"""The options of the Makefile, as it exports them to the tools."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tools import ROOT
from tools import services as registry
from tools.report import ToolError
from tools.services import PLATFORM


def text(name: str) -> str:
    """Return an option, empty when it was not given."""
    return os.environ.get(name, "").strip()


def port(name: str, default: int) -> int:
    """Return an option that is a port number."""
    given = text(name) or str(default)
    if not given.isdecimal() or not 1024 <= int(given) <= 65535:
        raise ToolError(f"{name} is a port number from 1024 to 65535, not {given!r}")
    return int(given)


def services(known: Iterable[str] | None = None) -> list[str] | None:
    """Return the services SERVICE names, separated by spaces or commas; None when it was not given.

    Raises ToolError for one that is not `known`: without these, that there is no stack of.
    """
    names = text("SERVICE").replace(",", " ").split()
    there = list(known) if known is not None else [PLATFORM, *registry.services()]
    if unknown := sorted(set(names) - set(there)):
        raise ToolError(f"there is no service {', '.join(unknown)}; there are: {' '.join(there)}")
    return names or None


def choice(name: str, known: Iterable[str]) -> str | None:
    """Return an option that is one of the `known` words; None when it was not given."""
    given = text(name)
    if given and given not in (there := list(known)):
        raise ToolError(f"{name} is {' or '.join(there)}, not {given!r}")
    return given or None


def file(name: str, default: Path) -> Path:
    """Return an option that is the path of an existing file."""
    path = Path(text(name)).expanduser() if text(name) else default
    path = path if path.is_absolute() else ROOT / path
    if not path.is_file():
        raise ToolError(f"{name}: there is no file {path}")
    return path
