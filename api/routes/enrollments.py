"""A campaign's contacts: taking them in, listing them, and downloading what became of them."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from api.dependencies import Caller, Reader, Writer
from api.downloads import CSV_RESPONSES, csv_response, plain
from api.launch import refuse_unready_additions
from api.pagination import Page, PageQuery, RowNumber, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.problems import Conflict, NotFound
from api.routes.campaigns import found
from api.routes.enrollment_shapes import EnrollmentOut, enrollment_out
from api.routes.import_shapes import REQUEST_BODY, ImportAnswer, RowError
from api.routing import api_router
from api.tenants import default_region
from api.uploads import Rows, in_chunks, uploaded_rows
from db.imports import ERRORS_SHOWN, ImportResult, Staging
from db.reading.enrollments import (
    EnrollmentFilter,
    EnrollmentView,
    find_import,
    import_problems,
    list_enrollments,
)
from db.tables import Campaign
from domain.csv_rows import RowProblem
from domain.statuses import CampaignStatus

POSITION: TypeAdapter[RowNumber] = TypeAdapter(RowNumber)
OPEN_FOR_CONTACTS = frozenset({CampaignStatus.DRAFT, CampaignStatus.SCHEDULED})
EXPORT_PAGE = 2000
EXPORT_HEADER = (
    "contact_id", "phone", "name", "status", "message_1_sent_at", "replied_at", "message_2_status", "message_2_sent_at",
    "outcome", "reason", "variant",
)  # fmt: skip

router = api_router("campaigns", "contacts of a campaign")


class EnrollmentQuery(PageQuery):
    """The query parameters of the list."""

    status: EnrollmentFilter | None = None


@router.post("/{campaign_id}/contacts", openapi_extra=REQUEST_BODY)
async def import_contacts(campaign_id: UUID, request: Request, caller: Writer) -> ImportAnswer:
    """Take contacts in, from a CSV file or JSON, while the campaign is a draft or scheduled.

    Rows with the same number are one contact: the first row wins, later ones fill in variables that it lacks, also
    those of a later upload. The same file again changes nothing. A file that cannot be read changes nothing either, nor
    one that would give a scheduled campaign a contact without a value that its messages need.
    """
    async with caller.transaction() as session:
        _refuse_closed(await found(session, campaign_id))
    rows = await uploaded_rows(request, await default_region(caller))
    return _answer(campaign_id, await _take_in(caller, campaign_id, rows))


def _refuse_closed(campaign: Campaign) -> None:
    if campaign.status not in OPEN_FOR_CONTACTS:
        raise Conflict(
            f"The campaign is {campaign.status}; contacts can be added while it is a draft or scheduled. "
            "Make another campaign for them."
        )


async def _take_in(caller: Caller, campaign_id: UUID, rows: Rows) -> ImportResult:
    """One transaction. The long part, reading, comes before any lock is taken."""
    import_id = caller.new_id()
    async with caller.services.import_slots, caller.transaction() as session:
        known = await find_import(session, campaign_id, import_id)
        if known is not None:
            problems = await import_problems(session, import_id, after=0, limit=ERRORS_SHOWN)
            shown = [RowProblem(problem.row, problem.field or None, problem.message) for problem in problems]
            return ImportResult(import_id, known.added, known.duplicates, known.invalid, shown)
        staging = Staging(session)
        await staging.fill(in_chunks(rows))
        await staging.make_contacts(caller.tenant_id)
        campaign = await found(session, campaign_id, lock=True)
        _refuse_closed(campaign)
        result = await staging.enroll(campaign, import_id)
        if campaign.status == CampaignStatus.SCHEDULED:  # its start has looked already, and will not look again
            await refuse_unready_additions(session, campaign, result)
    caller.services.meter.imported(result.added, result.duplicates, result.invalid)
    return result


def _answer(campaign_id: UUID, result: ImportResult) -> ImportAnswer:
    return ImportAnswer(
        added=result.added,
        duplicates=result.duplicates,
        invalid=result.invalid,
        errors=[RowError(row=row.row, field=row.field, message=row.message) for row in result.problems],
        import_id=result.import_id,
        errors_url=f"/api/campaigns/{campaign_id}/imports/{result.import_id}/errors.csv",
    )


@router.get("/{campaign_id}/contacts", dependencies=[ONCE_EACH])
async def list_page(
    campaign_id: UUID, query: Annotated[EnrollmentQuery, Query()], caller: Reader
) -> Page[EnrollmentOut]:
    """List the contacts, in the order in which they were imported; `status` by the names of the counts."""
    after = decode_cursor(query.cursor, POSITION)
    async with caller.transaction() as session:
        await found(session, campaign_id)
        rows = await list_enrollments(session, campaign_id, status=query.status, after=after, limit=query.limit + 1)
    page, cursor = page_of(rows, query.limit, lambda view: view.enrollment.position)
    return Page(items=[enrollment_out(view) for view in page], next_cursor=cursor)


@router.get("/{campaign_id}/contacts.csv", response_class=StreamingResponse, responses=CSV_RESPONSES)
async def export(campaign_id: UUID, caller: Reader) -> StreamingResponse:
    """Download what became of every contact."""
    async with caller.transaction() as session:
        await found(session, campaign_id)
    return csv_response(f"campaign-{campaign_id}.csv", EXPORT_HEADER, _export_pages(caller, campaign_id))


async def _export_pages(caller: Caller, campaign_id: UUID) -> AsyncIterator[list[list[object]]]:
    """A transaction per page, so that a slow reader holds no connection."""
    after: int | None = None
    while True:
        async with caller.transaction() as session:
            views = await list_enrollments(session, campaign_id, after=after, limit=EXPORT_PAGE)
        if not views:
            return
        yield [_export_row(view) for view in views]
        after = views[-1].enrollment.position


def _export_row(view: EnrollmentView) -> list[object]:
    row = enrollment_out(view)
    times = (row.message_1.sent_at, row.replied_at, row.message_2.sent_at)
    sent, replied, answered = (moment.isoformat() if moment else "" for moment in times)
    told = (view.enrollment.outcome or "", plain(row.reason))
    return [
        row.contact_id,
        row.phone,
        plain(view.name),
        row.status,
        sent,
        replied,
        row.message_2.status,
        answered,
        *told,
        plain(row.variant),
    ]


@router.get("/{campaign_id}/imports/{import_id}/errors.csv", response_class=StreamingResponse, responses=CSV_RESPONSES)
async def import_errors(campaign_id: UUID, import_id: UUID, caller: Reader) -> StreamingResponse:
    """Download the rows of an upload that were not taken, and why."""
    async with caller.transaction() as session:
        await _import_found(session, campaign_id, import_id)
    return csv_response(f"import-{import_id}-errors.csv", ("row", "field", "message"), _error_pages(caller, import_id))


async def _import_found(session: AsyncSession, campaign_id: UUID, import_id: UUID) -> None:
    if await find_import(session, campaign_id, import_id) is None:
        raise NotFound("import")


async def _error_pages(caller: Caller, import_id: UUID) -> AsyncIterator[list[list[object]]]:
    after = 0
    while True:
        async with caller.transaction() as session:
            problems = await import_problems(session, import_id, after=after, limit=EXPORT_PAGE)
        if not problems:
            return
        yield [[problem.row, plain(problem.field), plain(problem.message)] for problem in problems]
        after = problems[-1].id
