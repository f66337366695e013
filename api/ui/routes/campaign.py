"""The page of a campaign: where it stands, live, and how it went."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse

from api.problems import NotFound
from api.routes.campaign_shapes import CampaignProgress
from api.routes.campaigns import found, shown
from api.routes.variant_shapes import VariantsOut
from api.routes.variants import results
from api.streams import Hub
from api.ui import campaign_words
from api.ui.campaign_fields import DAYS, VERDICTS, ZONES
from api.ui.live import live, piece_of
from api.ui.recent import Recent
from api.ui.rendering import fragment, page
from api.ui.routes.campaign_orders import NOTICES, ORDERS
from api.ui.visits import Viewer, ViewersPage, Visit
from db.engine import Database
from db.reading.course import Point, read_course
from db.reading.overview import Doings, read_doings
from domain.eta import end_after
from domain.statuses import CampaignStatus

COURSE_SECONDS = 10.0
"""So old a chart may be that is shown, about as long as its points stand for: all who look share what was read."""

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is live on the page, at one instant."""

    campaign: CampaignProgress
    doings: Doings
    last: bool = False
    taken_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def expected_end(self) -> datetime | None:
        """The minute in which the last Message 1 is out if all goes on as now; None if that is beyond telling."""
        if self.campaign.status != CampaignStatus.RUNNING or not self.campaign.eta_seconds:
            return None
        end = end_after(self.taken_at, self.campaign.eta_seconds)
        return None if end is None else end.replace(second=0, microsecond=0)

    @property
    def seen(self) -> object:
        """The end too: while nothing goes out, it is the end that moves with the clock, and not the estimate."""
        return self.campaign.seen, self.doings, self.expected_end


PageHub = Hub[tuple[UUID, UUID], Standing]
STANDING = piece_of("campaigns/standing.html", words=campaign_words, orders=ORDERS)


def page_hub(database: Database) -> PageHub:
    """The campaigns whose pages are open: all viewers of one share a poller."""

    async def read(key: tuple[UUID, UUID]) -> Standing:
        tenant_id, campaign_id = key
        async with database.tenant(tenant_id) as session:
            return await _standing(session, campaign_id)

    return Hub(read)


async def _standing(session: AsyncSession, campaign_id: UUID) -> Standing:
    campaign = await shown(session, campaign_id)
    doings = await read_doings(session, campaign_id)
    if doings is None:
        raise NotFound("campaign")
    return Standing(campaign, doings)


@router.get("/campaigns/{campaign_id:uuid}")
async def show(campaign_id: UUID, visit: Viewer, done: str = "", count: int = 0) -> HTMLResponse:
    """The page; `done` and `count` are what an order that led here did."""
    async with visit.caller.transaction() as session:
        standing = await _standing(session, campaign_id)
    notice = NOTICES[done](visit, max(0, count)) if done in NOTICES else ""
    return page(
        visit,
        "campaigns/page.html",
        state=standing,
        words=campaign_words,
        orders=ORDERS,
        notice=notice,
        window=standing.campaign.send_window,
        window_days=DAYS,
        window_zones=ZONES,
        test=await _test(visit, standing.campaign),
        verdicts=VERDICTS,
    )


async def _test(visit: Visit, campaign: CampaignProgress) -> VariantsOut | None:
    """How the A/B test stands, if there is one that was launched. It is no part of what is live."""
    if not campaign.variants or campaign.status == CampaignStatus.DRAFT:
        return None
    return await results(campaign.id, visit.caller)


@router.get("/campaigns/{campaign_id:uuid}/live")
async def watch(campaign_id: UUID, visit: ViewersPage) -> StreamingResponse:
    """The same as it changes."""
    async with visit.caller.transaction() as session:
        await found(session, campaign_id)
    hub: PageHub = visit.request.app.state.campaign_page
    return live(visit, hub, (visit.caller.tenant_id, campaign_id), "standing", STANDING)


Courses = Recent[tuple[UUID, UUID], list[Point]]


def courses(database: Database) -> Courses:
    """How the campaigns went whose charts are seen: each page asks again and again, and all share what was read."""

    async def read(key: tuple[UUID, UUID]) -> list[Point]:
        tenant_id, campaign_id = key
        async with database.tenant(tenant_id) as session:
            return await read_course(session, await found(session, campaign_id))

    return Recent(read, seconds=COURSE_SECONDS)


async def _course(visit: Visit, campaign_id: UUID) -> list[Point]:
    kept: Courses = visit.request.app.state.campaign_courses
    return await kept.get((visit.caller.tenant_id, campaign_id))


@router.get("/campaigns/{campaign_id:uuid}/chart.json")
async def chart(campaign_id: UUID, visit: ViewersPage) -> JSONResponse:
    """How it went, as columns for the chart; at most 300 points."""
    points = await _course(visit, campaign_id)
    return JSONResponse(
        {
            "at": [round(point.at.timestamp(), 1) for point in points],
            "sent_per_minute": [round(point.sent_per_minute, 2) for point in points],
            "error_percent": [
                None if point.error_rate is None else round(100 * point.error_rate, 2) for point in points
            ],
            "delay_seconds": [point.delay_seconds for point in points],
        }
    )


@router.get("/campaigns/{campaign_id:uuid}/chart")
async def course(campaign_id: UUID, visit: Viewer) -> HTMLResponse:
    """The same as a table, for those who cannot see the chart."""
    return HTMLResponse(fragment(visit, "campaigns/course.html", points=await _course(visit, campaign_id)))
