"""The contacts of a campaign: the table with its filter, and the download of what became of everybody."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, StreamingResponse

from api.routes import enrollments
from api.routes.campaigns import found
from api.shapes import Text
from api.ui import campaign_words
from api.ui.rendering import page
from api.ui.visits import Viewer
from db.reading.enrollments import EnrollmentFilter

PAGE = 50

router = APIRouter()


@router.get("/campaigns/{campaign_id:uuid}/contacts")
async def show(
    campaign_id: UUID, visit: Viewer, status: str = "", cursor: Annotated[Text, Query(max_length=500)] = ""
) -> HTMLResponse:
    """The contacts, in the order in which they were imported; a state that there is not is as good as none."""
    wanted = EnrollmentFilter(status) if status in set(EnrollmentFilter) else None
    async with visit.caller.transaction() as session:
        campaign = await found(session, campaign_id)
    query = enrollments.EnrollmentQuery(limit=PAGE, cursor=cursor or None, status=wanted)
    listed = await enrollments.list_page(campaign_id, query, visit.caller)
    fields = {"status": wanted or "", "cursor": listed.next_cursor or ""}
    return page(
        visit,
        "campaigns/contacts.html",
        campaign=campaign,
        status=200,
        wanted=wanted,
        cursor=cursor,
        contacts=listed.items,
        later=urlencode({name: value for name, value in fields.items() if value}) if listed.next_cursor else "",
        words=campaign_words,
    )


@router.get("/campaigns/{campaign_id:uuid}/contacts.csv")
async def export(campaign_id: UUID, visit: Viewer) -> StreamingResponse:
    """The same file as the API's."""
    return await enrollments.export(campaign_id, visit.caller)
