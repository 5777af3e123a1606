"""`python -m tools.build.common_passwords`: write the list of the most common passwords that identity refuses.

Source: the passwords that zxcvbn ships (https://pypi.org/project/zxcvbn, MIT), most common first. Kept are the first
10,000 of 8 characters and more, each as the first 32 bits of its SHA-256, sorted: 40 KB that hold no password to read,
and take another one for common in one case of 400,000.
"""

from __future__ import annotations

from zxcvbn.frequency_lists import FREQUENCY_LISTS

from functions.identity.accounts.passwords import COMMON, common_digest
from tools.report import step

MOST = 10_000
SHORTEST = 8


def content() -> bytes:
    """Return the file: digests of 4 bytes, big-endian, in ascending order."""
    ranked = FREQUENCY_LISTS["passwords"]
    long_enough = [password for password in ranked if len(password) >= SHORTEST][:MOST]
    return b"".join(sorted({common_digest(password) for password in long_enough}))


def main() -> None:
    """Write the file."""
    COMMON.write_bytes(content())
    step(f"{COMMON.name}: {COMMON.stat().st_size} bytes")


if __name__ == "__main__":
    main()
