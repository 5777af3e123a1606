"""The files of imports and exports (S3, kept for 30 days) and the queues that have them worked off (SQS)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import msgspec
from botocore.exceptions import ClientError

from functions.catalog.jobs.domain import ADDRESS_SECONDS, Task
from functions.shared import aws, context

_MESSAGES = 10  # of SendMessageBatch
_PART_BYTES = 8 << 20
"""Of a multipart upload; S3 takes no part below 5 MB but the last."""


class Uploads:
    """A bucket and the two queues: one for whole files, one for their parts."""

    def __init__(self, bucket: str, files_url: str, parts_url: str) -> None:
        self.bucket = bucket
        self.files_url = files_url
        self.parts_url = parts_url

    def put(self, key: str, body: bytes) -> None:
        """Store a file."""
        aws.s3().put_object(Bucket=self.bucket, Key=key, Body=body)

    def write(self, key: str, blocks: Iterable[bytes]) -> int:
        """Store a file as its blocks come, a few megabytes in memory at a time; return its size in bytes."""
        size, waiting, upload = 0, bytearray(), _Multipart(self.bucket, key)
        for block in blocks:
            size += len(block)
            waiting += block
            if len(waiting) >= _PART_BYTES:
                upload.add(bytes(waiting))
                waiting.clear()
        if upload.parts:
            upload.add(bytes(waiting))
            upload.complete()
        else:
            self.put(key, bytes(waiting))
        return size

    def size(self, key: str) -> int | None:
        """Return how many bytes a file has, None where there is none."""
        try:
            return aws.s3().head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey", "NotFound"):
                raise
            return None

    @contextmanager
    def opened(self, key: str) -> Iterator[tuple[BinaryIO, str]]:
        """Give a file to be read from a disk, so that memory never holds the whole of it, and its ETag."""
        found = aws.s3().get_object(Bucket=self.bucket, Key=key)
        with tempfile.TemporaryFile() as local:
            shutil.copyfileobj(found["Body"], local, 1 << 20)
            yield local, found.get("ETag", "")

    def read(self, key: str, begin: int, end: int, etag: str) -> bytes:
        """Return the bytes of a file from `begin` up to `end`; ClientError where it is not the one with that ETag."""
        asked: Any = {"Range": f"bytes={begin}-{end - 1}", **({"IfMatch": etag} if etag else {})}
        return aws.s3().get_object(Bucket=self.bucket, Key=key, **asked)["Body"].read()

    def upload_address(self, key: str, media_type: str) -> str:
        """Return where one file of that type may be PUT to, by whoever has the address."""
        return aws.s3().generate_presigned_url(
            "put_object",
            Params={"Bucket": self.bucket, "Key": key, "ContentType": media_type},
            ExpiresIn=ADDRESS_SECONDS,
        )

    def download_address(self, key: str, name: str, media_type: str) -> str:
        """Return where a file may be fetched from, to be saved under `name`, by whoever has the address."""
        shown = {
            "ResponseContentType": media_type,
            "ResponseContentDisposition": f'attachment; filename="{name}"',
        }
        return aws.s3().generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": key, **shown}, ExpiresIn=ADDRESS_SECONDS
        )

    def enqueue(self, job_id: str) -> None:
        """Have somebody go through a file."""
        body = msgspec.json.encode(Task(job_id, context.current.correlation_id)).decode()
        aws.sqs().send_message(QueueUrl=self.files_url, MessageBody=body)

    def enqueue_parts(self, job_id: str, parts: Iterable[int]) -> None:
        """Have the parts of an import worked on; raise OSError where the queue has not taken all of them."""
        tasks = [Task(job_id, context.current.correlation_id, part) for part in parts]
        for start in range(0, len(tasks), _MESSAGES):
            entries: Any = [
                {"Id": str(task.part), "MessageBody": msgspec.json.encode(task).decode()}
                for task in tasks[start : start + _MESSAGES]
            ]
            answer = aws.sqs().send_message_batch(QueueUrl=self.parts_url, Entries=entries)
            if refused := answer.get("Failed"):
                raise OSError(f"{len(refused)} of {len(entries)} messages were not taken")


class _Multipart:
    """A file that is stored in parts, begun with the first; one that is never completed expires."""

    def __init__(self, bucket: str, key: str) -> None:
        self._target: dict[str, Any] = {"Bucket": bucket, "Key": key}
        self.parts: list[Any] = []

    def add(self, body: bytes) -> None:
        if not self.parts:
            self._target["UploadId"] = aws.s3().create_multipart_upload(**self._target)["UploadId"]
        number = len(self.parts) + 1
        made = aws.s3().upload_part(**self._target, PartNumber=number, Body=body)
        self.parts.append({"PartNumber": number, "ETag": made["ETag"]})

    def complete(self) -> None:
        aws.s3().complete_multipart_upload(**self._target, MultipartUpload={"Parts": self.parts})
