"""The messages of imports and exports, and the sweep that no job is forgotten without."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from functions.catalog.exports import service as exports
from functions.catalog.exports.service import ExportContext
from functions.catalog.imports import service as imports
from functions.catalog.imports.service import ImportContext
from functions.catalog.jobs.domain import Task
from functions.shared import context, log

_MAX_ATTEMPTS = 5  # as maxReceiveCount of the queues


def on_tasks(batch: Iterable[Any], work: Callable[[Task], None], give_up: Callable[[str], None]) -> list[str]:
    """Have the task of each message worked off; return the ids of the messages that failed."""
    failed = []
    for record in batch:
        message = record.to_dict()
        try:
            task = msgspec.json.decode(message["body"], type=Task)
            context.begin(task.correlation_id)
            work(task)
        except Exception as error:  # noqa: BLE001 the message comes again
            log.failure(error)
            failed.append(message["messageId"])
            if int(message["attributes"]["ApproximateReceiveCount"]) >= _MAX_ATTEMPTS:
                _give_up(message["body"], give_up)
    return failed


def _give_up(body: str, give_up: Callable[[str], None]) -> None:
    """Tell those who look at a job that nobody works on it any more."""
    try:
        give_up(msgspec.json.decode(body, type=Task).job_id)
    except Exception as error:  # noqa: BLE001 the message is in the dead-letter queue all the same
        log.failure(error)


def go_through(importing: ImportContext, exporting: ExportContext, job_id: str, at: datetime) -> None:
    """Go through the file of an import, or write that of an export."""
    if job_id.startswith("exp_"):
        exports.run(exporting, job_id, at)
    else:
        imports.read_file(importing, job_id, at)


def give_up(importing: ImportContext, exporting: ExportContext, job_id: str, at: datetime) -> None:
    """End a job that failed as often as it was tried."""
    if job_id.startswith("exp_"):
        exporting.exports.fail(job_id, at)
    else:
        imports.give_up(importing, job_id, at)


def sweep(importing: ImportContext, exporting: ExportContext, at: datetime) -> tuple[int, int]:
    """See after each job that has not ended; return how many there are, and for how many that failed."""
    failed = 0
    found = importing.imports.open_jobs()
    for job_id in found:
        try:
            if job_id.startswith("exp_"):
                exports.look_after(exporting, job_id, at)
            else:
                imports.look_after(importing, job_id, at)
        except Exception as error:  # noqa: BLE001 one job must not keep the others waiting
            log.failure(error)
            failed += 1
    return len(found), failed
