"""How often one may try: attempts are counted in fixed windows of time, by whom they concern and where they come from.

Guessing a password is slowed down without giving anybody the power to lock the owner out:

 - Each pair of account and network has its own small allowance, so guesses from elsewhere do not use up the owner's.
 - Each network has one over all accounts, against trying one password on many.
 - Each account has one over all networks, against guesses from many at once. It does not apply to networks from which
   the account's owner logged in during the last 90 days, nor to sessions already open.
 - Choosing a new password by mail makes the network known and forgives what was tried from there.
 - Every window ends, and refused attempts do not prolong it.

Accounts that do not exist are counted just the same, so a 429 does not tell whether one does.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.shared.clock import epoch

KNOWN_NETWORK = timedelta(days=90)


@dataclass(frozen=True)
class Limit:
    """At most so many attempts in each window."""

    name: str
    most: int
    window: timedelta

    def key(self, subject: str, at: datetime) -> str:
        """Return what the attempts of a subject are counted under at a time."""
        length = int(self.window.total_seconds())
        return f"{self.name}:{subject}:{epoch(at) // length}"

    def retry_after(self, at: datetime) -> int:
        """Return the seconds until the window ends, at least 1."""
        length = int(self.window.total_seconds())
        return length - epoch(at) % length


LOGIN_PAIR = Limit("login-pair", 10, timedelta(minutes=15))
LOGIN_NETWORK = Limit("login-network", 50, timedelta(minutes=15))
LOGIN_ACCOUNT = Limit("login-account", 50, timedelta(hours=1))
REGISTER_NETWORK = Limit("register-network", 200, timedelta(hours=1))
MAIL_NETWORK = Limit("mail-network", 30, timedelta(hours=1))
MAIL_RECIPIENT = Limit("mail-recipient", 5, timedelta(hours=1))


def pair(email: str, network: str) -> str:
    """Return who `LOGIN_PAIR` counts: an account, from one place."""
    return f"{email} {network}"


def client_address(source_ip: str, forwarded_for: str) -> str:
    """Return the address of the client in front of CloudFront.

    API Gateway sees CloudFront's address and appends it to X-Forwarded-For, where CloudFront has put its client's; what
    stands further left is the client's own say. Who calls the API past CloudFront can name any address: then the
    allowances of accounts and recipients are what holds.
    """
    chain = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    if chain[-1:] != [source_ip]:
        chain.append(source_ip)
    return chain[-2] if len(chain) > 1 else chain[-1]


def network(address: str) -> str:
    """Return what counts as one place: an IPv4 address, or the /64 that an IPv6 customer gets at least."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
