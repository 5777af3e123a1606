"""Draw the map of the services from the templates: web/console/map.json for the console, docs/services.md for people.

python -m tools.contracts.service_map          # writes the files
python -m tools.contracts.service_map --check  # exits 1 when they do not follow from the templates

{"services": [{"name", "without", "functions": [...], "table", "queues": [...], "publishes": [...], "consumes": [...]}],
 "edges": [{"from", "to", "facts": [...]}]}
"""

from __future__ import annotations

import json
import sys
from typing import Any

from functions.shared.types import event_type
from tools import ROOT
from tools.contracts.schemas import published
from tools.services import services
from tools.templates import resources, template

TARGET = ROOT / "web/console/map.json"
PAGE = ROOT / "docs/services.md"
_INTRODUCTION = """# The services

What each is for, what it tells the others, and what it listens to, as its template and its code say: `make contracts`
writes this page. The facts' fields are in [events/schemas](../events/schemas), the calls in [docs/openapi](openapi).

| service | is for | publishes | consumes | without it |
|---|---|---|---|---|
"""


def _named(service: str, kind: str, attribute: str) -> list[str]:
    """Return the resources' names as the local environment has them."""
    names = (properties.get(attribute) for properties in resources(service, kind).values())
    return [
        (name["Fn::Sub"] if isinstance(name, dict) else name).replace("${Environment}", "local")
        for name in names
        if name
    ]


def _consumes(service: str, facts: dict[str, str]) -> list[str]:
    """Return the facts a service's rules let in."""
    wanted: list[str] = []
    for rule in resources(service, "AWS::Events::Rule").values():
        pattern = rule["EventPattern"]
        types = pattern.get("detail-type", sorted(facts))
        wanted += [kind for kind in types if kind in facts]
    return [*dict.fromkeys(wanted)]


def _chooses(service: str) -> bool:
    """Tell whether a service's rules name the facts that they let in, rather than letting in all."""
    rules = resources(service, "AWS::Events::Rule").values()
    return all("detail-type" in rule["EventPattern"] for rule in rules)


def _without(service: str) -> str | None:
    """Return what a shop lacks while the service is down, by the template's own word (Metadata: Souk: Without)."""
    told: str | None = template(service).get("Metadata", {}).get("Souk", {}).get("Without")
    return told


def service_map() -> dict[str, Any]:
    """Return the map."""
    facts = {event_type(kind).name: service for service in services() for kind in published(service)}
    nodes, edges = [], []
    for service in services():
        consumes = _consumes(service, facts)
        nodes.append(
            {
                "name": service,
                "without": _without(service),
                "functions": _named(service, "AWS::Serverless::Function", "FunctionName"),
                "table": next(iter(_named(service, "AWS::DynamoDB::Table", "TableName")), None),
                "queues": _named(service, "AWS::SQS::Queue", "QueueName"),
                "publishes": [kind for kind, owner in facts.items() if owner == service],
                "consumes": consumes,
            }
        )
        for source in services():
            told = [kind for kind in consumes if facts[kind] == source]
            if told and source != service:
                edges.append({"from": source, "to": service, "facts": told})
    return {"services": nodes, "edges": edges}


def page() -> str:
    """Return docs/services.md: a line for each service."""
    rows = []
    for node in service_map()["services"]:
        name = node["name"]
        purpose = template(name)["Description"].removeprefix(f"Souk, {name} (").removesuffix(")")
        cells = [
            f"[{name}](../functions/{name})",
            purpose,
            ", ".join(node["publishes"]),
            ", ".join(dict.fromkeys(node["consumes"])) if _chooses(name) else "every fact",
            node["without"] or "",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return _INTRODUCTION + "\n".join(rows) + "\n"


def main() -> int:
    """Write the map and the page, or check them with ``--check``."""
    texts = {TARGET: json.dumps(service_map(), indent=1) + "\n", PAGE: page()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} does not follow from the templates: run make contracts")
        return int(bool(stale))
    for path in stale:
        path.write_text(texts[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
