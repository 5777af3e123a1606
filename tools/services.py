"""The services: each is a folder of functions/ and a template of infra/ by its name, and nothing lists them."""

from __future__ import annotations

import functools

from tools import ROOT
from tools.templates import resources

PLATFORM = "platform"
"""The stack every service plugs into; its template lies beside infra/."""
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
    events = (
        event
        for function in resources(service, "AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if "Path" in event.get("Properties", {})
    )
    return {event["Properties"]["Path"].split("/")[1] for event in events}


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
