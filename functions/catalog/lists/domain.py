"""Pages of lists."""

from __future__ import annotations

from typing import Any, NamedTuple


class Page(NamedTuple):
    """A page of entries or names, and the cursor of the next one, None at the end."""

    items: list[dict[str, Any]]
    following: str | None
