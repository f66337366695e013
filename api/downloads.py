"""CSV downloads that are written while they are read, in bounded memory."""

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

from fastapi.responses import StreamingResponse

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What spreadsheets take for the beginning of a formula, in the wide forms of East Asian keyboards too."""

CSV_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "A CSV file in UTF-8.", "content": {"text/csv": {"schema": {"type": "string"}}}},
}


def csv_response(name: str, header: Iterable[str], pages: AsyncIterator[list[list[object]]]) -> StreamingResponse:
    """The file `name`: the header, then the rows of each page."""
    disposition = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_lines(header, pages), media_type="text/csv; charset=utf-8", headers=disposition)


async def _lines(header: Iterable[str], pages: AsyncIterator[list[list[object]]]) -> AsyncIterator[bytes]:
    yield _encoded([list(header)])
    async for rows in pages:
        yield _encoded(rows)


def _encoded(rows: Iterable[Iterable[object]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def plain(text: str | None) -> str:
    """A text that somebody else wrote, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text and text.startswith(FORMULA_STARTS) else text or ""
