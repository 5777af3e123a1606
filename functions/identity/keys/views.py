"""Keys' requests and answers, and how answers are made of domain objects."""

from __future__ import annotations

from datetime import datetime

from functions.identity.keys.domain import KeySet
from functions.shared.types import View


class KeyView(View, frozen=True):
    """A signing key: next (published, not signing yet), current, or retired (its last tokens are still in force)."""

    key_id: str
    state: str
    made_at: str
    signs_from: str


class KeysView(View, frozen=True):
    """The signing keys in the order in which they sign."""

    items: list[KeyView]
    next_cursor: str | None = None


def keys_view(key_set: KeySet | None, at: datetime) -> KeysView:
    """Shape the key set."""
    found = key_set.keys if key_set else ()
    return KeysView(
        [KeyView(key.id, key_set.state(key, at), key.made_at, key.signs_from) for key in found if key_set]
    )
