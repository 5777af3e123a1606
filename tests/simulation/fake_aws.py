"""The other AWS services Souk calls, in memory: EventBridge, SQS, S3, Secrets Manager, SSM, SES.

Each operation takes boto3's parameters and checks what AWS would refuse. What happens to an accepted event or message
is the world's business.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.simulation.deployment import BUS, queue_url
from tests.simulation.fake_dynamodb import FakeDynamoDB, client_error

MAX_ENTRIES = 10
MAX_ENTRY_BYTES = 256 * 1024

Operation = Callable[[Mapping[str, Any]], dict[str, Any]]


class FakeAWS:
    """One account. `on_event` and `on_message` are told what was accepted."""

    def __init__(
        self,
        on_event: Callable[[dict[str, Any]], None],
        on_message: Callable[[str, str, dict[str, Any]], None],
    ) -> None:
        self.dynamodb = FakeDynamoDB()
        self.secrets: dict[str, str] = {}
        self.parameters: dict[str, str] = {}
        self.objects: dict[tuple[str, str], bytes] = {}
        self.mails: list[Mapping[str, Any]] = []
        self.on_event, self.on_message = on_event, on_message

    def operation(self, service: str, name: str) -> Operation:
        """Return an operation by boto3's names; AttributeError for one Souk is not known to use."""
        if service == "dynamodb":
            method = getattr(self.dynamodb, name)
            return lambda request: method(**request)
        found: Operation = getattr(self, f"_{service}_{name}")
        return found

    def _events_put_events(self, request: Mapping[str, Any]) -> dict[str, Any]:
        entries = request["Entries"]
        if not 1 <= len(entries) <= MAX_ENTRIES:
            raise client_error("ValidationException", "1 to 10 entries", "PutEvents")
        if sum(len(entry["Detail"].encode()) + 200 for entry in entries) > MAX_ENTRY_BYTES:
            raise client_error(
                "ValidationException",
                "Total size of the entries in the request is over the limit",
                "PutEvents",
            )
        for entry in entries:
            if (
                set(entry) != {"Source", "DetailType", "Detail", "EventBusName"}
                or entry["EventBusName"] != BUS
            ):
                raise client_error(
                    "ResourceNotFoundException", f"Event bus {entry.get('EventBusName')}", "PutEvents"
                )
            if not isinstance(json.loads(entry["Detail"]), dict):
                raise client_error("MalformedDetail", "Detail is malformed.", "PutEvents")
        for entry in entries:
            self.on_event(entry)
        return {
            "FailedEntryCount": 0,
            "Entries": [{"EventId": str(number)} for number, _ in enumerate(entries)],
        }

    def _sqs_send_message(self, request: Mapping[str, Any]) -> dict[str, Any]:
        unknown = set(request) - {"QueueUrl", "MessageBody", "MessageAttributes"}
        if unknown:
            raise NotImplementedError(f"SendMessage with {unknown}")
        name = request["QueueUrl"].rpartition("/")[2]
        assert queue_url(name) == request["QueueUrl"]
        self.on_message(name, request["MessageBody"], request.get("MessageAttributes", {}))
        return {"MessageId": "sent"}

    def _sqs_send_message_batch(self, request: Mapping[str, Any]) -> dict[str, Any]:
        entries = request["Entries"]
        if not 1 <= len(entries) <= MAX_ENTRIES or len({entry["Id"] for entry in entries}) != len(entries):
            raise client_error(
                "BatchRequestTooLong", "1 to 10 entries, each with its own id", "SendMessageBatch"
            )
        for entry in entries:
            body = {name: value for name, value in entry.items() if name != "Id"}
            self._sqs_send_message({"QueueUrl": request["QueueUrl"], **body})
        return {"Successful": [{"Id": entry["Id"], "MessageId": "sent"} for entry in entries]}

    def _s3_put_object(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.objects[request["Bucket"], request["Key"]] = request["Body"]
        return {}

    def _s3_get_object(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if (request["Bucket"], request["Key"]) not in self.objects:
            raise client_error("NoSuchKey", "The specified key does not exist.", "GetObject")
        body = self.objects[request["Bucket"], request["Key"]]
        if asked := request.get("Range"):
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            body = body[first : last + 1]
        return {"Body": io.BytesIO(body)}

    def _secretsmanager_get_secret_value(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if (
            request.get("VersionStage", "AWSCURRENT") != "AWSCURRENT"
            or request["SecretId"] not in self.secrets
        ):
            raise client_error(
                "ResourceNotFoundException", "Secrets Manager can't find it.", "GetSecretValue"
            )
        return {"SecretString": self.secrets[request["SecretId"]]}

    def _ssm_get_parameter(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["Name"] not in self.parameters:
            raise client_error("ParameterNotFound", request["Name"], "GetParameter")
        return {"Parameter": {"Name": request["Name"], "Value": self.parameters[request["Name"]]}}

    def _ssm_put_parameter(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.parameters[request["Name"]] = request["Value"]
        return {"Version": 1}

    def _sesv2_send_email(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.mails.append(request)
        return {"MessageId": f"mail-{len(self.mails)}"}


class Client:
    """A boto3 client's face: every operation goes through `call`."""

    def __init__(self, service: str, call: Callable[[str, str, Mapping[str, Any]], dict[str, Any]]) -> None:
        self._service, self._call = service, call

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        service, call = self._service, self._call

        def run(**request: Any) -> dict[str, Any]:
            return call(service, operation, request)

        setattr(self, operation, run)
        return run
