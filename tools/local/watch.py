"""`make watch`: put each edited function live on the running stack about two seconds after it is saved."""

from __future__ import annotations

import time
from pathlib import Path

from botocore.exceptions import ClientError

from tools import ROOT, templates
from tools.build import sam
from tools.local import live
from tools.local.stack import Stack, running_stack
from tools.report import ToolError, step

_EVERY_SECONDS = 0.3


def main() -> None:
    """Watch until interrupted. A mistake in an edited file is reported, the next save tries again."""
    stack = running_stack()
    seen = _files()
    step("watching functions/, infra/ and template.yaml; files in web/ are live anyway; end with Ctrl-C")
    while True:
        time.sleep(_EVERY_SECONDS)
        now = _files()
        edited = {path for path in now.keys() | seen.keys() if now.get(path) != seen.get(path)}
        seen = now
        if edited:
            _put_live(stack, edited)


def _put_live(stack: Stack, edited: set[Path]) -> None:
    started = time.monotonic()
    step(f"saved: {', '.join(sorted(str(path.relative_to(ROOT)) for path in edited))}")
    folders = {path.relative_to(ROOT / "functions").parts[0] for path in edited if "functions" in path.parts}
    stacks = [stack.name for stack in sam.all_stacks() if stack.source in edited]
    try:
        for path in edited:
            if path.suffix == ".py" and path.exists():
                compile(path.read_bytes(), str(path), "exec")
        if stacks:
            templates.template.cache_clear()
            stack.deploy(stacks)
        every = [template.name for template in sam.all_stacks()] if "shared" in folders else []
        services = sorted(folders - {"shared"} - set(stacks))
        for service in {*every, *services}:
            stack.mark_edited(service)
        names = live.push_shared(stack.client, every)
        for service in services:
            names += live.push_service(stack.client, service)
        step(f"live after {time.monotonic() - started:.1f} s: {', '.join(names + stacks)}")
    except SyntaxError as error:
        step(f"not live, {error.filename}:{error.lineno}: {error.msg}")
    except (ToolError, ClientError, SystemExit) as error:
        step(f"not live: {error}")


def _files() -> dict[Path, tuple[int, int]]:
    """Return what is watched, with the time and size that tell whether it changed."""
    found = [
        path for path in (ROOT / "functions").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    found += [stack.source for stack in sam.all_stacks()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found if path.exists()}
