"""Imports: a file of people becomes candidates in a list, all of it or nothing.

How rows find their people is told in docs/decisions/merge.md; what files and columns may look like in
docs/rules/import.md.
"""

import csv
import hashlib
import io
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO, Final
from uuid import UUID

from services.clock import Clock
from services.db import imports as db
from services.db import lists
from services.db.candidate_rows import CandidateRow, candidate_row, profile_from_json
from services.db.pool import Database, Tx
from services.db.staging import IMPORT_ROLE, FoldedPerson, RowToFold, StagedRow, Staging, StoredPerson, allow_minutes
from services.domain.actors import Actor
from services.domain.dates import Month, month_of
from services.domain.delimited import Dialect, find_dialect, read_rows
from services.domain.headers import HeaderMapping, Ignored, ImportedPerson, RejectedRow, RowNote, map_headers, read_row
from services.domain.imports import NUL_SIGN, Column, ImportPreview, ImportRecord, PossibleDuplicate, Reject
from services.domain.lists import list_name as checked_list_name
from services.domain.lists import name_from_file
from services.domain.merging import IMPORT, Held, updated, with_gaps_filled
from services.domain.profiles import Profile
from services.domain.spreadsheets import BYTE_ORDER_MARK, safe_text
from services.errors import BadInput, Conflict, NotFound

ROWS_A_CHUNK: Final = 1000
SAMPLE_ROWS: Final = 100
SHOWN_SAMPLES: Final = 3
RECENT: Final = 20
REJECTS_A_READ: Final = 1000
MOST_DUPLICATES_SHOWN: Final = 100
MOST_EXTRA_COLUMNS: Final = 60
LONGEST_EXTRA: Final = 500
LONGEST_EXCERPT: Final = 120
LONGEST_FILE_NAME: Final = 200
BLOCK_BYTES: Final = 1 << 20
# A provider that filled a profile without saying which fields it filled is taken to have filled them all.
ENRICHMENT: Final = "enrichment"
GONE: Final = "This import no longer exists."
FILE_GONE: Final = "The uploaded file is no longer here. Please upload it again."


class FileTooLarge(BadInput):
    """An upload above the limit."""

    status = 413


@dataclass(frozen=True)
class ImportResult:
    """What an import did; `rows` = `added` + `updated` + `merged` + `rejected`."""

    import_id: UUID
    list_id: UUID
    rows: int
    added: int
    updated: int
    merged: int
    rejected: int
    rejects: tuple[Reject, ...]


@dataclass
class Tally:
    """What was seen while the rows of a file were read."""

    rows: int = 0
    rejected: int = 0
    last_row: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    notes: dict[RowNote, list[int]] = field(default_factory=dict)

    def note(self, note: RowNote, row_number: int) -> None:
        """Count a note and remember the first row that it stood in."""
        known = self.notes.setdefault(note, [0, row_number])
        known[0] += 1

    def notes_to_store(self) -> list[dict[str, Any]]:
        return [
            {"note": note.note.value, "field": note.field, "rows": rows, "first_row": first}
            for note, (rows, first) in self.notes.items()
        ]


@dataclass(frozen=True)
class RowReader:
    """Turns the rows of one file into staged rows, for one organization and month."""

    mapping: HeaderMapping
    org_number: int
    as_of: Month

    def staged(
        self, row_number: int, cells: Sequence[str], person: ImportedPerson, *, is_known: bool = False
    ) -> StagedRow:
        """A row to be staged; what is known already gets no search words, which are the dearest part of it."""
        return StagedRow(
            row_number=row_number,
            url=person.url.url,
            urls=(person.url.url, *(alias.url for alias in person.aliases)),
            emails=person.emails,
            extra=self.unmapped(cells, person),
            sources={},
            candidate=candidate_row(person.profile, self.org_number, self.as_of, with_words=not is_known),
        )

    def unmapped(self, cells: Sequence[str], person: ImportedPerson) -> dict[str, str]:
        """What the file says in columns that feed nothing, under their headers; and the phone number."""
        kept = {"phone": person.phone} if person.phone else {}
        for column in self.mapping.ignored:
            header = self.mapping.headers[column.index]
            if column.reason not in (Ignored.UNKNOWN, Ignored.ABOUT_THE_COMPANY) or header.startswith("_"):
                continue
            value = cells[column.index].strip() if column.index < len(cells) else ""
            if value and len(kept) < MOST_EXTRA_COLUMNS:
                kept[header] = value[:LONGEST_EXTRA]
        return kept


@dataclass(frozen=True)
class Imports:
    """Uploads, their preview, their import, and what became of them."""

    db: Database
    clock: Clock
    uploads: Path
    upload_limit_bytes: int

    # Upload

    def receive(self, actor: Actor, file_name: str, body: BinaryIO, announced_bytes: int | None) -> UUID:
        """Keep an upload for this actor and return its id.

        Raises BadInput, and keeps nothing, if the file is too large or is not delimited text; what is announced
        to be too large is refused before a byte is read.
        """
        if announced_bytes is not None and announced_bytes > self.upload_limit_bytes:
            raise self.too_large()
        name, path = self.new_file()
        try:
            size, sha256 = self.keep(body, path)
            with path.open("rb") as file:
                dialect = find_dialect(file)
            with self.db.act_as(actor) as tx:
                return db.insert_import(
                    tx,
                    file_name=shown_file_name(file_name),
                    file_bytes=size,
                    file_sha256=sha256,
                    stored_as=name,
                    encoding=dialect.encoding,
                )
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def new_file(self) -> tuple[str, Path]:
        """A place that nobody can guess and only we may read."""
        self.uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.uploads.chmod(0o700)
        name = secrets.token_hex(24)
        return name, self.uploads / name

    def keep(self, body: BinaryIO, path: Path) -> tuple[int, bytes]:
        """Write what comes to the path, in blocks, and return its size and SHA-256."""
        size, digest = 0, hashlib.sha256()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while block := body.read(BLOCK_BYTES):
                size += len(block)
                if size > self.upload_limit_bytes:
                    raise self.too_large()
                digest.update(block)
                file.write(block)
        return size, digest.digest()

    def too_large(self) -> FileTooLarge:
        return FileTooLarge(
            f"This file is larger than {self.upload_limit_bytes // 1_000_000} MB. Split it, or ask whoever runs this"
            " installation to raise UPLOAD_LIMIT_MB."
        )

    # Before the import

    def find(self, actor: Actor, import_id: UUID) -> ImportRecord:
        with self.db.act_as(actor) as tx:
            return found(tx, import_id)

    def recent(self, actor: Actor) -> list[ImportRecord]:
        """The organization's newest imports, discarded ones left out."""
        with self.db.act_as(actor) as tx:
            return db.recent_imports(tx, RECENT)

    def preview(self, actor: Actor, import_id: UUID) -> ImportPreview:
        """How the columns of a waiting upload were understood. Raises Conflict if it is not waiting."""
        with self.db.act_as(actor) as tx:
            record = waiting(found(tx, import_id))
            before = db.same_file_before(tx, record.file_sha256)
        with self.open_upload(record) as file:
            dialect = find_dialect(file)
            rows = [cells for _, cells in islice(read_rows(file, dialect), SAMPLE_ROWS)]
        return ImportPreview(
            record,
            tuple(columns_of(dialect, rows)),
            map_headers(dialect.headers, rows),
            name_from_file(record.file_name),
            before,
        )

    def open_upload(self, record: ImportRecord) -> BinaryIO:
        try:
            return (self.uploads / (record.stored_as or "")).open("rb")
        except (FileNotFoundError, IsADirectoryError) as error:
            raise NotFound(FILE_GONE) from error

    def discard(self, actor: Actor, import_id: UUID) -> None:
        """Give up a waiting upload and delete its file."""
        with self.db.act_as(actor) as tx:
            stored_as = db.discard_import(tx, import_id)
        if stored_as:
            (self.uploads / stored_as).unlink(missing_ok=True)

    # The import

    def run(self, actor: Actor, import_id: UUID, list_name: str, mapping: HeaderMapping) -> ImportResult:
        """Import a waiting upload into the active list of that name, which is made if there is none.

        All or nothing: on any error the upload still waits. Raises Conflict if it is not waiting (any more), and
        BadInput if no row can be used or the file cannot be read to its end.
        """
        record = self.find(actor, import_id)

        def claim(tx: Tx) -> UUID:
            if not db.claim_import(tx, import_id):
                waiting(found(tx, import_id))
            return import_id

        with self.open_upload(waiting(record)) as file:
            result = self.merge_file(actor, file, list_name, mapping, claim)
        (self.uploads / (record.stored_as or "")).unlink(missing_ok=True)
        return result

    def import_file(
        self, actor: Actor, path: Path, list_name: str, mapping: HeaderMapping | None = None
    ) -> ImportResult:
        """Import a file of this machine in one step; the columns are mapped as a preview would propose."""
        with path.open("rb") as file:
            dialect = find_dialect(file)
            rows = [cells for _, cells in islice(read_rows(file, dialect), SAMPLE_ROWS)]
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").digest()

            def record(tx: Tx) -> UUID:
                import_id = db.insert_import(
                    tx,
                    file_name=shown_file_name(path.name),
                    file_bytes=path.stat().st_size,
                    file_sha256=sha256,
                    stored_as=None,
                    encoding=dialect.encoding,
                )
                db.claim_import(tx, import_id)
                return import_id

            return self.merge_file(actor, file, list_name, mapping or map_headers(dialect.headers, rows), record)

    def merge_file(
        self,
        actor: Actor,
        file: BinaryIO,
        list_name: str,
        mapping: HeaderMapping,
        begin: Callable[[Tx], UUID],
    ) -> ImportResult:
        """Stage the whole file, then merge it, in one transaction; `begin` gives the import that it belongs to."""
        list_name = checked_list_name(list_name)
        if not mapping.names_people:
            raise BadInput(
                "No column holds profile addresses, so nobody can tell who the rows are about. Choose the column for"
                " “Profile address”."
            )
        dialect = find_dialect(file)
        if mapping.headers != dialect.headers:
            raise BadInput("The columns chosen are those of another file.")
        with self.db.transaction(IMPORT_ROLE, actor.org_id, actor.user_id) as tx:
            allow_minutes(tx)
            import_id = begin(tx)
            staging = Staging(tx, import_id)
            staging.open()
            reader = RowReader(mapping, db.organization_number(tx), self.this_month())
            tally = Tally()
            rows = read_rows(file, dialect)
            while chunk := list(islice(rows, ROWS_A_CHUNK)):
                self.stage(staging, reader, chunk, tally)
            if tally.rows == tally.rejected:
                raise nobody_usable(tally)
            staging.group()
            list_id = lists.find_or_insert(tx, list_name)
            counts = staging.merge_range(0, tally.last_row + 1, list_id, Folding(reader).fold)
            facts = {
                "rows": tally.rows,
                "added": counts.added,
                "updated": counts.updated,
                "merged": counts.merged,
                "rejected": tally.rejected,
            }
            db.finish_import(
                tx,
                import_id,
                mapping=mapping.to_dict(),
                notes=tally.notes_to_store(),
                list_id=list_id,
                list_name=list_name,
                **facts,
            )
            staging.close()
            rejects = db.rejects_after(tx, import_id, 0, REJECTS_A_READ)
        return ImportResult(import_id=import_id, list_id=list_id, rejects=tuple(rejects), **facts)

    def stage(self, staging: Staging, reader: RowReader, chunk: Sequence[tuple[int, list[str]]], tally: Tally) -> None:
        """Read one chunk of rows: people go to the staging table, the others to the rejected rows."""
        people: list[tuple[int, list[str], ImportedPerson]] = []
        rejects: list[Reject] = []
        for row_number, cells in chunk:
            tally.rows += 1
            tally.last_row = row_number
            read = read_row(reader.mapping, cells)
            if isinstance(read, RejectedRow):
                tally.rejected += 1
                tally.reasons[read.reason.sentence] += 1
                rejects.append(Reject(row_number, read.field, read.reason.sentence, excerpt(cells)))
                continue
            for note in read.notes:
                tally.note(note, row_number)
            people.append((row_number, cells, read))
        known = staging.owned_urls(person.url.url for _, _, person in people)
        staging.add(
            reader.staged(row_number, cells, person, is_known=person.url.url in known)
            for row_number, cells, person in people
        )
        if rejects:
            db.insert_rejects(staging.tx, staging.import_id, rejects)

    def this_month(self) -> Month:
        return month_of(self.clock.now().date())

    # Afterwards

    def rejects(self, actor: Actor, import_id: UUID, after: int = 0, most: int = 100) -> list[Reject]:
        """The rejected rows below row `after`, in the order of the file."""
        with self.db.act_as(actor) as tx:
            found(tx, import_id)
            return db.rejects_after(tx, import_id, after, most)

    def possible_duplicates(self, actor: Actor, import_id: UUID) -> list[PossibleDuplicate]:
        """Pairs of candidates whom one row of this import named at once."""
        with self.db.act_as(actor) as tx:
            found(tx, import_id)
            return db.possible_duplicates_of(tx, import_id, MOST_DUPLICATES_SHOWN)

    def rejects_csv(self, actor: Actor, import_id: UUID) -> Iterator[str]:
        """The rejected rows as a CSV file, in pieces; nothing in it is a formula."""
        self.find(actor, import_id)
        return self.rejects_csv_pieces(actor, import_id)

    def rejects_csv_pieces(self, actor: Actor, import_id: UUID) -> Iterator[str]:
        yield BYTE_ORDER_MARK + csv_line(["row", "column", "reason", "begins with"])
        after = 0
        while rejects := self.rejects(actor, import_id, after, REJECTS_A_READ):
            yield "".join(
                csv_line([str(reject.row_number), reject.field, reject.reason, reject.excerpt]) for reject in rejects
            )
            after = rejects[-1].row_number


@dataclass(frozen=True)
class Folding:
    """Decides what several rows, or a row and what is stored, make of a person."""

    reader: RowReader

    def fold(
        self, rows: Sequence[RowToFold], stored: Mapping[int, StoredPerson], owned: frozenset[str]
    ) -> list[FoldedPerson]:
        folded = []
        for head, of_head in groupby(rows, key=lambda row: row.head):
            group = list(of_head)
            candidate_id = group[0].candidate_id
            if candidate_id is None:
                folded.append(FoldedPerson(head, self.new_person(head, group), is_new=True))
            else:
                folded.append(FoldedPerson(head, self.known_person(head, group, stored[candidate_id], owned)))
        return folded

    def new_person(self, head: int, group: Sequence[RowToFold]) -> StagedRow:
        """Several rows as one new person, known by the shortest of their addresses, whatever the rows' order."""
        return StagedRow(
            row_number=-head,
            url=min((row.url for row in group), key=lambda url: (len(url), url)),
            urls=united(row.urls for row in group),
            emails=united(row.emails for row in group),
            extra=first_said(row.extra for row in group),
            sources={},
            candidate=self.candidate(folded_profile(group)),
        )

    def known_person(
        self, head: int, group: Sequence[RowToFold], person: StoredPerson, owned: frozenset[str]
    ) -> StagedRow | None:
        """What the rows make of a person the database knows; None if they say nothing new."""
        held = held_by(person)
        after = updated(held, folded_profile(group), IMPORT)
        urls = united(row.urls for row in group)
        emails = united(row.emails for row in group)
        extra = (person.extra or {}) | first_said(row.extra for row in group)
        is_news = (
            person.profile is None
            or after != held
            or extra != (person.extra or {})
            or not set(emails) <= set(person.emails)
            or any(url not in person.urls and url not in owned for url in urls)
        )
        if not is_news:
            return None
        candidate = self.candidate(after.profile)
        if repeats_durations(held.profile, after.profile):
            candidate = replace(candidate, role_start=person.role_start, company_start=person.company_start)
        return StagedRow(-head, urls, emails, extra, candidate, dict(after.sources), group[0].url)

    def candidate(self, profile: Profile) -> CandidateRow:
        return candidate_row(profile, self.reader.org_number, self.reader.as_of)


def held_by(person: StoredPerson) -> Held:
    profile = profile_from_json(person.profile or {})
    if person.is_enriched and not person.field_sources:
        return Held.all_by(profile, ENRICHMENT)
    return Held(profile, person.field_sources or {})


def folded_profile(group: Sequence[RowToFold]) -> Profile:
    """The rows of one file about one person: earlier rows speak first."""
    profile = profile_from_json(group[0].profile)
    for row in group[1:]:
        profile = with_gaps_filled(profile, profile_from_json(row.profile))
    return profile


def repeats_durations(before: Profile, after: Profile) -> bool:
    """Whether the starts that are stored still hold: durations without dates age from when they were first told."""
    return before.roles == after.roles and (before.supplied_role_months, before.supplied_company_months) == (
        after.supplied_role_months,
        after.supplied_company_months,
    )


def united(texts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for group in texts for text in group))


def first_said(extras: Iterable[Mapping[str, str]]) -> dict[str, str]:
    said: dict[str, str] = {}
    for extra in extras:
        said = {**extra, **said}
    return said


def found(tx: Tx, import_id: UUID) -> ImportRecord:
    record = db.find_import(tx, import_id)
    if record is None:
        raise NotFound(GONE)
    return record


def waiting(record: ImportRecord) -> ImportRecord:
    """The record of an upload that can still be imported. Raises Conflict."""
    if record.state == "done":
        raise Conflict("This file has been imported already.")
    if record.state != "uploaded":
        raise Conflict("This upload was discarded. Please upload the file again.")
    return record


def nobody_usable(tally: Tally) -> BadInput:
    none = "The only row there is cannot be used" if tally.rows == 1 else f"None of the {tally.rows:,} rows can be used"
    reasons = "; ".join(f"{count:,}: {reason}" for reason, count in tally.reasons.most_common(3))
    return BadInput(f"{none}, so nothing was imported. {reasons} Check which column is used for “Profile address”.")


def columns_of(dialect: Dialect, rows: Sequence[Sequence[str]]) -> Iterator[Column]:
    for index, header in enumerate(dialect.headers):
        cells = (row[index].strip() for row in rows if index < len(row))
        samples = dict.fromkeys(visible_nul(cell[:LONGEST_EXCERPT]) for cell in cells if cell)
        yield Column(index, header, tuple(islice(samples, SHOWN_SAMPLES)))


def excerpt(cells: Sequence[str]) -> str:
    """How a rejected row begins, so that a person finds it again; NUL is shown as ␀, other control characters as ·."""
    text = " · ".join(cell.strip()[:LONGEST_EXCERPT] for cell in cells if cell.strip())[:LONGEST_EXCERPT]
    return "".join(character if character.isprintable() else "·" for character in visible_nul(text))


def visible_nul(text: str) -> str:
    """The text with a sign for what no page shows and no import takes."""
    return text.replace("\0", NUL_SIGN)


def shown_file_name(sent: str) -> str:
    """The last part of a file's name, without anything that could not be printed."""
    name = "".join(character for character in PureWindowsPath(sent).name if character.isprintable()).strip()
    return name[-LONGEST_FILE_NAME:] or "file.csv"


def csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([safe_text(cell) for cell in cells])
    return line.getvalue()
