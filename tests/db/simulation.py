"""A seeded simulation: campaigns, ledger, platform and clock, with every fault as a step that may come at any time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from temporalio.exceptions import ApplicationError

from activities.deliveries import SendTimes
from connectors.errors import CredentialsExpired, Rejected, Throttled, Transient
from db import cancelling, running
from db.closing import close_enrollment
from db.engine import Database
from db.receipts import apply_receipt
from domain.deliveries import DeliveryRequest, Receipt, ReceiptOutcome
from domain.inbound import ReceiptFact
from domain.progress import Counts
from domain.receipts import RECEIPTS
from domain.signals import Signal, SignalName
from domain.statuses import CampaignStatus, Outcome
from tests.ledger_world import Person, World, attempt, sender
from tests.platform_double import (
    Answer,
    Crash,
    PlatformDouble,
    crash,
    drop,
    fail,
    take,
    take_then_crash,
    take_then_drop,
)

ANSWERS: dict[str, Answer] = {
    "ok": take,
    "rejected": fail(Rejected("no such number")),
    "unknown, taken": take_then_drop,
    "unknown, not taken": drop,
    "crash after the claim": crash,
    "crash after it was taken": take_then_crash,
    "throttled": fail(Throttled("slow down", retry_after_seconds=60)),
    "not reached": fail(Transient("no connection")),
    "credentials": fail(CredentialsExpired("key refused")),
}
# Long enough that only the step "time passes" ends them.
FROZEN = SendTimes(lease=timedelta(hours=1), grace=timedelta(hours=1))
CAMPAIGNS, PEOPLE = 2, 4
CHANCE = st.integers(0, 2**32 - 1).map(Random)
"""Draws evenly, where Hypothesis itself prefers the first of everything; it still repeats from its seed."""
# Faults outnumber what goes well; the weights keep a run from ending before anything could happen.
OUTCOMES = ["ok"] * 5 + ["rejected"] + sorted(ANSWERS)
COMMANDS = ["paused"] * 3 + ["running"] * 5 + ["cancelled"]
Result = TypeVar("Result")


@dataclass
class Part:
    """One contact's part in one campaign, with what its workflow would know."""

    person: Person
    generation: int = 0
    message_1: Receipt | None = None
    reply_known: bool = False
    stopped: bool = False

    @property
    def key_1(self) -> DeliveryRequest:
        """Message 1 of the present generation."""
        return self.person.message_1(self.generation)

    @property
    def waits(self) -> bool:
        """Message 1 is out, and neither a reply nor an end is known."""
        out = self.message_1 is not None and self.message_1.outcome == ReceiptOutcome.SENT
        return out and not self.reply_known and not self.stopped

    @property
    def may_answer(self) -> bool:
        """The workflow goes on to Message 2."""
        out = self.message_1 is not None and self.message_1.outcome == ReceiptOutcome.SENT
        return out and self.reply_known and not self.stopped


@dataclass
class Human:
    """A person as the platform knows them."""

    person: Person
    texts: list[str] = field(default_factory=list)
    calls_when_stopped: int | None = None


class Simulation(RuleBasedStateMachine):
    """Four people in two campaigns on one channel."""

    loop: ClassVar[asyncio.AbstractEventLoop]
    database: ClassVar[Database]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Lets the test's own event loop do it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @initialize(chance=CHANCE)
    def begin(self, chance: Random) -> None:
        """A new tenant; for some a first attempt at Message 1 was made."""
        self.platform = PlatformDouble()
        self.deliveries = sender(self.database, self.platform, FROZEN)
        self.run(self._begin())
        for part in self.parts:
            if chance.random() < 0.7:
                self._send_message_1(part, chance, all_well=True)

    async def _begin(self) -> None:
        first = await World.make(self.database)
        self.worlds = [first, *[await first.another_campaign() for _ in range(CAMPAIGNS - 1)]]
        people = [await first.person() for _ in range(PEOPLE)]
        self.humans = [Human(person) for person in people]
        self.parts = [Part(person) for person in people]
        for world in self.worlds[1:]:
            for person in people:
                self.parts.append(Part(await world.person(contact_id=person.contact_id, phone=person.phone)))

    def _part(self, chance: Random, wanted: Callable[[Part], bool]) -> Part | None:
        """One of the parts that are in this state."""
        fitting = [part for part in self.parts if wanted(part)]
        return chance.choice(fitting) if fitting else None

    # --- sends -----------------------------------------------------------------------------------------------------

    @rule(chance=CHANCE)
    def send(self, chance: Random) -> None:
        """Some attempts: Message 2 where a workflow knows of a reply, Message 1 wanted or one too many."""
        for _ in range(3):
            answers = self._part(chance, lambda part: part.may_answer)
            if answers is not None and chance.random() < 0.6:
                self._send_message_2(answers, chance, all_well=chance.random() < 0.7)
                continue
            unsent = self._part(chance, lambda part: part.message_1 is None)
            self._send_message_1(unsent or chance.choice(self.parts), chance, all_well=chance.random() < 0.7)

    def _send_message_1(self, part: Part, chance: Random, *, all_well: bool) -> None:
        if all_well:
            self.time_passes()
        part.message_1 = self.run(self._attempt(part.key_1, chance.choice(OUTCOMES))) or part.message_1

    def _send_message_2(self, part: Part, chance: Random, *, all_well: bool) -> None:
        if all_well:
            self.time_passes()
        self.run(self._attempt(part.person.message_2(), chance.choice(OUTCOMES)))

    async def _attempt(self, request: DeliveryRequest, answer: str) -> Receipt | None:
        self.platform.answers = [ANSWERS[answer]]
        try:
            return await attempt(self.deliveries, request)
        except (ApplicationError, Crash):
            return None
        finally:
            self.platform.answers = []

    @rule()
    def time_passes(self) -> None:
        """Leases, graces, holds and cool-downs are over; a person has put new credentials in."""
        self.run(self._time_passes())

    async def _time_passes(self) -> None:
        world = self.worlds[0]
        await world.run(
            "UPDATE deliveries SET claim_expires_at = claim_expires_at - interval '1 day', hold_until = now(), "
            "settle_after = settle_after - interval '1 day' WHERE tenant_id = :tenant"
        )
        await world.run(
            "UPDATE channels SET status = 'active', throttled_until = NULL, breaker = '{}' WHERE id = :channel"
        )

    # --- people ----------------------------------------------------------------------------------------------------

    @rule(chance=CHANCE)
    def people_write(self, chance: Random) -> None:
        """A reply, whose signal may be lost; the same webhook again; rarely a STOP, which ends much; a START."""
        for _ in range(2):
            human = chance.choice(self.humans)
            what = chance.choices(["reply", "repeat", "stop", "start"], weights=[8, 4, 1, 1])[0]
            signalled = chance.random() < 0.7
            if what == "repeat" and human.texts:
                self._write(human, "Yes", chance.choice(human.texts), signalled=signalled)
            elif what == "stop":
                self._write(human, "STOP", uuid4().hex, signalled=True)
                human.calls_when_stopped = len(self.platform.calls)
            elif what == "start":
                human.calls_when_stopped = None
                self._write(human, "START", uuid4().hex, signalled=signalled)
            else:
                self._write(human, "Yes please", uuid4().hex, signalled=signalled)

    def _write(self, human: Human, words: str, message_id: str, *, signalled: bool) -> None:
        if message_id not in human.texts:
            human.texts.append(message_id)
        signals = self.run(human.person.writes(words, message_id))
        if signalled:
            self._deliver(signals)

    def _deliver(self, signals: list[Signal]) -> None:
        for signal in signals:
            for part in self.parts:
                world = part.person.world
                if signal.workflow_id == f"campaign/{world.campaign_id}/contact/{part.person.contact_id}":
                    part.reply_known = part.reply_known or signal.name == SignalName.REPLY_RECEIVED
                    part.stopped = part.stopped or signal.name == SignalName.STOP

    # --- workflows and operators -----------------------------------------------------------------------------------

    @rule(chance=CHANCE)
    def workflows_end(self, chance: Random) -> None:
        """A timer: one look, then the end. Those that were stopped close what nobody closed for them."""
        for part in self.parts:
            if part.stopped:
                self.run(self._close(part, Outcome.OPTED_OUT))
        ends = self._part(chance, lambda each: each.waits)
        if ends is None:
            return
        if chance.random() < 0.5:
            over = "UPDATE enrollments SET reply_deadline = now() - interval '1 second' WHERE tenant_id = :tenant"
            self.run(
                ends.person.world.run(
                    f"{over} AND campaign_id = :campaign AND contact_id = :contact AND reply_deadline IS NOT NULL",
                    contact=ends.person.contact_id,
                )
            )
        closed, _ = self.run(self._close(ends, Outcome.NO_REPLY))
        ends.stopped, ends.reply_known = closed, not closed

    async def _close(self, part: Part, outcome: Outcome) -> tuple[bool, Any]:
        world = part.person.world
        async with self.database.tenant(world.tenant_id) as session:
            return await close_enrollment(session, world.tenant_id, world.campaign_id, part.person.contact_id, outcome)

    @rule(chance=CHANCE)
    def command(self, chance: Random) -> None:
        """Pause, resume or cancel, and retry what failed."""
        for world in self.worlds:
            self.run(self._retry(world))
        status = CampaignStatus(chance.choice(COMMANDS))
        self.run(self._command(chance.choice(self.worlds), status, pages=chance.randint(0, PEOPLE)))

    async def _command(self, world: World, status: CampaignStatus, pages: int) -> None:
        async with self.database.tenant(world.tenant_id) as session:
            await running.write_state(session, world.tenant_id, world.campaign_id, running.State(status=status))
        if status == CampaignStatus.CANCELLED:
            await self._stop(world, pages)

    async def _stop(self, world: World, pages: int) -> None:
        """The contacts of a cancelled campaign, page by page; whoever does it may die before the last."""
        last: UUID | None = cancelling.START
        while last is not None and (pages := pages - 1) >= 0:
            async with self.database.tenant(world.tenant_id) as session:
                last = await cancelling.close_page(session, world.tenant_id, world.campaign_id, last, limit=2)

    async def _retry(self, world: World) -> None:
        async with self.database.tenant(world.tenant_id) as session:
            await running.requeue_failed(session, world.tenant_id, world.campaign_id)
        for part in self.parts:
            generation = (await part.person.enrollment()).generation
            if generation != part.generation:
                part.generation, part.message_1, part.reply_known, part.stopped = generation, None, False, False

    @precondition(lambda self: self.platform.taken)
    @rule(chance=CHANCE)
    def receipts(self, chance: Random) -> None:
        """The platform tells how far some of its messages came."""
        for taken in chance.choices(self.platform.taken, k=3):
            signals = self.run(self._receive(taken.reference, chance.choice(sorted(RECEIPTS))))
            self._deliver(signals or [])

    async def _receive(self, reference: str, status: str) -> list[Signal] | None:
        world = self.worlds[0]
        fact = ReceiptFact.model_validate({"reference": reference, "status": status})
        async with self.database.tenant(world.tenant_id) as session:
            [now] = await world.run("SELECT now() AS at")
            return await apply_receipt(session, world.tenant_id, world.channel_id, fact, now.at)

    # --- what must hold after every step ---------------------------------------------------------------------------

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        """At most one message under each key; the key of a retry is a new intended act."""
        doubles = {key: count for key, count in self.platform.references().items() if count > 1}
        assert doubles == {}

    @invariant()
    def nothing_is_claimed_for_a_suppressed_person(self) -> None:
        """From the commit of the STOP on, the platform hears nothing for that person."""
        for human in self.humans:
            if human.calls_when_stopped is None:
                continue
            later = [key for _, key in self.platform.calls[human.calls_when_stopped :]]
            assert [key for key in later if str(human.person.contact_id) in key] == []

    @invariant()
    def the_books_agree_with_the_platform(self) -> None:
        """Everything else, read at one instant."""
        self.run(self._check_books())

    async def _check_books(self) -> None:
        world = self.worlds[0]
        taken = self.platform.references()
        deliveries = await world.run("""
            SELECT d.idempotency_key AS key, d.kind, d.status,
                   EXISTS (SELECT FROM action_log l WHERE l.delivery_id = d.id) AS logged,
                   EXISTS (SELECT FROM interactions i WHERE i.tenant_id = d.tenant_id AND i.counted
                           AND i.campaign_id = d.campaign_id AND i.contact_id = d.contact_id) AS counted
            FROM deliveries d WHERE d.tenant_id = :tenant
        """)
        for row in deliveries:
            if taken[row.key]:
                assert row.status in ("sending", "unknown", "sent"), f"{row.key} is out, and {row.status} on record"
            else:
                assert row.status != "sent", f"{row.key} is not out, and sent on record"
            assert row.logged or row.status in ("queued", "sending"), f"{row.key} has no line"
            if row.kind == "message_2" and taken[row.key]:
                assert row.counted, f"{row.key} went out without a reply that counts"
        await self._check_people()

    async def _check_people(self) -> None:
        world = self.worlds[0]
        enrollments = await world.run("""
            SELECT campaign_id, status, closed_at IS NOT NULL AS closed, outcome FROM enrollments
            WHERE tenant_id = :tenant
        """)
        for world in self.worlds:
            mine = [row.status for row in enrollments if row.campaign_id == world.campaign_id]
            assert Counts.of({status: mine.count(status) for status in mine}).total == PEOPLE
        assert [row for row in enrollments if row.closed and row.status == "pending"] == [], "lost without a word"
        assert [row for row in enrollments if row.closed != (row.outcome is not None)] == []
        texts = await world.run("SELECT provider_message_id AS id FROM messages WHERE tenant_id = :tenant "
                                "AND direction = 'in'")  # fmt: skip
        assert sorted(row.id for row in texts) == sorted(text for human in self.humans for text in human.texts)

    def teardown(self) -> None:
        """Once all is well again, everything in the air settles, and nothing is sent twice by that either."""
        if hasattr(self, "parts"):
            self.run(self._settle_all())
            self.nothing_is_sent_twice()
            self.run(self._check_books())

    async def _settle_all(self) -> None:
        requests = [request for part in self.parts for request in (part.key_1, part.person.message_2())]
        for _ in range(3):
            await self._time_passes()
            for request in requests:
                if await self.parts[0].person.status(request) in ("sending", "unknown"):
                    await self._attempt(request, "ok")
        for request in requests:
            assert await self.parts[0].person.status(request) not in ("sending", "unknown")
