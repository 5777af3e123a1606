"""A client of the models we ship answers exactly as one of the full models, on every call the services make."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID

from tests.bench.test_trimmed_models import FULL, session, trimmed
from tests.support.templates import ROOT

__all__ = ["trimmed"]

DOORS = {"eventbridge": "events", "lambda_": "lambda", "ses": "sesv2"}
"""How functions/shared/aws.py calls a client, where botocore calls its service otherwise."""
KNOWN = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
KEY = {"pk": {"S": "A"}, "sk": {"S": "1"}}
ITEM: dict[str, Any] = {
    **KEY,
    "n": {"N": "12"},
    "list": {"L": [{"S": "x"}, {"BOOL": True}]},
    "map": {"M": {"a": {"NULL": True}}},
}


class Calls:
    """The calls of one set of models, each answered by moto; what they answered is kept."""

    def __init__(self, data: Path) -> None:
        self._session = session(data)
        self._clients: dict[str, Any] = {}
        self.made: dict[str, list[Any]] = {}

    def __call__(self, service: str, operation: str, **request: Any) -> Any:
        """Make one call and keep the answer, without what moto makes up anew each time."""
        client = self._clients.setdefault(service, None) or self._session.create_client(service, **KNOWN)
        self._clients[service] = client
        try:
            answer = getattr(client, operation)(**request)
        except ClientError as error:
            answer = {"raised": type(error).__name__, **error.response}
        if "Body" in answer:
            answer["Body"] = answer["Body"].read()
        self.made.setdefault(f"{service}.{operation}", []).append(_steady(answer))
        return answer


_MADE_UP = {"ResponseMetadata", "CreationDateTime", "creationTime", "ARN"}
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[A-Za-z0-9+/=-]{40,}\b")


def _steady(answer: Any, name: str = "") -> Any:
    """Return an answer with the same shape and types, and with what differs from run to run taken out."""
    if isinstance(answer, dict):
        return {key: _steady(inner, key) for key, inner in answer.items() if key not in _MADE_UP}
    if isinstance(answer, list):
        return [_steady(inner) for inner in answer]
    if isinstance(answer, str):
        return _RANDOM.sub("…", answer)
    if name in ("Body", "PublicKey", "Signature"):
        return (type(answer), len(answer) > 0)
    return type(answer) if hasattr(answer, "tzinfo") else answer


def dynamodb(call: Calls) -> None:
    """Every way the tables are read and written."""
    call(
        "dynamodb",
        "create_table",
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    call("dynamodb", "put_item", TableName="t", Item=ITEM, ConditionExpression="attribute_not_exists(pk)")
    call("dynamodb", "put_item", TableName="t", Item=ITEM, ConditionExpression="attribute_not_exists(pk)")
    call("dynamodb", "get_item", TableName="t", Key=KEY, ConsistentRead=True)
    call("dynamodb", "batch_get_item", RequestItems={"t": {"Keys": [KEY]}})
    call(
        "dynamodb",
        "query",
        TableName="t",
        KeyConditionExpression="pk = :pk",
        Limit=1,
        ExpressionAttributeValues={":pk": {"S": "A"}},
        ReturnConsumedCapacity="TOTAL",
    )
    more = {"UpdateExpression": "SET n = n + :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}
    call("dynamodb", "update_item", TableName="t", Key=KEY, ReturnValues="ALL_NEW", **more)
    put = {"Put": {"TableName": "t", "Item": ITEM, "ConditionExpression": "attribute_not_exists(pk)"}}
    call("dynamodb", "transact_write_items", TransactItems=[put])
    call(
        "dynamodb", "transact_write_items", TransactItems=[{"Update": {"TableName": "t", "Key": KEY, **more}}]
    )
    call("dynamodb", "batch_write_item", RequestItems={"t": [{"PutRequest": {"Item": ITEM}}]})
    call("dynamodb", "delete_item", TableName="t", Key=KEY, ReturnValues="ALL_OLD")
    call("dynamodb", "get_item", TableName="none", Key=KEY)


def messages(call: Calls) -> None:
    """The bus, the queues and the mail."""
    call(
        "events",
        "put_events",
        Entries=[{"Source": "souk.orders", "DetailType": "OrderPlaced", "Detail": "{}"}],
    )
    url = call("sqs", "create_queue", QueueName="q")["QueueUrl"]
    call(
        "sqs",
        "send_message",
        QueueUrl=url,
        MessageBody="x",
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": "unreadable"},
        },
    )
    call(
        "sqs",
        "send_message_batch",
        QueueUrl=url,
        Entries=[{"Id": "1", "MessageBody": "y", "DelaySeconds": 900}],
    )
    call("sqs", "get_queue_url", QueueName="q")
    call("sqs", "get_queue_url", QueueName="none")
    call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    call("sqs", "list_queues", QueueNamePrefix="q")
    (taken,) = call("sqs", "receive_message", QueueUrl=url)["Messages"]
    handle = taken["ReceiptHandle"]
    call("sqs", "change_message_visibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=5)
    call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=handle)
    call("sesv2", "create_email_identity", EmailIdentity="shop@example.com")
    text = {"Data": "x", "Charset": "UTF-8"}
    call(
        "sesv2",
        "send_email",
        FromEmailAddress="shop@example.com",
        Destination={"ToAddresses": ["a@example.com"]},
        Content={"Simple": {"Subject": text, "Body": {"Text": text}}},
    )


def keys_and_files(call: Calls) -> None:
    """Keys, secrets, parameters, files, and the functions' own settings and logs."""
    key = call("kms", "create_key", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    call("kms", "get_public_key", KeyId=key)
    call("kms", "sign", KeyId=key, Message=b"m", MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256")
    call("kms", "schedule_key_deletion", KeyId=key, PendingWindowInDays=7)
    call("secretsmanager", "create_secret", Name="s", SecretString="x")
    call("secretsmanager", "get_secret_value", SecretId="s")
    call("secretsmanager", "get_secret_value", SecretId="none")
    call("ssm", "put_parameter", Name="/p", Value="1", Type="String")
    call("ssm", "get_parameter", Name="/p")
    call("ssm", "get_parameter", Name="/none")
    call("ssm", "delete_parameter", Name="/p")
    call("s3", "create_bucket", Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    call("s3", "put_object", Bucket="files", Key="k", Body=b"x", ContentType="text/csv")
    call("s3", "get_object", Bucket="files", Key="k")
    call("s3", "get_object", Bucket="files", Key="none")
    call("s3", "head_object", Bucket="files", Key="k")
    call("s3", "head_object", Bucket="files", Key="none")
    begun = call("s3", "create_multipart_upload", Bucket="files", Key="m")
    upload = {"Bucket": "files", "Key": "m", "UploadId": begun["UploadId"]}
    part = {"PartNumber": 1, "ETag": call("s3", "upload_part", **upload, PartNumber=1, Body=b"x")["ETag"]}
    call("s3", "complete_multipart_upload", **upload, MultipartUpload={"Parts": [part]})
    function = f"arn:aws:lambda:eu-west-1:{DEFAULT_ACCOUNT_ID}:function:none"
    call("lambda", "get_function_concurrency", FunctionName=function)
    call("lambda", "put_function_concurrency", FunctionName=function, ReservedConcurrentExecutions=0)
    call("lambda", "delete_function_concurrency", FunctionName=function)
    call("lambda", "list_functions")
    call("logs", "create_log_group", logGroupName="g")
    call("logs", "describe_log_groups", logGroupNamePrefix="g")
    call("logs", "filter_log_events", logGroupName="g")


@pytest.fixture(scope="module")
def answers(trimmed: Path) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """What the full and the trimmed models answer, by service and operation."""

    def run(data: Path) -> dict[str, list[Any]]:
        call = Calls(data)
        scripts: tuple[Callable[[Calls], None], ...] = (dynamodb, messages, keys_and_files)
        for script in scripts:
            with mock_aws():
                script(call)
                call._clients.clear()
        return call.made

    return run(FULL), run(trimmed)


def test_every_answer_is_the_same(answers: tuple[dict[str, list[Any]], dict[str, list[Any]]]) -> None:
    full, ours = answers
    assert ours == full


def test_every_call_of_the_services_is_among_them(
    answers: tuple[dict[str, list[Any]], dict[str, list[Any]]],
) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "functions").rglob("*.py"))
    made = re.findall(r"aws\.(\w+)\(\)\.(\w+)\(", sources)
    wanted = {
        f"{DOORS.get(door, door)}.{operation}"
        for door, operation in made
        if operation not in ("get_paginator", "generate_presigned_url")  # which call nobody
    }
    pages = re.findall(r'aws\.(\w+)\(\)\.get_paginator\("(\w+)"', sources)
    wanted |= {f"{DOORS.get(door, door)}.{operation}" for door, operation in pages}
    assert len(wanted) > 25
    assert wanted <= answers[0].keys()
