"""The real templates, read for tests: what CloudFormation would create, without CloudFormation."""

from __future__ import annotations

from typing import Any

from tools import ROOT
from tools.templates import path, resources, template

__all__ = ["ROOT", "path", "resources", "table_request", "template"]


def table_request(service: str) -> dict[str, Any]:
    """Return the CreateTable request of a service's table."""
    ((_, properties),) = resources(service, "AWS::DynamoDB::Table").items()
    stream = properties.get("StreamSpecification")
    return {
        "TableName": f"souk-local-{service}",
        "BillingMode": properties["BillingMode"],
        "AttributeDefinitions": properties["AttributeDefinitions"],
        "KeySchema": properties["KeySchema"],
        **(
            {"GlobalSecondaryIndexes": properties["GlobalSecondaryIndexes"]}
            if "GlobalSecondaryIndexes" in properties
            else {}
        ),
        **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
    }
