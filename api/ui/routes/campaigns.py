"""The list of campaigns, live."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import HTMLResponse, StreamingResponse

from api.pagination import decode_cursor, page_of
from api.positions import BY_AGE
from api.routes.campaign_shapes import CampaignProgress, campaign_progress
from api.shapes import Search, Text
from api.streams import Hub
from api.ui import campaign_words
from api.ui.live import live, piece_of
from api.ui.rendering import page
from api.ui.visits import Viewer, ViewersPage
from db.engine import Database
from db.reading.campaigns import list_campaigns
from db.reading.overview import read_overview
from domain.statuses import CampaignStatus

PAGE = 20
"""Campaigns on a page. Their contacts are counted at every change, so it is a short one."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which campaigns a page of the list shows."""

    search: str = ""
    status: str = ""
    cursor: str = ""

    def address(self, **other: str) -> str:
        """The query of this page, or of one that differs in what is given."""
        fields = {"search": self.search, "status": self.status, "cursor": self.cursor, **other}
        return urlencode({name: value for name, value in fields.items() if value})


@dataclass(frozen=True, slots=True)
class Row:
    """One campaign of the list."""

    campaign: CampaignProgress
    channel_name: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list at one instant."""

    asked: Asked
    rows: tuple[Row, ...]
    older: str | None
    last: bool = False

    @property
    def seen(self) -> object:
        """The rows and the way on."""
        return [(row.campaign.seen, row.channel_name) for row in self.rows], self.older


ListKey = tuple[UUID, Asked]
ListHub = Hub[ListKey, Listing]
ROWS = piece_of("campaigns/rows.html", words=campaign_words)


def list_hub(database: Database) -> ListHub:
    """The pages of lists that somebody looks at: all viewers of one share a poller."""

    async def read(key: ListKey) -> Listing:
        tenant_id, asked = key
        async with database.tenant(tenant_id) as session:
            return await _listing(session, asked)

    return Hub(read)


async def _listing(session: AsyncSession, asked: Asked) -> Listing:
    rows = await list_campaigns(
        session,
        search=asked.search or None,
        status=CampaignStatus(asked.status) if asked.status else None,
        after=decode_cursor(asked.cursor or None, BY_AGE),
        limit=PAGE + 1,
    )
    shown, older = page_of(rows, PAGE, lambda row: (row.created_at, row.id))
    overview = await read_overview(session, shown)
    return Listing(asked, tuple(Row(campaign_progress(progress), name) for progress, name in overview), older)


def _asked(
    search: Annotated[Search, Query()] = "",
    status: Annotated[str, Query()] = "",
    cursor: Annotated[Text, Query(max_length=500)] = "",
) -> Asked:
    """What the address asks for; a state that there is not is as good as none."""
    decode_cursor(cursor or None, BY_AGE)
    return Asked(search.strip(), status if status in set(CampaignStatus) else "", cursor)


AskedDep = Annotated[Asked, Depends(_asked)]


@router.get("/campaigns")
async def show(visit: Viewer, asked: AskedDep) -> HTMLResponse:
    """Campaigns, newest first."""
    async with visit.caller.transaction() as session:
        listing = await _listing(session, asked)
    return page(visit, "campaigns/list.html", state=listing, words=campaign_words)


@router.get("/campaigns/live")
async def watch(visit: ViewersPage, asked: AskedDep) -> StreamingResponse:
    """The same list as it changes."""
    hub: ListHub = visit.request.app.state.campaign_list
    return live(visit, hub, (visit.caller.tenant_id, asked), "rows", ROWS)
