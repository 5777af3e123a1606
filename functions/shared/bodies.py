"""What is wrong with a JSON body or a query: the first place that is not of its type, told from the type's own bounds.

Only what msgspec has refused comes here, so nothing of this is loaded on the way of a good request. Of bodies:

| code             | parameters            | meaning                                                       |
|------------------|-----------------------|---------------------------------------------------------------|
| field_required   | field                 | missing, or an empty text where at least one letter is needed |
| unknown_field    | field                 | there is no such field here                                   |
| wrong_type       | expected              | another JSON type: ``string``, ``integer``, ``object``…       |
| too_short        | minimum               | fewer characters                                              |
| too_long         | maximum               | more characters                                               |
| too_few          | minimum               | fewer entries                                                 |
| too_many         | maximum               | more entries                                                  |
| too_small        | minimum               | a lower number                                                |
| too_large        | maximum               | a higher number                                               |
| wrong_form       | form, where it has one| a text of another form; ``form`` names it: ``email``, ``sku`` |
| not_a_choice     | choices               | none of the texts that are allowed                            |
| invalid_body     |                       | anything else                                                 |

Of a query's parameters: ``invalid_<name>`` (``invalid_limit``) with ``parameter``, and where it has one, ``maximum``;
``parameter_too_long`` with both.

A pattern's form and sentence stand beside it: ``Meta(pattern=…, extra={"form": "email", "detail": "An e-mail…"})``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from functions.shared.errors import Field, InvalidError

_JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
_EXPECTED: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.ListType: "array",
    inspect.VarTupleType: "array",
    inspect.DictType: "object",
    inspect.StructType: "object",
    inspect.LiteralType: "string",
    inspect.NoneType: "null",
}


class _Place(NamedTuple):
    """Where in the body, and the type that belongs there."""

    field: Field
    kind: Any
    extra: Mapping[str, Any] = {}

    def at(self, step: str | int, kind: Any) -> _Place:
        """Return the place one step further in."""
        return _Place((*self.field, step), kind).bare()

    def bare(self) -> _Place:
        """Return the place with what stands around its type taken off."""
        if not isinstance(self.kind, inspect.Metadata):
            return self
        return _Place(self.field, self.kind.type, self.kind.extra or {}).bare()

    def fault(self, code: str, detail: str, **parameters: str | int) -> InvalidError:
        """Return the error that this place is at fault."""
        return InvalidError(code, detail, field=self.field, parameters=parameters)


def fault_of(value: Any, kind: Any) -> InvalidError | None:
    """Return what is wrong first with plain JSON data that ought to be a `kind`, None where nothing is."""
    return next(_faults(value, _Place((), inspect.type_info(kind)).bare()), None)


def fault_of_body(raw: bytes, kind: Any, error: msgspec.ValidationError) -> InvalidError:
    """Return what is wrong first with a JSON body that msgspec has refused as a `kind`.

    What plain data cannot show, such as a name given twice or a number beyond all bounds, keeps its place alone.
    """
    try:
        found = fault_of(msgspec.json.decode(raw), kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        found = None
    place = re.search(r" - at `(?:key in `)?\$([^`]*)", str(error))
    parts = re.findall(r"[^.\[\]]+", place[1]) if place else []
    steps = tuple(int(part) if part.isdecimal() else part for part in parts)
    return found or InvalidError("invalid_body", "This cannot be read.", field=steps)


def fault_of_query(kind: Any, error: msgspec.ValidationError) -> InvalidError:
    """Return what is wrong first with a query that msgspec has refused as a `kind`, a `types.Query`."""
    (name,) = re.findall(r" - at `\$\.(\w+)", str(error))
    (field,) = (one for one in msgspec.structs.fields(kind) if one.encode_name == name)
    place = _Place((), inspect.type_info(field.type)).bare()
    kinds = place.kind.types if isinstance(place.kind, inspect.UnionType) else (place.kind,)
    told, highest = _value(_Place((), kinds[0]).bare().kind)
    code = "parameter_too_long" if told.startswith("has ") else f"invalid_{field.name}"
    bound = {} if highest is None else {"maximum": highest}
    return InvalidError(code, f"{name} {told}.", parameters={"parameter": name, **bound})


def _value(kind: Any) -> tuple[str, int | None]:
    """Return what a parameter is, in words, and the bound that these name."""
    match kind:
        case inspect.IntType(le=highest):
            return f"is a whole number from {kind.ge} to {highest}", highest
        case inspect.StrType(max_length=highest):
            return f"has at most {highest} characters", highest
        case inspect.BoolType():
            return "is true or false", None
        case inspect.LiteralType(values=values):
            choices = [str(one) for one in values if one]
            return f"is {' or '.join(choices)}" if len(
                choices
            ) == 2 else f"is one of {', '.join(choices)}", None
        case inspect.DateType():
            return "is a day of the calendar like 2026-11-22", None
    raise TypeError(f"not a type of a query's parameter: {kind!r}")


def _faults(value: Any, place: _Place) -> Iterator[InvalidError]:
    if isinstance(place.kind, inspect.UnionType):
        kinds = [_Place(place.field, one, place.extra).bare() for one in place.kind.types]
        place = next((one for one in kinds if _fits(value, one.kind)), place)
    if not _fits(value, place.kind):
        expected = _expected(place.kind)
        yield place.fault("wrong_type", f"This takes another type of JSON: {expected}.", expected=expected)
    elif check := _CHECKS.get(type(place.kind)):
        yield from check(value, place)


def _fits(value: Any, kind: Any) -> bool:
    """Tell whether the value is of the JSON type that the kind takes."""
    given = _JSON_TYPES[type(value)]
    wanted = _EXPECTED.get(type(kind), given if not isinstance(kind, inspect.UnionType) else "")
    return given == wanted or (given, wanted) == ("integer", "number")


def _expected(kind: Any) -> str:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    names = dict.fromkeys(_EXPECTED.get(type(_Place((), one).bare().kind), "") for one in kinds)
    return " or ".join(name for name in names if name != "null") or "null"


def _struct(value: dict[str, Any], place: _Place) -> Iterator[InvalidError]:
    fields = {field.encode_name: field for field in place.kind.fields}
    for name, content in value.items():
        if name in fields:
            yield from _faults(content, place.at(name, fields[name].type))
        elif place.kind.forbid_unknown_fields:
            yield place.at(name, None).fault("unknown_field", "There is no such field here.", field=name)
    for name, field in fields.items():
        if field.required and name not in value:
            yield place.at(name, None).fault("field_required", f"{name} is needed.", field=name)


def _object(value: dict[str, Any], place: _Place) -> Iterator[InvalidError]:
    yield from _count(value, place)
    for name, content in value.items():
        yield from _faults(name, _Place(place.field, place.kind.key_type).bare())
        yield from _faults(content, place.at(name, place.kind.value_type))


def _array(value: list[Any], place: _Place) -> Iterator[InvalidError]:
    yield from _count(value, place)
    for index, content in enumerate(value):
        yield from _faults(content, place.at(index, place.kind.item_type))


def _count(value: Sized, place: _Place) -> Iterator[InvalidError]:
    lowest, highest = place.kind.min_length or 0, place.kind.max_length
    if len(value) < lowest:
        yield place.fault("too_few", f"The fewest entries here: {lowest}.", minimum=lowest)
    if highest is not None and len(value) > highest:
        yield place.fault("too_many", f"The most entries here: {highest}.", maximum=highest)


def _text(value: str, place: _Place) -> Iterator[InvalidError]:
    lowest, highest = place.kind.min_length or 0, place.kind.max_length
    if not value and lowest:
        name = str(place.field[-1]) if place.field else ""
        yield place.fault("field_required", "This must not be empty.", field=name)
    if len(value) < lowest:
        yield place.fault("too_short", f"The fewest characters here: {lowest}.", minimum=lowest)
    if highest is not None and len(value) > highest:
        yield place.fault("too_long", f"The most characters here: {highest}.", maximum=highest)
    if place.kind.pattern is not None and not re.search(place.kind.pattern, value):
        detail = place.extra.get("detail", "This is not written in the form that is needed.")
        form = {"form": place.extra["form"]} if "form" in place.extra else {}
        yield place.fault("wrong_form", detail, **form)


def _number(value: float, place: _Place) -> Iterator[InvalidError]:
    lowest, highest = place.kind.ge, place.kind.le
    if lowest is not None and value < lowest:
        yield place.fault("too_small", f"The smallest value here: {lowest}.", minimum=lowest)
    if highest is not None and value > highest:
        yield place.fault("too_large", f"The largest value here: {highest}.", maximum=highest)


def _choice(value: str, place: _Place) -> Iterator[InvalidError]:
    if value not in place.kind.values:
        choices = ", ".join(map(str, place.kind.values))
        yield place.fault("not_a_choice", f"This is one of {choices}.", choices=choices)


_CHECKS: dict[type[inspect.Type], Callable[[Any, _Place], Iterator[InvalidError]]] = {
    inspect.StructType: _struct,
    inspect.DictType: _object,
    inspect.ListType: _array,
    inspect.VarTupleType: _array,
    inspect.StrType: _text,
    inspect.IntType: _number,
    inspect.FloatType: _number,
    inspect.LiteralType: _choice,
}
