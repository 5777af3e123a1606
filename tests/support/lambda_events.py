"""Lambda's event payloads as AWS documents them: what API Gateway, SQS and DynamoDB Streams hand to a function."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from tests.support.templates import ROOT
from tests.support.tokens import bearer
from tools.contracts.http_events import Sent, http_event, rest_event


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
    source_ip: str = "203.0.113.7",
    payload: str = "2.0",
) -> dict[str, Any]:
    """Return an HTTP API's event for a route, or a REST API's (`payload` 1.0), as it comes through the greedy route.

    `path` has the route's parameters as they are in the address, percent-encoded. `subject` is whose access token is
    sent, None for a guest.
    """
    parameters, given = path or {}, {name.lower(): value for name, value in (headers or {}).items()}
    if subject:
        given["authorization"] = bearer(subject, roles)
    sent = Sent(
        method,
        re.sub(r"{(\w+)}", lambda match: parameters[match[1]], resource),
        tuple((query or {}).items()),
        tuple({"content-type": "application/json", **given}.items()),
        body if body is None or isinstance(body, str) else json.dumps(body),
        source_ip,
        str(uuid.uuid4()),
    )
    return http_event(sent) if payload == "2.0" else rest_event(sent)


CALLER = re.compile(r"Bearer <(\S+) (\S+)>")
"""Where events/http/ has the token of a caller: whose, and with which roles."""


def http_sample(name: str, authorization: Callable[[str, str], str] = bearer) -> dict[str, Any]:
    """Return a call of events/http/ (``orders/place``, ``orders/rest/get``) with its caller's access token."""
    text = (ROOT / f"events/http/{name}.json").read_text()
    event: dict[str, Any] = json.loads(CALLER.sub(lambda found: authorization(found[1], found[2]), text))
    return event


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
