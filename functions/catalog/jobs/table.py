"""Imports and exports that have not ended, as items of the catalog table, so that none is forgotten.

| item | pk   | sk           | attributes |
| open | OPEN | id of a job  |            |

It is written together with the job, and taken away after the job has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.dynamo import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef as Action


class JobsTable(Table):
    """Jobs that are open."""

    def open_jobs(self) -> list[str]:
        """Return the ids of jobs that have not ended, or that nobody has noted the end of."""
        return [item["sk"] for item in self.query_all("pk = :pk", {":pk": "OPEN"})]

    def opening(self, job_id: str) -> Action:
        """Return the action that notes a job as open."""
        return self.putting({"pk": "OPEN", "sk": job_id})

    def close(self, job_id: str) -> None:
        """Note that a job has ended. Safe to repeat."""
        self.delete({"pk": "OPEN", "sk": job_id})
