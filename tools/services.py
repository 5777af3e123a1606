"""The services: each is a folder of functions/ and a template of infra/ by its name, and nothing lists them."""

from __future__ import annotations

import functools

from tools import ROOT
from tools.templates import resources, template

PLATFORM = "platform"
"""The stack every service plugs into; its template lies beside infra/."""
NO_API = "none"
"""What stands for the id of the platform's API where each service has one of its own."""
EDGE = "edge"
"""CloudFront's template, which exists on AWS only."""
WATCH = "watch"
"""The template of what watches over a service: deployed once for each."""
PIPELINE = "pipeline"
"""The template of who may deploy a stack from GitHub: deployed once for each."""
WAF = "waf"
"""The template of what stands before the edge, deployed only where it is asked for."""
NO_SERVICES = frozenset({EDGE, PIPELINE, WAF, WATCH})
"""The templates of infra/ that are no service's."""


@functools.cache
def services() -> tuple[str, ...]:
    """Return the names of all services, sorted."""
    found = {path.stem for path in (ROOT / "infra").glob("*.yaml")}
    return tuple(sorted(found - NO_SERVICES))


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


def watched(service: str) -> dict[str, str]:
    """Return the parameters that infra/watch.yaml has for a service: what there is of it to be watched."""
    start, functions = f"souk-${{Environment}}-{service}-", resources(service, "AWS::Serverless::Function")
    queues = [one["QueueName"] for one in resources(service, "AWS::SQS::Queue").values()]
    sources = {
        each["FunctionName"]["Fn::Sub"]: {event["Type"] for event in each.get("Events", {}).values()}
        for each in functions.values()
    }
    names = {
        "Functions": sorted(sources),
        "Queues": [one["Fn::Sub"] for one in queues if not one["Fn::Sub"].endswith(DEAD)],
        "DeadLetterQueues": [one["Fn::Sub"] for one in queues if one["Fn::Sub"].endswith(DEAD)],
        "Streams": [name for name, kinds in sources.items() if "DynamoDB" in kinds],
    }
    shared = template(service)["Globals"]["Function"].get("Timeout", 3)
    consumers = [
        one for one in functions.values() if "SQS" in {e["Type"] for e in one.get("Events", {}).values()}
    ]
    slowest = max((one.get("Timeout", shared) for one in consumers), default=0)
    told = {
        kind: ",".join(name.removeprefix(start).removesuffix(DEAD) for name in sorted(found)) or "none"
        for kind, found in names.items()
    }
    return {"Service": service, **told, "OldestSeconds": str(300 + slowest)}


DEAD = "-dlq"
"""What the name of a dead-letter queue ends in."""
