"""The end of an enrollment that has to wait for a stored text: quiet, and left to a timer of the server."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.testing import ActivityEnvironment

from activities.enrollments import EnrollmentRecords
from db.engine import Database
from db.inbound import store_event
from domain.inbound import IncomingEvent, TextFact
from domain.statuses import Outcome
from tests.ledger_world import Person, World, sender, settle
from tests.platform_double import PlatformDouble
from workflows.policies import RECORD
from workflows.ports import CloseRequest, EnrollmentRef


async def text_is_stored(person: Person) -> None:
    """The person wrote "Yes", and nobody has acted on it yet."""
    world = person.world
    fact = TextFact(provider_message_id=uuid4().hex, phone=person.phone, text="Yes")
    event = IncomingEvent(
        channel_id=world.channel_id, dedupe_key=uuid4().hex, event_name="message:in:new", raw=b"{}", facts=[fact]
    )
    async with world.database.tenant(world.tenant_id) as session:
        await store_event(session, world.tenant_id, event)


def enrollment_of(person: Person) -> EnrollmentRef:
    """The person's part of the campaign, by name."""
    world = person.world
    return EnrollmentRef(tenant_id=world.tenant_id, campaign_id=world.campaign_id, contact_id=person.contact_id)


async def test_an_end_that_waits_for_a_text_is_no_failure_and_holds_no_worker(database: Database) -> None:
    world = await World.make(database)
    person = await world.person()
    await settle(sender(database, PlatformDouble()), person.message_1())
    await text_is_stored(person)

    with pytest.raises(ApplicationError, match="a text waits") as caught:
        await ActivityEnvironment().run(
            EnrollmentRecords(database).close, CloseRequest(enrollment=enrollment_of(person), outcome=Outcome.NO_REPLY)
        )

    assert caught.value.category == ApplicationErrorCategory.BENIGN, "it would log a traceback each time"
    assert (caught.value.next_retry_delay or timedelta(0)) > RECORD["local_retry_threshold"]


@pytest.mark.parametrize("outcome", [Outcome.NO_REPLY, Outcome.UNKNOWN])
async def test_an_end_without_an_answer_stands_back_behind_a_reply_on_record(
    database: Database, outcome: Outcome
) -> None:
    world = await World.make(database)
    person = await world.person(status="unknown", replied_at=datetime.now(UTC))

    result = await ActivityEnvironment().run(
        EnrollmentRecords(database).close, CloseRequest(enrollment=enrollment_of(person), outcome=outcome)
    )

    assert not result.closed
    assert (await person.enrollment()).closed_at is None


async def test_an_unknown_message_1_does_not_end_while_a_text_is_not_acted_on(database: Database) -> None:
    world = await World.make(database)
    person = await world.person(status="unknown")
    await text_is_stored(person)

    with pytest.raises(ApplicationError, match="a text waits"):
        await ActivityEnvironment().run(
            EnrollmentRecords(database).close, CloseRequest(enrollment=enrollment_of(person), outcome=Outcome.UNKNOWN)
        )
