"""Who gets how much of a limited key while several wait: equal shares, unless the operator weighs them."""

from dataclasses import dataclass
from typing import Final

from services.db import accounts
from services.db import shares as db
from services.db.pool import Database
from services.errors import BadInput, NotFound

LEAST, MOST = 0.1, 100.0
BAD_SHARE: Final = f"A share is a number from {LEAST} to {MOST:.0f}; everybody has 1 until it is changed."
NO_ORGANIZATION: Final = "There is no organization of this name."
NOBODY: Final = "Nobody in this organization has this e-mail address."


@dataclass(frozen=True)
class Shares:
    """Weights belong to the installation, as its keys do: they are set from the command line."""

    database: Database

    def set(self, organization: str, email: str | None, share: float) -> None:
        """Weigh an organization or, with an address, one of its users; holds from the next start of a job process.

        Raises BadInput and NotFound.
        """
        if not LEAST <= share <= MOST:
            raise BadInput(BAD_SHARE, field="share")
        with self.database.as_engine() as tx:
            org_id = accounts.find_organization(tx, organization)
            if org_id is None:
                raise NotFound(NO_ORGANIZATION)
            if not db.set_share(tx, org_id, email.strip().lower() if email else None, share):
                raise NotFound(NOBODY)
