"""The event contracts as files: schemas, samples, and the other forms a publisher may give an event."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support import templates
from tests.support.templates import ROOT

Event = dict[str, Any]


class Contract(NamedTuple):
    """A published fact: who publishes it, its type, and the version of its data."""

    source: str
    type: str
    version: int = 1

    @property
    def name(self) -> str:
        """Return the name of its files."""
        return f"{self.source}/{self.type}.v{self.version}"


@functools.cache
def contracts() -> list[Contract]:
    """Return every fact that has a schema."""
    found = []
    for path in sorted((ROOT / "events" / "schemas").rglob("*.json")):
        kind, _, version = path.stem.partition(".v")
        found.append(Contract(path.parent.name, kind, int(version)))
    return found


def read(folder: str, contract: Contract) -> Event:
    """Return the schema or the sample of a fact."""
    loaded: Event = json.loads((ROOT / "events" / folder / f"{contract.name}.json").read_text())
    return loaded


def forms(contract: Contract) -> dict[str, Event]:
    """Return the events a publisher may send by its schema: with all fields, with the fewest, with every null, and
    with a value nobody knows yet wherever more may be added.
    """
    schema, sample = read("schemas", contract), read("samples", contract)
    return {
        "all": sample,
        "fewest": _least(schema, sample, schema["$defs"]),
        "null": _null(schema, sample, schema["$defs"]),
        "unknown": _unknown(schema, sample, schema["$defs"]),
    }


def _least(schema: Event, value: Any, defs: Event) -> Any:
    schema = _resolved(schema, defs)
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return {
            name: _least(known[name], inner, defs) if name in known else inner
            for name, inner in value.items()
            if name not in known or name in schema.get("required", [])
        }
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_least(schema["items"], inner, defs) for inner in value]
    return value


def _null(schema: Event, value: Any, defs: Event) -> Any:
    if _nullable(schema, defs):
        return None
    schema = _resolved(schema, defs)
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return {name: _null(known.get(name, {}), inner, defs) for name, inner in value.items()}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_null(schema["items"], inner, defs) for inner in value]
    return value


def _unknown(schema: Event, value: Any, defs: Event) -> Any:
    schema = _resolved(schema, defs)
    if "x-known-values" in schema:
        return "of_tomorrow"
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return {name: _unknown(known.get(name, {}), inner, defs) for name, inner in value.items()}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_unknown(schema["items"], inner, defs) for inner in value]
    return value


def _nullable(schema: Event, defs: Event) -> bool:
    choices = [_referred(choice, defs) for choice in schema.get("anyOf", [schema])]
    return any("null" in _types(choice) for choice in choices)


def _types(schema: Event) -> list[str]:
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def _resolved(schema: Event, defs: Event) -> Event:
    """Return a schema without references and without the choice of null."""
    schema = _referred(schema, defs)
    choices = [_referred(choice, defs) for choice in schema.get("anyOf", [])]
    choices = [choice for choice in choices if _types(choice) != ["null"]]
    return _resolved(choices[0], defs) if len(choices) == 1 else schema


def _referred(schema: Event, defs: Event) -> Event:
    reference = schema.get("$ref")
    return _referred(defs[reference.rpartition("/")[2]], defs) if reference else schema


def rule_patterns(service: str) -> list[Event]:
    """Return the event patterns of the rules that feed a service's inbox."""
    return [
        rule["EventPattern"]
        for rule in templates.resources(service, "AWS::Events::Rule").values()
        if any(target["Arn"] == {"Fn::GetAtt": ["InboxQueue", "Arn"]} for target in rule["Targets"])
    ]


def fits(pattern: Mapping[str, list[Any]], contract: Contract) -> bool:
    """Tell whether the bus may hand a fact to the target of a rule, by its source and its type."""
    event = {"source": f"souk.{contract.source}", "detail-type": contract.type}
    wanted = {name: choices for name, choices in pattern.items() if name in event}
    return all(any(_matches(choice, event[name]) for choice in choices) for name, choices in wanted.items())


def _matches(choice: Any, value: str) -> bool:
    return value.startswith(choice["prefix"]) if isinstance(choice, dict) else value == choice


def consumed(service: str) -> list[Contract]:
    """Return the facts that the rules of a service let through."""
    return [one for one in contracts() if any(fits(pattern, one) for pattern in rule_patterns(service))]


def another(event: Event) -> Event:
    """Return a copy that may be changed."""
    return copy.deepcopy(event)
