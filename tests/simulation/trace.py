"""What happened in a run, step by step: kept as data, told as text only when somebody wants to read it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

START = 1795356000.0  # 2026-11-22T14:00:00Z


class Entry(NamedTuple):
    """One thing that happened: when (epoch seconds), to which invocation, what, and what came of it."""

    time: float
    invocation: int
    what: str
    details: tuple[Any, ...]
    outcome: str


class Trace:
    """The entries of one run."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, time: float, invocation: int, what: str, *details: Any, outcome: str = "") -> None:
        """Keep one entry; details are told later, so they must not change."""
        self.entries.append(Entry(time, invocation, what, details, outcome))

    def digest(self) -> str:
        """Return what two runs of one seed must have in common."""
        text = "\n".join(f"{e.time:.6f} {e.invocation} {e.what} {e.outcome}" for e in self.entries)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def lines(self, last: int | None = None, about: str | None = None) -> list[str]:
        """Return the trace as text: the last entries, or all that name `about` (an order, a SKU…)."""
        told = [_told(entry) for entry in self.entries]
        if about:
            told = [line for line in told if about in line]
        return told[-last:] if last else told


def _told(entry: Entry) -> str:
    details = " ".join(_shown(detail) for detail in entry.details)
    arrow = f"  → {entry.outcome}" if entry.outcome else ""
    indent = "    " if "." in entry.what else ""
    return f"{entry.time - START:9.3f}s  #{entry.invocation:<4} {indent}{entry.what} {details}{arrow}"


def _shown(detail: Any) -> str:
    if isinstance(detail, Mapping):
        return _request(detail)
    return str(detail)


def _wanted(wanted: Any) -> list[Mapping[str, Any]]:
    """Return the keys that a batch reads, or the items that it writes."""
    return [put["PutRequest"]["Item"] for put in wanted] if isinstance(wanted, list) else wanted["Keys"]


def _request(request: Mapping[str, Any]) -> str:
    """Return an AWS call's parameters, as far as a reader of the trace needs them."""
    if "TransactItems" in request:
        actions = [next(iter(action.items())) for action in request["TransactItems"]]
        return "[" + "; ".join(f"{kind} {_request(inner)}" for kind, inner in actions) + "]"
    if "Entries" in request:
        return " ".join(
            f"{entry['DetailType']} {_event_id(entry['Detail'])}"
            if "Detail" in entry
            else entry["MessageBody"]
            for entry in request["Entries"]
        )
    if "RequestItems" in request:
        return " ".join(
            f"{_table(name)} {' '.join(_plain(key) for key in _wanted(wanted))}"
            for name, wanted in request["RequestItems"].items()
        )
    parts = [_table(request.get("TableName", ""))]
    if "Item" in request:
        parts.append(_plain(request["Item"]))
    if isinstance(request.get("Key"), Mapping):
        parts.append(_plain(request["Key"]))
    parts += [
        str(request[name]) for name in ("UpdateExpression", "KeyConditionExpression") if name in request
    ]
    if "ConditionExpression" in request:
        parts.append(f"if {request['ConditionExpression']}")
    if "ExpressionAttributeValues" in request:
        parts.append(_plain(request["ExpressionAttributeValues"]))
    return " ".join(filter(None, parts)) or str(dict(request))[:200]


def _event_id(detail: str) -> str:
    start = detail.find('"id":"') + 6
    return detail[start : detail.find('"', start)]


def _table(name: str) -> str:
    return name.removeprefix("souk-local-")


def _plain(item: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_value(wire)}" for name, wire in item.items()) + "}"


def _value(wire: Any) -> str:
    ((kind, what),) = wire.items()
    if kind == "M":
        return _plain(what)
    if kind == "L":
        return "[" + ", ".join(map(_value, what)) + "]"
    return str(what) if len(str(what)) <= 90 else f"{str(what)[:90]}…"
