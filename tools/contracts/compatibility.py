"""What would break consumers if the schema of a published event changed.

    python -m tools.contracts.compatibility [BASE]   # compares with the schemas at a git revision, HEAD by default

A consumer from before reads every new event, and a new consumer every event from before: they wait in queues and
archives. So a field may be added when it may also be missing, and everything else (a field gone, of another type or
with other bounds, newly required or no longer so) is a new version, published beside the old one until nobody reads it:
a class ``OrderPlacedV2`` beside ``OrderPlaced``, both packed for the same write (functions/shared/types.py).
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from functions.shared.types import Data, EventType, event_type
from tools import ROOT
from tools.report import ToolError, fail
from tools.services import services

SCHEMAS = ROOT / "events" / "schemas"
Schema = dict[str, Any]

_FOR_PEOPLE = {"title", "description", "examples", "default", "$schema", "$defs", "x-known-values"}
_WALKED = {"properties", "required", "items", "prefixItems", "anyOf", "additionalProperties"}


def breaking(old: Schema, new: Schema) -> list[str]:
    """Return what would break, one line each; nothing when the change is safe."""
    before, after = dict(_flat(old, old)), dict(_flat(new, new))
    gone = [f"{where} is gone" for where in before if where not in after and _parent(where) in after]
    added = [
        f"{where} is a new choice" if "?" in where.rpartition("/")[2] else f"{where} is new and required"
        for where, constraints in after.items()
        if where not in before and _parent(where) in before
        if constraints["required"] or "?" in where.rpartition("/")[2]
    ]
    changed = [
        f"{where or '/'}: {name} was {_text(before[where].get(name))}, is {_text(after[where].get(name))}"
        for where in before
        if where in after
        for name in sorted(set(before[where]) | set(after[where]))
        if before[where].get(name) != after[where].get(name)
    ]
    return gone + added + changed


def unreadable(known: Schema, told: Schema) -> list[str]:
    """Return why a reader that knows an event in one form cannot read another, one line each.

    A field that it does without may be missing or be always there: a publisher may go back to its version from before.
    """
    may_lack = {where for where, constraints in _flat(known, known) if not constraints["required"]}
    spared = {f"{where} is gone" for where in may_lack}
    spared |= {f"{where}: required was false, is true" for where in may_lack}
    return [
        line for line in breaking(known, told) if line not in spared and not line.endswith("new and required")
    ]


def reads(service: str) -> dict[str, Schema]:
    """Return the schemas of what a service reads of others, by contract: ``orders/OrderPlaced.v1``."""
    kinds = _in_events(service)
    return {
        f"{path.parent.name}/{path.stem}": json.loads(path.read_text())
        for path in sorted(SCHEMAS.glob("*/*.json"))
        if path.parent.name != service and _told_in(path.stem) in kinds
    }


def _told_in(contract: str) -> EventType:
    name, _, version = contract.partition(".v")
    return EventType(name, int(version))


def _flat(node: Schema, root: Schema, where: str = "", required: bool = True) -> Iterator[tuple[str, Schema]]:
    """Yield the constraints of every place in an event: ``/detail/data/lines/*/sku``, a choice as ``…/0?``."""
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    constraints = {name: value for name, value in node.items() if name not in _FOR_PEOPLE | _WALKED}
    if isinstance(constraints.get("type"), list):
        constraints["type"] = sorted(constraints["type"])
    yield where, {**constraints, "required": required}
    for name, inner in node.get("properties", {}).items():
        yield from _flat(inner, root, f"{where}/{name}", name in node.get("required", []))
    for name, key in (("items", "*"), ("additionalProperties", "{}")):
        if isinstance(node.get(name), dict):
            yield from _flat(node[name], root, f"{where}/{key}")
    for name in ("anyOf", "prefixItems"):
        for number, inner in enumerate(node.get(name, [])):
            yield from _flat(inner, root, f"{where}/{number}?")


def _parent(where: str) -> str:
    return where.rpartition("/")[0]


def _text(value: Any) -> str:
    return "not given" if value is None else json.dumps(value)


def gone(publisher: str, contract: str) -> list[str]:
    """Return what would break if a contract (``OrderPlaced.v1``) went: who reads it, or that no other version stays."""
    told = _told_in(contract)
    readers = [service for service in services() if service != publisher and told in _in_events(service)]
    others = [one for one in _in_events(publisher) if one.name == told.name and one != told]
    if others and not readers:
        return []
    return [f"{publisher}/{contract} is gone" + (f", and {', '.join(readers)} read it" if readers else "")]


def _in_events(service: str) -> set[EventType]:
    """Return the event types that a service has a class for: those it publishes, and those it reads."""
    try:
        module = importlib.import_module(f"functions.{service}.events")
    except ModuleNotFoundError:
        return set()
    kinds = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Data)]
    return {event_type(kind) for kind in kinds}


def against(base: str) -> list[str]:
    """Return what events/schemas would break of those at a git revision; raise ToolError where that has none."""
    found = []
    for name in _git("ls-tree", "-r", "--name-only", base, "--", "events/schemas").splitlines():
        path = ROOT / name
        contract = name.removeprefix("events/schemas/").removesuffix(".json")
        if path.exists():
            before, after = json.loads(_git("show", f"{base}:{name}")), json.loads(path.read_text())
            found += [f"{contract}: {line}" for line in breaking(before, after)]
        else:
            found += gone(path.parent.name, path.stem)
    return found


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Print what would break and leave with 1 if there is any."""
    try:
        found = against(sys.argv[1] if len(sys.argv) > 1 else "HEAD")
    except ToolError as error:
        fail(str(error))
    if found:
        print("\n".join(found))
        fail("these changes break events that are published; publish a new version beside the old one")


if __name__ == "__main__":
    main()
