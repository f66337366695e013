"""The list of campaigns."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from api.ui.rendering import page
from api.ui.visits import Viewer
from db.reading.campaigns import list_campaigns

PAGE = 50
router = APIRouter()


@router.get("/campaigns")
async def show(visit: Viewer) -> HTMLResponse:
    """Campaigns, newest first."""
    async with visit.caller.transaction() as session:
        rows = await list_campaigns(session, search=None, status=None, channel_id=None, after=None, limit=PAGE)
    return page(visit, "campaigns/list.html", campaigns=rows)
