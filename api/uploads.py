"""Reads the contacts of a request, by file or JSON, in chunks and off the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import islice

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from api.forms import is_multipart, read_form
from api.handlers import field_name, sentence
from api.problems import FieldError, Unprocessable
from api.routes.import_shapes import ContactsIn
from domain.contact_rows import contact_from_json
from domain.csv_rows import ContactRow, CsvProblem, RowProblem, read_contacts
from domain.phones import known_region

CHUNK_ROWS = 1000
"""Rows per stay in a worker thread: short enough that webhooks hardly notice, long enough to be quick."""

FORM_FIELDS = frozenset({"file", "mapping", "encoding", "default_region"})

Rows = Iterator[ContactRow | RowProblem]

_MAPPING = TypeAdapter(dict[str, str])


async def uploaded_rows(request: Request, region: str | None) -> Rows:
    """The rows of the request's body; raises a 422 problem for one that cannot be read at all."""
    if is_multipart(request):
        return await _file_rows(await read_form(request), region)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Unprocessable.of("content-type", "Send a form (multipart/form-data) with the field file, or JSON.")
    return await _json_rows(await request.body(), region)


async def in_chunks(rows: Rows) -> AsyncIterator[list[ContactRow | RowProblem]]:
    """The rows, chunk by chunk; raises a 422 problem where the file turns out to be unreadable."""
    while True:
        try:
            chunk = await asyncio.to_thread(lambda: list(islice(rows, CHUNK_ROWS)))
        except CsvProblem as error:
            raise Unprocessable.of("file", str(error)) from error
        if not chunk:
            return
        yield chunk


async def _file_rows(form: FormData, region: str | None) -> Rows:
    if strangers := sorted(set(form) - FORM_FIELDS):
        raise Unprocessable.of(strangers[0][:200], "This field is not known here; remove it.")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Unprocessable.of("file", "Send the CSV as a file in this field.")
    chosen = _region(_text(form, "default_region") or region)
    mapping, encoding = _mapping(_text(form, "mapping")), _text(form, "encoding") or None
    try:
        return await asyncio.to_thread(read_contacts, file.file, chosen, mapping, encoding=encoding)
    except CsvProblem as error:
        raise Unprocessable.of("file", str(error)) from error


def _text(form: FormData, field: str) -> str:
    values = form.getlist(field)
    if len(values) > 1 or any(not isinstance(value, str) for value in values):
        raise Unprocessable.of(field, "Send this field once, as text.")
    return str(values[0]).strip() if values else ""


def _mapping(text: str) -> Mapping[str, str]:
    if not text:
        return {}
    try:
        return _MAPPING.validate_json(text)
    except ValidationError as error:
        raise Unprocessable.of("mapping", 'Send JSON such as {"Mobile": "phone", "Notes": ""}.') from error


def _region(code: str | None) -> str | None:
    if code and not known_region(code):
        raise Unprocessable.of("default_region", "Use a two-letter country code such as FR.")
    return code


async def _json_rows(body: bytes, region: str | None) -> Rows:
    try:
        given = await asyncio.to_thread(ContactsIn.model_validate_json, body)
    except ValidationError as error:
        errors = [FieldError(field=field_name(wrong["loc"]), message=sentence(wrong)) for wrong in error.errors()]
        raise Unprocessable(errors) from error
    return (contact_from_json(index, contact, region) for index, contact in enumerate(given.contacts))
