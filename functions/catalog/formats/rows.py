"""What every import format is read into: one entry for each product, which knows where in the file its fields stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from functions.shared.errors import Field, json_pointer


class Problem(Struct, frozen=True):
    """What is to be said of one field: `row` counts from 1 as a spreadsheet or an editor shows it.

    An ``error`` keeps its product out; a ``warning`` says what was read otherwise than it stands there; an ``outcome``
    what a dry run would have done.
    """

    row: int
    field: str
    code: str
    detail: str
    level: Literal["error", "warning", "outcome"] = "error"


@dataclass(frozen=True)
class ParsedProduct:
    """One product of a file.

    ``product`` is JSON in the shape of `domain.Product`, still to be checked, with the fields that the file has and no
    others; what it says of how stock is counted stands in a variant's ``tracked`` and ``backordered``. Where ``whole``
    is set, the file describes the product as a whole: a variant it does not name is gone. ``new_status`` is that of a
    new product where the file says nothing of it. ``quantities`` are units on hand by the variant's index, where the
    file gives any. ``place`` turns a field of the product into its row and name in the file. An entry with problems is
    not imported; one with warnings is.
    """

    row: int
    slug: str
    product: bytes = b""
    quantities: dict[int, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    whole: bool = True
    new_status: str = "draft"
    place: Callable[[Field], tuple[int, str]] = lambda field: (0, json_pointer(field))
