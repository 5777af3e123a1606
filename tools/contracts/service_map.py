"""Draw the map of the services from the templates, for the console: web/console/map.json.

python -m tools.contracts.service_map          # writes the file
python -m tools.contracts.service_map --check  # exits 1 when it does not follow from the templates

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
    return wanted


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


def main() -> int:
    """Write the map, or check it with ``--check``."""
    text = json.dumps(service_map(), indent=1) + "\n"
    if "--check" in sys.argv:
        stale = not TARGET.exists() or TARGET.read_text() != text
        if stale:
            print("web/console/map.json does not follow from the templates: run make contracts")
        return int(stale)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
