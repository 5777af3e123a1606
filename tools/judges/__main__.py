"""`python -m tools judge NAME…`: run outside judges, all of them without a name; leaves with 1 when one objects."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tools.judges import fuzz, login, probe, static
from tools.report import ToolError, step

# Those that look at files first, those that need a running stack after; the one that uses up log-ins last.
JUDGES: dict[str, Callable[[], int | None]] = {
    "bandit": static.bandit,
    "checkov": static.checkov,
    "pip-audit": static.pip_audit,
    "oidc": login.main,
    "probe": probe.main,
    "schemathesis": fuzz.main,
}


def main() -> None:
    """Run the judges named on the command line."""
    names = sys.argv[2:] or list(JUDGES)
    if unknown := set(names) - set(JUDGES):
        raise ToolError(f"no judge {', '.join(sorted(unknown))}; there are: {' '.join(JUDGES)}")
    verdicts: dict[str, str] = {}
    for name in names:
        findings = JUDGES[name]()
        verdicts[name] = "not judged" if findings is None else f"{findings} findings"
        step(f"{name}: {verdicts[name]}")
    if len(names) > 1:
        step("; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items()))
    sys.exit(0 if set(verdicts.values()) <= {"0 findings", "not judged"} else 1)
