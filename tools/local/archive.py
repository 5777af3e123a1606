"""The archive of the bus's facts, on an emulator that has no template type for one (AWS::Events::Archive)."""

from __future__ import annotations

import json
from typing import Any

RETENTION_DAYS = 30
# As in template.yaml, which makes it on AWS: what is sent again is no new fact.
PATTERN = {"source": [{"prefix": "souk."}], "replay-name": [{"exists": False}]}


def name(environment: str) -> str:
    """Return the archive's name."""
    return f"souk-{environment}-facts"


def ensure(events: Any, environment: str) -> bool:
    """Make the archive of an environment's bus if there is none; return whether it was made. Safe to repeat."""
    try:
        events.create_archive(
            ArchiveName=name(environment),
            EventSourceArn=events.describe_event_bus(Name=f"souk-{environment}")["Arn"],
            RetentionDays=RETENTION_DAYS,
            EventPattern=json.dumps(PATTERN),
        )
    except events.exceptions.ResourceAlreadyExistsException:
        return False
    return True
