"""API Gateway's events and answers, of both payloads, and which of a service's resources a path means.

A service has one greedy route (``ANY /orders/{proxy+}``), so the gateway's own word on the route is not looked at: the
path as it was called decides. HTTP APIs send payload 2.0, REST APIs 1.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

Event = Mapping[str, Any]
Answer = dict[str, Any]


class Call(NamedTuple):
    """A request, the same from either payload.

    ``path`` is percent-encoded as far as the gateway left it so, without the stage; names of headers are in lower case;
    ``query`` has every value of a parameter, decoded.
    """

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, list[str]]
    context: Event

    @property
    def request_id(self) -> str:
        """Return the gateway's id of the request."""
        return str(self.context.get("requestId") or "")

    @property
    def source_ip(self) -> str:
        """Return the address that called the gateway."""
        found = self.context.get("http") or self.context.get("identity") or {}
        return str(found.get("sourceIp") or "")


def read(event: Event) -> Call:
    """Return the request of an event; of one that is none, a call of nothing."""
    context = event.get("requestContext") or {}
    if is_second(event):
        method, path = (context.get("http") or {}).get("method"), event.get("rawPath")
        headers = _lowered(event.get("headers"))
        if event.get("cookies"):
            headers["cookie"] = "; ".join(event["cookies"])
        query = parse_qs(event.get("rawQueryString") or "", keep_blank_values=True)
    else:
        method, path = event.get("httpMethod"), event.get("path")
        headers = _joined(event.get("multiValueHeaders")) or _lowered(event.get("headers"))
        query = event.get("multiValueQueryStringParameters") or {}
    return Call(method or "", _without_stage(path or "", context), headers, query, context)


def is_second(event: Event) -> bool:
    """Tell whether an event is of payload 2.0; what has no version is of 1.0, as REST APIs' tools write it."""
    return bool(event.get("version") == "2.0")


def _lowered(headers: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items()}


def _joined(headers: Mapping[str, list[str]] | None) -> dict[str, str]:
    """Return headers with what is repeated in one line, as payload 2.0 has them (RFC 9110, 5.3; RFC 6265, 5.4)."""
    found: dict[str, list[str]] = {}
    for name, values in (headers or {}).items():
        found.setdefault(name.lower(), []).extend(values)
    return {name: ("; " if name == "cookie" else ",").join(values) for name, values in found.items()}


def _without_stage(path: str, context: Event) -> str:
    """Return the path without the stage, which HTTP APIs leave in front of it where it has a name."""
    stage = f"/{context.get('stage')}/"
    return path[len(stage) - 1 :] if path.startswith(stage) else path


def as_chalice_reads(call: Call, event: Event, resource: str, parameters: Mapping[str, str]) -> Answer:
    """Return the event in the form that Chalice takes, of a call of a resource with these parameters."""
    return {
        "requestContext": {
            "httpMethod": call.method,
            "resourcePath": resource,
            "requestId": call.request_id,
            "identity": {"sourceIp": call.source_ip},
        },
        "pathParameters": parameters,
        "multiValueQueryStringParameters": call.query or None,
        "headers": call.headers,
        "body": event.get("body"),
        "isBase64Encoded": event.get("isBase64Encoded", False),
        "stageVariables": None,
    }


def as_second(answer: Answer) -> Answer:
    """Return Chalice's answer as payload 2.0 has it: one value a header, and cookies on their own."""
    repeated = answer.pop("multiValueHeaders", {})
    cookies: list[str] = []
    for name, values in repeated.items():
        if name.lower() == "set-cookie":
            cookies += values
        else:
            answer["headers"][name] = ",".join(values)
    return {**answer, "cookies": cookies} if cookies else answer


class Resources:
    """The resources of a service (``/orders/{orderId}``), found by a path: fixed segments go before parameters."""

    def __init__(self) -> None:
        self._root: dict[str | None, Any] = {}

    def add(self, resource: str) -> None:
        """Know one more."""
        node = self._root
        for segment in resource.split("/")[1:]:
            node = node.setdefault(None if segment.startswith("{") else segment, {})
        node[""] = resource

    def find(self, path: str) -> tuple[str, dict[str, str]] | None:
        """Return the resource of a path and its parameters, decoded; None where there is none.

        A path is split before it is decoded, so ``%2F`` is no separator. A segment that is empty or no UTF-8 is of no
        resource: a slash at the end makes another path, of nothing.
        """
        start, *given = path.split("/")
        try:
            segments = [unquote(segment, errors="strict") for segment in given]
        except UnicodeDecodeError:
            return None
        resource = None if start or not all(segments) else _descend(self._root, segments)
        if resource is None:
            return None
        named = zip(resource.split("/")[1:], segments, strict=True)
        return resource, {name[1:-1]: value for name, value in named if name.startswith("{")}


def _descend(node: dict[str | None, Any], segments: list[str]) -> str | None:
    if not segments:
        return node.get("")
    below = (node[key] for key in (segments[0], None) if key in node)
    return next((found for one in below if (found := _descend(one, segments[1:]))), None)
