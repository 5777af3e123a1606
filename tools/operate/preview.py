"""`make preview`: environments of branches, each for a few days.

    make preview BRANCH=feature/cart-totals    # the environment's name, to deploy to: prefeaturec7d0e
    make preview DAYS=3                        # delete those that nobody has deployed to for three days

Their settings are the section `preview` of samconfig.toml, whose tag tells them from environments that stay.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import boto3
from botocore.exceptions import ClientError

from tools import options
from tools.build import sam
from tools.operate.environment import Deployed, Environment
from tools.operate.undeploy import undeploy
from tools.report import ToolError, step

_START = "pre"
"""What their names begin with."""


def main() -> None:
    """Name a branch's environment, or delete those that are over their time."""
    if branch := options.text("BRANCH"):
        print(name(branch))
        return
    days = options.text("DAYS")
    if not days.isdecimal() or not int(days):
        raise ToolError("say which: BRANCH=feature/cart-totals for a name, DAYS=3 to delete what is older")
    sweep(datetime.now(UTC) - timedelta(days=int(days)))


def name(branch: str) -> str:
    """Return the name of a branch's environment, of 16 characters at most: another one for each branch."""
    word = re.sub(r"[^a-z0-9]", "", branch.lower())[:8]
    return f"{_START}{word}{hashlib.sha256(branch.encode()).hexdigest()[:5]}"


def with_all_data(environment: Environment) -> None:
    """Delete an environment, and what others keep."""
    undeploy(environment, data=True)


def sweep(before: datetime, delete: Callable[[Environment], None] = with_all_data) -> list[str]:
    """Delete the previews that were last deployed to before a time; return their names.

    One that cannot be deleted holds up no other; ToolError at the end, and the next sweep tries again.
    """
    os.environ.update(Deployed(sam.PREVIEW).variables)
    over = sorted(environment for environment, last in previews().items() if last < before)
    stuck = []
    for environment in over:
        step(f"{environment}: over its time")
        try:
            delete(Deployed(environment))
        except (ToolError, ClientError) as error:
            stuck.append(f"{environment}: {error}")
    if stuck:
        raise ToolError("; ".join(stuck))
    step(f"{len(over)} previews deleted")
    return over


def previews() -> dict[str, datetime]:
    """Return when each preview was last deployed to."""
    pages = boto3.client("cloudformation").get_paginator("describe_stacks").paginate()
    found: dict[str, datetime] = {}
    for stack in (one for page in pages for one in page["Stacks"]):
        name_ = re.fullmatch(rf"souk-({_START}[a-z0-9]+)-.+", stack["StackName"])
        if name_ and {"Key": "environment", "Value": sam.PREVIEW} in stack.get("Tags", []):
            last = stack.get("LastUpdatedTime", stack["CreationTime"])
            found[name_[1]] = max(last, found.get(name_[1], last))
    return found
