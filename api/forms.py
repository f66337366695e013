"""Multipart bodies: read once per request, spooled to disk, with few and small fields."""

from collections.abc import AsyncIterator

from starlette.datastructures import FormData
from starlette.requests import Request

MAX_FILES, MAX_FIELDS, MAX_FIELD_BYTES = 1, 20, 100_000


def is_multipart(request: Request) -> bool:
    """Whether the body says that it is a form with files."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def read_form(request: Request) -> FormData:
    """The form; files beyond a megabyte lie on disk. A form that cannot be read raises the framework's 400."""
    return await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)


async def closed_form(request: Request) -> AsyncIterator[None]:
    """A dependency: closes the files of the form, if one was read, once the request is answered."""
    try:
        yield
    finally:
        await request.close()
