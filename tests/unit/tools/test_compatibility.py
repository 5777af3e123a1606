"""The compatibility check: fields may be added to a published event, everything else is a break."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import msgspec
import pytest

from functions.shared.types import Data, Money, Quantity, Sku
from tools.contracts.compatibility import breaking, gone
from tools.contracts.schemas import breaks, schema


class Line(Data, frozen=True):
    sku: Sku
    quantity: Quantity


class WishGranted(Data, frozen=True, kw_only=True):
    """A wish was granted."""

    wish_id: str
    lines: tuple[Line, ...]
    price: Money
    note: str | None = None


Schema = dict[str, Any]
BEFORE = schema("wishes", WishGranted)


def changed(**fields: Any) -> list[str]:
    """Return what breaks when fields of the fact get other types; None takes one away, a pair has a default."""
    kept = {one.name: one for one in msgspec.structs.fields(WishGranted)}
    definition: dict[str, Any] = {
        name: (name, one.type) if one.required else (name, one.type, one.default)
        for name, one in kept.items()
    }
    for name, given in fields.items():
        definition[name] = (name, *given) if isinstance(given, tuple) else (name, given)
    some = [entry for name, entry in definition.items() if fields.get(name, ...) is not None]
    struct = msgspec.defstruct("WishGranted", some, bases=(Data,), frozen=True, kw_only=True)
    return breaking(BEFORE, schema("wishes", struct))


def edited(edit: Callable[[Schema], Any]) -> list[str]:
    after: Schema = json.loads(json.dumps(BEFORE))
    edit(after)
    return breaking(BEFORE, after)


def test_the_same_schema_breaks_nothing() -> None:
    assert breaking(BEFORE, BEFORE) == []


def test_a_field_that_may_be_missing_may_be_added() -> None:
    assert changed(colour=(str, "blue")) == []
    assert changed(gift=(Line | None, None)) == []


def test_words_for_people_may_change() -> None:
    def edit(after: Schema) -> None:
        after["description"] = "Another one."
        after["$defs"]["WishGranted"]["title"] = "Another"
        after["$defs"]["Line"]["properties"]["sku"]["examples"] = ["OTHER"]

    assert edited(edit) == []


def test_fields_may_stand_in_another_order() -> None:
    def edit(after: Schema) -> None:
        properties = after["$defs"]["WishGranted"]["properties"]
        after["$defs"]["WishGranted"]["properties"] = dict(reversed(properties.items()))
        after["properties"]["detail"]["required"].reverse()
        after["properties"]["detail"]["properties"]["causationId"]["type"].reverse()

    assert edited(edit) == []


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"wish_id": None}, "/detail/data/wishId is gone"),
        ({"note": None}, "/detail/data/note is gone"),
        ({"colour": str}, "/detail/data/colour is new and required"),
        ({"wish_id": int}, '/detail/data/wishId: type was "string", is "integer"'),
        ({"wish_id": (str, "")}, "/detail/data/wishId: required was true, is false"),
        ({"note": str | None}, "/detail/data/note: required was false, is true"),
        ({"note": (str | int | None, None)}, "/detail/data/note/2? is a new choice"),
        ({"note": (str, "")}, '/detail/data/note: type was not given, is "string"'),
        ({"wish_id": str | None}, '/detail/data/wishId: type was "string", is not given'),
        ({"wish_id": Sku}, "/detail/data/wishId: maxLength was not given, is 64"),
        ({"lines": tuple[Sku, ...]}, '/detail/data/lines/*: type was "object", is "string"'),
        ({"lines": Line}, '/detail/data/lines: type was "array", is "object"'),
        ({"price": int}, "/detail/data/price/currency is gone"),
    ],
)
def test_a_break_is_found_and_named(fields: dict[str, Any], line: str) -> None:
    assert line in changed(**fields)


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (
            lambda after: after["$defs"]["Line"]["properties"]["quantity"].update(maximum=9999),
            "/detail/data/lines/*/quantity: maximum was 999, is 9999",
        ),
        (
            lambda after: after["$defs"]["Line"]["properties"]["quantity"].update(minimum=0),
            "/detail/data/lines/*/quantity: minimum was 1, is 0",
        ),
        (
            lambda after: after["$defs"]["Line"]["properties"]["sku"].pop("pattern"),
            "/detail/data/lines/*/sku: pattern was",
        ),
        (
            lambda after: after["$defs"]["Line"]["required"].remove("sku"),
            "/detail/data/lines/*/sku: required was true, is false",
        ),
        (lambda after: after["properties"]["source"].update(const="souk.others"), "/source: const was"),
        (
            lambda after: after["properties"]["detail"]["properties"].pop("causationId"),
            "/detail/causationId is gone",
        ),
    ],
)
def test_a_break_deep_inside_is_found(edit: Callable[[Schema], Any], line: str) -> None:
    assert any(found.startswith(line) for found in edited(edit))


def test_what_is_gone_is_named_once_and_not_with_all_that_was_in_it() -> None:
    assert changed(price=None) == ["/detail/data/price is gone"]


def test_the_texts_that_are_known_may_become_more() -> None:
    assert (
        changed(note=(Literal["a", "b"], "a"))
        == changed(note=(Literal["a", "b", "c"], "a"))
        == changed(note=(str, ""))
    )


def test_a_choice_of_values_may_neither_grow_nor_shrink() -> None:
    for values in (["a", "b"], ["a", "b", "c", "d"]):
        old, new = ({"enum": ["a", "b", "c"]}, {"enum": values})
        assert breaking(old, new) == [f'/: enum was ["a", "b", "c"], is {json.dumps(values)}']


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A contract file as it was written before."""
    path = tmp_path / "schemas" / "wishes" / "WishGranted.v1.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(BEFORE))
    return path


def test_the_generator_will_not_write_a_break(published: Path) -> None:
    after: Schema = json.loads(json.dumps(BEFORE))
    del after["$defs"]["WishGranted"]["properties"]["wishId"]
    assert breaks({published: json.dumps(after)}, [published]) == [
        "wishes/WishGranted.v1: /detail/data/wishId is gone",
    ]


def test_the_generator_will_not_take_an_event_away(published: Path) -> None:
    assert breaks({}, [published]) == ["wishes/WishGranted.v1 is gone"]


def test_who_reads_an_event_that_is_taken_away_is_named() -> None:
    assert gone("inventory", "StockRejected.v1") == ["inventory/StockRejected.v1 is gone, and orders read it"]


def test_a_version_that_nobody_reads_goes_when_another_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    events = ModuleType("functions.wishes.events")
    events.__dict__["WishGranted"] = WishGranted
    events.__dict__["WishGrantedV2"] = msgspec.defstruct("WishGrantedV2", [("id", str)], bases=(Data,))
    monkeypatch.setitem(sys.modules, "functions.wishes.events", events)
    monkeypatch.setitem(sys.modules, "functions.wishes", ModuleType("functions.wishes"))
    assert gone("wishes", "WishGranted.v1") == []
    del events.__dict__["WishGrantedV2"]
    assert gone("wishes", "WishGranted.v1") == ["wishes/WishGranted.v1 is gone"]


def test_the_generator_writes_what_breaks_nothing(published: Path) -> None:
    other = published.with_name("WishTold.v1.json")
    assert breaks({published: json.dumps(BEFORE), other: "{}"}, [published]) == []
