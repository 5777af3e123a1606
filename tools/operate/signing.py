"""`make rotate-signing ENV=prod`: another secret for quotes and the links of guests' orders.

The one before goes on verifying, and only that one (functions/shared/signing.py): a second rotation ends what the first
secret signed, so it is refused until all of that has ended by itself. Services read a new secret within minutes.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from tools.operate.environment import Environment, chosen
from tools.report import ToolError, step

KEPT = timedelta(days=30)
"""How long what is signed is good, at most: a link of an order (functions/orders/domain.py)."""


def main() -> None:
    """Put a new secret in the place of the current one."""
    rotate(chosen(), datetime.now(UTC))


def rotate(environment: Environment, now: datetime) -> None:
    """Put a new secret; ToolError where the previous one has signed something that is still good."""
    manager, name = environment.client("secretsmanager"), f"souk-{environment.name}-signing"
    stages = {
        stage: version["CreatedDate"]
        for version in manager.list_secret_version_ids(SecretId=name)["Versions"]
        for stage in version.get("VersionStages", [])
    }
    until = stages["AWSCURRENT"] + KEPT
    if "AWSPREVIOUS" in stages and now < until:
        raise ToolError(
            f"links of orders from before {stages['AWSCURRENT']:%Y-%m-%d} would end; wait until {until:%Y-%m-%d}, or, "
            f"where the secret is known to others, twice: "
            f'aws secretsmanager put-secret-value --secret-id {name} --secret-string "$(openssl rand -hex 32)"'
        )
    manager.put_secret_value(SecretId=name, SecretString=secrets.token_hex(32))
    step(f"{name}: rotated; what the one before signed is good for {KEPT.days} days, no rotation until then")
