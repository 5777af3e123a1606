"""The options of the Makefile, as it exports them to the tools."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tools import sam
from tools.emulator import ROOT
from tools.report import ToolError
from tools.stack import Stack


def text(name: str) -> str:
    """Return an option, empty when it was not given."""
    return os.environ.get(name, "").strip()


def port(name: str, default: int) -> int:
    """Return an option that is a port number."""
    given = text(name) or str(default)
    if not given.isdecimal() or not 1024 <= int(given) <= 65535:
        raise ToolError(f"{name} is a port number from 1024 to 65535, not {given!r}")
    return int(given)


def local_stack() -> Stack:
    """Return the local stack that PORT, ENDPOINT_PORT, STATE and AUTH describe."""
    return Stack(
        port=port("PORT", 8080),
        endpoint_port=port("ENDPOINT_PORT", 4566),
        state=(ROOT / (text("STATE") or ".local")).resolve(),
        auth=text("AUTH").lower() in ("1", "true", "yes"),
    )


def running_stack() -> Stack:
    """Return the local stack, or say how to start it when it is not running."""
    stack = local_stack()
    if not stack.emulator.running():
        raise ToolError("the stack is not running; start it with: make run")
    return stack


def services(known: Iterable[str] | None = None) -> list[str] | None:
    """Return the services SERVICE names, separated by spaces or commas; None when it was not given.

    Raises ToolError for one that is not `known`: without these, that there is no stack of.
    """
    names = text("SERVICE").replace(",", " ").split()
    there = list(known) if known is not None else [stack.name for stack in sam.all_stacks()]
    if unknown := sorted(set(names) - set(there)):
        raise ToolError(f"there is no service {', '.join(unknown)}; there are: {' '.join(there)}")
    return names or None


def file(name: str, default: Path) -> Path:
    """Return an option that is the path of an existing file."""
    path = Path(text(name)).expanduser() if text(name) else default
    path = path if path.is_absolute() else ROOT / path
    if not path.is_file():
        raise ToolError(f"{name}: there is no file {path}")
    return path
