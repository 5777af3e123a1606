"""`make lighthouse`: Lighthouse's scores of home, product and checkout on the running shop, in .local/lighthouse/.

Lighthouse comes from npm into .local/, at the version below, and drives Chromium. It needs Node.js.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tools import ROOT
from tools.local.stack import running_stack
from tools.report import ToolError, step

VERSION = "13.5.0"
HOME = ROOT / ".local" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
PAGES = {"home": "/", "product": "/product.html?p=saffron-glazed-tagine", "checkout": "/checkout.html"}
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"
)


def main() -> None:
    """Measure each page and print its scores and figures."""
    stack = running_stack()
    program = installed()
    for name, path in PAGES.items():
        report = measured(program, stack.url + path, HOME / f"{name}.json")
        scores = " ".join(f"{one} {round(report['categories'][one]['score'] * 100)}" for one in CATEGORIES)
        figures = ", ".join(
            f"{label} {report['audits'][audit]['displayValue']}"
            for label, audit in (
                ("LCP", "largest-contentful-paint"),
                ("blocked", "total-blocking-time"),
                ("CLS", "cumulative-layout-shift"),
            )
        )
        step(f"{name}: {scores}  ({figures})")


def installed() -> Path:
    """Return Lighthouse's program, installed if it is missing."""
    program = HOME / VERSION / "node_modules" / ".bin" / "lighthouse"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise ToolError("Lighthouse needs Node.js: npm is not here")
    step(f"installing lighthouse {VERSION} from npm (once, about a minute)")
    (HOME / VERSION).mkdir(parents=True, exist_ok=True)
    command = [
        npm,
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        f"lighthouse@{VERSION}",
    ]
    done = subprocess.run(command, cwd=HOME / VERSION, capture_output=True, text=True, check=False)
    if done.returncode or not program.exists():
        raise ToolError(f"could not install lighthouse {VERSION}: {done.stderr.strip()[-200:]}")
    return program


def measured(program: Path, url: str, target: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Return Lighthouse's report of one page, which is kept in a file."""
    chrome = os.environ.get("CHROME_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    if chrome is None:
        raise ToolError("Lighthouse needs Chromium: apt-get install chromium, or CHROME_PATH=…")
    command = [
        str(program),
        url,
        "--quiet",
        "--output=json",
        f"--output-path={target}",
        f"--chrome-flags={_FLAGS}",
        f"--only-categories={','.join(CATEGORIES)}",
        "--disable-full-page-screenshot",
    ]
    environment = {**os.environ, "CHROME_PATH": chrome}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"lighthouse failed on {url}: {done.stderr.strip()[-300:]}")
    report: dict[str, dict[str, dict[str, float]]] = json.loads(target.read_text())
    return report
