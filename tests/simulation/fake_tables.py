"""What the in-memory DynamoDB keeps: tables, their indexes, and what may be stored in them.

Stored images are never changed: a write makes a new one, so an image may be shared by whoever has read it.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from tests.simulation.expressions import Image, Wire, checked_number

MAX_ITEM_BYTES = 400 * 1024
RECENT = 12
"""Writes to a table that a read may not see yet, if it is not strongly consistent."""

Key = tuple[str, str]


class Change(NamedTuple):
    """One item's change: what a listener is told."""

    table: str
    key: Key
    old: Image | None
    new: Image | None


Listener = Callable[[Change], None]


class RefusalError(Exception):
    """A call that changes nothing: its error code and message."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more


def invalid(message: str) -> RefusalError:
    """Return the refusal of a malformed request."""
    return RefusalError("ValidationException", message)


class Index:
    """The items that have an index's keys, by partition, in the order of the range key."""

    def __init__(self, hash_name: str, range_name: str | None, projection: Mapping[str, Any]) -> None:
        self.hash_name, self.range_name = hash_name, range_name
        self.kind = projection["ProjectionType"]
        self.included = frozenset(projection.get("NonKeyAttributes", ()))
        self.partitions: dict[str, list[tuple[Any, Key]]] = {}

    def place(self, image: Image | None) -> tuple[str, Any] | None:
        """Return the partition and range value of an image in this index, None where it is not in it."""
        if image is None or self.hash_name not in image:
            return None
        if self.range_name is None:
            return image[self.hash_name]["S"], ""
        if self.range_name not in image:
            return None
        ((kind, value),) = image[self.range_name].items()
        return image[self.hash_name]["S"], int(value) if kind == "N" else value

    def move(self, key: Key, old: Image | None, new: Image | None) -> None:
        before, after = self.place(old), self.place(new)
        if before == after:
            return
        if before is not None:
            rows = self.partitions[before[0]]
            del rows[bisect.bisect_left(rows, (before[1], key))]
        if after is not None:
            bisect.insort(self.partitions.setdefault(after[0], []), (after[1], key))

    def project(self, image: Image, table_keys: Iterable[str]) -> Image:
        if self.kind == "ALL":
            return image
        kept = {*table_keys, self.hash_name, *filter(None, [self.range_name]), *self.included}
        return {name: value for name, value in image.items() if name in kept}


class Table:
    """One table: its items, its indexes, and what the last few writes replaced."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.name: str = request["TableName"]
        self.hash_name, self.range_name = _key_names(request["KeySchema"])
        self.types = {a["AttributeName"]: a["AttributeType"] for a in request["AttributeDefinitions"]}
        self.items: dict[Key, Image] = {}
        self.before: dict[Key, Image | None] = {}
        self._recent: deque[Key] = deque()
        self.partitions: dict[str, list[str]] = {}
        self.indexes = {
            index["IndexName"]: Index(*_key_names(index["KeySchema"]), index["Projection"])
            for index in request.get("GlobalSecondaryIndexes", ())
        }
        self.index_keys = {
            name: self.types[name]
            for index in self.indexes.values()
            for name in (index.hash_name, index.range_name)
            if name
        }

    def key_of(self, image: Mapping[str, Wire]) -> Key:
        """Return the key in an image; RefusalError where it is missing, empty or of another type."""
        parts = []
        for name in filter(None, (self.hash_name, self.range_name)):
            value = image.get(name)
            if value is None:
                raise invalid(f"One of the required keys was not given a value: {name}")
            if "S" not in value:
                raise invalid(f"Type mismatch for key {name} expected: S actual: {next(iter(value))}")
            if not value["S"]:
                raise invalid(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                    f"an empty string value. Key: {name}"
                )
            parts.append(value["S"])
        return (parts[0], parts[1] if len(parts) > 1 else "")

    def exact_key(self, key: Mapping[str, Wire]) -> Key:
        """Return the key of a request's Key parameter, which holds nothing else."""
        found = self.key_of(key)
        if set(key) != set(filter(None, (self.hash_name, self.range_name))):
            raise invalid("The provided key element does not match the schema")
        return found

    def check(self, image: Image) -> None:
        """Refuse an image that could not be stored."""
        for name, value in image.items():
            _check_value(value)
            expected = self.index_keys.get(name)
            if expected and (expected not in value or value[expected] == ""):
                raise invalid(
                    "One or more parameter values were invalid: Type mismatch or empty value for Index Key "
                    f"{name} Expected: {expected} Actual: {value}"
                )
        if size_of(image) > MAX_ITEM_BYTES:
            raise invalid("Item size has exceeded the maximum allowed size")

    def store(self, key: Key, new: Image | None) -> Change | None:
        """Put, replace or remove an item; None when there was nothing to remove."""
        old = self.items.get(key)
        self._remember(key, old)
        if new is None:
            if old is None:
                return None
            del self.items[key]
            self.partitions[key[0]].remove(key[1])
        else:
            self.items[key] = new
            if old is None:
                bisect.insort(self.partitions.setdefault(key[0], []), key[1])
        for index in self.indexes.values():
            index.move(key, old, new)
        return Change(self.name, key, old, new)

    def _remember(self, key: Key, old: Image | None) -> None:
        self.before[key] = old
        self._recent.append(key)
        if len(self._recent) > RECENT:
            forgotten = self._recent.popleft()
            if forgotten not in self._recent:
                del self.before[forgotten]


def _key_names(schema: list[dict[str, str]]) -> tuple[str, str | None]:
    by_kind = {part["KeyType"]: part["AttributeName"] for part in schema}
    return by_kind["HASH"], by_kind.get("RANGE")


def _check_value(value: Wire) -> None:
    if len(value) != 1:
        raise invalid("Supplied AttributeValue has more than one datatypes set")
    ((kind, what),) = value.items()
    if kind == "M":
        for inner in what.values():
            _check_value(inner)
    elif kind == "L":
        for inner in what:
            _check_value(inner)
    else:
        _check_scalar(kind, what)


def _check_scalar(kind: str, what: Any) -> None:
    if kind not in ("S", "N", "B", "BOOL", "NULL", "SS"):
        raise invalid(f"Souk stores no {kind}")
    if kind == "N" and not checked_number(what):
        raise invalid(f"Souk stores whole numbers only, this is none: {what!r}")
    if kind == "SS" and (not what or len(set(what)) != len(what)):
        raise invalid("One or more parameter values were invalid: a string set has no members, or one twice")


def size_of(image: Mapping[str, Wire]) -> int:
    """Return an item's size in bytes, as "Item sizes and formats" of the Developer Guide counts it, about."""
    return sum(len(name) + _size_of(value) for name, value in image.items())


def _size_of(value: Wire) -> int:
    ((kind, what),) = value.items()
    if kind == "S":
        return len(what) if what.isascii() else len(what.encode())
    if kind == "N":
        return len(what) // 2 + 2
    if kind == "B":
        return len(what)
    if kind == "M":
        return 3 + size_of(what) + len(what)
    if kind == "L":
        return 3 + sum(1 + _size_of(inner) for inner in what)
    return sum(map(len, what)) if kind == "SS" else 1
