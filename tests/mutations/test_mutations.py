"""Five guards of the engine are taken out one by one; for each a named test notices (docs/mutations.md lists them)."""

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from db import closing
from db.engine import Database
from db.ledger import claim as claims
from db.ledger import express
from db.ledger.attempts import Claim
from db.tables import Delivery
from domain.deliveries import DeliveryRequest
from domain.gate import GateFacts, Verdict, decide
from tests.activities import test_send_crashes as crashes
from tests.activities import test_send_errors as errors
from tests.activities import test_send_gate as gate
from tests.activities import test_send_once as once
from tests.db import test_reply_races as races

REAL_DECIDE = decide
REAL_PASS_GATE = claims._pass_gate
AFTER_THE_REQUEST = next(point for point in crashes.POINTS if point.name == "after the request is written")


async def claim_without_looking(
    session: AsyncSession, request: DeliveryRequest, lease: timedelta, grace: timedelta
) -> Claim:
    """The claim without the question whether an earlier attempt called already."""
    delivery = await claims._find_or_make(session, request)
    return await REAL_PASS_GATE(session, delivery, request, lease)


async def always_a_new_row(session: AsyncSession, request: DeliveryRequest) -> Delivery:
    """The insert without the unique key: every attempt gets a delivery of its own."""
    values = request.model_dump(exclude={"interaction_id"})
    delivery = Delivery(**{**values, "idempotency_key": f"{request.idempotency_key}/{uuid4()}"})
    session.add(delivery)
    await session.flush()
    return delivery


def blind_to_opt_outs(facts: GateFacts) -> Verdict:
    """The gate without the opt-out check."""
    return REAL_DECIDE(dataclasses.replace(facts, suppressed=False))


def blind_to_the_campaign(facts: GateFacts) -> Verdict:
    """The gate without the campaign's state."""
    return REAL_DECIDE(dataclasses.replace(facts, campaign=None))


NO_LOOK_FOR_A_REPLY = text("""
    SELECT e.closed_at, NULL AS replied_at, false AS in_line, c.phone
    FROM enrollments e JOIN contacts c ON c.tenant_id = e.tenant_id AND c.id = e.contact_id
    WHERE e.tenant_id = :tenant_id AND e.campaign_id = :campaign_id AND e.contact_id = :contact_id FOR UPDATE OF e
""")


@dataclass(frozen=True)
class Mutation:
    """A guard (where it stands and what stands in its place, once for each way), and the test that must fail then."""

    name: str
    places: list[tuple[Any, str, Any]]
    caught_by: Callable[[Database], Awaitable[None]]


CLAIM_WITHOUT_A_KEY = express._CLAIM.replace("$6, $7, $8", "$6, $7 || gen_random_uuid(), $8")

MUTATIONS = [
    Mutation(
        "the claim check", [(claims, "claim", claim_without_looking)],
        lambda database: crashes.test_a_death_leaves_the_documented_state_and_the_next_attempt_sends_once(
            database, AFTER_THE_REQUEST, None
        ),
    ),
    Mutation(
        "the unique key", [(claims, "_find_or_make", always_a_new_row), (express, "_CLAIM", CLAIM_WITHOUT_A_KEY)],
        once.test_two_workers_with_the_same_key_at_once_call_once,
    ),
    Mutation("the opt-out check", [(claims, "decide", blind_to_opt_outs)], gate.test_a_stop_survives_a_re_import),
    Mutation(
        "the final look before no reply", [(closing, "_LOCK", NO_LOOK_FOR_A_REPLY)],
        races.test_a_reply_that_was_recorded_but_not_signalled_is_found_at_the_end,
    ),
    Mutation(
        "the gate's campaign state", [(claims, "decide", blind_to_the_campaign)],
        errors.test_a_pause_that_comes_while_a_claim_waits_for_its_slot_holds_the_message,
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
async def test_taking_a_guard_out_is_noticed(
    database: Database, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await mutation.caught_by(database)

    for where, guard, instead in mutation.places:
        monkeypatch.setattr(where, guard, instead)
    # By its own assertion, or because the database refuses what two messages under one reference lead to.
    with pytest.raises((AssertionError, asyncpg.PostgresError)):
        await mutation.caught_by(database)
