"""Lambda's event payloads as AWS documents them: what API Gateway, SQS and DynamoDB Streams hand to a function."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from urllib.parse import urlencode

from tests.support.templates import ROOT


class Context:
    """The Lambda context object, as far as handlers read it."""

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self.function_name = "test"


def sample(name: str, **data: Any) -> dict[str, Any]:
    """Return the publisher's sample of a fact (``orders/OrderPlaced.v1``), with fields of its data replaced."""
    event: dict[str, Any] = json.loads((ROOT / f"events/samples/{name}.json").read_text())
    event["detail"]["data"] |= data
    return event


def sqs_event(*bodies: dict[str, Any] | str) -> dict[str, Any]:
    """Return an SQS batch with one record per body."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:inbox",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def api_event(
    method: str,
    resource: str,
    body: Any = None,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    subject: str | None = None,
    roles: str = "customer",
) -> dict[str, Any]:
    """Return a REST API proxy event for a route; `subject` is who the authoriser found, None for a guest."""
    sent = {"content-type": "application/json", **{k.lower(): v for k, v in (headers or {}).items()}}
    parameters = path or {}
    concrete = re.sub(r"{(\w+)\+?}", lambda match: parameters[match[1]], resource)
    authorizer = {"principalId": subject, "roles": roles} if subject else {"principalId": "guest"}
    return {
        "resource": resource,
        "path": concrete,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/v1{concrete}?{urlencode(query or {})}",
            "requestId": str(uuid.uuid4()),
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "pytest"},
            "authorizer": authorizer,
            "stage": "v1",
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def stream_event(*images: dict[str, Any]) -> dict[str, Any]:
    """Return a DynamoDB stream batch with the new images, in wire form."""
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventName": "MODIFY",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": 1795366000,
                    "Keys": {name: image[name] for name in ("pk", "sk")},
                    "NewImage": image,
                    "SequenceNumber": str(number),
                    "SizeBytes": 1,
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, image in enumerate(images)
        ]
    }
