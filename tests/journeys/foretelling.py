"""A campaign's length twice: as a rehearsal foretells it, and as it then came."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rehearsal.apart import rehearsed
from rehearsal.facts import Assumptions, Brief, CampaignFacts
from tests.journeys.house import Campaign, House


class Length(NamedTuple):
    """Seconds from the start to the end, and from the first Message 1 to the last."""

    whole: float
    sending: float


async def foretold(house: House, campaign: Campaign, **people: float) -> Length:
    """By a rehearsal of the campaign as it stands; `people` are its assumptions."""
    facts = await house.call("GET", f"/api/campaigns/{campaign.id}/rehearsal-facts", expect=200)
    brief = Brief(campaign=CampaignFacts.model_validate(facts), assumptions=Assumptions.model_validate(people))
    result = await rehearsed(brief)
    assert result.message_1 == len(campaign.phones)
    assert result.first_message_at is not None
    assert result.last_message_1_at is not None
    return Length(result.duration_seconds, (result.last_message_1_at - result.first_message_at).total_seconds())


async def happened(house: House, campaign: Campaign) -> Length:
    """By the engine's record of the campaign's start and end, and the platform's log of its messages."""
    query = "SELECT started_at, ended_at FROM campaigns WHERE id = :id"
    started, ended = (await house.rows(query, id=UUID(campaign.id)))[0]
    assert isinstance(started, datetime)
    firsts = [post for post in await house.received(campaign.channel) if post["text"].startswith("Hello")]
    assert sorted(post["phone"] for post in firsts) == sorted(campaign.phones)
    at = [post["at"] for post in firsts]
    return Length((ended - started).total_seconds(), max(at) - min(at))
