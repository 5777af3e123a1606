"""Dead-letter queues as tests read them."""

from __future__ import annotations

import os
from typing import Any

import boto3


def dead_letters() -> list[dict[str, Any]]:
    """Return the messages in the current service's dead-letter queue, with body and reason."""
    answer = boto3.client("sqs").receive_message(
        QueueUrl=os.environ["INBOX_DLQ_URL"], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return [
        {"body": message["Body"], "reason": message["MessageAttributes"]["reason"]["StringValue"]}
        for message in answer.get("Messages", [])
    ]
