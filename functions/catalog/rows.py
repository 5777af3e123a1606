"""What every import format is read into: one entry for each product, which knows where in the file its fields stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field: `row` counts from 1 as a spreadsheet or an editor shows it."""

    row: int
    field: str
    code: str
    detail: str


@dataclass(frozen=True)
class Entry:
    """One product of a file.

    ``product`` is its JSON, in the shape of `domain.Product`, still to be checked. ``quantities`` are units on hand by
    the variant's index, where the file gives any. ``place`` turns a JSON pointer into the row and name of a field. An
    entry with problems is not imported.
    """

    row: int
    slug: str
    product: bytes = b""
    quantities: dict[int, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    place: Callable[[str], tuple[int, str]] = lambda pointer: (0, pointer)
