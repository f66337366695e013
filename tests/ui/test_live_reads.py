"""What looking costs the database: as much for many as for one, on each page that is live."""

from itertools import pairwise

import pytest

from api.streams import POLL_SECONDS
from api.ui.routes.channels import HEALTH_SECONDS
from db.tables import User
from domain.people import Role
from tests.api.campaign_rows import change_row
from tests.api.people import Company
from tests.api.server import serving
from tests.ui.people import add_user
from tests.ui.served import House, Read, watching
from tests.ui.test_campaigns import enroll_in
from tests.waiting import until

MANY = 12
INTERVALS = 3
COSTS = {
    "/campaigns/live": (POLL_SECONDS, 3),
    "/campaigns/{campaign_id}/live": (POLL_SECONDS, 6),
    "/channels/{channel_id}/live": (HEALTH_SECONDS, 2),
}
"""The interval and the statements of a read (docs/pages.md tells them)."""


async def reads_while(house: House, address: str, place: str, users: list[User]) -> list[Read]:
    """The reads that are made once all these people look, and with each what the application had asked until then."""
    async with watching(address, place, users):
        assert house.pollers == 1
        first = len(house.reads)

        async def enough() -> bool:
            return len(house.reads) > first + INTERVALS

        await until(enough, "the poller reads again and again")
        return house.reads[first : first + INTERVALS + 1]


@pytest.mark.parametrize("place", COSTS)
async def test_many_viewers_cost_the_same_statements_in_an_interval_as_one(
    house: House, company: Company, place: str
) -> None:
    campaign_id = (await company.campaign())["id"]
    await change_row(company, campaign_id, status="running")
    await enroll_in(company, campaign_id)
    people = [await add_user(company.database, company.tenant_id, Role.VIEWER) for _ in range(MANY)]
    at = place.format(campaign_id=campaign_id, channel_id=company.channel_id)
    with serving(house.make_app) as address:
        alone = await reads_while(house, address, at, people[:1])
        together = await reads_while(house, address, at, people)
    interval, statements = COSTS[place]
    for reads in (alone, together):
        assert [later.statements - earlier.statements for earlier, later in pairwise(reads)] == [statements] * INTERVALS
        assert min(later.at - earlier.at for earlier, later in pairwise(reads)) >= 0.98 * interval
