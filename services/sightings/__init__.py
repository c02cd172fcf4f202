"""Where it is kept for half a minute who looks at what: one contract, for one machine or for many.

Nothing here is truth (docs/decisions/presence.md): each store may be wiped at any moment, holds one entry a
person, and never mixes organizations.
"""

from typing import Final, Protocol
from uuid import UUID

from services.domain.team import Sighting

LASTS_SECONDS: Final = 30.0
MOST_READ: Final = 200


class SightingsUnavailable(Exception):
    """The store cannot be asked just now."""


class Sightings(Protocol):
    """What a store of sightings does; every method raises SightingsUnavailable."""

    def note(self, org_id: UUID, user_id: UUID, place: str) -> None:
        """This person looked at this place just now, and nowhere else."""

    def forget(self, org_id: UUID, user_id: UUID) -> None:
        """This person is here no more."""

    def latest(self, org_id: UUID) -> list[Sighting]:
        """Who of an organization was seen and has not passed, the latest first; at most MOST_READ."""

    def close(self) -> None: ...
