"""Enrichment: what a provider says about a person is judged first, and merged only if it is about that person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.clock import Clock
from services.db import enrichment as db
from services.db.candidate_rows import candidate_row, profile_from_json
from services.db.enrichment import EnrichedRow, KnownPerson
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.dates import Month, month_of
from services.domain.identity import Fulfilled, ProfileUrl, judge_answer, read_profile_url
from services.domain.merging import Held, updated
from services.domain.screening_text import is_thin
from services.providers.crustdata import PROVIDER, EnrichAnswer, EnrichedPerson


@dataclass(frozen=True)
class TakenIn:
    """What became of the addresses that were asked for, each counted once."""

    stored: int
    not_found: int
    rejected: int
    redacted: int


@dataclass(frozen=True)
class Enrichment:
    """Stores what was bought about people that the organization already knows by address."""

    db: Database
    clock: Clock

    def take_in(self, actor: Actor, asked_urls: Sequence[str], answer: EnrichAnswer) -> TakenIn:
        """Judge and store one provider answer; nothing that fails a gate reaches a person's record."""
        as_of = month_of(self.clock.now().date())
        with self.db.act_as(actor) as tx:
            org_number = db.lock_organization_people(tx)
            known = db.people_at(tx, asked_urls)
            rows = [
                row
                for url, person in known.items()
                if (row := accepted(url, person, answer.people, org_number, as_of)) is not None
            ]
            db.store_enriched(tx, rows)
            stored = {row.candidate_id for row in rows}
            missed = [p.candidate_id for url, p in known.items() if p.candidate_id not in stored]
            db.note_attempts(tx, missed, "not_found")
        answered = {person.asked_url for person in answer.people}
        rejected = sum(url in answered for url, p in known.items() if p.candidate_id not in stored)
        return TakenIn(len(rows), len(missed) - rejected, rejected, len(answer.redacted_urls))


def accepted(
    asked_url: str, known: KnownPerson, people: Collection[EnrichedPerson], org_number: int, as_of: Month
) -> EnrichedRow | None:
    """What to store about one asked person: the likeliest answer among those that passed both gates, or None."""
    asked = read_profile_url(asked_url)
    if not isinstance(asked, ProfileUrl):
        return None
    judged = [
        (person, judgement)
        for person in sorted(people, key=lambda person: -person.confidence)
        if person.asked_url == asked_url
        and isinstance(judgement := judge_answer(asked, known.urls, person.found_url, person.profile), Fulfilled)
    ]
    if not judged:
        return None
    person, judgement = judged[0]
    held = Held(profile_from_json(known.profile or {}), known.field_sources or {})
    after = updated(held, person.profile, PROVIDER)
    return EnrichedRow(
        candidate_id=known.candidate_id,
        candidate=candidate_row(after.profile, org_number, as_of),
        field_sources=after.sources,
        enrichment="thin" if is_thin(after.profile) else "enriched",
        urls=tuple({asked.url, judgement.url.url}),
        source=PROVIDER,
        payload=person.payload,
    )
