"""The only door to AWS: one session for all clients, each made on first use.

The endpoint and the region come from the environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``), so the same build
runs on the embedded emulator, LocalStack and AWS.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from functions.shared import answers

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# Lambda shows what loggers say from INFO on; botocore says at each start where it found its credentials.
logging.getLogger("botocore").setLevel(logging.WARNING)

# Said as it is: botocore would compose its own name of a dozen parts, twice a call, for a quarter of what a call costs.
_NAME = "souk"
# Short enough that a retry still fits into the function's own timeout.
_CONFIG = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}, user_agent=_NAME
)
# For what is asked while a caller waits and can be done without: a service goes on with the keys it has, and what the
# bus is not told now it is told later.
_QUICK = Config(
    connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2}, user_agent=_NAME
)
# As botocore makes presigned addresses otherwise, newer buckets refuse their signature, or send a browser elsewhere: a
# bucket's own name is in its region. An emulator has one name for all.
_SIGNED = _CONFIG.merge(
    Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if "AWS_ENDPOINT_URL" in os.environ else "virtual"},
    )
)
_CONFIGS = {"ssm": _QUICK, "events": _QUICK, "s3": _SIGNED}


@functools.cache
def _session() -> boto3.session.Session:
    """Return the session: building a second one costs a third of a cold start."""
    return boto3.session.Session()


def _from_boto3(name: str) -> Any:
    session: Any = _session()
    client = session.client(name, config=_CONFIGS.get(name, _CONFIG))
    if name == "dynamodb":
        client.meta.events.register(answers.HOOK, answers.take_items)
    return client


_factory: Callable[[str], Any] = _from_boto3


def use(factory: Callable[[str], Any] | None) -> None:
    """Take clients from `factory`, given boto3's name of the service; from boto3 again with None.

    The seam for another AWS underneath the same code: tests/simulation.
    """
    global _factory
    _factory = factory or _from_boto3
    _client.cache_clear()


@functools.cache
def _client(name: str) -> Any:
    return _factory(name)


def dynamodb() -> DynamoDBClient:
    """Return the DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def eventbridge() -> EventBridgeClient:
    """Return the EventBridge client."""
    client: EventBridgeClient = _client("events")
    return client


def kms() -> KMSClient:
    """Return the KMS client."""
    client: KMSClient = _client("kms")
    return client


def lambda_() -> LambdaClient:
    """Return the Lambda client."""
    client: LambdaClient = _client("lambda")
    return client


def logs() -> CloudWatchLogsClient:
    """Return the CloudWatch Logs client."""
    client: CloudWatchLogsClient = _client("logs")
    return client


def s3() -> S3Client:
    """Return the S3 client."""
    client: S3Client = _client("s3")
    return client


def secretsmanager() -> SecretsManagerClient:
    """Return the Secrets Manager client."""
    client: SecretsManagerClient = _client("secretsmanager")
    return client


def ses() -> SESV2Client:
    """Return the SES v2 client."""
    client: SESV2Client = _client("sesv2")
    return client


def sqs() -> SQSClient:
    """Return the SQS client."""
    client: SQSClient = _client("sqs")
    return client


def ssm() -> SSMClient:
    """Return the Systems Manager client."""
    client: SSMClient = _client("ssm")
    return client
