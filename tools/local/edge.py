"""The local edge: what CloudFront (infra/edge.yaml) does on AWS, for http://localhost:8080.

The first segment of a path chooses the service; everything else, and what ends in .html, is a static file from web/.
Requests and answers pass as they are, with one exception: errors of the gateway itself become problem+json, as the
services' own are. On AWS a REST API's GatewayResponses do the same; an HTTP API has its own words there. Files are
compressed as CloudFront does; answers of services are not, though CloudFront compresses those too.

One thing it does that CloudFront does not: it holds the answers of a service back where an operator asked for that
(functions/journal/operations/faults.py), so that one can see what a slow service does to a shop.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gzip
import hashlib
import json
import mimetypes
import re
import signal
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from aiohttp import web
from botocore.config import Config
from multidict import CIMultiDict
from yarl import URL

from tools import ROOT
from tools.build import pages
from tools.local.emulator import HOST, aws_session
from tools.local.stack import ENVIRONMENT
from tools.services import NO_API, PLATFORM, segments

WEB = ROOT / "web"
LOST_PAGE = WEB / "404.html"
# What API Gateway allows: 29 s for an integration; 6 MB is what Lambda takes of its 10 MB.
TIMEOUT = aiohttp.ClientTimeout(total=29, connect=2)
MAX_BODY_BYTES = 6 * 1024 * 1024
# Of a path with its query (CloudFront quotas); longer lines are read as well, so that the answer can say so.
MAX_URL_BYTES = 8192
READ_LINE_BYTES = 64 * 1024
# Connection matters of one hop, RFC 9110 section 7.6.1; Host names the origin.
HOP_HEADERS = frozenset(
    [
        "connection",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
# Where the console sends files of imports to: on AWS the bucket, here the emulator, on whatever port.
FILES = "http://127.0.0.1:*"
SECURITY_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; connect-src 'self' {FILES}",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Pages and their code are asked for anew each time (304 mostly), so that the two always fit; pictures may be a day old.
CODE_CACHING, PICTURE_CACHING = "no-cache", "public, max-age=86400"

# What CloudFront compresses: text of at least this size. Smaller answers fit into one packet anyway.
COMPRESSED_FROM_BYTES = 1000

# As functions/shared/http.py has it: what goes into answers and log lines is nothing else.
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# status of the gateway -> status, code and sentence of the problem
_GATEWAY_PROBLEMS = {
    400: (400, "bad_request", "The gateway cannot read this request."),
    401: (401, "not_authenticated", "This call needs a valid access token: Authorization: Bearer …"),
    403: (403, "not_allowed", "The access token does not allow this call."),
    404: (503, "service_unavailable", "This service is not deployed."),
    413: (413, "body_too_large", "The body is larger than this call takes."),
    414: (414, "url_too_long", "The address is longer than this call takes."),
    431: (431, "headers_too_large", "The headers are larger than this call takes."),
    429: (503, "service_unavailable", "This service takes no calls at the moment."),
    503: (503, "service_unavailable", "This service takes no calls at the moment."),
    504: (504, "service_timeout", "This service did not answer in time."),
}
_NO_ROUTE = (b"Missing Authentication Token", b"CORS not configured")
"""What a REST API says of a path without a route, and the emulator's HTTP API of OPTIONS, which it does not pass on."""
_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    413: "Body too large",
    415: "Unsupported media type",
    414: "Address too long",
    431: "Headers too large",
    500: "Internal error",
    502: "Bad gateway",
    503: "Service unavailable",
    504: "Gateway timeout",
}


class Addresses(Protocol):
    """Where the services' APIs are."""

    async def url(self, segment: str, *, other_than: str | None = None) -> str | None:
        """Return the URL before the path for a segment, None if there is no such API.

        `other_than` is a URL that turned out to be no longer there.
        """


class Delays(Protocol):
    """Which services are to be slow."""

    async def seconds(self, segment: str) -> float:
        """Return how long a service's answers are held back."""


class NoDelays:
    """Nothing is held back."""

    async def seconds(self, segment: str) -> float:
        """Return 0."""
        return 0.0


class Faults:
    """The delays that operators switch on: SSM parameters, looked up at most once a second."""

    def __init__(self, endpoint_port: int) -> None:
        quick = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
        self._ssm = aws_session(endpoint_port).client("ssm", config=quick)
        self._delays: dict[str, float] = {}
        self._asked = 0.0

    async def seconds(self, segment: str) -> float:
        """Return how long a service's answers are held back."""
        if time.monotonic() - self._asked > 1:
            self._asked = time.monotonic()  # before the answer: who comes meanwhile goes by the last one
            self._delays = await asyncio.to_thread(self._look_up)
        return self._delays.get(segments()[segment], 0.0)

    def _look_up(self) -> dict[str, float]:
        path = f"/souk/{ENVIRONMENT}/faults/"
        try:
            found = self._ssm.get_parameters_by_path(Path=path)["Parameters"]
            return {one["Name"].removeprefix(path): float(one["Value"]) for one in found}
        except Exception:  # noqa: BLE001  no delay is worth an answer
            return {}


class Apis:
    """The address of each service's API: looked up in SSM, kept, and looked up again when it has changed.

    A service without an API of its own (a REST API) has its routes in the platform's (the HTTP API).
    """

    def __init__(self, endpoint_port: int) -> None:
        self._endpoint = f"http://{HOST}:{endpoint_port}"
        quick = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
        self._ssm = aws_session(endpoint_port).client("ssm", config=quick)
        self._ids: dict[str, str] = {}
        self._asked = 0.0
        self._lock = asyncio.Lock()

    async def url(self, segment: str, *, other_than: str | None = None) -> str | None:
        """Return the URL before the path for a segment; see Addresses."""
        service = segments()[segment]
        async with self._lock:
            if self._known(service) in (None, other_than) and time.monotonic() - self._asked > 0.5:
                self._ids = await asyncio.to_thread(self._look_up)
                self._asked = time.monotonic()
            known = self._known(service)
        return None if known == other_than else known

    def _known(self, service: str) -> str | None:
        own, shared = self._ids.get(service), self._ids.get(PLATFORM)
        api, stage = (own, "v1") if own else (shared, "$default")
        return f"{self._endpoint}/_aws/execute-api/{api}/{stage}" if api not in (None, NO_API) else None

    def _look_up(self) -> dict[str, str]:
        path = f"/souk/{ENVIRONMENT}/apis/"
        try:
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path)
            return {
                item["Name"].removeprefix(path): item["Value"]
                for page in pages
                for item in page["Parameters"]
            }
        except Exception:  # noqa: BLE001  whatever keeps SSM from answering, the services are unreachable
            return {}


class Edge:
    """Answers every request, from a service or from web/."""

    def __init__(self, apis: Addresses, delays: Delays, client: aiohttp.ClientSession) -> None:
        self._apis = apis
        self._delays = delays
        self._client = client

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; whatever happens to a service, within 30 seconds."""
        if len(request.raw_path.encode(errors="surrogateescape")) > MAX_URL_BYTES:
            return problem(request, 414, "url_too_long", f"An address has at most {MAX_URL_BYTES} bytes.")
        path = request.raw_path.partition("?")[0]
        if not path.startswith("/") or "\\" in path:  # to a browser /\\host is another host
            return problem(request, 400, "bad_path", "A path begins with '/' and has no backslash here.")
        if any(re.fullmatch(r"(\.|%2e){1,2}", part, re.IGNORECASE) for part in path.split("/")):
            return problem(request, 400, "bad_path", "A path has no '.' or '..' segments here.")
        segment, *rest = path.split("/")[1:]
        if segment not in segments() or path.endswith(".html"):
            return static_file(request)
        if "" in rest:  # the gateways do not agree on what a slash at the end is
            return problem(request, 404, "no_such_route", "There is nothing at this path.")
        return await self._ask(request, segment)

    async def _ask(self, request: web.Request, segment: str) -> web.Response:
        """Return the answer of a service."""
        if request.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity"):
            refused = "Bodies are taken as they are, without a Content-Encoding such as gzip."
            answer = problem(request, 415, "unsupported_content_encoding", refused)
            answer.headers["Accept-Encoding"] = "identity"
            return answer
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return problem(request, 413, "body_too_large", f"The limit is {MAX_BODY_BYTES} bytes.")
        await asyncio.sleep(await self._delays.seconds(segment))
        url = await self._apis.url(segment)
        if url is None:
            return _gateway_problem(request, 404)
        answer, gone = await self._pass_on(request, url, body)
        if gone and (url := await self._apis.url(segment, other_than=url)):
            answer, _ = await self._pass_on(request, url, body)
        return answer

    async def _pass_on(self, request: web.Request, url: str, body: bytes) -> tuple[web.Response, bool]:
        """Return the answer of the API at `url`, and whether there is no such API any more."""
        headers = CIMultiDict((n, v) for n, v in request.headers.items() if n.lower() not in HOP_HEADERS)
        try:
            async with self._client.request(
                "GET" if request.method == "HEAD" else request.method,  # the server leaves the content out
                URL(url + request.raw_path, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=TIMEOUT,
            ) as upstream:
                answer = _answer(request, upstream.status, upstream.headers, await upstream.read())
                return answer, upstream.status == 404 and _is_from_the_gateway(404, upstream.headers)
        except TimeoutError:
            return _gateway_problem(request, 504), False
        except aiohttp.ClientError:
            cut_off = "This service cannot be reached."
            return problem(request, 503, "service_unavailable", cut_off, retry_after=1), False


def _is_from_the_gateway(status: int, headers: Mapping[str, str]) -> bool:
    """Tell an error of API Gateway from one of a service: a service's are always problems."""
    return status >= 400 and not headers.get("Content-Type", "").startswith("application/problem+json")


def _answer(request: web.Request, status: int, headers: Mapping[str, str], body: bytes) -> web.Response:
    """Return the service's answer as it is, or the gateway's as a problem."""
    if _is_from_the_gateway(status, headers):
        return _gateway_problem(request, status, body, headers.get("x-amzn-requestid"))
    kept = CIMultiDict(
        (n, v) for n, v in headers.items() if n.lower() not in HOP_HEADERS | {"content-length"}
    )
    answer = web.Response(status=status, headers=kept, body=body)
    if "Content-Type" not in headers:
        answer.headers.pop("Content-Type", None)
    return answer


def _gateway_problem(
    request: web.Request, status: int, body: bytes = b"", request_id: str | None = None
) -> web.Response:
    if status == 403 and any(words in body for words in _NO_ROUTE):
        return problem(request, 404, "no_such_route", "There is nothing at this path.", request_id=request_id)
    unknown = (502, "service_failed", "This service failed to answer.")
    status, code, detail = _GATEWAY_PROBLEMS.get(status, unknown)
    return problem(
        request, status, code, detail, request_id=request_id, retry_after=1 if status == 503 else None
    )


def problem(
    request: web.BaseRequest,
    status: int,
    code: str,
    detail: str,
    *,
    request_id: str | None = None,
    retry_after: int | None = None,
) -> web.Response:
    """Return an RFC 9457 problem of the same form as the services' (functions/shared/http.py)."""
    wanted = request.headers.get("X-Correlation-Id", "")
    correlation = wanted if _CORRELATION_ID.fullmatch(wanted) else request_id or str(uuid.uuid4())
    body = {
        "type": f"urn:souk:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "parameters": {},
        "correlationId": correlation,
    }
    headers = {"Cache-Control": "no-store", "X-Correlation-Id": correlation}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return web.Response(
        status=status,
        headers=headers,
        body=json.dumps(body).encode(),
        content_type="application/problem+json",
    )


def static_file(request: web.Request) -> web.Response:
    """Return a file of web/ with its security and caching headers; a folder means its index.html."""
    if request.method not in ("GET", "HEAD"):
        return problem(request, 405, "method_not_allowed", "There are only files at this path.")
    path, _, query = request.raw_path.partition("?")
    if "." not in path.rpartition("/")[2] and not path.endswith("/"):  # a folder, so that relative links hold
        there = f"{path}/?{query}" if query else f"{path}/"
        return web.Response(status=308, headers={"Location": f"/{there.lstrip('/')}"})
    found = _content_at(request.path)
    status = 200
    if found is None:
        if not (path.endswith(("/", ".html")) and "text/html" in request.headers.get("Accept", "")):
            return problem(request, 404, "no_such_file", "There is nothing at this path.")
        found = LOST_PAGE.name, LOST_PAGE.read_bytes()  # to a person; infra/edge.yaml does the same
        status = 404
    name, content = found
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    text = kind.startswith("text/") or kind in ("application/javascript", "application/json", "image/svg+xml")
    headers = {**SECURITY_HEADERS, "ETag": tag, "Cache-Control": caching(kind)}
    if text and len(content) >= COMPRESSED_FROM_BYTES:
        headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request.headers.get("Accept-Encoding", "")):
            # Other bytes than the file's, so the tag is weak, RFC 9110 section 8.8.1; CloudFront does the same.
            content, headers["Content-Encoding"], headers["ETag"] = _gzipped(content), "gzip", f"W/{tag}"
    if status == 200 and any(f'"{given.value}"' == tag for given in request.if_none_match or ()):
        headers.pop("Content-Encoding", None)
        return web.Response(status=304, headers=headers)
    return web.Response(
        status=status, body=content, headers=headers, content_type=kind, charset="utf-8" if text else None
    )


def takes_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding allows gzip: by name, or by ``*`` where the name is not in it."""
    weights = {}
    for choice in accepted.lower().split(","):
        coding, _, weight = choice.partition(";")
        weights[coding.strip()] = weight.replace(" ", "").removeprefix("q=") or "1"
    return weights.get("gzip", weights.get("*", "0")).strip("0.") != ""


@functools.lru_cache(maxsize=256)
def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def caching(kind: str) -> str:
    """Return the Cache-Control of a file of that media type."""
    return PICTURE_CACHING if kind.startswith("image/") else CODE_CACHING


def _content_at(path: str) -> tuple[str, bytes] | None:
    """Return name and content of the page or file that a path names, None if there is none."""
    if page := pages.legal_page(path.lstrip("/")):
        return path, page
    file = _file_at(path)
    if file is None:
        return None
    content = file.read_bytes()
    return file.name, pages.told(content, {}) if file.suffix == ".html" else content


def _file_at(path: str) -> Path | None:
    """Return the file of web/ that a path names, None if there is none or the path leads outside."""
    try:
        file = (WEB / path.lstrip("/")).resolve()
        file = file / "index.html" if file.is_dir() else file
        return file if file.is_relative_to(WEB.resolve()) and file.is_file() else None
    except (OSError, ValueError):  # a name too long, or with a null byte
        return None


class _Connection(web.RequestHandler):
    """A connection whose unreadable requests are told by problems, as all else."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return what is wrong with a request that never became one: too long a line, a broken header."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")
        codes = {500: ("internal_error", "The edge failed; its log says why.")}
        unreadable = ("bad_request", "This is no request by HTTP/1.1, or its line or a header is too long.")
        answer = problem(request, status, *codes.get(status, unreadable))
        answer.force_close()
        if status >= 500:
            self.log_exception("the edge failed", exc_info=exc)
        return answer


class _Server(web.Server):
    """A server of such connections."""

    def __call__(self) -> web.RequestHandler:
        """Return the handler of a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs the edge: what aiohttp answers by itself is a problem too."""

    def __init__(self, app: web.Application) -> None:
        limits: dict[str, Any] = {"max_line_size": READ_LINE_BYTES, "max_field_size": READ_LINE_BYTES}
        super().__init__(app, access_log=None, shutdown_timeout=1, **limits)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **made._kwargs)


_EDGE = web.AppKey("edge", Edge)


async def _answer_any(request: web.Request) -> web.StreamResponse:
    return await request.app[_EDGE].answer(request)


def make_app(apis: Addresses, delays: Delays | None = None) -> web.Application:
    """Return the edge as an aiohttp application."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", r"/{path:[\s\S]*}", _answer_any)  # a newline, %0A, as well

    async def lifetime(app: web.Application) -> AsyncIterator[None]:
        connections = aiohttp.TCPConnector(limit=0)
        sent_by_the_caller_only = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
        async with aiohttp.ClientSession(
            connector=connections, auto_decompress=False, skip_auto_headers=sent_by_the_caller_only
        ) as client:
            app[_EDGE] = Edge(apis, delays or NoDelays(), client)
            yield

    app.cleanup_ctx.append(lifetime)
    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--endpoint-port", type=int, default=4566)
    arguments = parser.parse_args()
    app = make_app(Apis(arguments.endpoint_port), Faults(arguments.endpoint_port))
    asyncio.run(serve(app, arguments.port))


async def serve(app: web.Application, port: int) -> None:
    """Serve an edge on a port of this machine until SIGTERM or SIGINT."""
    runner, told_to_stop = Runner(app), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, told_to_stop.set)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await told_to_stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
