"""Delimited files: whatever a spreadsheet wrote is read back, under the row numbers it shows."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.delimited import find_dialect, read_rows
from services.errors import BadInput

CELLS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=6)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5)


def is_filled(row: list[str]) -> bool:
    return any(cell and not cell.isspace() for cell in row)


@given(
    ROWS.filter(lambda rows: any(map(is_filled, rows))),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\r\n", "\n"]),
)
def test_rows_come_back_with_their_numbers(rows: list[list[str]], separator: str, encoding: str, ending: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=ending).writerows([["linkedin_url", "name", "note"], *rows])
    file = io.BytesIO(text.getvalue().encode(encoding))
    dialect = find_dialect(file)
    assert dialect.headers == ("linkedin_url", "name", "note")
    wanted = [(number, row) for number, row in enumerate(rows, start=2) if is_filled(row)]
    assert list(read_rows(file, dialect)) == wanted


def test_a_separator_line_is_obeyed() -> None:
    file = io.BytesIO(b"sep=;\r\nlinkedin_url;a,b,c,d\r\nx;y\r\n")
    dialect = find_dialect(file)
    assert dialect.headers == ("linkedin_url", "a,b,c,d")
    assert list(read_rows(file, dialect)) == [(3, ["x", "y"])]


def test_the_line_of_a_foreign_character_is_named_beyond_the_first_block() -> None:
    body = b"linkedin_url,name\n" + b"linkedin.com/in/x,X\n" * 100_000 + "x,Andr\u00e9\n".encode("latin-1")
    with pytest.raises(BadInput, match="line 100002 "):
        find_dialect(io.BytesIO(body))


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('sep=;,\t"\n\r \0\ufeffab<{', max_size=30).map(str.encode))
def test_any_bytes_are_a_table_or_a_sentence(body: bytes) -> None:
    file = io.BytesIO(body)
    try:
        dialect = find_dialect(file)
        assert all(number > 1 for number, _ in read_rows(file, dialect))
    except BadInput as refused:
        assert refused.message.endswith((".", ")"))


def test_a_quotation_mark_that_is_never_closed_is_named_and_swallows_nobody() -> None:
    file = io.BytesIO(
        b'linkedin_url,name\nhttps://x.example/1,one\nhttps://x.example/2,"two\nhttps://x.example/3,three\n'
    )
    rows = read_rows(file, find_dialect(file))
    assert next(rows) == (2, ["https://x.example/1", "one"])
    with pytest.raises(BadInput, match="quotation mark in line 3 is never closed"):
        next(rows)


def test_a_cell_of_several_lines_at_the_end_of_a_file_is_closed() -> None:
    file = io.BytesIO(b'linkedin_url,name\nhttps://x.example/1,"one\ntwo"')
    assert [cells for _, cells in read_rows(file, find_dialect(file))] == [["https://x.example/1", "one\ntwo"]]
