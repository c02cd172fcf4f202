"""Candidates: the people of an organization, searched and paged; one person in full; lists of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from services.clock import Clock
from services.db import candidates, lists
from services.db.candidate_rows import profile_from_json
from services.db.candidates import (
    CandidateListing,
    CandidateSource,
    Count,
    KnownEmail,
    ListName,
    PastScreening,
    Payload,
)
from services.db.pool import Database, Tx
from services.domain.actors import Actor, Role
from services.domain.candidate_view import View
from services.domain.candidate_words import WORD_COLUMNS, column_queries
from services.domain.dates import Month, month_of
from services.domain.employment import CompanyTenure, company_tenures, is_current, newest_first, role_span
from services.domain.identity import ProfileUrl, read_profile_url
from services.domain.lists import list_name
from services.domain.names import fold
from services.domain.profiles import Profile
from services.domain.profiles import Role as Job
from services.domain.queries import And, InvalidQuery, Query, parse_query, to_tsquery
from services.errors import BadInput, Conflict, NotAllowed, NotFound

EXACT_UP_TO: Final = 10_000
FRESH_DAYS: Final = 183
LARGEST_BLOCK: Final = 500
LONGEST_KEY: Final = 200
LONGEST_PAYLOAD: Final = 200_000
LISTS_OFFERED: Final = 200
MINUTES_FOR_EVERYBODY: Final = 5
MOST_CHOSEN: Final = 10_000


@dataclass(frozen=True)
class Block:
    """Rows of the grid in order, and the total: exact, or about that many."""

    rows: list[CandidateListing]
    total: int
    total_is_exact: bool


@dataclass(frozen=True)
class TimedJob:
    """One role and how many months it lasted, if its dates tell."""

    job: Job
    months: int | None
    is_current: bool


@dataclass(frozen=True)
class Person:
    """Everything the side panel shows; durations are computed as of `as_of`."""

    id: int
    profile_url: str
    name: str
    headline: str
    title: str
    company: str
    location: str
    enrichment: str
    attempted_at: datetime | None
    enriched_at: datetime | None
    industry_months: int | None
    profile: Profile
    history: tuple[TimedJob, ...]
    tenures: tuple[CompanyTenure, ...]
    emails: list[KnownEmail]
    sources: list[CandidateSource]
    screenings: list[PastScreening]
    lists: list[ListName]
    has_payload: bool
    as_of: Month


@dataclass(frozen=True)
class Choices:
    """What the filters and the bulk bar offer."""

    lists: list[ListName]
    sources: list[str]


# People chosen one by one, or everybody whom a view shows.
Chosen = Sequence[int] | View


@dataclass(frozen=True)
class ListAddition:
    """The list, how many came onto it, and of those chosen one by one how many did not and why."""

    list_id: UUID
    list_name: str
    added: int
    already: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Candidates:
    """The people of an organization."""

    database: Database
    clock: Clock

    def block(self, actor: Actor, view: View, start: int, end: int) -> Block:
        """Rows `start` to `end` (from 0, end excluded) of a view.

        Raises BadInput for an invalid text query, which is never applied, and for an impossible block.
        """
        if not 0 <= start < end <= start + LARGEST_BLOCK:
            raise BadInput("This part of the table cannot be shown; reload the page.")
        filters = stored_filters(view, self.clock.now())
        ask = partial(self.database.ask, actor)
        found = candidates.search_candidates(ask, filters, view.sort, view.descending, start, end - start)
        return Block(found.rows, found.total, found.total_is_exact)

    def count(self, actor: Actor, view: View) -> Count:
        """How many match: exact up to EXACT_UP_TO. Raises BadInput for an invalid text query."""
        filters = stored_filters(view, self.clock.now())
        with self.database.act_as(actor) as tx:
            return candidates.count_candidates(tx, filters, EXACT_UP_TO)

    def person(self, actor: Actor, candidate_id: int) -> Person:
        """One person in full, but for raw payloads. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            record = candidates.find_candidate(tx, candidate_id)
            if record is None:
                raise NotFound("This person is not in your database (any more).")
            emails = candidates.emails_of(tx, candidate_id)
            sources = candidates.sources_of(tx, candidate_id)
            screenings = candidates.screenings_of(tx, candidate_id)
            lists = candidates.lists_of(tx, candidate_id)
        as_of = month_of(self.clock.now().date())
        profile = profile_from_json(record.profile)
        return Person(
            id=record.id,
            profile_url=openable_url(record.profile_url),
            name=record.full_name,
            headline=record.headline,
            title=record.title,
            company=record.company,
            location=record.location,
            enrichment=record.enrichment,
            attempted_at=record.attempted_at,
            enriched_at=record.enriched_at,
            industry_months=record.industry_months,
            profile=profile,
            history=timed_history(profile, as_of),
            tenures=company_tenures(profile.roles, as_of),
            emails=emails,
            sources=sources,
            screenings=screenings,
            lists=lists,
            has_payload=record.payloads > 0,
            as_of=as_of,
        )

    def payload(self, actor: Actor, candidate_id: int) -> Payload:
        """What a provider sent last about a person, cut at LONGEST_PAYLOAD characters. Raises NotFound."""
        with self.database.act_as(actor) as tx:
            found = candidates.newest_payload(tx, candidate_id, LONGEST_PAYLOAD)
        if found is None:
            raise NotFound("No provider has sent anything about this person.")
        return found

    def choices(self, actor: Actor) -> Choices:
        """The lists and sources this organization has."""
        with self.database.act_as(actor) as tx:
            return Choices(candidates.open_lists(tx, LISTS_OFFERED), candidates.candidate_sources(tx))

    def add_matching_to_list(self, actor: Actor, view: View, list_id: UUID) -> int:
        """Add everybody who matches, inside the database and without a cap; returns how many were not on it.

        Raises NotFound if the list cannot be added to, and BadInput for an invalid text query.
        """
        with self.database.act_as(actor) as tx:
            return self.add_all(tx, view, list_id)

    def put_on_list(self, actor: Actor, name: str, chosen: Chosen) -> ListAddition:
        """Add people to the list of that name, which is made if there is none.

        Raises BadInput for a bad name, an invalid text query, or nobody or too many chosen one by one, and
        NotFound if nobody of them is there; then no list is made either.
        """
        name = list_name(name)
        if not isinstance(chosen, View) and not 1 <= len(chosen) <= MOST_CHOSEN:
            raise BadInput(f"Choose 1 to {MOST_CHOSEN:,} people, or all that match.")
        with self.database.act_as(actor) as tx:
            list_id = lists.find_or_insert(tx, name)
            if isinstance(chosen, View):
                return self.put_all_on(tx, list_id, name, chosen)
            wanted = list(dict.fromkeys(chosen))
            known = lists.count_known(tx, wanted)
            if not known:
                raise NotFound("Nobody of those chosen is in your database (any more). Nobody was added to a list.")
            added = lists.insert_members(tx, list_id, wanted)
            return ListAddition(list_id, name, added, already=known - added, unknown=len(wanted) - known)

    def put_all_on(self, tx: Tx, list_id: UUID, name: str, view: View) -> ListAddition:
        added = self.add_all(tx, view, list_id)
        if not added:
            on_it = lists.find_list(tx, list_id)
            if on_it is None or not on_it.members:
                raise NotFound("Nobody matches (any more). Nobody was added to a list.")
        return ListAddition(list_id, name, added)

    def add_all(self, tx: Tx, view: View, list_id: UUID) -> int:
        filters = stored_filters(view, self.clock.now())
        if not candidates.list_is_open(tx, list_id):
            raise NotFound("This list does not exist (any more).")
        candidates.allow_minutes(tx, MINUTES_FOR_EVERYBODY)
        return candidates.add_matching_to_list(tx, list_id, filters, view.sort, view.descending)

    def delete(self, actor: Actor, candidate_id: int) -> None:
        """Erase a person with everything that tells of them, in one transaction (docs/search.md, Deleting).

        Raises NotAllowed for recruiters, NotFound, and Conflict while a run still works on the person.
        """
        if actor.role not in (Role.MANAGER, Role.ADMIN):
            raise NotAllowed("Only managers and admins can delete a person for good.")
        with self.database.act_as(actor) as tx:
            runs = candidates.live_runs_of(tx, candidate_id)
            if runs:
                raise Conflict(f"Still in use by: {', '.join(title or 'a run' for title in runs)}. Stop it first.")
            if not candidates.erase_candidate(tx, candidate_id):
                raise NotFound("This person is not in your database (any more).")
            candidates.note_erasure(tx, candidate_id)


def timed_history(profile: Profile, as_of: Month) -> tuple[TimedJob, ...]:
    """The roles, newest first, each with its months (docs/rules/employment.md)."""
    timed = []
    for job in newest_first(profile.roles, as_of):
        span = role_span(job, as_of)
        timed.append(TimedJob(job, span.months if span else None, is_current(job, as_of)))
    return tuple(timed)


def openable_url(stored: str) -> str:
    """The address if it is a profile's own, else empty: nothing else becomes a link."""
    found = read_profile_url(stored)
    return found.url if isinstance(found, ProfileUrl) and not found.is_opaque else ""


def valid_query(text: str) -> Query:
    """The text query of a view; raises BadInput with what is wrong and where."""
    query = parse_query(text)
    if isinstance(query, InvalidQuery):
        raise BadInput(f"{query.message} (at character {query.position + 1}; the search was not applied)", "q")
    return query


def stored_filters(view: View, now: datetime) -> candidates.Filters:
    """The view's conditions as search_candidates takes them; `now` decides what is fresh."""
    f = view.filters
    filters: candidates.Filters = {
        "words": all_words(view),
        "names": keys(f.names),
        "titles": keys(f.titles),
        "companies": keys(f.companies),
        "locations": keys(f.locations),
        "has_email": f.has_email,
        "enrichment": list(f.enrichment),
        "sources": list(f.sources),
        "months_from": f.months_from,
        "months_until": f.months_until,
        "added_from": midnight(f.added_from),
        "added_before": midnight(f.added_until + timedelta(days=1)) if f.added_until else None,
        "list": str(f.list_id) if f.list_id else None,
    }
    # By the day, so that the blocks of one view ask for the same thing.
    fresh_since = midnight(now.date() - timedelta(days=FRESH_DAYS))
    match f.freshness:
        case "fresh":
            filters["fresh_since"] = fresh_since
        case "stale":
            filters["stale_since"] = fresh_since
        case "never":
            filters["never_enriched"] = True
    if f.position_id and f.verdicts:
        filters["judged"] = {"position": str(f.position_id), "verdicts": list(f.verdicts)}
    return {name: value for name, value in filters.items() if value is not None and value != []}


def all_words(view: View) -> list[str]:
    """Full text and the words of columns as tsqueries that must all hold; each may use the index by itself."""
    root = valid_query(view.text).root
    operands = root.operands if isinstance(root, And) else (root,)
    queries = [query for query in (to_tsquery(Query(operand)) for operand in operands) if query]
    for column in WORD_COLUMNS:
        queries += column_queries(column, getattr(view.filters, column))
    return queries


def keys(values: Sequence[str]) -> list[str]:
    return [fold(value)[:LONGEST_KEY] for value in values]


def midnight(day: date | None) -> str | None:
    return datetime.combine(day, time.min, UTC).isoformat() if day else None
