"""A platform in memory behind the connectors' own port: it remembers what it took and answers as it was told."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, NoReturn
from uuid import uuid4

from connectors.base import Capabilities, PlatformConnector
from connectors.errors import ConnectorError, OutcomeUnknown
from connectors.shapes import ChannelHealth, Credentials, OutboundMessage, SentMessage

Answer = Callable[["PlatformDouble", OutboundMessage], Awaitable[SentMessage]]


class Crash(BaseException):
    """The process dies here: nothing after this point runs."""


@dataclass
class Taken:
    """One message that the platform has."""

    reference: str
    phone: str
    text: str
    provider_message_id: str
    at: datetime


@dataclass
class PlatformDouble(PlatformConnector):
    """Takes what it is sent. `answers` are used up one a call, then `usually` for ever; the same for look-ups.

    Not taken are the ids by which it would recognise a repeat: like the real one it takes a second message with the
    same reference, so that a double shows.
    """

    name: ClassVar[str] = "wassenger"
    capabilities: ClassVar[Capabilities] = Capabilities(dm=True, lookup_by_reference=True, max_text_chars=6000)

    answers: list[Answer] = field(default_factory=list)
    usually: Answer | None = None
    lookup_problems: list[BaseException] = field(default_factory=list)
    visible: bool = True
    taken: list[Taken] = field(default_factory=list)
    calls: list[tuple[float, str]] = field(default_factory=list)
    lookups: list[tuple[float, str]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    look_together: asyncio.Barrier | None = None
    """Look-ups wait here for each other, with their answers in hand."""
    before_answer: Callable[[], Awaitable[object]] | None = None
    """What happens elsewhere while a call is on its way."""

    async def send(self, credentials: Credentials, message: OutboundMessage) -> SentMessage:
        """The next answer."""
        self.calls.append((time.monotonic(), message.reference))
        self.called.set()
        if self.before_answer is not None:
            await self.before_answer()
        answer = self.answers.pop(0) if self.answers else self.usually or take
        return await answer(self, message)

    async def find_by_reference(self, credentials: Credentials, reference: str) -> SentMessage | None:
        """What was taken with this reference, unless the look-up meets its next problem."""
        self.lookups.append((time.monotonic(), reference))
        if self.lookup_problems:
            raise self.lookup_problems.pop(0)
        found = [taken for taken in self.taken if taken.reference == reference]
        if self.look_together is not None:
            await self.look_together.wait()
        return _sent(found[0]) if found and self.visible else None

    async def check_credentials(self, credentials: Credentials) -> ChannelHealth:
        """Always well."""
        return ChannelHealth(ok=True, detail="well")

    def keep(self, message: OutboundMessage) -> Taken:
        """The platform has the message from here on."""
        taken = Taken(message.reference, message.to_phone, message.text, uuid4().hex, datetime.now(UTC))
        self.taken.append(taken)
        return taken

    def count(self, reference: str) -> int:
        """How many messages it has with this reference."""
        return self.references()[reference]

    def references(self) -> Counter[str]:
        """How often it took each reference."""
        return Counter(taken.reference for taken in self.taken)


class DeafPlatform(PlatformDouble):
    """One that cannot be asked by reference."""

    capabilities: ClassVar[Capabilities] = Capabilities(dm=True, max_text_chars=6000)

    async def find_by_reference(self, credentials: Credentials, reference: str) -> SentMessage | None:
        """Nobody may come here."""
        raise AssertionError("a platform without look-up was asked")


def _sent(taken: Taken) -> SentMessage:
    return SentMessage(provider_message_id=taken.provider_message_id, raw_status="queued", accepted_at=taken.at)


async def take(platform: PlatformDouble, message: OutboundMessage) -> SentMessage:
    """Takes the message and says so."""
    return _sent(platform.keep(message))


async def take_then_drop(platform: PlatformDouble, message: OutboundMessage) -> NoReturn:
    """Takes the message; the connection breaks before the answer."""
    platform.keep(message)
    raise OutcomeUnknown("the connection broke before the answer")


async def drop(platform: PlatformDouble, message: OutboundMessage) -> NoReturn:
    """Does not take the message, and the caller cannot know."""
    raise OutcomeUnknown("the connection broke before the answer")


async def take_then_crash(platform: PlatformDouble, message: OutboundMessage) -> NoReturn:
    """Takes the message; the caller dies before it can read the answer."""
    platform.keep(message)
    raise Crash


async def crash(platform: PlatformDouble, message: OutboundMessage) -> NoReturn:
    """The caller dies while writing: the platform never has the message."""
    raise Crash


def fail(error: ConnectorError | Crash) -> Answer:
    """Answers with an error."""

    async def answer(platform: PlatformDouble, message: OutboundMessage) -> NoReturn:
        raise error

    return answer


def slowly(seconds: float, then: Answer = take) -> Answer:
    """Answers after a while."""

    async def answer(platform: PlatformDouble, message: OutboundMessage) -> SentMessage:
        await asyncio.sleep(seconds)
        return await then(platform, message)

    return answer
