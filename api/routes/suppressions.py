"""The suppression list: who must not be written to on any campaign."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.datastructures import UploadFile
from starlette.requests import Request

from api.dependencies import Caller, Reader, Writer
from api.downloads import CSV_RESPONSES, csv_response, plain
from api.forms import is_multipart, read_form
from api.optouts import opt_out
from api.pagination import Page, PageQuery, decode_cursor, page_of
from api.parameters import ONCE_EACH
from api.positions import BY_AGE
from api.problems import Conflict, NotFound
from api.routes.contacts import phone_prefix
from api.routes.import_shapes import REQUEST_BODY, RowError
from api.routing import api_router
from api.shapes import Search, Shape, Text
from api.tenants import default_region, phone_of
from api.uploads import Rows, in_chunks, uploaded_rows
from db.imports import ERRORS_SHOWN
from db.optouts import unsuppress
from db.reading.suppressions import every_suppression, find_suppression, list_suppressions
from db.tables import Suppression
from domain.csv_rows import ContactRow, RowProblem

COLUMNS = ("phone", "source", "note", "created_at")
SOURCE = "api"

router = api_router("suppressions", "suppressions")


class SuppressionQuery(PageQuery):
    """What to look for."""

    phone: Search | None = Field(default=None, description="The beginning of the number, with its country code.")


class NewSuppression(Shape):
    """A phone that is not to be written to any more."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"phone": "+33 6 12 34 56 78", "note": "asked by phone"}]}
    )

    phone: Annotated[Text, StringConstraints(min_length=1, max_length=64)]
    note: Annotated[Text, StringConstraints(max_length=500)] | None = None


class SuppressionOut(BaseModel):
    """A suppressed phone, and how it came to be: `opt_out` (the person wrote STOP), `api` or `import`."""

    id: UUID
    phone: str
    source: str
    note: str | None
    created_at: datetime


class SuppressionImport(BaseModel):
    """Every row is counted once: added, duplicate (in the file, or suppressed already) or invalid."""

    added: int = 0
    duplicates: int = 0
    invalid: int = 0
    errors: list[RowError] = Field(default=[], description="The first 100 rows that were not taken, and why.")


@router.get("", dependencies=[ONCE_EACH])
async def list_page(query: Annotated[SuppressionQuery, Query()], caller: Reader) -> Page[SuppressionOut]:
    """List or search the suppressed phones, newest first."""
    after = decode_cursor(query.cursor, BY_AGE)
    async with caller.transaction() as session:
        rows = await list_suppressions(session, phone=phone_prefix(query.phone), after=after, limit=query.limit + 1)
    shown, cursor = page_of(rows, query.limit, lambda row: (row.created_at, row.id))
    return Page(items=[_out(row) for row in shown], next_cursor=cursor)


@router.post("", status_code=201)
async def add(body: NewSuppression, caller: Writer) -> SuppressionOut:
    """Suppress a phone on all campaigns at once. One that is suppressed already stays as it is."""
    phone = await phone_of(caller, body.phone)
    await opt_out(caller, [phone], SOURCE, body.note)
    async with caller.transaction() as session:
        row = await find_suppression(session, phone=phone)
    if row is None:
        raise Conflict("Somebody took this phone off the list at the same moment; try again.")
    return _out(row)


@router.delete("/{suppression_id:uuid}", status_code=204)
async def remove(suppression_id: UUID, caller: Writer) -> None:
    """Let a phone be written to again. What its suppression had ended stays ended."""
    async with caller.transaction() as session:
        row = await find_suppression(session, suppression_id=suppression_id)
        if row is None and caller.after_a_crash:
            return
        if row is None:
            raise NotFound("suppression")
        await unsuppress(session, caller.tenant_id, [row.phone])


@router.get("/export", response_class=StreamingResponse, responses=CSV_RESPONSES)
async def export(caller: Reader) -> StreamingResponse:
    """Export the whole list as CSV, in a form that the import takes."""
    pages = every_suppression(caller.services.database, caller.tenant_id)
    return csv_response("suppressions.csv", COLUMNS, _cells(pages))


async def _cells(pages: AsyncIterator[list[Suppression]]) -> AsyncIterator[list[list[object]]]:
    async for rows in pages:
        yield [[row.phone, row.source, plain(row.note), row.created_at.isoformat()] for row in rows]


@router.post("/import", openapi_extra=REQUEST_BODY)
async def import_phones(request: Request, caller: Writer) -> SuppressionImport:
    """Suppress all phones of a CSV file or of JSON. A file that cannot be read to its end changes nothing."""
    region = await default_region(caller)
    try:
        async with caller.services.import_slots:
            async for _ in in_chunks(await uploaded_rows(request, region)):
                pass  # Read once to its end before anything is written: the encoding may go wrong in the last line.
            await _rewind(request)
            return await _take_in(caller, await uploaded_rows(request, region))
    finally:
        await request.close()


async def _rewind(request: Request) -> None:
    if is_multipart(request) and isinstance(file := (await read_form(request)).get("file"), UploadFile):
        await file.seek(0)


async def _take_in(caller: Caller, rows: Rows) -> SuppressionImport:
    """A transaction per chunk: an opt-out holds from its commit on, and no send waits for the whole file."""
    counts = SuppressionImport()
    async for chunk in in_chunks(rows):
        phones = [row.phone for row in chunk if isinstance(row, ContactRow)]
        problems = [row for row in chunk if isinstance(row, RowProblem)]
        added = await opt_out(caller, phones, "import") if phones else 0
        counts.added += added
        counts.duplicates += len(phones) - added
        counts.invalid += len(problems)
        room = ERRORS_SHOWN - len(counts.errors)
        counts.errors += [RowError(row=row.row, field=row.field, message=row.message) for row in problems[:room]]
    return counts


def _out(row: Suppression) -> SuppressionOut:
    return SuppressionOut(**row.model_dump(exclude={"tenant_id"}))
