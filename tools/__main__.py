"""`python -m tools <command>`: what the Makefile calls. Options come from the environment, as make exports them."""

from __future__ import annotations

import errno
import importlib
import sys

from tools.report import ToolError, fail

# command -> the module whose main() does it; imported only when asked for, since the SAM and boto3 parts load slowly
COMMANDS = {
    "run": "tools.local.run",
    "stop": "tools.local.stop",
    "reset": "tools.local.reset",
    "status": "tools.local.status",
    "logs": "tools.operate.logs",
    "mail": "tools.operate.mail",
    "watch": "tools.local.watch",
    "lint": "tools.build.lint",
    "build": "tools.build.build_stacks",
    "service": "tools.build.service",
    "invoke": "tools.local.invoke",
    "deploy": "tools.operate.deploy",
    "preview": "tools.operate.preview",
    "pipeline": "tools.operate.pipeline",
    "changed": "tools.build.changed",
    "undeploy": "tools.operate.undeploy",
    "rotate-edge": "tools.operate.guard",
    "rotate-signing": "tools.operate.signing",
    "dlq": "tools.operate.dlq",
    "audit": "tools.operate.audit",
    "ready": "tools.operate.ready",
    "legal": "tools.operate.legal",
    "race": "tools.drills.race",
    "flash-sale": "tools.drills.flash_sale",
    "chaos": "tools.drills.chaos",
    "judge": "tools.judges.__main__",
    "replay": "tools.operate.replay",
    "restore-drill": "tools.drills.restore",
    "lighthouse": "tools.judges.lighthouse",
    "lock": "tools.build.lock",
}


CANNOT_WRITE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT)
"""A disk that is read-only, belongs to someone else, or is full."""


def main() -> None:
    """Run one command; what a reader can act on is printed as one line, everything else as it is."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command not in COMMANDS:
        fail(f"no command {command!r}; there are: {' '.join(COMMANDS)}")
    try:
        importlib.import_module(COMMANDS[command]).main()
    except ToolError as error:
        fail(str(error))
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        fail(
            f"cannot write {error.filename or 'a file'}: {error.strerror}; the tools keep all they make beside them"
        )
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
