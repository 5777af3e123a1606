"""What guards the edge on AWS: its secret, by which services know what comes by it, and WAF where it is asked for.

`make rotate-edge ENV=prod` makes another secret.

The edge sends it with each call (X-Souk-Edge); it is kept in Secrets Manager as souk-<environment>-edge. Services are
told the SHA-256 of the one that the edge sends and, before it sends another one, of that: so that no call is refused
while a deploy brings it. An edge that sends none yet is given one before services want it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError

from tools import options
from tools.build import sam
from tools.operate import changes
from tools.operate.environment import Environment, deployed, is_local
from tools.report import ToolError, step
from tools.services import EDGE, WAF

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

WAF_REGION = "us-east-1"
"""Where all that CloudFront refers to must be."""


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
    known = knows(environment)
    return None if known is None else known.get("SecretVersion", "")


def knows(environment: Environment) -> dict[str, str] | None:
    """Return the parameters that the edge was last deployed with, None where there is no edge."""
    try:
        name = f"souk-{environment.name}-{EDGE}"
        (stack,) = environment.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError:  # there is none
        return None
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])}


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


def wants_waf(environment: Environment) -> bool:
    """Tell whether samconfig.toml asks for WAF before the edge (infra/waf.yaml)."""
    return sam.given(environment.name).get("Waf") == "true"


def waf_client() -> CloudFormationClient:
    """Return the client of the region in which WAF's rules for CloudFront are."""
    return boto3.client("cloudformation", region_name=WAF_REGION)


def remove_waf(environment: Environment) -> None:
    """Delete WAF's rules, once no edge uses them; safe to repeat."""
    stack = f"souk-{environment.name}-{WAF}"
    if changes.status(waf_client(), stack) is not None:
        changes.remove(waf_client(), stack)
        step(f"{stack}: deleted")


def _name(environment: Environment) -> str:
    return f"souk-{environment.name}-edge"
