"""Who of a team is here and what runs for it: places, sightings, and what a page says of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID

from services.domain.runs import RunKind, RunState

PAGE_WORDS: Final[Mapping[str, str]] = {
    "": "Home",
    "candidates": "Candidates",
    "lists": "Lists",
    "imports": "Imports",
    "positions": "Positions",
    "screening": "Screening",
    "runs": "Runs",
    "usage": "Usage",
    "admin": "Admin",
    "status": "Status",
    "account": "Account",
}


LONGEST_SEARCH: Final = 8_000


@dataclass(frozen=True)
class Place:
    """Where somebody looks: a page of ours, and the position and the list that its address names."""

    page: str = ""
    position_id: UUID | None = None
    list_id: UUID | None = None

    @property
    def is_about_something(self) -> bool:
        return self.position_id is not None or self.list_id is not None

    def shares(self, other: "Place") -> bool:
        """Whether both are about the same position or the same list."""
        return (self.position_id is not None and self.position_id == other.position_id) or (
            self.list_id is not None and self.list_id == other.list_id
        )

    @property
    def words(self) -> str:
        return PAGE_WORDS[self.page]

    def as_text(self) -> str:
        return f"{self.page} {self.position_id or ''} {self.list_id or ''}"


def read_place(text: str) -> Place | None:
    """The place that `as_text` wrote; None for anything else."""
    parts = text.split(" ")
    if len(parts) != 3 or parts[0] not in PAGE_WORDS:
        return None
    return Place(parts[0], read_id(parts[1]), read_id(parts[2]))


def place_at(pathname: str, search: str) -> Place:
    """The place of an address; what is no page of ours counts as Home, and what is no id as none."""
    page, _, rest = pathname.strip("/").partition("/")
    if page not in PAGE_WORDS:
        return Place()
    query = parse_qs(search.lstrip("?")) if len(search) <= LONGEST_SEARCH else {}
    named = {name: read_id(query.get(name, [""])[0]) for name in ("position", "list")}
    if page == "positions":
        return Place(page, position_id=read_id(rest))
    if page == "lists":
        return Place(page, list_id=read_id(rest))
    if page in ("screening", "candidates"):
        return Place(page, named["position"], named["list"])
    return Place(page)


def read_id(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Sighting:
    """A person and where they looked last, as the store tells it."""

    user_id: UUID
    place: str


@dataclass(frozen=True)
class PersonHere:
    """Somebody who is online, and where."""

    user_id: UUID
    name: str
    place: Place


@dataclass(frozen=True)
class RunUnderWay:
    """A run of the organization's that has not ended, in a line."""

    run_id: UUID
    user_id: UUID
    user_name: str
    kind: RunKind
    state: RunState
    title: str
    items: int
    settled: int


@dataclass(frozen=True)
class TeamNow:
    """Who is here besides whoever asks, and what runs."""

    people: tuple[PersonHere, ...] = ()
    runs: tuple[RunUnderWay, ...] = ()
