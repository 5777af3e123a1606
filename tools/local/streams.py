"""Make table streams go on after a restart of the emulator.

MiniStack 1.5.33 keeps how far each stream was read, as a count of records, but not the records: after a restart it
skips as many new ones as there were before it. A mapping made anew counts from the beginning, and since nothing was
under way at the stop (tools/local/drain.py) the beginning is now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = (
    "EventSourceArn",
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "ParallelizationFactor",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
)


def resume(client: Any) -> int:
    """Make every mapping of a table stream anew, through the Lambda `client`; return how many there are.

    A function and a stream that have two mappings come out with one. CloudFormation keeps the old id; when it changes
    the mapping it makes another, which the next start folds into one again.
    """
    pages = client.get_paginator("list_event_source_mappings").paginate()
    found = [mapping for page in pages for mapping in page["EventSourceMappings"]]
    streams = [mapping for mapping in found if ":dynamodb:" in mapping["EventSourceArn"]]
    wanted = {(mapping["FunctionArn"], mapping["EventSourceArn"]): mapping for mapping in streams}
    for mapping in streams:
        client.delete_event_source_mapping(UUID=mapping["UUID"])
    for mapping in wanted.values():
        _make(client, mapping)
    return len(wanted)


def move(client: Any, old: str, new: str) -> int:
    """Have the functions that read the stream `old` read `new` from its beginning; return how many there are."""
    found = client.list_event_source_mappings(EventSourceArn=old)["EventSourceMappings"]
    for mapping in found:
        client.delete_event_source_mapping(UUID=mapping["UUID"])
        _make(client, {**mapping, "EventSourceArn": new})
    return len(found)


def _make(client: Any, like: Mapping[str, Any]) -> None:
    """Make a mapping like another one."""
    client.create_event_source_mapping(
        FunctionName=like["FunctionArn"],
        StartingPosition="TRIM_HORIZON",
        Enabled=like["State"] != "Disabled",
        **{name: like[name] for name in _KEPT if like.get(name) is not None},
    )
