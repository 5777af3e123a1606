"""Write API Gateway's events to invoke services with: events/http/<service>/<call>.json, as HTTP APIs send them.

    python -m tools.contracts.http_events          # writes the files
    python -m tools.contracts.http_events --check  # exits 1 when one is not as the gateway would send it

What a call sends is what its file says: method, path, query, headers and body, in either payload; the rest is written
around it. Where a call needs an access token the file says whose (``Bearer <cus_… customer,staff>``): `make invoke`
puts one of a demo account there. To add a call, write ``{"httpMethod": "GET", "path": "/orders/health"}`` into its
file. One call of each service stands beside it as REST APIs send it, in ``rest/``: the adapter
(functions/shared/gateway.py) reads both.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlencode

from functions.shared import gateway
from tools import ROOT
from tools.services import services

TARGET = ROOT / "events" / "http"
REST = "rest"
_ACCOUNT, _API = "000000000000", "a1b2c3d4e5"
_REQUEST_ID = "c0ffee00-6a35-4b7e-9f53-0d1c2b3a4e5f"
_TEXT = re.compile(r"text/.*|application/(json|xml|javascript)")
"""The media types whose bodies HTTP APIs hand on as they are: all others come in base64."""


class Sent(NamedTuple):
    """A request as a client sends it: the path percent-encoded, parameters and headers as often as they are given."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    source_ip: str = "203.0.113.7"
    request_id: str = _REQUEST_ID

    @property
    def route(self) -> str:
        """Return which of a service's two routes it takes."""
        _, segment, *rest = self.path.split("/", 2)
        return f"/{segment}/{{proxy+}}" if rest else f"/{segment}"

    @property
    def proxy(self) -> dict[str, str] | None:
        """Return the path parameters of the route."""
        _, _, *rest = self.path.split("/", 2)
        return {"proxy": rest[0]} if rest else None

    @property
    def agent(self) -> str:
        """Return what the client calls itself."""
        return dict(self.headers).get("user-agent", "curl")

    def repeated(self, pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
        """Return all values of each name."""
        found: dict[str, list[str]] = {}
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        return found


def http_event(sent: Sent, stage: str = "$default") -> dict[str, Any]:
    """Return the event of an HTTP API, payload 2.0: its path is decoded, all but the percent sign itself."""
    path = ("" if stage == "$default" else f"/{stage}") + _decoded(sent.path)
    headers = sent.repeated(sent.headers)
    cookies = [one for line in headers.pop("cookie", []) for one in line.split("; ")]
    text = bool(_TEXT.fullmatch(dict(sent.headers).get("content-type", "").partition(";")[0].lower()))
    context = {
        "accountId": _ACCOUNT,
        "apiId": _API,
        "domainName": f"{_API}.execute-api.eu-west-1.amazonaws.com",
        "domainPrefix": _API,
        "http": {
            "method": sent.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": sent.source_ip,
            "userAgent": sent.agent,
        },
        "requestId": sent.request_id,
        "routeKey": f"ANY {sent.route}",
        "stage": stage,
        "time": "22/Nov/2026:17:05:09 +0000",
        "timeEpoch": 1795367109000,
    }
    event = {
        "version": "2.0",
        "routeKey": f"ANY {sent.route}",
        "rawPath": path,
        "rawQueryString": urlencode(sent.query),
        "cookies": cookies,
        "headers": {name: ",".join(values) for name, values in headers.items()},
        "queryStringParameters": {n: ",".join(v) for n, v in sent.repeated(sent.query).items()},
        "requestContext": _without_nothing(context),
        "pathParameters": sent.proxy,
        "body": sent.body if text or not sent.body else base64.b64encode(sent.body.encode()).decode(),
    }
    return {**_without_nothing(event), "isBase64Encoded": bool(sent.body) and not text}


def _decoded(path: str) -> str:
    """Return a path as HTTP APIs hand it on: decoded, but for the percent sign."""
    return unquote_to_bytes(re.sub("%25", "%2525", path)).decode(errors="replace")


def _without_nothing(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there: HTTP APIs leave out what is not."""
    return {name: value for name, value in event.items() if value or name == "rawQueryString"}


def rest_event(sent: Sent, *, resource: str | None = None) -> dict[str, Any]:
    """Return the event of a REST API, payload 1.0; `resource` where it has another route than the greedy one."""
    headers, query = sent.repeated(sent.headers), sent.repeated(sent.query)
    return {
        "resource": resource or sent.route,
        "path": sent.path,
        "httpMethod": sent.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": sent.proxy,
        "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": _API,
            "resourcePath": resource or sent.route,
            "httpMethod": sent.method,
            "path": f"/v1{sent.path}",
            "requestId": sent.request_id,
            "identity": {"sourceIp": sent.source_ip, "userAgent": sent.agent},
            "stage": "v1",
        },
        "body": sent.body,
        "isBase64Encoded": False,
    }


def sent_by(event: Mapping[str, Any]) -> Sent:
    """Return what a client sent for an event, of either payload."""
    call = gateway.read(event)
    body: Any = event.get("body")
    return Sent(
        call.method,
        call.path,
        tuple((name, value) for name, values in call.query.items() for value in values),
        tuple(call.headers.items()),
        base64.b64decode(body).decode() if event.get("isBase64Encoded") else body,
    )


def samples(service: str) -> dict[Path, dict[str, Any]]:
    """Return the events of a service by their files."""
    folder = TARGET / service
    calls = {path: sent_by(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))}
    told = {path: http_event(sent) for path, sent in calls.items()}
    if calls:
        path, sent = max(calls.items(), key=lambda item: (item[1].method == "GET", item[1].path.count("/")))
        told[folder / REST / path.name] = rest_event(sent)
    return told


def main() -> int:
    """Write the events, or check them with ``--check``."""
    events = {path: event for service in services() for path, event in samples(service).items()}
    texts = {path: json.dumps(event, indent=2, ensure_ascii=False) + "\n" for path, event in events.items()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    stale += [path for path in TARGET.glob(f"*/{REST}/*.json") if path not in texts]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not as the gateway sends it: run make contracts")
        return int(bool(stale))
    for path in stale:
        if path in texts:
            path.parent.mkdir(exist_ok=True)
            path.write_text(texts[path])
        else:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
