"""Positions: a brief in four boxes, its criteria, and the approval without which nothing runs."""

from dataclasses import dataclass
from uuid import UUID

from services.db import positions as db
from services.db.pool import Database, Tx
from services.db.positions import BriefText
from services.domain.actors import Actor
from services.domain.constraints import Constraint, read_constraints
from services.domain.criteria import Criterion, parse_brief, parse_brief_file
from services.domain.positions import PositionRow, VersionRow, VersionSummary
from services.errors import BadInput, Conflict, NotFound

LONGEST_TITLE = 200
POSITIONS_A_PAGE = 50
GONE = "This position does not exist any more, or it belongs to another organization."


@dataclass(frozen=True)
class PositionVersion:
    """One version with its criteria, and the limits on tenure that code will enforce for it."""

    row: VersionRow
    criteria: tuple[Criterion, ...]
    constraints: tuple[Constraint, ...]

    @property
    def is_approved(self) -> bool:
        return self.row.approved_at is not None

    @property
    def is_frozen(self) -> bool:
        return self.row.frozen_at is not None


@dataclass(frozen=True)
class Position:
    """A position as its page shows it: the version looked at, and the history."""

    position_id: UUID
    title: str
    version: PositionVersion
    history: tuple[VersionSummary, ...]

    @property
    def is_archived(self) -> bool:
        return self.version.row.archived_at is not None

    @property
    def is_latest(self) -> bool:
        return self.history[0].id == self.version.row.id


@dataclass(frozen=True)
class SavedPosition:
    """What saving made: the ids, and the criteria that were read from the brief."""

    position_id: UUID
    version_id: UUID
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Positions:
    """Everybody in an organization may read and write its positions."""

    db: Database

    def recent(self, actor: Actor, archived: bool = False, page: int = 1) -> list[PositionRow]:
        with self.db.act_as(actor) as tx:
            return db.list_positions(tx, archived, POSITIONS_A_PAGE, (max(1, page) - 1) * POSITIONS_A_PAGE)

    def read(self, brief: BriefText) -> tuple[Criterion, ...]:
        """The criteria a brief would become; raises BadInput that says what to change."""
        return parse_brief(brief.role, brief.must, brief.nice, brief.exclude)

    def create(self, actor: Actor, title: str, brief: BriefText, approve: bool = False) -> SavedPosition:
        """Write a new position with its first version. Raises BadInput."""
        title = clean_title(title)
        criteria = self.read(brief)
        with self.db.act_as(actor) as tx:
            position_id = db.insert_position(tx, title, actor.user_id)
            version_id = add_version(tx, actor, position_id, brief, criteria)
            if approve:
                db.approve_version(tx, version_id, 1, actor.user_id)
        return SavedPosition(position_id, version_id, criteria)

    def create_from_file(self, actor: Actor, title: str, text: str, approve: bool = False) -> SavedPosition:
        """The same from a brief file with its four sections. Raises BadInput with the line at fault."""
        brief = parse_brief_file(text)
        boxes = {
            kind: "\n".join(c.text for c in brief.criteria if c.kind == kind) for kind in ("must", "nice", "exclude")
        }
        return self.create(actor, title, BriefText(brief.role, **boxes), approve)

    def open(self, actor: Actor, position_id: UUID, version_id: UUID | None = None) -> Position:
        """The position at one of its versions, or at the latest. Raises NotFound."""
        with self.db.act_as(actor) as tx:
            found = version_id or db.latest_version_id(tx, position_id)
            version = read_version(tx, found) if found else None
            if version is None or version.row.position_id != position_id:
                raise NotFound(GONE)
            return Position(position_id, version.row.title, version, tuple(db.list_versions(tx, position_id)))

    def save(
        self,
        actor: Actor,
        position_id: UUID,
        version_id: UUID,
        revision: int,
        title: str,
        brief: BriefText,
        approve: bool = False,
    ) -> SavedPosition:
        """Save an edit of the version that the person had before them, and approve exactly that if asked.

        A version no run has used changes in place and must be approved again; a used one stays, and the
        edit becomes the next version. Raises BadInput, NotFound, or Conflict when somebody else saved first.
        """
        title = clean_title(title)
        criteria = self.read(brief)
        with self.db.act_as(actor) as tx:
            current = self.expect(tx, position_id, version_id, revision)
            db.rename_position(tx, position_id, title)
            saved = version_id
            if is_same_brief(current, brief):
                # A new version would have everybody screened, and paid for, again.
                is_approved = current.approved_at is not None
            elif current.frozen_at is not None:
                saved, revision, is_approved = add_version(tx, actor, position_id, brief, criteria), 1, False
            else:
                if not db.change_draft(tx, version_id, revision, brief, actor.user_id):
                    raise somebody_was_quicker(current)
                db.replace_criteria(tx, version_id, criteria)
                revision, is_approved = revision + 1, False
            if approve and not is_approved and not db.approve_version(tx, saved, revision, actor.user_id):
                raise somebody_was_quicker(current)
        return SavedPosition(position_id, saved, criteria)

    def approve(self, actor: Actor, position_id: UUID, version_id: UUID, revision: int) -> None:
        """Make a version usable exactly as it was seen. Raises NotFound or Conflict."""
        with self.db.act_as(actor) as tx:
            current = self.expect(tx, position_id, version_id, revision)
            if current.approved_at is None and not db.approve_version(tx, version_id, revision, actor.user_id):
                raise somebody_was_quicker(current)

    def archive(self, actor: Actor, position_id: UUID, archived: bool = True) -> None:
        with self.db.act_as(actor) as tx:
            if not db.archive_position(tx, position_id, archived):
                raise NotFound(GONE)

    def expect(self, tx: Tx, position_id: UUID, version_id: UUID, revision: int) -> VersionRow:
        """The version a person had before them, if it is still the latest and unchanged."""
        latest = db.latest_version_id(tx, position_id)
        current = db.find_version(tx, latest) if latest else None
        if current is None:
            raise NotFound(GONE)
        if current.id != version_id or current.revision != revision:
            raise somebody_was_quicker(current)
        return current


def add_version(tx: Tx, actor: Actor, position_id: UUID, brief: BriefText, criteria: tuple[Criterion, ...]) -> UUID:
    version_id = db.insert_version(tx, position_id, brief, actor.user_id)
    db.replace_criteria(tx, version_id, criteria)
    return version_id


def read_version(tx: Tx, version_id: UUID) -> PositionVersion | None:
    """A version with its criteria and enforced limits, or None."""
    row = db.find_version(tx, version_id)
    if row is None:
        return None
    criteria = db.criteria_of(tx, version_id)
    return PositionVersion(row, criteria, read_constraints(criteria))


def is_same_brief(row: VersionRow, brief: BriefText) -> bool:
    """Whether an edit changed no word of the brief."""
    written = BriefText(row.role_text, row.must_text, row.nice_text, row.exclude_text)
    return written.as_parameters() == brief.as_parameters()


def clean_title(title: str) -> str:
    cleaned = " ".join(title.split())
    if not cleaned:
        raise BadInput("Give the position a title.", "title")
    if len(cleaned) > LONGEST_TITLE:
        raise BadInput(f"The title has {len(cleaned)} characters and may have {LONGEST_TITLE}.", "title")
    return cleaned


def somebody_was_quicker(current: VersionRow) -> Conflict:
    return Conflict(
        f"{current.edited_by_name} changed this position in the meantime (version {current.number})."
        " Copy your text, reload the page, and put your changes in again."
    )
