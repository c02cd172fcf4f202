"""One import's staging tables: filled by COPY, then merged into the organization's people set by set.

The order of calls is open, add (as often as there are chunks), group, and for each range of people merge_range;
docs/decisions/merge.md says why. All of it runs in transactions under IMPORT_ROLE.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from psycopg import sql
from psycopg.rows import class_row

from services.db.candidate_rows import CandidateRow
from services.db.pool import Tx
from services.db.sql import queries

Q = queries("staging")

IMPORT_ROLE: Final = "sourcingx_import"
FOLDED_AT_ONCE: Final = 500

_CANDIDATE_COLUMNS: Final = attrgetter(*[field.name for field in fields(CandidateRow)])
_COPIED_TYPES: Final = [
    *("int4", "text", "text", "text", "text", "text"),  # literals of arrays and of jsonb
    *["text"] * 12,
    *["int4"] * 3,
    *("text", "text", "bytea"),  # literals of tsvector and jsonb
]


@dataclass(frozen=True)
class StagedRow:
    """One row of a file (or several folded, numbered below 0) ready to be stored.

    `url` is the person's own address and stands in `urls`, first unless folded. A row about somebody who is
    known already may come without search words: only a row that is stored as it stands needs them.
    """

    row_number: int
    urls: tuple[str, ...]
    emails: tuple[str, ...]
    extra: dict[str, str]
    candidate: CandidateRow
    sources: dict[str, str]
    url: str


@dataclass(frozen=True)
class RowToFold:
    """One of the rows about the person `head` stands for, as staged; `candidate_id` is None for a new person."""

    head: int
    candidate_id: int | None
    row_number: int
    url: str
    urls: list[str]
    emails: list[str]
    extra: dict[str, str]
    profile: dict[str, Any]


@dataclass(frozen=True)
class StoredPerson:
    """What the database holds of a person before a merge; the profile parts are None for an incomplete row."""

    id: int
    email: str
    is_enriched: bool
    role_start: int | None
    company_start: int | None
    profile: dict[str, Any] | None
    extra: dict[str, str] | None
    field_sources: dict[str, str] | None
    urls: list[str]
    emails: list[str]


@dataclass(frozen=True)
class FoldedPerson:
    """What becomes of one head; `row` is None where nothing changes."""

    head: int
    row: StagedRow | None
    is_new: bool = False


@dataclass(frozen=True)
class MergeCounts:
    """How many rows made a person, changed one, or told nothing new."""

    added: int
    updated: int
    merged: int


Fold = Callable[[Sequence[RowToFold], dict[int, StoredPerson], frozenset[str]], list[FoldedPerson]]
"""Decides about whole heads: their rows, the known people among them, and addresses that belong to anybody."""


def allow_minutes(tx: Tx) -> None:
    """Let this transaction take as long as a file takes, and wait for another import of the organization."""
    tx.execute(Q["allow_minutes"])


@dataclass(frozen=True)
class Staging:
    """The tables of one import, in one transaction."""

    tx: Tx
    import_id: UUID

    def open(self) -> None:
        for statement in ("create_rows", "create_places", "create_heads"):
            self.run(statement)

    def close(self) -> None:
        self.run("drop_tables")

    def run(self, name: str, **values: Any) -> int:
        """Run one statement over this import's tables and return how many rows it touched."""
        return self.tx.execute(self.statement(name), values or None).rowcount

    def statement(self, name: str) -> sql.Composed:
        tables = {table: self.table(table) for table in ("rows", "links", "places", "heads")}
        return Q[name].format(**tables)

    def table(self, name: str) -> sql.Identifier:
        return sql.Identifier("staging", f"import_{self.import_id.hex}_{name}")

    def add(self, rows: Iterable[StagedRow]) -> None:
        """Stage one chunk."""
        with self.tx.cursor() as cursor, cursor.copy(self.statement("copy_rows")) as copy:
            copy.set_types(_COPIED_TYPES)
            for row in rows:
                copy.write_row(_copied(row))

    def owned_urls(self, urls: Iterable[str]) -> frozenset[str]:
        """Those of the addresses that belong to somebody already."""
        return frozenset(url for (url,) in self.tx.execute(Q["owned_urls"], {"urls": list(urls)}))

    def group(self) -> None:
        """Once all chunks are staged: find the rows that are one person because they share an address."""
        for statement in ("index_rows", "analyze_rows", "create_links", "analyze_links"):
            self.run(statement)
        while self.run("join_people"):
            self.run("shorten_paths")
        self.run("index_links")

    def merge_range(self, first: int, end: int, list_id: UUID, fold: Fold) -> MergeCounts:
        """Store the people that are named by row numbers from `first` up to, not including, `end`."""
        self.tx.execute(Q["lock_people"])
        self.run("place_rows", first=first, end=end)
        self.run("note_possible_duplicates", first=first, end=end, import_id=self.import_id)
        for statement in ("list_heads", "analyze_places", "analyze_heads", "settle_repeats", "settle_new"):
            self.run(statement)
        self.fold_people(fold)
        # Without a fresh look the planner believes that no outcome was decided, and joins row by row.
        self.run("analyze_heads")
        self.tx.execute(Q["join_by_sets"])
        for statement in (
            *("insert_candidates", "update_candidates", "write_profiles"),
            *("append_aliases", "append_emails"),
        ):
            self.run(statement)
        self.run("note_sources", import_id=self.import_id)
        self.run("join_list", list_id=list_id)
        self.tx.execute(Q["join_as_planned"])
        with self.tx.cursor(row_factory=class_row(MergeCounts)) as cursor:
            counts = cursor.execute(self.statement("count_outcomes")).fetchone()
        self.run("empty_merge")
        return counts or MergeCounts(0, 0, 0)

    def fold_people(self, fold: Fold) -> None:
        """Let `fold` decide where sets cannot: a bounded number of people at a time, whatever the file's size."""
        with self.tx.cursor(f"fold_{self.import_id.hex}", row_factory=class_row(RowToFold)) as cursor:
            cursor.itersize = 2 * FOLDED_AT_ONCE
            cursor.execute(self.statement("rows_to_fold"))
            batch: list[RowToFold] = []
            heads = 0
            for row in cursor:
                if not batch or batch[-1].head != row.head:
                    if heads == FOLDED_AT_ONCE:
                        self.settle(batch, fold)
                        batch, heads = [], 0
                    heads += 1
                batch.append(row)
            if batch:
                self.settle(batch, fold)

    def settle(self, batch: Sequence[RowToFold], fold: Fold) -> None:
        known = sorted({row.candidate_id for row in batch if row.candidate_id is not None})
        with self.tx.cursor(row_factory=class_row(StoredPerson)) as cursor:
            stored = cursor.execute(Q["stored_people"], {"candidate_ids": known}).fetchall()
        owned = self.owned_urls({url for row in batch for url in row.urls})
        folded = fold(batch, {person.id: person for person in stored}, owned)
        self.add(person.row for person in folded if person.row)
        self.run(
            "settle_heads",
            heads=[person.head for person in folded],
            outcomes=["same" if person.row is None else "added" if person.is_new else "updated" for person in folded],
            content_rows=[person.row.row_number if person.row else None for person in folded],
        )


def _copied(row: StagedRow) -> tuple[Any, ...]:
    return (
        row.row_number,
        row.url,
        _array_literal(row.urls),
        _array_literal(row.emails),
        json.dumps(row.extra) if row.extra else "{}",
        json.dumps(row.sources) if row.sources else "{}",
        *_CANDIDATE_COLUMNS(row.candidate),
    )


def _array_literal(texts: Iterable[str]) -> str:
    """The texts as PostgreSQL writes an array: several times quicker than having lists adapted for each row."""
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return '{"' + '","'.join(escaped) + '"}' if escaped else "{}"
