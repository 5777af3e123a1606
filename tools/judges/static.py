"""Judges that read files: bandit (code), checkov (templates), pip-audit (dependencies).

What they find is fixed, or accepted here by rule and place with a reason; docs/security.md tells more of the reasons.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from tools import ROOT
from tools.judges.environment import judge
from tools.report import ToolError, step


class Accepted(NamedTuple):
    """Findings of one rule that are none here: below these paths, for this reason."""

    rule: str
    below: tuple[str, ...]
    reason: str


_EVERYWHERE = ("functions/", "tools/")
BANDIT = (
    Accepted("B101", _EVERYWHERE, "asserts narrow types for mypy; no rule of the shop hangs on one"),
    Accepted(
        "B311",
        ("functions/",),
        "jitter of retries and spread of shards; secrets come from the secrets module",
    ),
    Accepted("B105", ("functions/payments/providers/simulator.py",), "names of the simulator's test cards"),
    Accepted("B105", ("functions/identity/mails/service.py",), "the purpose of a mail, not a password"),
    Accepted("B105", ("tools/",), "the emulator's fixed key and test cards"),
    Accepted("B106", ("tools/",), "the emulator's fixed key"),
    Accepted("B107", ("tools/",), "a test card"),
    Accepted("B310", ("tools/",), "addresses on loopback, made by the tools themselves"),
    Accepted("B404", ("tools/",), "tools run programs"),
    Accepted("B603", ("tools/",), "argument lists without a shell, from the tools themselves"),
    Accepted("B607", ("tools/",), "git is found on the PATH"),
    Accepted("B506", ("tools/templates.py",), "the loader is a SafeLoader"),
)
CHECKOV = {
    "CKV_AWS_18": "access logs of the site and log buckets: the site is public, and logs of logs have no end",
    "CKV_AWS_21": "the import bucket keeps a copy of a shop's own file for 30 days; the site bucket has versions",
    "CKV_AWS_26": "topics keep nothing; under AWS's key for SNS neither CloudWatch nor SES could publish",
    "CKV_AWS_27": "queues are encrypted (SqsManagedSseEnabled), which this check does not know of",
    "CKV_AWS_73": "one correlation id runs through answers, events and log lines; X-Ray is billed per trace",
    "CKV_AWS_76": "each function logs its request; a refusal is logged by the service",
    "CKV_AWS_86": "CloudFront's access logs would keep who asked for what; metrics count it (docs/adr/0038)",
    "CKV_AWS_115": "a function's own ceiling takes from the account's: set per shop, once its traffic is known",
    "CKV_AWS_116": "queues and streams have dead-letter queues of their own; a lost tick is made up for by the next",
    "CKV_AWS_117": "the functions reach AWS only, over TLS; a VPC would add NAT gateways and guard nothing",
    "CKV_AWS_119": "tables are encrypted with AWS's key; one's own adds a fee per request and a way to lose all",
    "CKV_AWS_120": "answers belong to callers; what may be kept is said by Cache-Control",
    "CKV_AWS_149": "encrypted with the account's key for Secrets Manager, under IAM like a key of one's own",
    "CKV_AWS_158": "log lines hold ids only; CloudWatch encrypts them with its own key",
    "CKV_AWS_173": "environment variables are names of resources, no secrets; encrypted with Lambda's key",
    "CKV_AWS_174": "without a domain of one's own CloudFront's certificate is used, with the protocol it fixes",
}
LOCKS = ("layer", "identity", "dev", "emulator")
"""What is shipped first, then what only builds and tests."""


def bandit() -> int:
    """Judge the code that is shipped and the tools; return the number of findings."""
    _, said = judge("bandit", "--quiet", "--format", "json", "--recursive", "functions", "tools")
    try:
        results: list[dict[str, Any]] = json.loads(said[said.index("{") :])["results"]
    except (ValueError, KeyError):
        raise ToolError(f"bandit did not judge: {said[-300:]}") from None
    open_ = [one for one in results if not any(_covers(rule, one) for rule in BANDIT)]
    for one in open_:
        print(f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}")
    step(f"bandit: {len(results) - len(open_)} accepted, with the reasons in tools/judges/static.py")
    return len(open_)


def _covers(accepted: Accepted, finding: dict[str, Any]) -> bool:
    path = str(finding["filename"]).removeprefix("./")
    return str(finding["test_id"]) == accepted.rule and path.startswith(accepted.below)


def checkov() -> int:
    """Judge the templates; return the number of findings."""
    status, said = judge(
        "checkov",
        "--quiet",
        "--compact",
        "--skip-download",
        "--framework",
        "cloudformation",
        "--directory",
        "infra",
        "--file",
        "template.yaml",
        "--output",
        "json",
        "--skip-check",
        ",".join(CHECKOV),
    )
    try:
        found = json.loads(
            re.split(r"^(?=[\[{])", said, maxsplit=1, flags=re.MULTILINE)[1]
        )  # warnings come first
    except (ValueError, IndexError):
        raise ToolError(f"checkov did not judge (status {status}): {said[-300:]}") from None
    reports: list[dict[str, Any]] = found if isinstance(found, list) else [found]
    failed = [check for report in reports for check in report.get("results", {}).get("failed_checks", [])]
    for check in failed:
        print(f"{check['file_path']} {check['resource']}: {check['check_id']} {check['check_name']}")
    passed = sum(report.get("summary", report).get("passed", 0) for report in reports)
    if not passed:
        raise ToolError("checkov judged nothing")
    step(f"checkov: {passed} checks passed; {len(CHECKOV)} rules are answered in tools/judges/static.py")
    return len(failed)


def pip_audit() -> int | None:
    """Look for known vulnerabilities in what is locked; return their number, None where nobody could tell."""
    findings = known = 0
    for name in LOCKS:
        lock = ROOT / "requirements" / f"{name}.txt"
        _, said = judge(
            "pip-audit",
            "--requirement",
            str(lock),
            "--disable-pip",
            "--require-hashes",
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--timeout",
            "10",
        )
        try:
            packages = json.loads(said[said.index('{"') :].splitlines()[0])["dependencies"]
        except (ValueError, KeyError, IndexError):
            step(f"pip-audit: {name}: not judged, the vulnerability service cannot be reached from here")
            continue
        judged = [package for package in packages if "vulns" in package]
        for package in judged:
            for flaw in package["vulns"]:
                findings += 1
                print(
                    f"{name}: {package['name']} {package['version']}: {flaw['id']}, mended in {flaw['fix_versions']}"
                )
        known += len(judged)
        unknown = len(packages) - len(judged)
        why = (
            f", {unknown} not judged: the vulnerability service cannot be reached from here"
            if unknown
            else ""
        )
        step(f"pip-audit: {name}: {len(judged)} packages judged{why}")
    return findings if known else None
