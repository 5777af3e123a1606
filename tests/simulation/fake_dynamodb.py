"""DynamoDB in memory: the calls Souk makes, with DynamoDB's conditions, limits and refusals, fast enough to simulate.

It takes and gives what a boto3 client does (wire values in dicts) and hands every change to `listeners`: the streams
and the checker. One suite, test_fake_dynamodb.py, holds it to moto's behaviour; where moto is more lenient than AWS, to
AWS's documentation. Anything Souk does not use is refused loudly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from tests.simulation import expressions
from tests.simulation.expressions import Expression, ExpressionError, Image, Wire
from tests.simulation.fake_tables import Index, Key, Listener, RefusalError, Table, invalid, size_of

MAX_TRANSACTION_ACTIONS = 100
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
MAX_BATCH_KEYS = 100
MAX_BATCH_PUTS = 25
MAX_PAGE_BYTES = 1024 * 1024

Row = tuple[Any, Key, Image]
"""Place in the index, key, image."""


def client_error(code: str, message: str, operation: str, **more: Any) -> ClientError:
    """Return the exception that boto3 raises for a service's error answer."""
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
        **more,
    }
    return ClientError(answer, operation)


class Reads(NamedTuple):
    """What the simulation may do to a read that is not strongly consistent; the default is nothing."""

    stale: Callable[[], bool] = lambda: False
    """Asked for each item: is its change not visible yet?"""
    keep_back: Callable[[int], int] = lambda _count: 0
    """Asked with a count of keys or items: how many of them are kept for another page?"""


class FakeDynamoDB:
    """The DynamoDB client."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}
        self.listeners: list[Listener] = []
        self.reads = Reads()

    def create_table(self, **request: Any) -> None:
        """Make a table from its CreateTable request."""
        self.tables[request["TableName"]] = Table(request)

    # --- reads ---

    def get_item(
        self,
        *,
        TableName: str,  # noqa: N803 boto3's names, here and below
        Key: Mapping[str, Wire],  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803
    ) -> dict[str, Any]:
        def run() -> dict[str, Any]:
            table = self._table(TableName)
            found = self._read(table, table.exact_key(Key), ConsistentRead)
            return {"Item": found} if found is not None else {}

        return _answer("GetItem", run)

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        return _answer("BatchGetItem", lambda: self._batch_get(RequestItems))

    def _batch_get(self, requests: Mapping[str, Any]) -> dict[str, Any]:
        if not 0 < sum(len(request["Keys"]) for request in requests.values()) <= MAX_BATCH_KEYS:
            raise invalid("Too many items requested for the BatchGetItem call, or none")
        responses: dict[str, list[Image]] = {}
        waiting: dict[str, Any] = {}
        for name, request in requests.items():
            if set(request) - {"Keys", "ConsistentRead"}:
                raise NotImplementedError(f"BatchGetItem with {set(request)}")
            table = self._table(name)
            keys = [table.exact_key(key) for key in request["Keys"]]
            if len(set(keys)) != len(keys):
                raise invalid("Provided list of item keys contains duplicates")
            kept = self.reads.keep_back(len(keys))
            if kept:
                waiting[name] = {**request, "Keys": request["Keys"][-kept:]}
                keys = keys[:-kept]
            found = [self._read(table, key, request.get("ConsistentRead", False)) for key in keys]
            responses[name] = [image for image in found if image is not None]
        return {"Responses": responses, "UnprocessedKeys": waiting}

    def _read(self, table: Table, key: Key, consistent: bool) -> Image | None:
        if not consistent and key in table.before and self.reads.stale():
            return table.before[key]
        return table.items.get(key)

    def query(self, **request: Any) -> dict[str, Any]:
        return _answer("Query", lambda: self._query(**request))

    def _query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Wire],  # noqa: N803
        ExpressionAttributeNames: Mapping[str, str] | None = None,  # noqa: N803
        FilterExpression: str | None = None,  # noqa: N803
        IndexName: str | None = None,  # noqa: N803
        ConsistentRead: bool = False,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        Limit: int | None = None,  # noqa: N803
        ExclusiveStartKey: Mapping[str, Wire] | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        table, values = self._table(TableName), ExpressionAttributeValues
        index = _index(table, IndexName)
        if index and ConsistentRead:
            raise invalid("Consistent reads are not supported on global secondary indexes")
        if Limit is not None and Limit < 1:
            raise invalid("Limit must be greater than or equal to 1")
        names = tuple(sorted((ExpressionAttributeNames or {}).items()))
        wanted = _parsed(expressions.key_condition, KeyConditionExpression, names)
        kept = _parsed(expressions.condition, FilterExpression, names) if FilterExpression else None
        _refuse_unused([part for part in (wanted, kept) if part], names, values)
        hash_name, range_name = (
            (index.hash_name, index.range_name) if index else (table.hash_name, table.range_name)
        )
        if kept and {path[0] for path in kept.paths} & {hash_name, range_name}:
            raise invalid("Filter Expression can only contain non-primary key attributes")
        rows = self._rows(table, index, _partition(wanted, hash_name, range_name, values), ConsistentRead)
        matching = [
            (place, key, image)
            for place, key, image in rows
            if all(test(image, values) for _, _, test in wanted.run)
        ]
        if not ScanIndexForward:
            matching.reverse()
        if ExclusiveStartKey is not None:
            matching = _after(matching, table, index, ExclusiveStartKey, forwards=ScanIndexForward)
        page, last = self._page(matching, table, index, Limit)
        images = [index.project(image, _keys(table)) if index else image for _, _, image in page]
        items = [image for image in images if kept is None or kept.run(image, values)]
        return {"Items": items, "Count": len(items), "ScannedCount": len(page), **last}

    def _rows(self, table: Table, index: Index | None, partition: str, consistent: bool) -> list[Row]:
        """Return place, key and image of a partition's items, in order; some as they were, when reads are stale."""
        if index is None:
            keys = [(partition, sort) for sort in table.partitions.get(partition, ())]
            rows = [(key[1], key, table.items[key]) for key in keys]
        else:
            rows = [(place, key, table.items[key]) for place, key in index.partitions.get(partition, ())]
        if consistent:
            return rows
        return self._as_seen(table, index, partition, rows)

    def _as_seen(self, table: Table, index: Index | None, partition: str, rows: list[Row]) -> list[Row]:
        """Return the rows with some of the last few writes not visible yet."""
        late = {key for key in table.before if self.reads.stale()}
        if not late:
            return rows
        seen = [row for row in rows if row[1] not in late]
        for key in late:
            old = table.before[key]
            place = old and (index.place(old) if index else key)
            if old and place and place[0] == partition:
                seen.append((place[1], key, old))
        return sorted(seen, key=lambda row: (row[0], row[1]))

    def _page(
        self, rows: list[Row], table: Table, index: Index | None, limit: int | None
    ) -> tuple[list[Row], dict[str, Any]]:
        count, size = 0, 0
        for _, _, image in rows:
            if count == limit or size > MAX_PAGE_BYTES:
                break
            count, size = count + 1, size + size_of(image)
        count -= min(self.reads.keep_back(count), count - 1) if count > 1 else 0
        page = rows[:count]
        if page and (count < len(rows) or count == limit):
            names = {*_keys(table), *([index.hash_name, index.range_name] if index else [])} - {None}
            return page, {"LastEvaluatedKey": {name: page[-1][2][name] for name in names if name}}
        return page, {}

    # --- writes ---

    def put_item(self, **request: Any) -> dict[str, Any]:
        return _answer("PutItem", lambda: self._alone("Put", request))

    def update_item(self, **request: Any) -> dict[str, Any]:
        return _answer("UpdateItem", lambda: self._alone("Update", request))

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return _answer("DeleteItem", lambda: self._alone("Delete", request))

    def batch_write_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N803
        return _answer("BatchWriteItem", lambda: self._batch_write(RequestItems))

    def _batch_write(self, requests: Mapping[str, Any]) -> dict[str, Any]:
        """Put items one by one: some may be given back, which is decided as for those of a read."""
        if not 0 < sum(map(len, requests.values())) <= MAX_BATCH_PUTS:
            raise invalid("Too many items requested for the BatchWriteItem call, or none")
        waiting: dict[str, Any] = {}
        for name, puts in requests.items():
            table = self._table(name)
            keys = [table.key_of(put["PutRequest"]["Item"]) for put in puts]
            if len(set(keys)) != len(keys):
                raise invalid("Provided list of item keys contains duplicates")
            kept = self.reads.keep_back(len(keys))
            if kept:
                waiting[name] = puts[-kept:]
            for put in puts[: len(puts) - kept]:
                self._alone("Put", {"TableName": name, "Item": put["PutRequest"]["Item"]})
        return {"UnprocessedItems": waiting}

    def transact_write_items(
        self,
        *,
        TransactItems: Iterable[Mapping[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        return _answer("TransactWriteItems", lambda: self._transact(list(TransactItems)))

    def check_transaction(self, *, TransactItems: Iterable[Mapping[str, Any]]) -> None:  # noqa: N803
        """Raise what the transaction would, and do nothing."""
        _answer("TransactWriteItems", lambda: self._transact(list(TransactItems), commit=False))

    def _alone(self, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
        returned = request.get("ReturnValues", "NONE")
        plan = self._plan(
            kind,
            {name: value for name, value in request.items() if name != "ReturnValues"},
        )
        self._commit([plan])
        if returned == "ALL_NEW" and kind == "Update":
            return {"Attributes": plan[2]}
        if returned == "ALL_OLD":
            old = plan[0].before[plan[1]]
            return {"Attributes": old} if old else {}
        if returned != "NONE":
            raise NotImplementedError(f"ReturnValues {returned} of {kind}")
        return {}

    def _transact(self, actions: list[Mapping[str, Any]], *, commit: bool = True) -> dict[str, Any]:
        if not 0 < len(actions) <= MAX_TRANSACTION_ACTIONS:
            raise invalid("Member must have length less than or equal to 100, and at least 1")
        plans, reasons, places = [], [], []
        for action in actions:
            ((kind, request),) = action.items()
            table = self._table(request["TableName"])
            places.append((table.name, _key(table, kind, request)))
            try:
                plans.append(self._plan(kind, request))
                reasons.append({"Code": "None"})
            except RefusalError as refusal:
                code = refusal.code.removesuffix("Exception").replace("Validation", "ValidationError")
                reasons.append({"Code": code, "Message": refusal.message, **refusal.more})
        if len(set(places)) != len(places):
            raise invalid("Transaction request cannot include multiple operations on one item")
        if any(reason["Code"] != "None" for reason in reasons):
            codes = ", ".join(reason["Code"] for reason in reasons)
            raise RefusalError(
                "TransactionCanceledException",
                f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
                CancellationReasons=reasons,
            )
        if sum(size_of(image) for _, _, image, changes in plans if changes and image) > MAX_TRANSACTION_BYTES:
            raise invalid("Transaction size exceeds 4 MB")
        if commit:
            self._commit(plans)
        return {}

    def _plan(self, kind: str, request: Mapping[str, Any]) -> tuple[Table, Key, Image | None, bool]:
        """Return the table, the key, the new image and whether anything is written; RefusalError otherwise."""
        unknown = set(request) - {
            "TableName",
            "Item",
            "Key",
            "ConditionExpression",
            "UpdateExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
            "ReturnValuesOnConditionCheckFailure",
        }
        if unknown:
            raise NotImplementedError(f"{kind} with {unknown}")
        table = self._table(request["TableName"])
        key = _key(table, kind, request)
        names = tuple(sorted(request.get("ExpressionAttributeNames", {}).items()))
        values = request.get("ExpressionAttributeValues", {})
        condition = request.get("ConditionExpression")
        held = _parsed(expressions.condition, condition, names) if condition else None
        change = _parsed(expressions.update, request["UpdateExpression"], names) if kind == "Update" else None
        _refuse_unused([part for part in (held, change) if part], names, values)
        old = table.items.get(key)
        if held and not _run(held, old or {}, values):
            asked = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old
            raise RefusalError(
                "ConditionalCheckFailedException",
                "The conditional request failed",
                **({"Item": old} if asked else {}),
            )
        if kind in ("Delete", "ConditionCheck"):
            return table, key, None, kind == "Delete"
        new = dict(request["Item"]) if kind == "Put" else _updated(table, old, request["Key"], change, values)
        table.check(new)
        return table, key, new, True

    def _commit(self, plans: list[tuple[Table, Key, Image | None, bool]]) -> None:
        changes = [table.store(key, image) for table, key, image, writes in plans if writes]
        for change in changes:
            if change is not None and change.old != change.new:
                for listener in self.listeners:
                    listener(change)

    def expire(self, table: str, key: Key) -> None:
        """Remove an item as TTL does, unasked."""
        change = self.tables[table].store(key, None)
        for listener in self.listeners if change else ():
            listener(change)  # type: ignore[arg-type]

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            raise RefusalError(
                "ResourceNotFoundException", f"Requested resource not found: Table: {name} not found"
            )
        return self.tables[name]


def _answer(operation: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {**run(), "ResponseMetadata": {"HTTPStatusCode": 200}}
    except RefusalError as refusal:
        raise client_error(refusal.code, refusal.message, operation, **refusal.more) from None


def _parsed(parse: Callable[..., Expression], text: str, names: expressions.Names) -> Expression:
    try:
        return parse(text, names)
    except ExpressionError as error:
        raise invalid(f"Invalid expression: {error}") from None


def _run(expression: Expression, *arguments: Any) -> Any:
    try:
        return expression.run(*arguments)
    except ExpressionError as error:
        raise invalid(str(error)) from None


def _refuse_unused(parts: list[Expression], names: expressions.Names, values: Mapping[str, Wire]) -> None:
    problem = _unused(tuple(part.used for part in parts), names, frozenset(values))
    if problem:
        raise invalid(problem)


@functools.lru_cache(4096)
def _unused(used: tuple[frozenset[str], ...], names: expressions.Names, values: frozenset[str]) -> str:
    every = frozenset().union(*used)
    if unused := {name for name, _ in names} - every:
        return f"Value provided in ExpressionAttributeNames unused in expressions: keys: {unused}"
    if unused := values - every:
        return f"Value provided in ExpressionAttributeValues unused in expressions: keys: {unused}"
    if missing := {token for token in every if token.startswith(":")} - values:
        return f"An expression attribute value used in expression is not defined: {missing}"
    return ""


def _keys(table: Table) -> list[str]:
    return [name for name in (table.hash_name, table.range_name) if name]


def _key(table: Table, kind: str, request: Mapping[str, Any]) -> Key:
    return table.key_of(request["Item"]) if kind == "Put" else table.exact_key(request["Key"])


def _index(table: Table, name: str | None) -> Index | None:
    if name is None:
        return None
    if name not in table.indexes:
        raise invalid(f"The table does not have the specified index: {name}")
    return table.indexes[name]


def _updated(
    table: Table,
    old: Image | None,
    key: Mapping[str, Wire],
    change: Expression | None,
    values: Mapping[str, Wire],
) -> Image:
    assert change is not None
    if {path[0] for path in change.paths} & set(_keys(table)):
        raise invalid("Cannot update attribute: this attribute is part of the key")
    before = old if old is not None else dict(key)
    new = dict(before)
    try:
        for apply in change.run:
            apply(new, before, values)
    except ExpressionError as error:
        raise invalid(str(error)) from None
    return new


def _partition(wanted: Expression, hash_name: str, range_name: str | None, values: Mapping[str, Wire]) -> str:
    attributes = [name for name, _, _ in wanted.run]
    if hash_name not in attributes or set(attributes) - {hash_name, range_name}:
        raise invalid(f"Query condition missed key schema element: {hash_name}")
    ((sign, _),) = [(sign, test) for name, sign, test in wanted.run if name == hash_name]
    if sign != "=":
        raise invalid("Query key condition not supported")
    for value in values.values():
        for name, _, test in wanted.run:
            if name == hash_name and "S" in value and test({hash_name: value}, values):
                if not value["S"]:
                    raise invalid(
                        "The AttributeValue for a key attribute cannot contain an empty string value"
                    )
                return str(value["S"])
    raise invalid("One or more parameter values were invalid: Condition parameter type does not match")


def _after(
    rows: list[Row],
    table: Table,
    index: Index | None,
    start: Mapping[str, Wire],
    *,
    forwards: bool,
) -> list[Row]:
    names = {*_keys(table), *(filter(None, [index.hash_name, index.range_name]) if index else [])}
    if set(start) != names:
        raise invalid("The provided starting key is invalid")
    key = table.key_of(start)
    where = (index.place(dict(start)) if index else None) or (key[0], key[1])
    position = (where[1], key)
    return [row for row in rows if ((row[0], row[1]) > position if forwards else (row[0], row[1]) < position)]
