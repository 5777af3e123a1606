"""A built template as it goes to AWS: with what its service reads, so that no other one's events break it unseen.

The record is in the stack itself, so it comes and goes with the code that it is of: a deploy that is rolled back takes
its record with it, and there is no store beside that could say otherwise (docs/adr/0035).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tools import templates
from tools.build import sam
from tools.contracts import compatibility
from tools.services import services

Template = dict[str, Any]


def write(stack: sam.StackTemplate) -> Path:
    """Write the template to deploy beside the built one, and return its path."""
    if not stack.has_code:
        return stack.source
    template = with_reads(templates.read(stack.built), stack.name)
    path = stack.built.with_name("release.json")
    path.write_text(json.dumps(template, indent=1))
    return path


def with_reads(template: Template, service: str) -> Template:
    """Return a template with the schemas of the events that its service reads, by contract."""
    read = {contract: json.dumps(schema) for contract, schema in compatibility.reads(service).items()}
    metadata = template.get("Metadata", {})
    return {**template, "Metadata": {**metadata, "Souk": {**metadata.get("Souk", {}), "Reads": read}}}


def breaks(client: Any, environment: str, names: Collection[str]) -> list[str]:
    """Return what services to be deployed publish that a deployed service cannot read, one line each."""
    found = []
    for reader in services():
        for contract, known in _deployed_reads(client, f"souk-{environment}-{reader}").items():
            publisher = contract.partition("/")[0]
            if publisher in names and publisher != reader:
                path = compatibility.SCHEMAS / f"{contract}.json"
                told = json.loads(path.read_text()) if path.exists() else None
                why = compatibility.unreadable(known, told) if told else ["it is gone"]
                found += [f"{reader}, as deployed, reads {contract}: {line}" for line in why]
    return found


def _deployed_reads(client: Any, stack: str) -> dict[str, compatibility.Schema]:
    """Return what a deployed service reads; nothing where it is not deployed, or was before this was kept."""
    try:
        body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise
    template = body if isinstance(body, dict) else templates.parse(body)
    kept = template.get("Metadata", {}).get("Souk", {}).get("Reads", {})
    return {contract: json.loads(schema) for contract, schema in kept.items()}
