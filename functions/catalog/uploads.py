"""The files of imports (S3, kept for 30 days) and the queue that has them worked off (SQS)."""

from __future__ import annotations

import msgspec

from functions.shared import aws, log


class Task(msgspec.Struct, frozen=True, rename="camel"):
    """A message of the queue: go on with an import, on behalf of the request that brought it."""

    import_id: str
    correlation_id: str


class Uploads:
    """A bucket and a queue."""

    def __init__(self, bucket: str, queue_url: str) -> None:
        self.bucket = bucket
        self.queue_url = queue_url

    def put(self, import_id: str, body: bytes) -> None:
        """Store the file of an import."""
        aws.s3().put_object(Bucket=self.bucket, Key=import_id, Body=body)

    def get(self, import_id: str) -> bytes:
        """Return the file of an import."""
        return aws.s3().get_object(Bucket=self.bucket, Key=import_id)["Body"].read()

    def enqueue(self, import_id: str) -> None:
        """Have a worker go on with an import."""
        task = Task(import_id, log.current.correlation_id)
        aws.sqs().send_message(QueueUrl=self.queue_url, MessageBody=msgspec.json.encode(task).decode())
