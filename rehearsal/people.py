"""The people of a rehearsal: who answers, and when; and the workflow that lets one of them speak at that time."""

import math
from datetime import timedelta
from random import Random
from uuid import UUID

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.signals import ReplyReceived, SignalName
    from rehearsal.facts import Assumptions, Frozen


class Habits:
    """What each person does, drawn from the seed and the person alone: the order of events changes nothing."""

    def __init__(self, assumptions: Assumptions) -> None:
        self._assume = assumptions

    def answers_after(self, contact_id: UUID) -> timedelta | None:
        """How long after Message 1 this person answers; None if never."""
        chance = self._chance("reply", contact_id)
        if chance.random() >= self._assume.reply_share:
            return None
        # Answers thin out with time: half of them within the given delay, a quarter within the next, and so on.
        return timedelta(seconds=-math.log2(1.0 - chance.random()) * self._assume.reply_after_seconds)

    def is_refused(self, contact_id: UUID) -> bool:
        """Whether the platform refuses the message to this person."""
        return self._chance("failure", contact_id).random() < self._assume.failure_share

    def _chance(self, matter: str, contact_id: UUID) -> Random:
        return Random(f"{self._assume.seed}/{matter}/{contact_id}")  # noqa: S311 - a rehearsal has to repeat


class Reply(Frozen):
    """Which workflow a reply goes to."""

    workflow_id: str
    reply: ReplyReceived


@workflow.defn(name="RehearsedReply")
class RehearsedReply:
    """One reply; its start is delayed until the person has thought."""

    @workflow.run
    async def run(self, said: Reply) -> None:
        """Reaches the enrollment as the webhook's signal does."""
        handle = workflow.get_external_workflow_handle(said.workflow_id)
        await handle.signal(SignalName.REPLY_RECEIVED.value, said.reply)
