"""The scalar types of requests and facts, with their bounds; schemas and samples are generated from them.

Every query, body or fact is a msgspec Struct. ``Query`` and ``Body`` refuse unknown fields (requests), ``Data`` lets
them pass (facts: a publisher may add a field, a consumer must not care).
"""

from typing import Annotated, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from functions.shared.errors import InvalidError

T = TypeVar("T")

# ``extra`` names a pattern's form and says it in a sentence (functions/shared/bodies.py).
# Patterns end in ``$(?!\n)``: to Python a bare ``$`` also matches before a final newline.
Sku = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)",
        examples=["POT-CLAY-L"],
        extra={"form": "sku", "detail": "A SKU has letters, digits, dots, dashes and underscores."},
    ),
]
Quantity = Annotated[int, Meta(ge=1, le=999, examples=[2])]
Minor = Annotated[int, Meta(ge=0, le=99_999_999_999, examples=[1999])]
"""An amount in minor units of its currency (ISO 4217)."""
Rounding = Annotated[int, Meta(ge=-99, le=99, examples=[0])]
"""What a total was rounded by, in minor units: less than a payment provider's step (functions/shared/money.py)."""
Millionths = Annotated[int, Meta(ge=0, le=1_000_000, examples=[190_000])]
"""A rate: 6.875 % is 68,750."""
Currency = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{3}$(?!\n)",
        examples=["EUR"],
        extra={"form": "currency", "detail": "A currency is three capital letters (ISO 4217)."},
    ),
]
Country = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{2}$(?!\n)",
        examples=["DE"],
        extra={"form": "country", "detail": "A country is two capital letters (ISO 3166-1)."},
    ),
]
Timestamp = Annotated[str, Meta(examples=["2026-11-22T17:05:09.123Z"])]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[^@\s<>\"]{1,64}@[^@\s<>\"]+\.[^@\s<>\".]+$(?!\n)",
        examples=["amira@example.com"],
        extra={"form": "email", "detail": "An e-mail address is written like amira@example.com."},
    ),
]
Line = Annotated[str, Meta(min_length=1, max_length=120, examples=["Amira Haddad"])]
OrderId = Annotated[str, Meta(max_length=40, examples=["ord_01kaqz5r7b8v0w3m2x4y6t9n1c"])]
CustomerId = Annotated[str, Meta(max_length=40, examples=["cus_01kaqz5r7b8v0w3m2x4y6t9n1d"])]
ProductId = Annotated[str, Meta(max_length=40, examples=["prd_01kaqz5r7b8v0w3m2x4y6t9n1e"])]
CartId = Annotated[str, Meta(max_length=40, examples=["crt_01kaqz5r7b8v0w3m2x4y6t9n1f"])]


class Body(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A request body: camelCase on the wire, unknown fields refused."""


class Data(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A fact's data or a response: camelCase on the wire, unknown fields ignored when read."""


class Query(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The parameters of a query: camelCase on the wire; every one has a default, whose type it is read as.

    A text may have a `max_length`, a number its bounds; choices are a ``Literal``, days are a ``date``.
    """


Limit = Annotated[int, Meta(ge=1, le=100, description="How many a page has at most")]
LongLimit = Annotated[int, Meta(ge=1, le=500, description="How many a page has at most")]
Cursor = Annotated[str, Meta(description="The nextCursor of the page before")]


class PageQuery(Query, frozen=True):
    """Which page of a list."""

    limit: Limit = 20
    cursor: Cursor | None = None


class LongPageQuery(Query, frozen=True):
    """Which page of a list whose items are small."""

    limit: LongLimit = 100
    cursor: Cursor | None = None


class EventType(NamedTuple):
    """What an event tells of, in the past tense, and in which version of its data."""

    name: str
    version: int

    @property
    def key(self) -> str:
        """Return the name of the class that holds its data: ``OrderPlaced``, ``OrderPlacedV2``…."""
        return self.name if self.version == 1 else f"{self.name}V{self.version}"


def event_type(kind: type) -> EventType:
    """Return the event type whose data a class holds; it is named in the class's own name."""
    name, _, version = kind.__name__.rpartition("V")
    return EventType(name, int(version)) if name and version.isdecimal() else EventType(kind.__name__, 1)


class View(Struct, frozen=True, rename="camel"):
    """A response: camelCase on the wire, every field present, null where there is nothing."""


class Money(Data, frozen=True):
    """An amount of one currency, integers in minor units (ISO 4217: JPY has 0 decimals, KWD 3)."""

    amount: Minor
    currency: Currency


class MoneyBody(Body, frozen=True):
    """Money as a request brings it: at least one minor unit, nothing else in the object."""

    amount: Annotated[int, Meta(ge=1, le=99_999_999_999)]
    currency: Currency


def decode_body(raw: bytes, kind: type[T]) -> T:
    """Return JSON bytes as `kind`; raise InvalidError naming the field and what it needs (bodies.py)."""
    if not raw.strip():
        raise InvalidError("body_required", "The request needs a JSON body.")
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        from functions.shared.bodies import fault_of_body  # a good body never pays for it

        raise fault_of_body(raw, kind, error) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidError("malformed_json", "The body is not JSON.") from None
