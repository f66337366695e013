"""The page of a contact: the campaigns that person is in, and everything that happened, with its reasons."""

from typing import Annotated
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from api.pagination import PageQuery
from api.routes import contacts
from api.shapes import Text
from api.ui import campaign_words
from api.ui.rendering import page
from api.ui.visits import Viewer, Visit

PAGE = 100

router = APIRouter()


@router.get("/contacts/{contact_id:uuid}")
async def show(
    contact_id: UUID,
    visit: Viewer,
    campaign: UUID | None = None,
    cursor: Annotated[Text, Query(max_length=500)] = "",
) -> HTMLResponse:
    """The contact; the enrollment in `campaign` comes first."""
    contact = await contacts.show(contact_id, visit.caller)
    story = await contacts.timeline(contact_id, PageQuery(limit=PAGE, cursor=cursor or None), visit.caller)
    enrollments = sorted(contact.enrollments, key=lambda one: one.campaign_id != campaign)
    asked = {"campaign": str(campaign) if campaign else "", "cursor": story.next_cursor or ""}
    return page(
        visit,
        "contacts/page.html",
        contact=contact,
        enrollments=[(one, workflow_link(visit, one.workflow_id)) for one in enrollments],
        names={one.campaign_id: one.campaign_name for one in enrollments},
        campaign=campaign,
        cursor=cursor,
        story=story.items,
        later=urlencode({name: value for name, value in asked.items() if value}) if story.next_cursor else "",
        words=campaign_words,
    )


def workflow_link(visit: Visit, workflow_id: str) -> str | None:
    """Where the Temporal Web UI shows the workflow; None where no such UI is known."""
    base = visit.services.temporal_ui_url
    if base is None:
        return None
    namespace = quote(visit.services.workflows.namespace, safe="")
    return f"{base}/namespaces/{namespace}/workflows/{quote(workflow_id, safe='')}"
