"""Turns the bytes of an uploaded file into text, piece by piece, or says in words why it cannot be read."""

import codecs
import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol, runtime_checkable

from domain.problems import Problem

CHUNK_BYTES = 65_536

SAVE_AS_UTF_8 = "Save it as CSV UTF-8 (in Excel: File, Save as, “CSV UTF-8 (comma delimited)”) and upload it again"

ENCODINGS = frozenset(
    {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "ascii", "mac-roman", "gb18030", "big5", "shift_jis"}
    | {"euc_jp", "euc_kr", "koi8-r", "koi8-u"}
    | {f"cp{number}" for number in range(1250, 1259)}
    | {f"iso8859-{number}" for number in range(1, 17) if number != 12}
)
"""What a caller may name. Python knows more, some of which are no text encodings or decode to something unexpected."""

# UTF-32 first: its mark begins with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, None),
    (codecs.BOM_UTF32_BE, None),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
)


class CsvProblem(Problem):
    """The file as a whole cannot be imported; nothing of it should be kept."""


class EmptyFile(CsvProblem):
    """There is not even a header."""

    def __init__(self) -> None:
        super().__init__("The file is empty. Its first row must name the columns, one of them phone.")


class WrongEncoding(CsvProblem):
    """The bytes are not text in the expected encoding."""


@runtime_checkable
class BinarySource(Protocol):
    """A file-like object opened for reading bytes."""

    def read(self, size: int, /) -> bytes: ...


def read_text(source: Iterable[bytes] | BinarySource, encoding: str | None = None) -> Iterator[str]:
    """The file's text in pieces, every line ending made "\\n". Memory: one piece.

    Without `encoding`: UTF-8, with or without mark, or UTF-16 with its mark. A mark outweighs a named encoding.
    Raises EmptyFile at once, WrongEncoding at once or when the first wrong byte is met.
    """
    chunks = _chunks(source)
    head = b""
    while len(head) < 4 and (chunk := next(chunks, b"")):
        head += chunk
    if not head:
        raise EmptyFile
    return _decoded(chain([head], chunks), _encoding(head, encoding))


def _chunks(source: Iterable[bytes] | BinarySource) -> Iterator[bytes]:
    if isinstance(source, BinarySource):
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
        return
    for piece in source:
        for start in range(0, len(piece), CHUNK_BYTES):
            yield piece[start : start + CHUNK_BYTES]


def _encoding(head: bytes, named: str | None) -> str:
    for magic, what in _NOT_TEXT:
        if head.startswith(magic):
            raise WrongEncoding(f"This is {what}, not a CSV file. {SAVE_AS_UTF_8}.")
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            if encoding is None:
                raise WrongEncoding(f"The file is UTF-32, which is not read. {SAVE_AS_UTF_8}.")
            return encoding
    if named is not None:
        return _known(named)
    # Text in UTF-16 has a NUL at every other byte; a stray NUL in one cell is that row's problem.
    if head.count(b"\0") * 4 > len(head):
        raise WrongEncoding(f"The file looks like UTF-16 without a byte order mark. {SAVE_AS_UTF_8}.")
    return "utf-8"


def _known(name: str) -> str:
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        known = ""
    if known not in ENCODINGS:
        raise WrongEncoding(f"The encoding {name[:40]!r} is not known here; name one such as utf-8 or cp1252.")
    return known


def _decoded(chunks: Iterator[bytes], encoding: str) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("strict"), translate=True)
    read = 0
    try:
        for chunk in chunks:
            yield decoder.decode(chunk)
            read += len(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeError as error:
        hint = "; or name its encoding, cp1252 for most Western files" if encoding.startswith("utf-8") else ""
        raise WrongEncoding(
            f"The file is not {encoding.removesuffix('-sig').upper()} (a wrong byte after byte {read}). "
            f"{SAVE_AS_UTF_8}{hint}."
        ) from error
