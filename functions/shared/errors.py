"""What can be wrong with a request, as exceptions that every layer may raise.

Pure data: the HTTP edge alone knows which status each class becomes (functions/shared/http.py).
"""

from collections.abc import Mapping

Field = tuple[str | int, ...]
"""The names and indices that lead to a field; those of none lead to the request as a whole."""


def json_pointer(field: Field) -> str:
    """Return the JSON pointer to a field (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in field)


class DomainError(Exception):
    """A request that cannot be done, and why; nothing has changed.

    Parameters
    ----------
    code
        Stable machine-readable name in snake_case, part of the public contract.
    detail
        One sentence for the person who reads it, saying what to do where that is known.
    field
        The field of the request at fault, as the steps that lead to it: ``("lines", 0, "quantity")``.
    retry_after
        Seconds after which the same request may succeed.
    parameters
        What the sentence names, for a client that says it in its own words: limits, SKUs, choices.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: Field | None = None,
        retry_after: int | None = None,
        parameters: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after = retry_after
        self.parameters = dict(parameters or {})


class InvalidError(DomainError):
    """The request itself is malformed (400)."""


class UnauthorisedError(DomainError):
    """The caller has not shown who they are (401)."""


class InvalidTokenError(UnauthorisedError):
    """The caller has sent an access token, and it does not hold (401)."""


class ForbiddenError(DomainError):
    """The caller is known and may not do this (403)."""


class NotFoundError(DomainError):
    """No such thing, or not the caller's (404: a foreign thing is indistinguishable from none)."""


class ConflictError(DomainError):
    """The state of the thing does not allow it (409)."""


class GoneError(DomainError):
    """It existed and has expired (410)."""


class PreconditionFailedError(DomainError):
    """If-Match names a version that is no longer current (412)."""


class TooLargeError(DomainError):
    """The body is larger than this call takes (413)."""


class UnsupportedMediaTypeError(DomainError):
    """The body is of a type this call does not read (415)."""


class UnprocessableError(DomainError):
    """Well-formed, but refers to something that cannot be used (422)."""


class PreconditionRequiredError(DomainError):
    """The call needs If-Match (428)."""


class TooManyRequestsError(DomainError):
    """Slow down (429)."""


class UnavailableError(DomainError):
    """What is needed to answer cannot be reached; later it can (503)."""
