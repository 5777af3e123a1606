"""MiniStack, the emulator a local stack has unless another is asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx

from tools import ROOT
from tools.local import streams
from tools.local.emulator import HOST, KEYS, REGION, Emulator, prove_sender
from tools.report import ToolError

PROGRAM = ROOT / ".local" / "emulator" / "bin" / "ministack"


class MiniStack(Emulator):
    """One MiniStack; its state is kept over a stop."""

    program = "ministack"
    gateway = "http"
    gateways = frozenset({"http", "rest"})
    calm_seconds = 0.6
    keeps_state = True
    throttled = (503, "service_unavailable")

    def prepare(self) -> None:
        """See that it is installed."""
        if not PROGRAM.exists():
            raise ToolError("the emulator is not installed; run: make setup")

    def command(self) -> list[str]:
        """Return its command line; all else is in the environment."""
        return [str(PROGRAM)]

    def settings(self) -> dict[str, str]:
        """Return its variables, which the functions inherit."""
        return {
            **KEYS,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state / "aws"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state / "s3"),
            "AUTH": "true" if self.auth else "false",
        }

    def healthy(self) -> bool:
        """Tell whether it answers."""
        try:
            return "services" in self.get("/_ministack/health")
        except (httpx.HTTPError, ValueError):
            return False

    def started(self) -> None:
        """Have table streams go on where they were."""
        streams.resume(self.client("lambda"))

    def waiting(self) -> Counter[str]:
        """Return how many messages each queue holds."""
        regions = self.get("/_ministack/sqs/messages")["messages"].values()
        found = [queues.items() for region in regions for queues in region.values()]
        return Counter(
            {
                url.rpartition("/")[2]: len(messages)
                for queues in found
                for url, messages in queues
                if messages
            }
        )

    def mails(self) -> list[dict[str, Any]]:
        """Return the e-mails sent, by any account."""
        accounts = self.get("/_ministack/ses/messages")["messages"].values()
        return [mail for mails in accounts for mail in mails]

    def prove_sender(self, address: str) -> None:
        """Have SES send from an address."""
        prove_sender(self.client("sesv2"), address)
