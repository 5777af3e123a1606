"""DynamoDB's items, read in one go: in its JSON they have the very shape that botocore gives them.

botocore asks the API model about every value of every item, which is the dearest thing that a function does which reads
a page. `take_items` stands before its parser, at botocore's own hook ``before-parse``, and leaves it the rest of the
answer; and all of it where anything is unusual: an error, a null, what is no JSON.
"""

from __future__ import annotations

import functools
from typing import Any, TypedDict

import msgspec

HOOK = "before-parse.dynamodb"


class Value(TypedDict, total=False):
    """An attribute's value in DynamoDB's JSON; binary is base64 there, and what is not listed here is left out."""

    S: str
    N: str
    B: bytes
    SS: list[str]
    NS: list[str]
    BS: list[bytes]
    M: dict[str, Value]
    L: list[Value]
    NULL: bool
    BOOL: bool


_Attributes = dict[str, Value]
_ITEMS: dict[str, Any] = {
    "Item": _Attributes,
    "Items": list[_Attributes],
    "Attributes": _Attributes,
    "Responses": dict[str, list[_Attributes]],
}
"""By the names under which answers to GetItem, Query, writes that return the item, and BatchGetItem have them."""
_ANSWER = msgspec.json.Decoder(dict[str, msgspec.Raw])


@functools.cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    """Return what reads the items of that name; a cold start makes none that it does not need."""
    return msgspec.json.Decoder(_ITEMS[name])


def take_items(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Read the items of an answer in botocore's stead."""
    if response_dict["status_code"] != 200:
        return
    try:
        answer = _ANSWER.decode(response_dict["body"])
        taken = {name: _decoder(name).decode(answer.pop(name)) for name in _ITEMS.keys() & answer.keys()}
    except (msgspec.MsgspecError, UnicodeError):
        return
    if taken:
        customized_response_dict |= taken
        response_dict["body"] = msgspec.json.encode(answer)
