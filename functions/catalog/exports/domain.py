"""An export, and how far it has got."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from functions.catalog.imports.domain import Format


class Export(Struct, frozen=True):
    """An export and how far it has got: ``done`` products, in a file of ``size`` bytes once it is completed."""

    id: str
    format: Format
    status: Literal["queued", "running", "completed", "failed"]
    created_at: str
    touched_at: str
    done: int = 0
    size: int = 0
    finished_at: str = ""
