"""The services: each is a folder of functions/ and a template of infra/ by its name, and nothing lists them."""

from __future__ import annotations

import functools

from tools import ROOT
from tools.templates import resources

PLATFORM = "platform"
"""The stack every service plugs into; its template lies beside infra/."""
NO_API = "none"
"""What stands for the id of the platform's API where each service has one of its own."""
EDGE = "edge"
"""The one template of infra/ that is no service's: CloudFront exists on AWS only."""


@functools.cache
def services() -> tuple[str, ...]:
    """Return the names of all services, sorted."""
    found = (path.stem for path in (ROOT / "infra").glob("*.yaml") if path.stem != EDGE)
    return tuple(sorted(found))


@functools.cache
def segments() -> dict[str, str]:
    """Return the service of each first segment of a path: what the routes of the templates begin with."""
    return {segment: service for service in services() for segment in _segments(service)}


def _segments(service: str) -> set[str]:
    routes = resources(service, "AWS::ApiGatewayV2::Route").values()
    return {route["RouteKey"].split("/")[1] for route in routes}


def consumers() -> tuple[str, ...]:
    """Return the services that facts of others are sent to."""
    return tuple(service for service in services() if resources(service, "AWS::Events::Rule"))


def publishers() -> tuple[str, ...]:
    """Return the services that send facts out."""
    return tuple(
        service
        for service in services()
        if "PublishFunction" in resources(service, "AWS::Serverless::Function")
    )
