"""What somebody looks at on the Candidates page, as a record and as the query string that says the same.

Everything is in the address, so that a reload, the back button and a colleague's copy of a link show the
same (docs/search.md, The address). Reading one is tolerant: what cannot be used is left out and said.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, TypeVar, get_args
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from services.domain.queries import LONGEST_QUERY

SortName = Literal["name", "title", "company", "location", "added", "updated", "experience"]
Enrichment = Literal["none", "enriched", "not_found", "failed", "thin"]
Freshness = Literal["fresh", "stale", "never"]
VerdictName = Literal["GO", "MAYBE", "NO GO"]

SORTS: Final[tuple[SortName, ...]] = get_args(SortName)
ENRICHMENTS: Final[tuple[Enrichment, ...]] = get_args(Enrichment)
FRESHNESSES: Final[tuple[Freshness, ...]] = get_args(Freshness)
VERDICTS: Final[tuple[VerdictName, ...]] = get_args(VerdictName)

LONGEST_WORDS: Final = 200
MOST_VALUES: Final = 50
MOST_MONTHS: Final = 1200
LAST_ROW: Final = 100_000_000


@dataclass(frozen=True)
class Filters:
    """What people must be like to be shown; an empty field asks nothing.

    `name`, `title`, `company` and `location` are words, each of which begins a word of that column;
    `names`, `titles`, `companies` and `locations` are whole values, one of which the column equals, spelling
    aside. Months of experience and days of adding are inclusive on both ends.
    """

    name: str = ""
    title: str = ""
    company: str = ""
    location: str = ""
    names: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    has_email: bool | None = None
    enrichment: tuple[Enrichment, ...] = ()
    freshness: Freshness | None = None
    sources: tuple[str, ...] = ()
    months_from: int | None = None
    months_until: int | None = None
    added_from: date | None = None
    added_until: date | None = None
    list_id: UUID | None = None
    position_id: UUID | None = None
    verdicts: tuple[VerdictName, ...] = ()


@dataclass(frozen=True)
class View:
    """The text searched for, the filters, the order, the open person, and the row at the top (from 0)."""

    text: str = ""
    filters: Filters = field(default_factory=Filters)
    sort: SortName = "name"
    descending: bool = False
    person: int | None = None
    row: int = 0

    @property
    def asks_for_everybody(self) -> bool:
        return not self.text.strip() and self.filters == Filters()


@dataclass(frozen=True)
class ReadView:
    """A view read from an address, and a sentence about each part that could not be used."""

    view: View
    notices: tuple[str, ...] = ()


T = TypeVar("T", bound=str)

NO_VIEW: Final = View()
_TEXTS: Final = ("name", "title", "company", "location")
# Parameter -> field of Filters; each may stand several times.
_SETS: Final = {"is_name": "names", "is_title": "titles", "is_company": "companies", "is_location": "locations"}


def show_view(view: View) -> str:
    """The query string without its question mark; what is as it always is does not appear."""
    f = view.filters
    pairs: list[tuple[str, str]] = []
    if view.text:
        pairs.append(("q", view.text))
    pairs += [(name, getattr(f, name)) for name in _TEXTS if getattr(f, name)]
    pairs += [(name, value) for name, field_name in _SETS.items() for value in getattr(f, field_name)]
    if f.has_email is not None:
        pairs.append(("email", "yes" if f.has_email else "no"))
    pairs += [("enrichment", value) for value in f.enrichment]
    if f.freshness:
        pairs.append(("fresh", f.freshness))
    pairs += [("source", value) for value in f.sources]
    optional = {
        "months_from": f.months_from,
        "months_until": f.months_until,
        "added_from": f.added_from,
        "added_until": f.added_until,
        "list": f.list_id,
        "position": f.position_id,
    }
    pairs += [(name, str(value)) for name, value in optional.items() if value is not None]
    pairs += [("verdict", value) for value in f.verdicts]
    if (view.sort, view.descending) != (NO_VIEW.sort, NO_VIEW.descending):
        pairs.append(("sort", f"-{view.sort}" if view.descending else view.sort))
    if view.person is not None:
        pairs.append(("person", str(view.person)))
    if view.row:
        pairs.append(("row", str(view.row)))
    return urlencode(pairs)


def read_view(query_string: str) -> ReadView:
    """Read a query string; unknown names are left alone (a link may carry a tag of another's)."""
    return _Reader(query_string).whole()


class _Reader:
    """The parameters of one address, and what was wrong with them."""

    def __init__(self, query_string: str) -> None:
        self.values: dict[str, list[str]] = {}
        self.notices: list[str] = []
        try:
            pairs = parse_qsl(query_string.removeprefix("?"), keep_blank_values=True, max_num_fields=500)
        except ValueError:
            self.notices.append("This link has too many parts; it was not applied.")
            pairs = []
        for name, value in pairs:
            self.values.setdefault(name, []).append(value.replace("\0", ""))

    def whole(self) -> ReadView:
        sort, descending = self.sort()
        view = View(
            text=self.text("q", LONGEST_QUERY + 1),
            filters=self.filters(),
            sort=sort,
            descending=descending,
            person=self.number("person", 1, 2**63 - 1),
            row=self.number("row", 0, LAST_ROW) or 0,
        )
        return ReadView(view, tuple(self.notices))

    def filters(self) -> Filters:
        months_from = self.number("months_from", 0, MOST_MONTHS)
        months_until = self.number("months_until", 0, MOST_MONTHS)
        added_from, added_until = self.day("added_from"), self.day("added_until")
        verdicts = self.choices("verdict", VERDICTS)
        position_id = self.uuid("position")
        if verdicts and position_id is None:
            self.notices.append("Verdicts were left out: they belong to a position, and the link names none.")
            verdicts = ()
        email = self.choices("email", ("yes", "no"))[:1]
        return Filters(
            name=self.text("name", LONGEST_WORDS),
            title=self.text("title", LONGEST_WORDS),
            company=self.text("company", LONGEST_WORDS),
            location=self.text("location", LONGEST_WORDS),
            names=self.texts("is_name"),
            titles=self.texts("is_title"),
            companies=self.texts("is_company"),
            locations=self.texts("is_location"),
            has_email=email[0] == "yes" if email else None,
            enrichment=self.choices("enrichment", ENRICHMENTS),
            freshness=next(iter(self.choices("fresh", FRESHNESSES)), None),
            sources=self.texts("source"),
            months_from=months_from,
            months_until=months_until,
            added_from=added_from,
            added_until=added_until,
            list_id=self.uuid("list"),
            position_id=position_id,
            verdicts=verdicts,
        )

    def last(self, name: str) -> str:
        return self.values.get(name, [""])[-1]

    def text(self, name: str, longest: int) -> str:
        text = self.last(name)
        if len(text) > longest:
            self.notices.append(f"“{name}” was cut after {longest} characters.")
        return text[:longest]

    def texts(self, name: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(value for value in self.values.get(name, []) if value))
        if len(found) > MOST_VALUES or any(len(value) > LONGEST_WORDS for value in found):
            self.notices.append(f"“{name}” takes {MOST_VALUES} values of {LONGEST_WORDS} characters; the rest was cut.")
        return tuple(dict.fromkeys(value[:LONGEST_WORDS] for value in found))[:MOST_VALUES]

    def choices(self, name: str, allowed: tuple[T, ...]) -> tuple[T, ...]:
        found = dict.fromkeys(value for value in self.values.get(name, []) if value)
        for value in found:
            if value not in allowed:
                self.refuse(name, value)
        return tuple(value for value in allowed if value in found)

    def number(self, name: str, lowest: int, highest: int) -> int | None:
        text = self.last(name)
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 20 and lowest <= int(text) <= highest:
            return int(text)
        self.refuse(name, text)
        return None

    def day(self, name: str) -> date | None:
        text = self.last(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.refuse(name, text)
            return None

    def uuid(self, name: str) -> UUID | None:
        text = self.last(name)
        try:
            return UUID(text) if text else None
        except ValueError:
            self.refuse(name, text)
            return None

    def sort(self) -> tuple[SortName, bool]:
        text = self.last("sort")
        for name in SORTS:
            if text.removeprefix("-") == name:
                return name, text.startswith("-")
        if text:
            self.refuse("sort", text)
        return NO_VIEW.sort, NO_VIEW.descending

    def refuse(self, name: str, value: str) -> None:
        self.notices.append(f"“{value[:40]}” is no value for “{name}”; it was left out.")
