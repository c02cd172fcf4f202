"""Delimited text files as people export them: encoding, separator, notes above the header, rows with their numbers.

Works on an open binary file, forwards only, a line at a time; says in a sentence what it cannot read
(docs/rules/import.md, Files).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from services.domain.headers import find_header_line
from services.domain.identity import ProfileUrl, read_profile_url
from services.errors import BadInput

MOST_COLUMNS: Final = 1000
# Well above the longest cell a row may hold, so that such a row is refused alone and not with its file.
LONGEST_CELL_READ: Final = 8_000_000

_LINES_ABOVE_HEADER: Final = 30
_LONGEST_HEADER_LINE: Final = 200_000
_BLOCK: Final = 1 << 20
_SEPARATORS: Final = (",", ";", "\t", "|")
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)

_NOT_TEXT: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a compressed file"),
    (b"{\\rtf", "a text document with formatting"),
)
_OTHER_TEXT: Final[tuple[tuple[str, str], ...]] = (
    ("<", "a web page or XML"),
    ("{", "JSON"),
    ("[", "JSON"),
)


@dataclass(frozen=True)
class Dialect:
    """How one file is written; `header_line` counts physical lines from 0, `header_row` records from 1."""

    encoding: str
    separator: str
    header_line: int
    header_row: int
    headers: tuple[str, ...]


def find_dialect(file: BinaryIO) -> Dialect:
    """Read the whole file once for its encoding and its beginning for the rest; leaves it anywhere.

    Raises BadInput, with words for the person, for whatever is not delimited text with a header and a row.
    """
    encoding = find_encoding(file)
    lines = _first_lines(file, encoding)
    start = find_header_line(lines)
    first = next((line for line in lines if line.strip()), "").lstrip("\ufeff \t")
    if start is None or not first:
        raise BadInput("This file is empty.")
    for opening, kind in _OTHER_TEXT:
        if first.startswith(opening):
            raise BadInput(f"This file is {kind}, not a CSV file.")
    named = _SEPARATOR_LINE.fullmatch(lines[start])
    if named:
        start += 1
    if start >= len(lines):
        raise BadInput("This file is empty.")
    separator = named[1] if named else _likeliest_separator(lines[start])
    header_row = 1 + sum(1 for _ in csv.reader(lines[:start], delimiter=separator))
    headers = _headers(file, encoding, separator, start)
    return Dialect(encoding, separator, start, header_row, headers)


def read_rows(file: BinaryIO, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with its number as a spreadsheet shows it; blank rows are passed over.

    Raises BadInput where the file can no longer be taken apart.
    """
    records = _records(file, dialect.encoding, dialect.separator, dialect.header_line)
    for offset, cells in enumerate(records):
        if offset and any(cell and not cell.isspace() for cell in cells):
            yield dialect.header_row + offset, cells


def find_encoding(file: BinaryIO) -> str:
    """The encoding in which the whole file can be read. Raises BadInput for anything but UTF-8 and UTF-16."""
    file.seek(0)
    opening = file.read(_BLOCK)
    for signature, kind in _NOT_TEXT:
        if opening.startswith(signature):
            raise BadInput(
                f"This file is {kind}, not a CSV file. In a spreadsheet, choose “Save as”, then “CSV UTF-8”."
            )
    if opening.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise BadInput("This file is written in UTF-32, which is not read here. Save it as UTF-8.")
    if opening.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, name = "utf-16", "UTF-16"
    else:
        encoding, name = "utf-8-sig", "UTF-8"
        if opening[:400].count(0) * 4 > len(opening[:400]):
            raise BadInput("This file is not UTF-8 text (perhaps UTF-16 without a mark). Save it as “CSV UTF-8”.")
    decoder = codecs.getincrementaldecoder(encoding)()
    line, block = 1, opening
    while True:
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise BadInput(
                f"This file is not {name} text: line {line} holds a character in another encoding. Save it again as"
                " “CSV UTF-8” (in Excel: Save as, CSV UTF-8)."
            ) from error
        if not block:
            return encoding
        line += block.count(b"\n")
        block = file.read(_BLOCK)


def _first_lines(file: BinaryIO, encoding: str) -> list[str]:
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        lines = [text.readline(_LONGEST_HEADER_LINE) for _ in range(_LINES_ABOVE_HEADER)]
    finally:
        text.detach()
    return [line for line in lines if line]


def _likeliest_separator(header: str) -> str:
    """The one that makes the most columns of the header; a comma where none makes any."""

    def columns(separator: str) -> int:
        return len(next(csv.reader([header], delimiter=separator), []))

    return max(_SEPARATORS, key=columns)


def _headers(file: BinaryIO, encoding: str, separator: str, start: int) -> tuple[str, ...]:
    records = _records(file, encoding, separator, start)
    headers = next(records, [])
    if not any(header.strip() for header in headers):
        raise BadInput("The names of the columns are missing: the line that should hold them is blank.")
    if any("\0" in header for header in headers):
        raise BadInput("This is not a text file: its first row holds NUL bytes.")
    if any(isinstance(read_profile_url(header), ProfileUrl) for header in headers):
        raise BadInput(
            "The first row holds a person, not the names of the columns. Put a row with column names above it,"
            " for example linkedin_url, first_name, last_name."
        )
    if len(headers) > MOST_COLUMNS:
        raise BadInput(f"This file has {len(headers):,} columns; at most {MOST_COLUMNS:,} are read.")
    if not any(cell and not cell.isspace() for cells in records for cell in cells):
        raise BadInput("This file has column names but no rows below them.")
    return tuple(header.strip() for header in headers)


class _Lines:
    """The lines of a text, which know whether somebody asked for one more: only an open quotation mark does."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.have_ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.text.readline()
        if not line:
            self.have_ended = True
            raise StopIteration
        return line


def _records(file: BinaryIO, encoding: str, separator: str, start: int) -> Iterator[list[str]]:
    """The records from the physical line `start` on, the header first."""
    csv.field_size_limit(LONGEST_CELL_READ)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    number = start
    try:
        for _ in range(start):
            text.readline()
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=separator)
        for cells in reader:
            if lines.have_ended:
                raise BadInput(
                    f"A quotation mark in line {number + 1} is never closed: everything below it would be one cell."
                    " Close it or take it out, then upload the file again."
                )
            yield cells
            number = start + reader.line_num
    except csv.Error as error:
        raise BadInput(
            f"The file cannot be read beyond line {number + 1}: {LONGEST_CELL_READ // 1_000_000} million characters"
            " stand there without the end of a cell. A quotation mark is probably not closed."
        ) from error
    finally:
        # Whoever stopped reading early may have closed the file before this generator was collected.
        if not file.closed:
            text.detach()
