"""`make rotate-edge ENV=prod`: another secret for the edge, by which services know what comes by it. On AWS alone.

The edge sends it with each call (X-Souk-Edge); it is kept in Secrets Manager as souk-<environment>-edge. Services are
told the SHA-256 of the one that the edge sends and, before it sends another one, of that: so that no call is refused
while a deploy brings it. An edge that sends none yet is given one before services want it.
"""

from __future__ import annotations

import hashlib
import secrets

from botocore.exceptions import ClientError

from tools import options
from tools.operate.environment import Environment, deployed, is_local
from tools.report import ToolError, step
from tools.services import EDGE


def main() -> None:
    """Keep a new secret, and say what brings it."""
    if is_local() or options.text("AWS_ENDPOINT_URL"):
        raise ToolError("there is no CloudFront before the services of an emulator")
    environment = deployed()
    rotate(environment)
    step(f"kept; this brings it to services and edge: make deploy ENV={environment.name}")


def rotate(environment: Environment) -> None:
    """Keep a new secret; ToolError where the edge does not send the last one yet."""
    if sent(environment) != current(environment):
        raise ToolError(f"the edge does not send the last one yet; first: make deploy ENV={environment.name}")
    environment.client("secretsmanager").put_secret_value(
        SecretId=_name(environment), SecretString=secrets.token_urlsafe(32)
    )


def current(environment: Environment) -> str:
    """Return the version of the secret that the edge is to send, of a new secret where there is none."""
    manager = environment.client("secretsmanager")
    try:
        return str(manager.get_secret_value(SecretId=_name(environment))["VersionId"])
    except manager.exceptions.ResourceNotFoundException:
        made = manager.create_secret(
            Name=_name(environment),
            Description="What the edge sends with each call, so that nobody calls services beside it",
            SecretString=secrets.token_urlsafe(32),
        )
        return str(made["VersionId"])


def sent(environment: Environment) -> str | None:
    """Return the version that the edge sends, "" where it sends none, None where there is no edge."""
    try:
        name = f"souk-{environment.name}-{EDGE}"
        (stack,) = environment.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError:  # there is none
        return None
    known = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}
    return str(known.get("SecretVersion", ""))


def digests(environment: Environment, *, whole: bool) -> str:
    """Return EdgeDigests of the services' templates; "" where calls may come by any way.

    Parameters
    ----------
    whole
        The edge is deployed after the services; alone, they must not want what no edge sends.
    """
    sends = sent(environment)
    if sends == "" or (sends is None and not whole):
        return ""
    return ",".join(_digest(environment, one) for one in dict.fromkeys((current(environment), sends)) if one)


def _digest(environment: Environment, version: str) -> str:
    manager = environment.client("secretsmanager")
    text = manager.get_secret_value(SecretId=_name(environment), VersionId=version)["SecretString"]
    return hashlib.sha256(text.encode()).hexdigest()


def forget(environment: Environment) -> None:
    """Delete the secret; nothing happens where there is none."""
    environment.client("secretsmanager").delete_secret(
        SecretId=_name(environment), ForceDeleteWithoutRecovery=True
    )


def _name(environment: Environment) -> str:
    return f"souk-{environment.name}-edge"
