"""Accounts and what hangs on them as items of the identity table (functions/identity/table.py has them all)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from functions.identity.accounts.domain import (
    TOKEN_LIFE,
    Account,
    AddressBook,
    EmailRequest,
    OneTimeToken,
    Purpose,
)
from functions.identity.accounts.limits import KNOWN_NETWORK, Limit
from functions.shared.clock import epoch, parse, rfc3339
from functions.shared.dynamo import Item, Table, from_item, to_item
from functions.shared.ids import fingerprint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

NOT_THERE = "attribute_not_exists(pk)"


class AccountsTable(Table):
    """Accounts and what hangs on them, attempts and mails, each change under its condition."""

    # --- accounts -------------------------------------------------------------------------------------------------

    def account(self, customer_id: str) -> Account | None:
        """Return an account, None where there is none or it was erased."""
        item = self.get(_account_key(customer_id))
        return from_item(item, Account) if item and "email" in item else None

    def owner_of(self, email: str) -> str | None:
        """Return the id of the account that uses an e-mail address."""
        item = self.get(_email_key(email))
        return str(item["customer_id"]) if item else None

    def account_of(self, email: str) -> Account | None:
        """Return the account that uses an e-mail address; two reads whether there is one or not."""
        return self.account(self.owner_of(email) or "nobody")

    def create(self, account: Account, outbox: str, mail: EmailRequest) -> bool:
        """Store a new account; False where the e-mail address is taken."""
        lost = self.transact(
            self.putting(_account_item(account, outbox, mail), NOT_THERE),
            self.putting({**_email_key(account.email), "customer_id": account.id}, NOT_THERE),
        )
        return lost is None

    def store(
        self,
        before: Account,
        after: Account,
        *also: TransactWriteItemTypeDef,
        outbox: str | None = None,
        mail: EmailRequest | None = None,
    ) -> bool:
        """Replace an account, with what else changes; False, and nothing stored, when any condition is lost."""
        item = _account_item(after, outbox, mail)
        actions = [self.putting(item, "version = :read", {":read": before.version}), *also]
        if after.email != before.email:
            actions += [
                self.putting({**_email_key(after.email), "customer_id": after.id}, NOT_THERE),
                self.deleting(_email_key(before.email)),
            ]
        if len(actions) == 1:
            return self.put(item, "version = :read", {":read": before.version})
        return self.transact(*actions) is None

    def erase(self, account: Account, outbox: str, at: datetime) -> bool:
        """Leave nothing of a person but a tombstone; False when the account has changed. Safe to repeat."""
        key = _account_key(account.id)
        for session in self.query_all(
            "pk = :pk AND begins_with(sk, :session)", {":pk": key["pk"], ":session": "SESSION#"}
        ):
            self.delete({"pk": session["pk"], "sk": session["sk"]})
        tombstone = {
            **key,
            "id": account.id,
            "version": account.version + 1,
            "erased_at": rfc3339(at),
            "outbox": outbox,
        }
        lost = self.transact(
            self.putting(tombstone, "version = :read", {":read": account.version}),
            self.deleting(_email_key(account.email)),
            *(self.deleting({**key, "sk": sk}) for sk in ("ADDRESSES", *map("TOKEN#{}".format, TOKEN_LIFE))),
        )
        return lost is None

    # --- addresses ------------------------------------------------------------------------------------------------

    def address_book(self, customer_id: str) -> AddressBook:
        """Return a person's addresses, an empty book where there are none."""
        return from_item(self.get(_account_key(customer_id) | {"sk": "ADDRESSES"}) or {}, AddressBook)

    def store_address_book(self, customer_id: str, before: AddressBook, after: AddressBook) -> bool:
        """Replace a person's addresses; False when they have changed or the person is gone."""
        item = {
            **_account_key(customer_id),
            "sk": "ADDRESSES",
            "version": after.version,
            "addresses": [
                {name: value for name, value in to_item(address).items() if value is not None}
                for address in after.addresses
            ],
        }
        same = self.putting(item, "version = :read", {":read": before.version})
        book = same if before.version else self.putting(item, NOT_THERE)
        there = self.checking(_account_key(customer_id), "attribute_exists(email)")
        return self.transact(book, there) is None

    # --- one-time tokens ------------------------------------------------------------------------------------------

    def put_token(self, token: OneTimeToken) -> None:
        """Store a one-time token; an older one of the same purpose is void."""
        item = {
            **_token_key(token.account_id, token.purpose),
            **to_item(token),
            "expires": epoch(parse(token.ends_at)),
        }
        self.put(item)

    def token(self, customer_id: str, purpose: Purpose) -> OneTimeToken | None:
        """Return the one-time token in force for a purpose."""
        item = self.get(_token_key(customer_id, purpose))
        # One that was made before tokens knew the epoch is void.
        return from_item({"epoch": -1, **item}, OneTimeToken) if item else None

    def using(self, token: OneTimeToken) -> TransactWriteItemTypeDef:
        """Return the action that uses up a one-time token: of two at once, one is lost."""
        key = _token_key(token.account_id, token.purpose)
        return self.deleting(key, "digest = :digest", {":digest": token.digest})

    # --- mails ----------------------------------------------------------------------------------------------------

    def request_email(self, request: EmailRequest, at: datetime) -> None:
        """Ask for a mail where nothing else changes."""
        self.put(_mail_item(request, at), NOT_THERE)

    def tell_owner(self, email: str, request: EmailRequest, at: datetime) -> bool:
        """Ask for a mail to the owner of an address; False where nobody uses it. As much work as `create`."""
        lost = self.transact(
            self.putting(_mail_item(request, at), NOT_THERE),
            self.checking(_email_key(email), "attribute_exists(pk)"),
        )
        return lost is None

    def mail_sent(self, order_id: str) -> bool:
        """Tell whether a mail was sent."""
        return self.get(_mail_key(order_id) | {"sk": "SENT"}) is not None

    def mark_mail_sent(self, order_id: str, at: datetime) -> None:
        """Remember that a mail was sent, for longer than the queue keeps its request."""
        self.put(_mail_key(order_id) | {"sk": "SENT", "expires": epoch(at + timedelta(days=15))})

    # --- attempts -------------------------------------------------------------------------------------------------

    def attempt(self, limit: Limit, subject: str, at: datetime) -> bool:
        """Count one attempt; False, and not counted, when the window's allowance is used up."""
        counted = self.update(
            _tries_key(limit, subject, at),
            "SET tries = if_not_exists(tries, :none) + :one, expires = :expires",
            {":none": 0, ":one": 1, ":most": limit.most, ":expires": epoch(at + 2 * limit.window)},
            condition="attribute_not_exists(tries) OR tries < :most",
        )
        return counted is not None

    def attempts(self, limit: Limit, subject: str, at: datetime) -> int:
        """Return how many attempts were counted in the present window."""
        item = self.get(_tries_key(limit, subject, at))
        return int(item["tries"]) if item else 0

    def give_back(self, limit: Limit, subject: str, at: datetime) -> None:
        """Take back one attempt that turned out to be the owner's."""
        self.update(
            _tries_key(limit, subject, at),
            "SET tries = tries - :one",
            {":one": 1, ":none": 0},
            condition="tries > :none",
        )

    def forgive(self, limit: Limit, subject: str, at: datetime) -> None:
        """Forget the attempts of the present window."""
        self.delete(_tries_key(limit, subject, at))

    def knows(self, customer_id: str, network: str, at: datetime) -> bool:
        """Tell whether an account's owner has shown themselves from a network lately."""
        item = self.get(_known_key(customer_id, network))
        return item is not None and bool(item["until"] > rfc3339(at))

    def remember(self, customer_id: str, network: str, at: datetime) -> None:
        """Remember that an account's owner uses a network."""
        until = at + KNOWN_NETWORK
        self.put({**_known_key(customer_id, network), "until": rfc3339(until), "expires": epoch(until)})


def mails(images: Sequence[dict[str, Any]]) -> list[str]:
    """Return the mail orders, as text, that items of a stream carry, given their images in DynamoDB's wire form."""
    return [image["mail"]["S"] for image in images if "mail" in image]


def _account_key(customer_id: str) -> dict[str, str]:
    return {"pk": f"ACCOUNT#{customer_id}", "sk": "ACCOUNT"}


def _email_key(email: str) -> dict[str, str]:
    return {"pk": f"EMAIL#{email}", "sk": "EMAIL"}


def _token_key(customer_id: str, purpose: Purpose) -> dict[str, str]:
    return {"pk": f"ACCOUNT#{customer_id}", "sk": f"TOKEN#{purpose}"}


def _mail_key(order_id: str) -> dict[str, str]:
    return {"pk": f"MAIL#{order_id}", "sk": "MAIL"}


def _tries_key(limit: Limit, subject: str, at: datetime) -> dict[str, str]:
    return {"pk": f"TRIES#{fingerprint(limit.key(subject, at))}", "sk": "TRIES"}


def _known_key(customer_id: str, network: str) -> dict[str, str]:
    return {"pk": f"KNOWN#{fingerprint(customer_id, network)}", "sk": "KNOWN"}


def _account_item(account: Account, outbox: str | None, mail: EmailRequest | None) -> Item:
    return {
        **_account_key(account.id),
        **to_item(account),
        "outbox": outbox,
        "mail": msgspec.json.encode(mail).decode() if mail else None,
    }


def _mail_item(request: EmailRequest, at: datetime) -> Item:
    text = msgspec.json.encode(request).decode()
    return {**_mail_key(request.id), "mail": text, "expires": epoch(at + timedelta(days=2))}
