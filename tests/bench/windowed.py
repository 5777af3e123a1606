"""The simulation's DynamoDB for large tables: a query looks at the rows of its page and not at its whole partition."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.fake_dynamodb import FakeDynamoDB, Row
from tests.simulation.fake_tables import Index, Table

_COMPARED = r"{}\s*(<=|<|>=|>|=)\s*(:\w+)"
_BETWEEN = r"{}\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)"
_BEGINS = r"begins_with\(\s*{}\s*,\s*(:\w+)\s*\)"
_LAST = "\U0010ffff"


class WindowedDynamoDB(FakeDynamoDB):
    """Gives the same answers: it leaves out rows that the condition leaves out, and rows behind the page."""

    def _query(self, **request: Any) -> dict[str, Any]:
        self._request = request
        return super()._query(**request)

    def _rows(self, table: Table, index: Index | None, partition: str, consistent: bool) -> list[Row]:
        entries: list[Any] = (
            index.partitions.get(partition, []) if index else table.partitions.get(partition, [])
        )
        place: Callable[[Any], Any] = (lambda entry: entry[0]) if index else (lambda entry: entry)
        low, high = self._bounds(index.range_name if index else table.range_name)
        first = 0 if low is None else bisect.bisect_left(entries, low, key=place)
        last = len(entries) if high is None else bisect.bisect_right(entries, high, key=place)
        limit = self._request.get("Limit")
        if limit is not None:
            # What stands at a bound may be left out by the condition or the starting key: rows of one place, few.
            most = limit + 1 + self._at(entries, low, place) + self._at(entries, high, place)
            if self._request.get("ScanIndexForward", True):
                last = min(last, first + most)
            else:
                first = max(first, last - most)
        window = entries[first:last]
        if index:
            return [(where, key, table.items[key]) for where, key in window]
        return [(sort, (partition, sort), table.items[partition, sort]) for sort in window]

    def _at(self, entries: list[Any], bound: Any, place: Callable[[Any], Any]) -> int:
        if bound is None:
            return 0
        return bisect.bisect_right(entries, bound, key=place) - bisect.bisect_left(entries, bound, key=place)

    def _bounds(self, name: str | None) -> tuple[Any, Any]:
        """Return the least and the greatest range value that the request can want, None where it does not say."""
        if name is None:
            return None, None
        names = self._request.get("ExpressionAttributeNames") or {}
        spelled = next((token for token, meant in names.items() if meant == name), name)
        text, values = self._request["KeyConditionExpression"], self._request["ExpressionAttributeValues"]
        start = self._request.get("ExclusiveStartKey")
        forwards = self._request.get("ScanIndexForward", True)
        low, high = _said(text, re.escape(spelled), values)
        if start and name in start:
            if forwards:
                low = max(filter(None, (low, _plain(start[name]))))
            else:
                high = min(filter(None, (high, _plain(start[name]))))
        return low, high


def _said(text: str, name: str, values: Mapping[str, Any]) -> tuple[Any, Any]:
    word = rf"(?<![\w#]){name}(?!\w)"
    if found := re.search(_BETWEEN.format(word), text):
        return _plain(values[found[1]]), _plain(values[found[2]])
    if found := re.search(_BEGINS.format(word), text):
        prefix = _plain(values[found[1]])
        return prefix, prefix + _LAST
    if found := re.search(_COMPARED.format(word), text):
        value = _plain(values[found[2]])
        return (value if found[1] in (">", ">=", "=") else None), (
            value if found[1] in ("<", "<=", "=") else None
        )
    return None, None


def _plain(wire: Mapping[str, Any]) -> Any:
    ((kind, value),) = wire.items()
    return int(value) if kind == "N" else value
