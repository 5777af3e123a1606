"""Lists of products and of names, and pages of them."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct, field

T = TypeVar("T")


class ListEntry(Struct, frozen=True):
    """A product in a list: its card (JSON), and what filters ask for; ``terms`` stand between blanks."""

    product_id: str = field(name="sk")
    card: str
    facets: tuple[str, ...]
    terms: str


class NameCount(Struct, frozen=True):
    """A category, vendor or tag, and how many products have it."""

    name: str
    count: int


class Page(NamedTuple, Generic[T]):
    """A page of something, and the cursor of the next one, None at the end."""

    items: list[T]
    following: str | None
