"""Named queries: SQL is written as SQL, in files under queries/, and asked for by name."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from psycopg import sql

QUERIES = Path(__file__).parent / "queries"
HEADER = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)


class Queries(Mapping[str, sql.SQL]):
    """The queries of one file, by name; an unknown name is a KeyError when first asked for."""

    def __init__(self, noun: str) -> None:
        self.noun = noun
        self.by_name = {name: sql.SQL(text) for name, text in named_queries(QUERIES / f"{noun}.sql")}

    def __getitem__(self, name: str) -> sql.SQL:
        return self.by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


@cache
def queries(noun: str) -> Queries:
    """The queries of `queries/<noun>.sql`, read once per process (they are code, not data)."""
    return Queries(noun)


def named_queries(path: Path) -> Iterator[tuple[str, str]]:
    """Split a query file at its `-- name:` lines; the comment lines below a name belong to the query."""
    text = path.read_text(encoding="utf-8")
    marks = list(HEADER.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        yield mark["name"], text[mark.end() : end].strip()
