"""The identity table.

| item          | pk                            | sk              | holds                                             |
| account       | ACCOUNT#<customer>            | ACCOUNT         | the person; erased: id and version only           |
| address book  | ACCOUNT#<customer>            | ADDRESSES       | up to 20 addresses                                |
| session       | ACCOUNT#<customer>            | SESSION#<id>    | digests of the newest refresh token and the last  |
| one-time token| ACCOUNT#<customer>            | TOKEN#<purpose> | digest; one in force for each purpose             |
| e-mail        | EMAIL#<address>               | EMAIL           | whose it is: what makes addresses unique          |
| mail request  | MAIL#<id>                     | MAIL            | a mail asked for where no account changes         |
| mail sent     | MAIL#<id>                     | SENT            | that it was, so that it is not sent again         |
| attempts      | TRIES#<digest of limit, whom> | TRIES           | how many in one window (accounts/limits.py)       |
| known network | KNOWN#<digest of whom, where> | KNOWN           | the owner logged in from there                    |
| key set       | KEYS                          | RING            | signing keys over time (keys/domain.py)           |
| made key      | KEYS                          | MADE            | the key made last, until it is in the key set     |

An account carries the ``outbox`` of its facts and the ``mail`` its change calls for; every write of it is a whole put
under its version, so both leave with the write they belong to. ``expires`` is for cleaning up alone (DynamoDB's TTL):
whether something is still good is told by its own time.
"""

from __future__ import annotations

from functions.identity.keys.table import KeysTable
from functions.identity.sessions.table import SessionsTable


class IdentityTable(SessionsTable, KeysTable):
    """Accounts and what hangs on them, sessions, attempts, mails and keys: all that lies in the one table."""
