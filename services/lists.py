"""Lists: named sets of candidates that a team works through."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.db import lists as db
from services.db.pool import Database, Tx
from services.domain.actors import Actor
from services.domain.lists import ListSummary, list_name
from services.errors import Conflict, NotFound

GONE = "This list no longer exists."
PAGE_SIZE = 50
MOST_OFFERED = 1000


@dataclass(frozen=True)
class Added:
    """How many became members, and how many were members already."""

    added: int
    already: int


@dataclass(frozen=True)
class ListPage:
    """Some lists; `number` counts from 1."""

    lists: list[ListSummary]
    number: int
    pages: int


@dataclass(frozen=True)
class Lists:
    """Everybody in an organization sees and edits all of its lists."""

    db: Database

    def page(self, actor: Actor, number: int = 1, text: str = "", *, archived: bool = False) -> ListPage:
        """A page of the lists whose names hold `text`, newest first; a number beyond the last gives the last."""
        wanted = text.strip()
        with self.db.act_as(actor) as tx:
            pages = max(1, -(-db.count_lists(tx, archived=archived, text=wanted) // PAGE_SIZE))
            number = min(max(1, number), pages)
            offset = (number - 1) * PAGE_SIZE
            found = db.page_of_lists(tx, archived=archived, text=wanted, limit=PAGE_SIZE, offset=offset)
        return ListPage(found, number, pages)

    def newest(self, actor: Actor, most: int = MOST_OFFERED) -> list[ListSummary]:
        """The newest active lists, to choose from."""
        with self.db.act_as(actor) as tx:
            return db.page_of_lists(tx, archived=False, text="", limit=most, offset=0)

    def find(self, actor: Actor, list_id: UUID) -> ListSummary:
        with self.db.act_as(actor) as tx:
            return found(tx, list_id)

    def find_by_name(self, actor: Actor, name: str) -> ListSummary:
        """The active list of that name. Raises NotFound."""
        with self.db.act_as(actor) as tx:
            list_id = db.find_active_by_name(tx, name.strip())
            if list_id is None:
                raise NotFound(f"There is no list named “{name.strip()}”.")
            return found(tx, list_id)

    def create(self, actor: Actor, name: str) -> ListSummary:
        """Raises Conflict if an active list has the name."""
        with self.db.act_as(actor) as tx:
            return found(tx, db.insert_list(tx, list_name(name)))

    def rename(self, actor: Actor, list_id: UUID, name: str) -> ListSummary:
        """Raises Conflict if another active list has the name."""
        with self.db.act_as(actor) as tx:
            active(tx, list_id)
            db.rename_list(tx, list_id, list_name(name))
            return found(tx, list_id)

    def archive(self, actor: Actor, list_id: UUID) -> ListSummary:
        """Put a list away; its members stay and `restore` brings it back."""
        with self.db.act_as(actor) as tx:
            db.archive_list(tx, list_id)
            return found(tx, list_id)

    def restore(self, actor: Actor, list_id: UUID) -> ListSummary:
        """Raises Conflict if an active list took the name meanwhile."""
        with self.db.act_as(actor) as tx:
            db.restore_list(tx, list_id, found(tx, list_id).name)
            return found(tx, list_id)

    def copy(self, actor: Actor, list_id: UUID, name: str) -> ListSummary:
        """A new list with the same members in the same order."""
        with self.db.act_as(actor) as tx:
            found(tx, list_id)
            copied = db.insert_list(tx, list_name(name))
            db.copy_members(tx, list_id, copied)
            return found(tx, copied)

    def add(self, actor: Actor, list_id: UUID, candidate_ids: Sequence[int]) -> Added:
        """Make candidates members. Raises NotFound if one of them is not the organization's."""
        wanted = list(dict.fromkeys(candidate_ids))
        with self.db.act_as(actor) as tx:
            active(tx, list_id)
            known = db.count_known(tx, wanted)
            if known < len(wanted):
                raise NotFound(f"{len(wanted) - known} of these candidates no longer exist; nobody was added.")
            added = db.insert_members(tx, list_id, wanted)
        return Added(added, len(wanted) - added)

    def remove(self, actor: Actor, list_id: UUID, candidate_ids: Sequence[int]) -> int:
        """Take candidates off the list and return how many were on it; the candidates themselves stay."""
        with self.db.act_as(actor) as tx:
            active(tx, list_id)
            return db.delete_members(tx, list_id, candidate_ids)


def found(tx: Tx, list_id: UUID) -> ListSummary:
    """The list, active or archived. Raises NotFound."""
    summary = db.find_list(tx, list_id)
    if summary is None:
        raise NotFound(GONE)
    return summary


def active(tx: Tx, list_id: UUID) -> ListSummary:
    """The list. Raises NotFound, and Conflict if it is archived."""
    summary = found(tx, list_id)
    if summary.archived_at is not None:
        raise Conflict(f"The list “{summary.name}” is archived. Restore it first.")
    return summary
