"""The signing keys: made and kept by KMS, told to the world through one SSM parameter, replaced in time.

The private halves never leave KMS. What is published is always written before a key signs, so no service can meet a
token whose key it could not have learnt. A key set from before keys were RSA goes over by itself: its next key is one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from msgspec.structs import replace

from functions.identity.accounts.domain import Account
from functions.identity.events import SigningKeysChanged
from functions.identity.keys import access_tokens
from functions.identity.keys.domain import Key, KeySet
from functions.identity.keys.table import KeysTable
from functions.shared import aws, log
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError, UnavailableError
from functions.shared.ids import new_id
from functions.shared.outbox import fact, pack

if TYPE_CHECKING:
    from mypy_boto3_kms.literals import SigningAlgorithmSpecType
    from mypy_boto3_kms.type_defs import TagTypeDef

_KEPT = timedelta(seconds=60)
_PENDING_DAYS = 7  # the least KMS allows


@dataclass(frozen=True)
class Publication:
    """Whose keys they are and where they are told.

    Parameters
    ----------
    issuer, audience
        The ``iss`` and ``aud`` of every access token.
    parameter
        Name of the SSM parameter that the services read.
    environment
        Value of the tag ``souk`` on every key; permissions go by it.
    lead
        How long a key is published before it signs.
    """

    issuer: str
    audience: str
    parameter: str
    environment: str
    lead: timedelta


class SigningKeys:
    """The key set as one worker knows it: read again after a minute."""

    def __init__(self, table: KeysTable, publication: Publication) -> None:
        self._table = table
        self._publication = publication
        self._kept: tuple[KeySet, datetime] | None = None

    def access_token(self, account: Account, session_id: str, at: datetime) -> str:
        """Return a signed access token."""
        key = (self.key_set(at) or self._first(at)).current(at)
        claims = access_tokens.claims(
            account,
            session_id,
            issuer=self._publication.issuer,
            audience=self._publication.audience,
            token_id=new_id("jti", at),
            at=at,
        )
        text = access_tokens.signing_input(key.algorithm, key.id, claims)
        return access_tokens.signed(text, _signature(key, text))

    def key_set(self, at: datetime) -> KeySet | None:
        """Return the published keys, None before the first."""
        if self._kept and timedelta() <= at - self._kept[1] < _KEPT:
            return self._kept[0]
        key_set, published = self._table.key_set()
        if key_set is None:
            return None
        if not published:
            self._publish(key_set)
        self._kept = key_set, at
        return key_set

    def rotate(self, at: datetime) -> KeySet:
        """Have another key sign as soon as the services know it; one that waits already is hastened. Safe to repeat.

        Raises
        ------
        ConflictError
            There are too many keys already, or somebody else rotated at the same time.
        """
        before, _ = self._table.key_set()
        if before is None:
            return self._first(at)
        after = before.hastened(at, self._publication.lead)
        if after is None:
            before.require_room()
            after = before.with_key(self._make(at, at + self._publication.lead, before))
        if after is not before and not self._replace(before, after, at):
            raise ConflictError(
                "keys_changed", "The keys were changed at the same time; look again.", retry_after=1
            )
        return after

    def maintain(self, at: datetime) -> KeySet:
        """Make the first key and each next one when it is due, end those that are over, repair what is published.

        Safe to repeat.
        """
        before, _ = self._table.key_set()
        if before is None:
            return self._first(at)
        ended = before.ended(at)
        for key in ended:
            self._forget(key.kms_id)
        after = before.without(ended)
        if (due := after.due(at)) and not after.full:
            after = after.with_key(self._make(at, max(due, at + self._publication.lead), before))
        if after is not before:
            self._replace(before, replace(after, version=before.version + 1), at)
        elif self._published() != self._text(before):
            self._publish(before)
        return after

    def _first(self, at: datetime) -> KeySet:
        """Make the first key; of two workers that do so at once, one stores it and the other takes what is stored."""
        key_set = KeySet((self._make(at, at, None),))
        if self._replace(None, key_set, at):
            return key_set
        theirs = self.key_set(at)
        assert theirs is not None  # noqa: S101  the key set is never deleted
        return theirs

    def _replace(self, before: KeySet | None, after: KeySet, at: datetime) -> bool:
        """Store and publish another key set; False when it has changed meanwhile (a key made for it is used later)."""
        outbox = pack(
            fact(SigningKeysChanged(tuple(key.id for key in after.keys)), "keys", after.version, at)
        )
        if not self._table.store_key_set(before, after, outbox):
            return False
        self._publish(after)
        self._kept = after, at
        log.note(keys=[key.id for key in after.keys])
        return True

    # --- SSM ------------------------------------------------------------------------------------------------------

    def published(self, key_set: KeySet | None) -> dict[str, Any]:
        """Return what the services are told of the keys (functions/shared/tokens.py): whose they are, and JWKs.

        RSA keys are not in ``keys``: what reads that member alone, from before keys were RSA, takes no other there.
        """
        keys = key_set.keys if key_set else ()
        return {
            "issuer": self._publication.issuer,
            "audience": self._publication.audience,
            "keys": [key.jwk() for key in keys if key.algorithm == "ES256"],
            "rs256": [key.jwk() for key in keys if key.algorithm == "RS256"],
        }

    def _text(self, key_set: KeySet) -> str:
        return json.dumps(self.published(key_set), separators=(",", ":"))

    def _publish(self, key_set: KeySet) -> None:
        aws.ssm().put_parameter(
            Name=self._publication.parameter,
            Value=self._text(key_set),
            Type="String",
            Overwrite=True,
            Description="Public keys of access tokens, written by identity, read by every service",
        )
        self._table.mark_published(key_set)

    def _published(self) -> str | None:
        ssm = aws.ssm()
        try:
            return ssm.get_parameter(Name=self._publication.parameter)["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            return None

    # --- KMS ------------------------------------------------------------------------------------------------------

    def _make(self, at: datetime, signs_from: datetime, before: KeySet | None) -> Key:
        """Return a key that is not among those of `before`, at first one that was made for it and never came into it.

        Its id is recorded before anything else is asked of it, so that a key is not lost, and paid for, whatever fails
        in between: KMS may refuse for some minutes to show a new key to a role that knows keys by their tags.

        Raises
        ------
        UnavailableError
            KMS does not show the key yet. The next call goes on with it.
        """
        used = {key.kms_id for key in before.keys} if before else set()
        made = self._table.made_key()
        if made is None or made in used:
            made = self._create(signs_from, made)
        modulus = access_tokens.modulus(self._public_key(made))
        return Key(access_tokens.key_id(modulus), made, rfc3339(at), rfc3339(signs_from), modulus)

    def _create(self, signs_from: datetime, used: str | None) -> str:
        tags: list[TagTypeDef] = [{"TagKey": "souk", "TagValue": self._publication.environment}]
        made = aws.kms().create_key(
            KeySpec="RSA_2048",
            KeyUsage="SIGN_VERIFY",
            Tags=tags,
            Description=f"Souk ({self._publication.environment}): signs access tokens from {rfc3339(signs_from)}",
        )["KeyMetadata"]["KeyId"]
        recorded = self._table.record_made_key(made, instead_of=used)
        if recorded != made:
            self._forget(made)
        return recorded

    def _public_key(self, kms_id: str) -> bytes:
        try:
            return aws.kms().get_public_key(KeyId=kms_id)["PublicKey"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            log.note(level="error", keyError=code, madeKey=kms_id)
            if code in ("NotFoundException", "KMSInvalidStateException"):  # somebody has deleted it
                self._table.drop_made_key(kms_id)
            raise UnavailableError(
                "keys_not_ready", "The keys are being made; try again.", retry_after=10
            ) from None

    def _forget(self, kms_id: str) -> None:
        """Have KMS delete a key that nothing needs any more; if it will not, the log names the key."""
        try:
            aws.kms().schedule_key_deletion(KeyId=kms_id, PendingWindowInDays=_PENDING_DAYS)
        except ClientError as error:
            if error.response["Error"]["Code"] != "KMSInvalidStateException":  # it is about to be deleted
                log.note(level="error", undeletedKey=kms_id, keyError=error.response["Error"]["Code"])


def _signature(key: Key, text: str) -> bytes:
    """Return KMS's signature of a text as a JWT carries it (RFC 7518, 3.3 and 3.4)."""
    algorithm: SigningAlgorithmSpecType = (
        "RSASSA_PKCS1_V1_5_SHA_256" if key.algorithm == "RS256" else "ECDSA_SHA_256"
    )
    answer = aws.kms().sign(
        KeyId=key.kms_id, Message=text.encode(), MessageType="RAW", SigningAlgorithm=algorithm
    )
    found = answer["Signature"]
    return found if key.algorithm == "RS256" else access_tokens.raw_signature(found)
