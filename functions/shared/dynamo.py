"""DynamoDB in plain Python values: what every service's table.py is written with.

Items are dicts of str, int, bool, None, list and dict; numbers are integers only (money never is anything else), so
no Decimal exists above this module. A lost condition is a value (False, None), not an exception.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from functions.shared import aws
from functions.shared.errors import InvalidError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Item = dict[str, Any]
Record = TypeVar("Record")


_FORMS: dict[type, Callable[[Any], dict[str, Any]]] = {
    bool: lambda value: {"BOOL": value},
    str: lambda value: {"S": value},
    int: lambda value: {"N": str(value)},
    bytes: lambda value: {"B": value},
    type(None): lambda _: {"NULL": True},
    dict: lambda value: {"M": {name: encode(inner) for name, inner in value.items()}},
    list: lambda value: {"L": [encode(inner) for inner in value]},
    tuple: lambda value: {"L": [encode(inner) for inner in value]},
    set: lambda value: {"SS": sorted(value)},
}


def encode(value: Any) -> dict[str, Any]:
    """Return a value in DynamoDB's wire form; TypeError for a float or anything else that has none here."""
    if type(value) not in _FORMS:
        raise TypeError(f"{type(value).__name__} has no DynamoDB form here")
    return _FORMS[type(value)](value)


def decode(wire: Mapping[str, Any]) -> Any:
    """Return the value of DynamoDB's wire form."""
    ((kind, value),) = wire.items()
    match kind:
        case "N":
            return int(value)
        case "NULL":
            return None
        case "M":
            return {name: decode(inner) for name, inner in value.items()}
        case "L":
            return [decode(inner) for inner in value]
        case "SS":
            return set(value)
    return value


def encode_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item in wire form, without the attributes that are None."""
    return {name: encode(value) for name, value in item.items() if value is not None}


def decode_item(wire: Mapping[str, Any]) -> Item:
    """Return an item from its wire form."""
    return {name: decode(value) for name, value in wire.items()}


def to_item(record: msgspec.Struct) -> Item:
    """Return a record's fields as attributes of an item; those that have their default only where it stores these."""
    item: Item = msgspec.to_builtins(record, str_keys=True)
    return item


def from_item(item: Mapping[str, Any], kind: type[Record]) -> Record:
    """Return the record that an item holds: its other attributes are passed over, absent ones have their default."""
    return msgspec.convert(item, kind, str_keys=True)


class Table:
    """One DynamoDB table whose keys are ``pk`` and ``sk``, both text."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: Mapping[str, str], *, consistent: bool = True) -> Item | None:
        """Return the item of a key, None where there is none."""
        found = aws.dynamodb().get_item(TableName=self.name, Key=encode_item(key), ConsistentRead=consistent)
        return decode_item(found["Item"]) if "Item" in found else None

    def get_many(self, keys: Sequence[Mapping[str, str]], *, consistent: bool = False) -> list[Item]:
        """Return the items that exist among the keys (each key once), in no particular order."""
        found: list[Item] = []
        for start in range(0, len(keys), 100):
            asked: Any = {"Keys": [encode_item(key) for key in keys[start : start + 100]]}
            waiting: Any = {self.name: {**asked, "ConsistentRead": True} if consistent else asked}
            while waiting:
                answer = aws.dynamodb().batch_get_item(RequestItems=waiting)
                found += map(decode_item, answer["Responses"].get(self.name, []))
                waiting = answer.get("UnprocessedKeys")
        return found

    def put(
        self, item: Mapping[str, Any], condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> bool:
        """Write an item; False when `condition` does not hold (nothing is written)."""
        try:
            request = _request(self.name, condition, values, Item=encode_item(item))
            _patiently(lambda: aws.dynamodb().put_item(**request))
        except ClientError as error:
            return _lost(error)
        return True

    def put_many(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Write items (each key once) without any condition, in no particular order; safe to repeat."""
        for start in range(0, len(items), _WRITES):
            puts: Any = [
                {"PutRequest": {"Item": encode_item(item)}} for item in items[start : start + _WRITES]
            ]
            waiting: Any = {self.name: puts}
            for wait in (*_PATIENCE, *_PATIENCE, None):
                waiting = aws.dynamodb().batch_write_item(RequestItems=waiting).get("UnprocessedItems")
                if not waiting:
                    break
                if wait is None:
                    raise OSError(f"{len(waiting[self.name])} of {len(puts)} items were not written")
                time.sleep(wait * random.uniform(0.5, 1.5))

    def delete(
        self, key: Mapping[str, str], condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> bool:
        """Delete an item; False when `condition` does not hold."""
        try:
            request = _request(self.name, condition, values, Key=encode_item(key))
            _patiently(lambda: aws.dynamodb().delete_item(**request))
        except ClientError as error:
            return _lost(error)
        return True

    def update(
        self,
        key: Mapping[str, str],
        expression: str,
        values: Mapping[str, Any] | None = None,
        *,
        condition: str | None = None,
    ) -> Item | None:
        """Change an item and return it as it is then; None when `condition` does not hold.

        Names in expressions that DynamoDB reserves are written ``#name``.
        """
        request = _request(self.name, condition, values, Key=encode_item(key), UpdateExpression=expression)
        try:
            changed = _patiently(lambda: aws.dynamodb().update_item(**request, ReturnValues="ALL_NEW"))
        except ClientError as error:
            _lost(error)
            return None
        return decode_item(changed["Attributes"])

    def query(
        self,
        condition: str,
        values: Mapping[str, Any],
        *,
        index: str | None = None,
        limit: int | None = None,
        start: Item | None = None,
        backwards: bool = False,
        where: str | None = None,
        consistent: bool = False,
    ) -> tuple[list[Item], Item | None]:
        """Return one page of a key condition and the key to go on from, None at the end.

        `where` filters what was read (it is paid for all the same).
        """
        request: dict[str, Any] = _request(
            self.name, None, values, KeyConditionExpression=condition, ScanIndexForward=not backwards
        )
        request["ExpressionAttributeNames"] = _names(f"{condition} {where or ''}")
        request |= {"IndexName": index} if index else {"ConsistentRead": consistent}
        request |= {"Limit": limit} if limit else {}
        request |= {"FilterExpression": where} if where else {}
        request |= {"ExclusiveStartKey": encode_item(start)} if start else {}
        if not request["ExpressionAttributeNames"]:
            del request["ExpressionAttributeNames"]
        try:
            answer = aws.dynamodb().query(**request)
        except ClientError as error:
            if start is None or error.response["Error"]["Code"] != "ValidationException":
                raise
            raise _invalid_cursor() from None  # well-formed, but of no page of this query
        last = answer.get("LastEvaluatedKey")
        return [decode_item(item) for item in answer["Items"]], decode_item(last) if last else None

    def query_all(
        self, condition: str, values: Mapping[str, Any], *, start: Item | None = None, **options: Any
    ) -> Iterator[Item]:
        """Yield all items of a key condition, from `start` on, page by page."""
        while True:
            items, start = self.query(condition, values, start=start, **options)
            yield from items
            if start is None:
                return

    def transact(
        self, *actions: TransactWriteItemTypeDef, patience: Sequence[float] | None = None
    ) -> list[str] | None:
        """Do all actions or none; None when done, else the cancellation reason of each action.

        A reason is ``None`` (as text), ``ConditionalCheckFailed``, ``TransactionConflict``…. A conflict with another
        transaction, which nobody can decide about, is tried again a few times and then raised; `patience` says how
        long to wait between the tries (seconds).
        """
        try:
            _patiently(lambda: aws.dynamodb().transact_write_items(TransactItems=actions), patience)
        except ClientError as error:
            codes = _reasons(error)
            if "ConditionalCheckFailed" not in codes:
                raise
            return codes
        return None

    def putting(
        self, item: Mapping[str, Any], condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> TransactWriteItemTypeDef:
        """Return a put as an action of `transact`."""
        return {"Put": _request(self.name, condition, values, Item=encode_item(item))}

    def updating(
        self,
        key: Mapping[str, str],
        expression: str,
        values: Mapping[str, Any] | None = None,
        *,
        condition: str | None = None,
    ) -> TransactWriteItemTypeDef:
        """Return an update as an action of `transact`."""
        request = _request(self.name, condition, values, Key=encode_item(key), UpdateExpression=expression)
        return {"Update": request}

    def deleting(
        self, key: Mapping[str, str], condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> TransactWriteItemTypeDef:
        """Return a delete as an action of `transact`."""
        return {"Delete": _request(self.name, condition, values, Key=encode_item(key))}

    def checking(
        self, key: Mapping[str, str], condition: str, values: Mapping[str, Any] | None = None
    ) -> TransactWriteItemTypeDef:
        """Return a condition alone as an action of `transact`."""
        request = _request(self.name, condition, values, Key=encode_item(key))
        return {"ConditionCheck": request}


_WRITES = 25  # items of one BatchWriteItem
_PATIENCE = (0.02, 0.05, 0.1, 0.2)
"""Seconds between tries after a transaction conflict; botocore does not repeat those."""


def _patiently(call: Callable[[], Any], patience: Sequence[float] | None = None) -> Any:
    """Return what the call returns, trying again while another transaction holds one of its items."""
    for wait in _PATIENCE if patience is None else patience:
        try:
            return call()
        except ClientError as error:
            if not _conflicted(error):
                raise
        time.sleep(wait * random.uniform(0.5, 1.5))
    return call()


_HELD_UP = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Reasons for which a transaction is cancelled that may be gone in a moment; botocore repeats none of them."""


def _conflicted(error: ClientError) -> bool:
    codes = {*_reasons(error)} - {"None"}
    return error.response["Error"]["Code"] == "TransactionConflictException" or (
        bool(codes) and codes <= _HELD_UP
    )


def _reasons(error: ClientError) -> list[str]:
    return [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]


def _names(expression: str) -> dict[str, str]:
    words = expression.replace("(", " ").replace(")", " ").replace(",", " ").replace("=", " ").split()
    return {part: part[1:] for word in words for part in word.split(".") if part.startswith("#")}


def _request(table: str, condition: str | None, values: Mapping[str, Any] | None, **given: Any) -> Any:
    request = {"TableName": table, **given}
    if condition:
        request["ConditionExpression"] = condition
    if names := _names(f"{condition or ''} {given.get('UpdateExpression', '')}"):
        request["ExpressionAttributeNames"] = names
    if values:
        request["ExpressionAttributeValues"] = {name: encode(value) for name, value in values.items()}
    return request


def _lost(error: ClientError) -> bool:
    if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
        return False
    raise error


_MAX_KEY_BYTES = 1024
"""Of a sort key (DynamoDB's limits); a partition key may have twice as many."""


def cursor(key: Item | None, *parts: str) -> str | None:
    """Return an opaque cursor made of the named parts of a key; the partition stays out of it."""
    if key is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode([key[part] for part in parts])).decode().rstrip("=")


def from_cursor(text: str, *parts: str) -> Item:
    """Return the parts of a key that `cursor` wrote; raise InvalidError for anything else."""
    try:
        values = msgspec.json.decode(
            base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True), type=list[str]
        )
    except (ValueError, msgspec.MsgspecError):
        values = []
    if len(values) != len(parts) or not all(0 < len(value.encode()) <= _MAX_KEY_BYTES for value in values):
        raise _invalid_cursor()
    return dict(zip(parts, values, strict=True))


def _invalid_cursor() -> InvalidError:
    return InvalidError("invalid_cursor", "Take the cursor from nextCursor of the page before, unchanged.")
