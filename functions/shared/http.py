"""The HTTP edge of a service: Chalice with typed bodies, problem+json errors and one log line.

Errors follow RFC 9457: ``{"type", "title", "status", "detail", "code", "pointer"?, "parameters", "correlationId"}``.
``parameters`` holds what the sentence names (limits, SKUs), for clients that say it in their own words.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, NamedTuple, TypeVar

import msgspec
from chalice.app import Chalice, MultiDict, Request, Response

from functions.shared import context, errors, gateway, log, tokens
from functions.shared.context import Caller
from functions.shared.types import Query, decode_body

T = TypeVar("T")
Q = TypeVar("Q", bound=Query)
View = TypeVar("View", bound=Callable[..., Any])

MAX_BODY_BYTES = 64 * 1024
_STATUS: dict[type[errors.DomainError], int] = {
    errors.InvalidError: 400,
    errors.UnauthorisedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.GoneError: 410,
    errors.PreconditionFailedError: 412,
    errors.TooLargeError: 413,
    errors.UnsupportedMediaTypeError: 415,
    errors.UnprocessableError: 422,
    errors.PreconditionRequiredError: 428,
    errors.TooManyRequestsError: 429,
    errors.UnavailableError: 503,
}
_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    412: "Precondition failed",
    413: "Body too large",
    415: "Unsupported media type",
    422: "Cannot be processed",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}
_OUR_FAULT = "Something failed on our side; quote the correlationId."
_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Header(NamedTuple):
    """A header that a view is given: as which argument, and how it is read; None where it may be left out and is.

    What reads a required one is given None as well, to say what is needed; a refusal is raised as a DomainError.
    """

    name: str
    argument: str
    description: str
    read: Callable[[str | None], Any] = lambda given: given
    required: bool = False


class Operation(NamedTuple):
    """What a route takes and gives: the source of the OpenAPI page and of the check of the SAM events."""

    method: str
    path: str
    auth: str
    roles: tuple[str, ...]
    query: type[Query] | None
    body: type | UnionType | None
    max_bytes: int
    headers: tuple[Header, ...]
    content_types: tuple[str, ...]
    returns: type | None
    status: int
    view: Callable[..., Any]

    @property
    def summary(self) -> str:
        """Return the first line of the view's docstring."""
        return (self.view.__doc__ or "").strip().partition("\n")[0]

    @property
    def body_kind(self) -> type[Any] | None:
        """Return the type of the body where there is one."""
        kind: type[Any] | None = self.body.__args__[0] if isinstance(self.body, UnionType) else self.body
        return kind

    @property
    def body_required(self) -> bool:
        """Tell whether the call needs a body."""
        return self.body is not None and not isinstance(self.body, UnionType)


class Service(Chalice):
    """A Chalice application whose errors are problems and whose invocations are logged."""

    def __init__(self, name: str) -> None:
        super().__init__(app_name=name, configure_logs=False)
        self.operations: list[Operation] = []
        self._resources = gateway.Resources()
        self._edge = frozenset(os.environ.get("EDGE_DIGESTS", "").split(","))
        self._handle = log.logged("http", self._respond)
        self.register_middleware(_logged_batch, "sqs")
        self.register_middleware(_logged_call, "pure_lambda")

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        auth: str = "required",
        roles: tuple[str, ...] = (),
        query: type[Query] | None = None,
        body: type | UnionType | None = None,
        max_bytes: int = MAX_BODY_BYTES,
        headers: tuple[Header, ...] = (),
        content_types: tuple[str, ...] = ("application/json",),
        returns: type | None = None,
        status: int = 200,
    ) -> Callable[[View], View]:
        """Register a view for one method and path.

        The view is called by keyword: with the path's parameters by Python's names (``order_id`` for ``{orderId}``),
        and with what is declared here, read and checked in this order: auth, roles, query, body, headers.

        Parameters
        ----------
        auth
            ``required`` (a valid access token), ``optional`` (a guest may call) or ``none`` (tokens are not looked at).
        roles
            Of which the caller needs one; none means that everybody may call whom `auth` lets in.
        query
            The `types.Query` that holds the parameters, given as ``query``. Where nothing is declared, parameters are
            not looked at.
        body
            The msgspec type of the JSON body, given as ``body``; ``Kind | None`` where it may be left out. ``bytes``
            is the body as it came.
        headers
            Each is given as its own argument.
        returns
            The msgspec type of the successful response's body.
        """

        def register(view: View) -> View:
            one = Operation(
                method,
                path,
                auth,
                roles,
                query,
                body,
                max_bytes,
                headers,
                content_types,
                returns,
                status,
                view,
            )
            self.operations.append(one)
            self._resources.add(path)
            types = list(content_types) if method in ("POST", "PUT", "PATCH") else ["*/*"]
            self.route(path, methods=[method], name=view.__name__, content_types=types)(_mapped(self, one))
            return view

        return register

    @property
    def request(self) -> Request:
        """Return the request being answered."""
        assert self.current_request is not None  # noqa: S101
        return self.current_request

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer an event of API Gateway, of payload 2.0 (HTTP API) or 1.0 (REST API), in the form of its payload."""
        answer: dict[str, Any] = self._handle(event, context)
        return gateway.as_second(answer) if gateway.is_second(event) else answer

    def _respond(self, event: Any, lambda_context: Any) -> dict[str, Any]:
        call = gateway.read(event)
        # an HTTP API's own id is of another form than ours
        told = (call.headers.get("x-correlation-id", ""), call.request_id)
        context.begin(next(filter(_CORRELATION_ID.fullmatch, told), context.current.correlation_id))
        resource, parameters = self._resources.find(call.path) or ("", {})
        if not self._came_by_the_edge(call.headers):
            answer = _problem(403, "not_by_the_edge", "Calls come by the shop's own address.").to_dict([])
        elif not resource:
            answer = _problem(404, "no_such_route", "There is nothing at this path.").to_dict([])
        elif call.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
            answer = _encoded().to_dict([])
        else:
            # RFC 9110, 9.3.2: HEAD is GET without its content
            as_get = call.method == "HEAD" and "GET" in self.routes[resource]
            asked = call._replace(method="GET") if as_get else call
            read = gateway.as_chalice_reads(asked, event, resource, parameters)
            answer = super().__call__(read, lambda_context)
        if (
            answer["statusCode"] >= 400
            and answer["headers"].get("Content-Type") != "application/problem+json"
        ):
            answer = _from_chalice(answer)
        answer["headers"]["X-Correlation-Id"] = context.current.correlation_id
        answer["headers"].setdefault("Cache-Control", "no-store")
        if call.method == "HEAD":
            answer["body"] = ""
        log.note(method=call.method, route=resource, status=answer["statusCode"])
        if answer["statusCode"] >= 500:
            log.measure(serverErrors=1)
        return answer

    def _came_by_the_edge(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a call has what the edge alone knows; without such an edge all calls may come.

        EDGE_DIGESTS has the SHA-256 of what it knows, and while that changes of the next one as well.
        """
        if "" in self._edge:
            return True
        return hashlib.sha256(headers.get("x-souk-edge", "").encode()).hexdigest() in self._edge


def _logged_batch(event: Any, get_response: Callable[[Any], Any]) -> Any:
    return log.logged("inbox", lambda _event, _context: get_response(event))(event, event.context)


def _logged_call(event: Any, get_response: Callable[[Any], Any]) -> Any:
    return log.logged("task", lambda _event, _context: get_response(event))(event, event.context)


def _mapped(app: Service, one: Operation) -> Callable[..., Response]:
    """Return the view with its arguments, and with errors as problems.

    Chalice would make a 500 of them before middleware sees them.
    """
    names = {
        name: re.sub("[A-Z]", lambda big: f"_{big[0].lower()}", name)
        for name in re.findall(r"{(\w+)}", one.path)
    }

    def call(**path_parameters: str) -> Response:
        try:
            given = {names[name]: value for name, value in path_parameters.items()}
            answer = one.view(**given, **_declared(app, one))
            return answer if isinstance(answer, Response) else json_response(answer)
        except errors.DomainError as error:
            return _domain_problem(error)
        except Exception as error:  # noqa: BLE001
            log.failure(error)
            log.note(outcome="error")
            return _problem(500, "internal_error", _OUR_FAULT)

    return call


def _declared(app: Service, one: Operation) -> dict[str, Any]:
    """Return the arguments that a route declares beside its path's; raise a DomainError for what is wrong first."""
    given: dict[str, Any] = {}
    if one.auth != "none":
        tokens.recognise(app.request.headers.get("authorization"), guests=one.auth == "optional")
    if one.roles:
        caller().require(*one.roles)
    if one.query is not None:
        parameters = app.request.query_params
        given["query"] = read_query(parameters, one.query) if parameters else one.query()
    if one.body is not None:
        given["body"] = _body(app.request, one)
    for header in one.headers:
        value = app.request.headers.get(header.name)
        given[header.argument] = None if value is None and not header.required else header.read(value)
    return given


def _body(request: Request, one: Operation) -> Any:
    raw, kind = _raw_body(request, one.max_bytes), one.body_kind
    if kind is None or (not raw and not one.body_required):
        return None
    return raw if kind is bytes else decode_body(raw, kind)


def _raw_body(request: Request, limit: int) -> bytes:
    """Return the body as it came; raise TooLargeError above `limit` bytes, InvalidError where it is no text."""
    try:
        raw: str | bytes = request.raw_body or b""
        raw = raw.encode() if isinstance(raw, str) else raw
    except ValueError:
        raise errors.InvalidError("malformed_body", "The body cannot be decoded.") from None
    if len(raw) > limit:
        detail = f"The body has {len(raw)} bytes; the limit is {limit}."
        raise errors.TooLargeError("body_too_large", detail, parameters={"maximum": limit})
    return raw


def json_response(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response with a msgspec type (or plain JSON data) as its body."""
    sent: dict[str, str | list[str]] = {"Content-Type": "application/json", **(headers or {})}
    return Response(msgspec.json.encode(body).decode(), headers=sent, status_code=status)


def _problem(
    status: int, code: str, detail: str, *, parameters: Mapping[str, str | int] | None = None, **more: Any
) -> Response:
    headers: dict[str, str | list[str]] = {"Content-Type": "application/problem+json"}
    if more.get("retryAfter"):
        headers["Retry-After"] = str(more["retryAfter"])
    body = {
        "type": f"urn:souk:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "parameters": parameters or {},
        **{name: value for name, value in more.items() if value is not None},
        "correlationId": context.current.correlation_id,
    }
    log.note(code=code)
    return Response(msgspec.json.encode(body).decode(), headers=headers, status_code=status)


def _encoded() -> Response:
    """Return the refusal of a body that is packed: API Gateway hands bodies on as text, so that it has lost bytes."""
    detail = "Bodies are taken as they are, without a Content-Encoding such as gzip."
    answer = _problem(415, "unsupported_content_encoding", detail)
    answer.headers["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
    return answer


def _domain_problem(error: errors.DomainError) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 409)
    pointer = errors.json_pointer(error.field) if error.field is not None else None
    more = {"pointer": pointer, "retryAfter": error.retry_after}
    answer = _problem(status, error.code, error.detail, parameters=error.parameters, **more)
    if status == 401:  # RFC 9110, 15.5.2; RFC 6750, 3.1
        invalid = isinstance(error, errors.InvalidTokenError)
        answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if invalid else "Bearer"
    return answer


def _from_chalice(answer: dict[str, Any]) -> dict[str, Any]:
    """Return Chalice's own error (unknown method, media type, a view it could not run) as a problem."""
    status = answer["statusCode"]
    codes = {405: "method_not_allowed", 415: "unsupported_media_type", 500: "internal_error"}
    detail = "The request does not fit this call."
    if status == 500:
        detail = _OUR_FAULT
        log.note(level="error", outcome="error")
    made: dict[str, Any] = _problem(status, codes.get(status, "bad_request"), detail).to_dict([])
    if "Allow" in answer["headers"]:
        made["headers"]["Allow"] = answer["headers"]["Allow"]
    return made


def caller() -> Caller:
    """Return who sent the request being answered."""
    return context.current.caller


def read_query(parameters: MultiDict, kind: type[Q]) -> Q:
    """Return the query as `kind`; raise InvalidError for what is repeated, unknown or of another form."""
    defaults: dict[str, Any] = dict(zip(kind.__struct_encode_fields__, kind.__struct_defaults__, strict=True))
    found: dict[str, Any] = {}
    for name in parameters:
        if name not in defaults:
            detail = f"There is no query parameter {name!r} here."
            raise errors.InvalidError("unknown_parameter", detail, parameters={"parameter": name})
        values = parameters.getlist(name)
        if len(values) != 1:
            detail = f"The query parameter {name!r} is repeated."
            raise errors.InvalidError("repeated_parameter", detail, parameters={"parameter": name})
        found[name] = _typed(values[0], defaults[name])
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        from functions.shared.bodies import fault_of_query  # a good query never pays for it

        raise fault_of_query(kind, error) from None


def _typed(text: str, default: Any) -> Any:
    """Return a parameter as a number or a truth where its default is one, else, and where it is none, as the text."""
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text, text)
    if isinstance(default, int) and re.fullmatch(r"[0-9]{1,4}", text):
        return int(text)
    return text


def etag(version: int, more: str = "") -> dict[str, str]:
    """Return the ETag header of a version; `more` (letters and digits) names what is shown beside it."""
    return {"ETag": f'"{version}.{more}"' if more else f'"{version}"'}


def _version(given: str | None) -> int:
    """Return the version If-Match names; raise PreconditionRequiredError without one, InvalidError for another form.

    A weak ETag names its version as well: CloudFront makes ours weak where it compresses an answer. What may stand
    behind the version (`etag`) is nothing that a caller changes.
    """
    if given is None:
        raise errors.PreconditionRequiredError(
            "if_match_required", "Send If-Match with the ETag of the version you have read."
        )
    match = re.fullmatch(r'(?:W/)?"([0-9]{1,15})(?:\.[0-9A-Za-z]+)?"', given.strip())
    if match is None:
        raise errors.InvalidError("invalid_if_match", "If-Match takes one ETag as this service gave it.")
    return int(match[1])


def _key(given: str | None) -> str | None:
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", given or ""):
        raise errors.InvalidError(
            "invalid_idempotency_key", "Idempotency-Key takes 1 to 255 visible ASCII characters."
        )
    return given


IF_MATCH = Header("If-Match", "version", "The ETag of the version that was read", _version, required=True)
IF_MATCH_OPTIONAL = IF_MATCH._replace(required=False)
IDEMPOTENCY_KEY = Header(
    "Idempotency-Key", "key", "The same key with the same request gets the first answer again", _key
)
ORDER_TOKEN = Header("X-Order-Token", "order_token", "What a guest's order is opened by")
