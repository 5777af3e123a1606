"""What imports and exports share: a message that has one worked on, and how long the address of a file is good for."""

from __future__ import annotations

import msgspec

ADDRESS_SECONDS = 3600
"""How long a presigned address is good for."""


class Task(msgspec.Struct, frozen=True, rename="camel"):
    """A message of the queues, on behalf of the request that brought it.

    An import's ``part`` is to be worked on; without one, the whole file of an import or export is to be gone through.
    """

    job_id: str
    correlation_id: str
    part: int | None = None
