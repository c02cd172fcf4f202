"""Presence: who of a team is here and where they look, and what runs for the team (docs/decisions/presence.md)."""

from dataclasses import dataclass

import structlog

from services.clock import Clock
from services.db import accounts, runs
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.team import PersonHere, Place, Sighting, TeamNow, read_place
from services.sightings import Sightings, SightingsUnavailable

MOST_RUNS = 20
REST_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass
class Presence:
    """Everybody sees who of their organization is here. A store that fails shows nobody, and hinders nothing."""

    database: Database
    store: Sightings
    clock: Clock
    rests_until: float = float("-inf")

    def note(self, actor: Actor, place: Place) -> None:
        """This person looked at this place just now."""
        if self.clock.steady() < self.rests_until:
            return
        try:
            self.store.note(actor.org_id, actor.user_id, place.as_text())
        except SightingsUnavailable as error:
            self.rest(error)

    def forget(self, actor: Actor) -> None:
        """This person has signed out. Tried even while the store rests: it is said only once."""
        try:
            self.store.forget(actor.org_id, actor.user_id)
        except SightingsUnavailable as error:
            self.rest(error)

    def team(self, actor: Actor, about: Place | None = None) -> TeamNow:
        """Who else is here and what runs: at the same position or list, or anywhere where `about` is None."""
        seen = [
            (sighting, place)
            for sighting in self.sightings(actor)
            if sighting.user_id != actor.user_id
            and (place := read_place(sighting.place)) is not None
            and (about is None or about.shares(place))
        ]
        position_id, list_id = (about.position_id, about.list_id) if about else (None, None)
        with self.database.act_as(actor) as tx:
            names = accounts.names_of(tx, [sighting.user_id for sighting, _ in seen]) if seen else {}
            under_way = runs.runs_under_way(tx, position_id, list_id, everything=about is None, limit=MOST_RUNS)
        people = [PersonHere(s.user_id, names[s.user_id], place) for s, place in seen if s.user_id in names]
        return TeamNow(tuple(sorted(people, key=lambda person: person.name.casefold())), tuple(under_way))

    def sightings(self, actor: Actor) -> list[Sighting]:
        if self.clock.steady() < self.rests_until:
            return []
        try:
            return self.store.latest(actor.org_id)
        except SightingsUnavailable as error:
            self.rest(error)
            return []

    def rest(self, error: SightingsUnavailable) -> None:
        """Leave the store alone for a while: a slow one must not hold up everybody's pages."""
        self.rests_until = self.clock.steady() + REST_SECONDS
        log.warning("presence.store.unavailable", reason=str(error))
