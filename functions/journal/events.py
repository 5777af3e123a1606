"""The facts the journal publishes: what operators do through it. It reads all there are, and none by its fields."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from functions.shared.types import CustomerId, Data

Queue = Annotated[str, Meta(examples=["souk-local-orders-inbox-dlq"])]
MessageId = Annotated[str, Meta(examples=["5fea7756-0ea4-451a-a703-a558b933e274"])]


# --- published ---------------------------------------------------------------------------------------------------


class DeadLettersReturned(Data, frozen=True):
    """Dead letters go back to the queue they came from; each is told before it goes."""

    queue: Queue
    message_ids: tuple[MessageId, ...]


class DeadLetterDeleted(Data, frozen=True):
    """A dead letter is deleted for good; told before it goes. ``fact`` is the id of the event that it held, if any."""

    queue: Queue
    message_id: MessageId
    reason: Annotated[str, Meta(examples=["test data of the old shop"])]
    fact: Annotated[str | None, Meta(examples=["ord_01kaqz5r7b8v0w3m2x4y6t9n1c.1.OrderPlaced"])] = None


class FaultSwitched(Data, frozen=True):
    """A service of the local stack is switched off, held back, or neither any more; null: left as it is."""

    service: Annotated[str, Meta(examples=["catalog"])]
    down: bool | None = None
    slow: bool | None = None


PUBLISHED = (DeadLettersReturned, DeadLetterDeleted, FaultSwitched)

# --- read --------------------------------------------------------------------------------------------------------


class CustomerErased(Data, frozen=True):
    """identity: nothing of this person is to be kept."""

    customer_id: CustomerId
