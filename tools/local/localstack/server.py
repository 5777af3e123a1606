"""LocalStack's open core with what it lacks put in place; runs in .local/localstack, started by emulator.py.

LocalStack itself: CloudFormation and the SAM transform, API Gateway (REST), Lambda and its event source mappings, SQS,
EventBridge, the front of DynamoDB and of its streams, S3, SSM, KMS, Secrets Manager, IAM and logs. In place of what
would come from the internet or needs Docker or an account:

- tables and their streams, for which LocalStack downloads DynamoDB Local, and mail (`sesv2`, which it answers 501), are
  a neighbour's: a MiniStack of its own;
- functions are processes (functions.py), not containers;
- it listens on this machine only: it ignores the host of GATEWAY_LISTEN.

And two of its habits are changed, since they cost most of the time of a deploy and of a purchase: it looks once a
second after each resource that is being made, and once a second into each queue and stream, whether there is something
or not.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from localstack.aws.forwarder import AwsRequestProxy
from localstack.runtime.main import main
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.dynamodb.server import DynamodbServer
from localstack.services.dynamodb.v2 import provider as tables
from localstack.services.dynamodbstreams.v2.provider import DynamoDBStreamsProvider
from localstack.services.lambda_.event_source_mapping.pollers.dynamodb_poller import DynamoDBPoller
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller
from localstack.services.lambda_.invocation.plugins import DockerRuntimeExecutorPlugin
from twisted.internet import endpoints

from tools.local.localstack.functions import ProcessExecutor
from tools.local.localstack.process import HOST

LOOK_AGAIN_SECONDS = 0.1
"""Between two looks at a resource that is being made."""
LONG_POLL_SECONDS = 3
"""How long a mapping waits for a message or a record before it asks again."""
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


class Tables(DynamodbServer):  # type: ignore[misc]
    """The neighbour, as LocalStack's front of DynamoDB wants it; whoever started it stops it."""

    def __init__(self) -> None:
        address = urlsplit(os.environ["SOUK_NEIGHBOUR_URL"])
        super().__init__(port=address.port, host=address.hostname)
        self._pass_on, self.proxy = AwsRequestProxy(self.url), self.pass_on
        self._written: Counter[str] = Counter()
        self._changed = threading.Condition()

    def start_dynamodb(self) -> bool:
        """Do nothing."""
        return True

    def stop_dynamodb(self) -> None:
        """Do nothing."""

    def pass_on(self, context: Any, request: Any = None) -> Any:
        """Pass a request on, and note which tables it may have written."""
        answer = self._pass_on(context, request)
        if context.operation.name in WRITES:
            with self._changed:
                self._written.update(_tables_of(request or context.service_request))
                self._changed.notify_all()
        return answer

    def writes(self, table: str) -> int:
        """Return how often a table was written."""
        return self._written[table]

    def wait_for_write(self, table: str, after: int) -> None:
        """Wait until a table was written more often than that, or for a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._written[table] > after, LONG_POLL_SECONDS)


def _tables_of(request: Any) -> Iterator[str]:
    """Yield the tables a write names."""
    if "TableName" in request:
        yield request["TableName"]
    yield from request.get("RequestItems", {})
    for item in request.get("TransactItems", []):
        yield from (action["TableName"] for action in item.values())


def put_in_place() -> None:
    """Have LocalStack use what is here."""
    neighbour = Tables()
    DynamodbServer.get = staticmethod(lambda: neighbour)
    # DynamoDB Local tells callers apart by account and region in one word, and has ARNs of a region of its own.
    tables.get_ddb_access_key = lambda account, _: account
    DynamoDBStreamsProvider.modify_stream_arn_for_ddb_local = lambda _, arn: arn
    DockerRuntimeExecutorPlugin.load = lambda *_, **__: ProcessExecutor
    endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface=HOST)
    ResourceProviderExecutor.deploy_loop = functools.partialmethod(
        ResourceProviderExecutor.deploy_loop, sleep_time=LOOK_AGAIN_SECONDS
    )
    poll_long(neighbour)


def poll_long(neighbour: Tables) -> None:
    """Have mappings wait for what comes, as Lambda's pollers do, instead of asking at intervals."""
    look, make = DynamoDBPoller.get_records, SqsPoller.__init__

    def get_records(self: Any, iterator: str) -> Any:
        table = self.source_arn.split("/")[1]
        before = neighbour.writes(table)
        answer = look(self, iterator)
        if answer["Records"] or not answer.get("NextShardIterator"):
            return answer
        neighbour.wait_for_write(table, before)
        return look(self, answer["NextShardIterator"])

    def init(self: Any, *arguments: Any, **more: Any) -> None:
        make(self, *arguments, **more)
        self.maximum_batching_window = (
            self.maximum_batching_window or LONG_POLL_SECONDS
        )  # its WaitTimeSeconds

    DynamoDBPoller.get_records, SqsPoller.__init__ = get_records, init


if __name__ == "__main__":
    put_in_place()
    main()
