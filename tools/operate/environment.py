"""The environment that ENV names: the running local stack, or one on AWS or at AWS_ENDPOINT_URL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools import options
from tools.build import sam
from tools.local.stack import running_stack
from tools.report import ToolError


class Environment(Protocol):
    """Where an operator's command acts; everything of a service there is called ``souk-<name>-<service>…``."""

    @property
    def name(self) -> str:
        """Return its name, as in samconfig.toml."""
        ...

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that point AWS tools at it, beyond those of the shell."""
        ...

    def client(self, service: str) -> Any:
        """Return a boto3 client of one AWS service."""
        ...


@dataclass(frozen=True)
class Deployed:
    """An environment that `make deploy ENV=…` made; credentials and endpoint are the shell's."""

    name: str

    @property
    def variables(self) -> dict[str, str]:
        """Return its region, unless the shell names one."""
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or sam.region(self.name)
        emulated = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # an emulator takes any
        keys = emulated if os.environ.get("AWS_ENDPOINT_URL") and "AWS_PROFILE" not in os.environ else {}
        given = {name: os.environ.get(name, value) for name, value in keys.items()}
        return {"AWS_DEFAULT_REGION": region, "AWS_REGION": region, **given}

    def client(self, service: str) -> Any:
        """Return a boto3 client of one AWS service."""
        session: Any = (
            boto3.session.Session()
        )  # stacks are deployed side by side, and sessions are for one thread
        return session.client(service)


def is_local() -> bool:
    """Tell whether the options mean the stack that `make run` starts."""
    return (options.text("ENV") or "local") == "local" and not options.text("AWS_ENDPOINT_URL")


def chosen() -> Environment:
    """Return the environment that ENV names; raise ToolError where it does not run or AWS lets nobody in."""
    return running_stack() if is_local() else deployed()


def deployed() -> Deployed:
    """Return the environment outside the local stack, and have this process use its region.

    Raises ToolError for one that samconfig.toml does not have, and without good credentials.
    """
    name = options.text("ENV") or "local"
    sam.section(name)
    environment = Deployed(name)
    os.environ.update(environment.variables)
    try:
        environment.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise ToolError(
            f"AWS does not know you ({error}); set AWS_PROFILE, or run: aws configure sso"
        ) from None
    return environment
