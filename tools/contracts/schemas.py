"""Write the event contracts from the code's types: a JSON Schema and a sample of every published fact.

Beside them, events/lambda/<service>/inbox.json: an SQS batch with the samples of all facts that a consumer's rule lets
through, to invoke it with.

    python -m tools.contracts.schemas                # writes events/schemas and events/samples
    python -m tools.contracts.schemas --check        # exits 1 when what is there differs
    python -m tools.contracts.schemas --unpublished  # also where that breaks events (compatibility.py says how)

A sample is a full EventBridge event. Its values are the ``examples`` of the types' own metadata, so that the samples of
all services tell of one and the same order.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from functions.shared.types import Data, event_type
from tools import ROOT, templates
from tools.build import sam
from tools.contracts import compatibility
from tools.report import fail
from tools.services import services

_TIME = "2026-11-22T17:05:09.123Z"
_PLAIN: dict[type[inspect.Type], Any] = {inspect.BoolType: False, inspect.IntType: 1}


def published(service: str) -> tuple[type[Data], ...]:
    """Return the facts a service publishes."""
    try:
        module = importlib.import_module(f"functions.{service}.events")
    except ModuleNotFoundError:
        return ()
    kinds: tuple[type[Data], ...] = getattr(module, "PUBLISHED", ())
    return kinds


def contract_name(kind: type[Data]) -> str:
    """Return the name of an event's files: ``OrderPlaced.v1``."""
    return "{}.v{}".format(*event_type(kind))


def schema(service: str, kind: type[Data]) -> dict[str, Any]:
    """Return the JSON Schema of a whole EventBridge event that carries the fact."""
    (data,), components = _open(msgspec.json.schema_components([kind], ref_template="#/$defs/{name}"))
    told = event_type(kind)
    text: dict[str, Any] = {"type": "string"}
    detail = {
        "type": "object",
        "properties": {
            "id": text,
            "type": {"const": told.name},
            "version": {"const": told.version},
            "time": {"type": "string", "format": "date-time"},
            "correlationId": text,
            "causationId": {"type": ["string", "null"]},
            "actor": {"type": ["string", "null"]},
            "also": {"type": "array", "items": {"type": "integer", "minimum": 1}},
            "routed": {"type": "boolean"},
            "aggregate": {
                "type": "object",
                "properties": {"id": text, "version": {"type": "integer", "minimum": 0}},
                "required": ["id", "version"],
            },
            "data": data,
        },
        "required": ["id", "type", "version", "time", "correlationId", "aggregate", "data"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": contract_name(kind),
        "description": (kind.__doc__ or "").strip(),
        "type": "object",
        "properties": {
            "source": {"const": f"souk.{service}"},
            "detail-type": {"const": told.name},
            "detail": detail,
        },
        "required": ["source", "detail-type", "detail"],
        "$defs": components,
    }


def _open(node: Any) -> Any:
    """Return a schema whose choices of texts are open: a publisher may add one, and no consumer fails for it."""
    if isinstance(node, dict):
        if "enum" in node:
            others = {name: value for name, value in node.items() if name not in ("enum", "const")}
            return {**others, "type": "string", "x-known-values": node["enum"]}
        return {name: _open(inner) for name, inner in node.items()}
    return [_open(inner) for inner in node] if isinstance(node, list | tuple) else node


def sample(service: str, kind: type[Data]) -> dict[str, Any]:
    """Return an EventBridge event with the fact, its values taken from the types' examples."""
    told, data = event_type(kind), _example(inspect.type_info(kind))
    also = [
        one.version for one in map(event_type, published(service)) if one.name == told.name and one != told
    ]
    aggregate = next((value for name, value in data.items() if name.endswith("Id") or name == "sku"), service)
    return {
        "version": "0",
        "id": "7a1f8c2e-6a35-4b7e-9f53-0d1c2b3a4e5f",
        "detail-type": told.name,
        "source": f"souk.{service}",
        "account": "000000000000",
        "time": "2026-11-22T17:05:09Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": {
            "id": f"{aggregate}.1.{told.key}",
            "type": told.name,
            "version": told.version,
            **({"also": also} if also else {}),
            "time": _TIME,
            "correlationId": "c0ffee00-6a35-4b7e-9f53-0d1c2b3a4e5f",
            "aggregate": {"id": aggregate, "version": 1},
            "data": data,
        },
    }


def _example(kind: inspect.Type) -> Any:
    match kind:
        case inspect.Metadata():
            examples = (kind.extra_json_schema or {}).get("examples")
            return examples[0] if examples else _example(kind.type)
        case inspect.StructType():
            return {field.encode_name: _example(field.type) for field in kind.fields}
        case inspect.UnionType():
            return _example(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.VarTupleType() | inspect.ListType() | inspect.SetType() | inspect.FrozenSetType():
            return [_example(kind.item_type)]
        case inspect.DictType():
            return {_example(kind.key_type): _example(kind.value_type)}
        case inspect.LiteralType():
            return kind.values[0]
    return _PLAIN.get(type(kind), "text")


def contracts() -> dict[Path, str]:
    """Return every contract file's path and content."""
    files, samples = {}, []
    for service in services():
        for kind in published(service):
            samples.append(sample(service, kind))
            for folder, made in (("schemas", schema(service, kind)), ("samples", samples[-1])):
                path = ROOT / "events" / folder / service / f"{contract_name(kind)}.json"
                files[path] = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    return files | inboxes(samples)


def inboxes(samples: Iterable[dict[str, Any]]) -> dict[Path, str]:
    """Return an SQS batch for each consumer, with the samples that its rules let through."""
    events, files = list(samples), {}
    for stack in sam.all_stacks():
        rules = [
            one["EventPattern"]
            for one in templates.resources(stack.name, "AWS::Events::Rule").values()
            if any(target["Arn"] == {"Fn::GetAtt": ["InboxQueue", "Arn"]} for target in one["Targets"])
        ]
        records = [
            _record(event, number)
            for number, event in enumerate(one for one in events if any(_fits(rule, one) for rule in rules))
        ]
        if records:
            path = ROOT / "events" / "lambda" / stack.name / "inbox.json"
            files[path] = json.dumps({"Records": records}, indent=2, ensure_ascii=False) + "\n"
    return files


def _fits(pattern: Mapping[str, list[Any]], event: Mapping[str, Any]) -> bool:
    """Tell whether an event fits a rule by source and type, of which it names values or a prefix."""
    return all(
        any(
            event[name].startswith(choice["prefix"]) if isinstance(choice, dict) else event[name] == choice
            for choice in choices
        )
        for name, choices in pattern.items()
        if name in ("source", "detail-type")
    )


def _record(event: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "messageId": f"00000000-0000-4000-8000-{number:012}",
        "receiptHandle": "none",
        "body": json.dumps(event, ensure_ascii=False),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:inbox",
        "awsRegion": "eu-west-1",
    }


def breaks(files: Mapping[Path, str], present: Iterable[Path]) -> list[str]:
    """Return what writing the files, and removing those that are present but not among them, would break."""
    found = []
    for path in sorted(present):
        if path not in files:
            found += compatibility.gone(path.parent.name, path.stem)
        elif "$defs" in (old := json.loads(path.read_text())):
            new = json.loads(files[path])
            found += [f"{path.parent.name}/{path.stem}: {line}" for line in compatibility.breaking(old, new)]
    return found


def main() -> int:
    """Write the contracts, or check them with ``--check``."""
    files = contracts()
    present = {
        path for folder in ("schemas", "samples") for path in (ROOT / "events" / folder).rglob("*.json")
    } | set((ROOT / "events" / "lambda").rglob("inbox.json"))
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    extra = sorted(present - set(files))
    if "--check" in sys.argv:
        for path in [*stale, *extra]:
            print(f"{path.relative_to(ROOT)} does not follow from the code: run make contracts")
        return 1 if stale or extra else 0
    broken = breaks(files, present)
    if broken and "--unpublished" not in sys.argv:
        print("\n".join(broken), file=sys.stderr)
        fail("this breaks who reads these events; make contracts UNPUBLISHED=1 where none was ever deployed")
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    for path in extra:
        path.unlink()
    print(f"{len(files)} contracts, {len(stale)} written, {len(extra)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
