"""The wizard's second step: a file of contacts is looked at, its columns are mapped, and it is taken in."""

import asyncio
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response, StreamingResponse

from api.forms import closed_form, read_form
from api.problems import Unprocessable
from api.routes.campaigns import found
from api.routes.enrollments import import_contacts, import_errors
from api.tenants import default_region
from api.ui import languages
from api.ui.languages import _
from api.ui.rendering import fragment
from api.ui.routes.wizard_steps import draft_of, step_page
from api.ui.visits import Editor, Visit
from db.reading.audience import count_contacts, list_imports
from domain.csv_rows import (
    ContactRow,
    CsvProblem,
    DuplicateColumn,
    MissingColumn,
    RowProblem,
    WrongEncoding,
    read_contacts,
)
from domain.csv_sample import Sample, read_sample, suggested_mapping
from domain.phones import known_region

ROWS_SHOWN, IMPORTS_SHOWN, ERRORS_SHOWN = 5, 10, 10
ENCODINGS = {
    "": _("As the file says, else UTF-8"),
    "cp1252": _("Western European (Windows)"),
    "mac-roman": _("Western European (Mac)"),
    "cp1250": _("Central European (Windows)"),
    "cp1251": _("Cyrillic (Windows)"),
    "utf-16": "UTF-16",
}

_MAPPING = TypeAdapter(dict[str, str])

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file: its name, the variable that it would be, what it is mapped to, and its first value."""

    label: str
    name: str
    target: str
    example: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What the head of a file shows; `problem` says why it could not be taken in as it is."""

    columns: list[Column]
    rows: list[ContactRow | RowProblem]
    problem: CsvProblem | None = None


@router.get("/campaigns/{campaign_id}/setup/audience")
async def show(visit: Editor, campaign_id: UUID) -> Response:
    """The place to drop a file, and what was uploaded so far."""
    draft = await draft_of(visit, campaign_id)
    if isinstance(draft, Response):
        return draft
    async with visit.caller.transaction() as session:
        imports = await list_imports(session, campaign_id, limit=IMPORTS_SHOWN)
        total = await count_contacts(session, campaign_id)
    territories = languages.locale(visit.language).territories
    regions = sorted((name, code) for code, name in territories.items() if len(code) == 2 and known_region(code))
    region = await default_region(visit.caller)
    return step_page(
        visit,
        "audience",
        draft,
        total=total,
        imports=imports,
        encodings=ENCODINGS,
        regions=regions,
        region=(region or "").upper(),
    )


@router.post("/campaigns/{campaign_id}/setup/audience/look", dependencies=[Depends(closed_form)])
async def look(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """Columns and first rows of the head of a file, as they would be taken in. Nothing is kept."""
    async with visit.caller.transaction() as session:
        await found(session, campaign_id)
    form = await _form(visit)
    head = form.get("file")
    if not isinstance(head, UploadFile):
        raise Unprocessable.of("file", visit.say("Choose a file."))
    region = _text(form, "default_region") or await default_region(visit.caller)
    mapping = _mapping(_text(form, "mapping"))
    content, encoding = await head.read(), _text(form, "encoding") or None
    looked = await asyncio.to_thread(_looked, content, region, mapping, encoding)
    said = _told(visit, looked.problem) if looked.problem else ""
    return HTMLResponse(fragment(visit, "wizard/look.html", looked=looked, said=said), 422 if said else 200)


@router.post("/campaigns/{campaign_id}/setup/audience/contacts", dependencies=[Depends(closed_form)])
async def take(visit: Editor, campaign_id: UUID) -> HTMLResponse:
    """Takes the file in, by the API's own handler, and tells what became of its rows."""
    await _form(visit)
    try:
        answer = await import_contacts(campaign_id, visit.request, visit.caller)
    except Unprocessable as error:
        known = error.__cause__
        said = _told(visit, known) if isinstance(known, CsvProblem) else _first(visit, error)
        return HTMLResponse(fragment(visit, "wizard/taken.html", answer=None, said=said), 422)
    async with visit.caller.transaction() as session:
        total = await count_contacts(session, campaign_id)
    shown = answer.errors[:ERRORS_SHOWN]
    told = fragment(
        visit, "wizard/taken.html", answer=answer, shown=shown, total=total, campaign_id=campaign_id, said=""
    )
    return HTMLResponse(told)


@router.get("/campaigns/{campaign_id}/setup/audience/errors/{import_id}")
async def errors(visit: Editor, campaign_id: UUID, import_id: UUID) -> StreamingResponse:
    """The rows of an upload that were not taken, as a file."""
    return await import_errors(campaign_id, import_id, visit.caller)


async def _form(visit: Visit) -> FormData:
    """The form; the framework keeps it, so that the API's handler reads the same one."""
    try:
        return await read_form(visit.request)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise Unprocessable.of("file", visit.say("The upload arrived broken; send it again.")) from error


def _looked(content: bytes, region: str | None, given: dict[str, str], encoding: str | None) -> Looked:
    known = region if region and known_region(region) else None
    try:
        sample = read_sample([content], encoding=encoding, rows=ROWS_SHOWN)
    except CsvProblem as problem:
        return Looked([], [], problem)
    suggested = suggested_mapping(sample, known)
    mapping = suggested | {label: name for label, name in given.items() if label in suggested}
    columns = _columns(sample, mapping)
    try:
        rows = list(islice(read_contacts([content], known, mapping, encoding=encoding), ROWS_SHOWN))
    except CsvProblem as problem:
        return Looked(columns, [], problem)
    return Looked(columns, rows)


def _columns(sample: Sample, mapping: dict[str, str]) -> list[Column]:
    return [
        Column(column.label, column.name, mapping[column.label], sample.cell(0, index) if sample.rows else "")
        for index, column in enumerate(sample.columns)
        if column.label in mapping
    ]


def _text(form: FormData, field: str) -> str:
    value = form.get(field)
    return value.strip() if isinstance(value, str) else ""


def _mapping(text: str) -> dict[str, str]:
    try:
        return _MAPPING.validate_json(text) if text else {}
    except ValidationError as error:
        raise Unprocessable.of("mapping", _("This is no mapping of columns.")) from error


def _told(visit: Visit, problem: CsvProblem) -> str:
    """What is wrong with the file as a whole, in the visitor's language."""
    if isinstance(problem, MissingColumn):
        return visit.say("No column holds the phone numbers yet: choose the one that does.")
    if isinstance(problem, DuplicateColumn):
        names = ", ".join(problem.names)
        return visit.say("The columns %(names)s would be the same variable. Leave out one of them.", names=names)
    if isinstance(problem, WrongEncoding) and "wrong byte" in str(problem):
        return visit.say("The letters of this file are not in the encoding below. Choose another one.")
    return visit.say(str(problem))


def _first(visit: Visit, error: Unprocessable) -> str:
    [said, *_others] = [str(wrong["message"]) for wrong in error.extra["errors"]]
    return visit.say(said)
