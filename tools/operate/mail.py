"""`make mail`: the e-mails the services have sent on this machine, oldest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tools.local.stack import Stack, running_stack
from tools.operate.environment import is_local
from tools.report import ToolError


def main() -> None:
    """Print every e-mail, its text in full."""
    if not is_local():
        raise ToolError("SES keeps no e-mail; what was sent is told by the functions' log lines: make logs")
    mails = sent(running_stack())
    for mail in mails:
        at = datetime.fromtimestamp(mail["Timestamp"], tz=UTC).strftime("%H:%M:%S")
        print(f"{at}  {mail['Source']} -> {', '.join(mail['To'])}")
        print(
            f"Subject: {mail['Subject']}\n\n{(mail['BodyText'] or mail['BodyHtml'] or '').rstrip()}\n{'-' * 78}"
        )
    if not mails:
        print("No e-mail was sent yet.")


def sent(stack: Stack) -> list[dict[str, Any]]:
    """Return the e-mails as the emulator keeps them, oldest first; see Emulator.mails."""
    return sorted(stack.emulator.mails(), key=lambda mail: float(mail["Timestamp"]))
