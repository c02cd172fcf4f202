"""Quotas and budgets as people see and set them; who may is decided here."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from services.clock import Clock
from services.db import quotas as db
from services.db.accounts import insert_audit_event
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.quotas import BUDGET, QUOTAS, Quota, What, alert_words, read_cap
from services.errors import BadInput, NotAllowed, NotFound
from services.runs.allowance import quotas_of

NOT_YOURS: Final = "Managers and admins set quotas. Ask one of them."
NOBODY: Final = "This user does not exist."
NO_SUCH: Final = "This quota does not exist. Choose one from the list."
BAD_CAP: Final = "A limit is a whole number from 0 on, money may have cents; type “none” for no limit."


@dataclass(frozen=True)
class QuotaReport:
    """Quotas as they stand, the organization's first, and by whose clock they are told."""

    quotas: tuple[Quota, ...]
    time_zone: str


@dataclass(frozen=True)
class Quotas:
    """Everybody sees their own quotas and the organization's; managers and admins see and set everybody's."""

    database: Database
    clock: Clock

    def mine(self, actor: Actor) -> QuotaReport:
        """The actor's own quotas and the organization's."""
        return self.report(actor, actor.user_id)

    def all(self, actor: Actor) -> QuotaReport:
        """Those of everybody. Raises NotAllowed."""
        require_manager(actor)
        return self.report(actor, None)

    def report(self, actor: Actor, user_id: UUID | None) -> QuotaReport:
        with self.database.act_as(actor) as tx:
            return QuotaReport(tuple(quotas_of(tx, self.clock.now(), user_id)), db.terms(tx).time_zone)

    def alerts(self, actor: Actor) -> Sequence[str]:
        """What is used to four fifths or more, in words: one's own and the organization's, for managers everybody's."""
        report = self.report(actor, None if actor.may_see_team_usage else actor.user_id)
        return [alert_words(quota, report.time_zone, reader=actor.user_id) for quota in report.quotas if quota.is_near]

    def set_cap(self, actor: Actor, holder: UUID, what: What, cap: Decimal | None) -> bool:
        """Set the cap (None: no limit) of a user or, by its own id, of the organization; whether that changed anything.

        Raises NotAllowed, NotFound and BadInput.
        """
        require_manager(actor)
        if what not in QUOTAS:
            raise BadInput(NO_SUCH)
        with self.database.act_as(actor) as tx:
            if holder not in db.holders(tx, holder):
                raise NotFound(NOBODY)
            if not db.set_cap(tx, holder, what, cap):
                return False
            about = "organization" if holder == actor.org_id else f"user:{holder}"
            detail = {"provider": what.provider, "meter": what.meter, "cap": None if cap is None else str(cap)}
            insert_audit_event(tx, "budget_set" if what == BUDGET else "quota_set", about, detail)
            return True


def require_manager(actor: Actor) -> None:
    if not actor.may_see_team_usage:
        raise NotAllowed(NOT_YOURS)


def parse_what(text: str) -> What:
    """A quota by the name the form gives it. Raises BadInput."""
    for what in QUOTAS:
        if text == f"{what.provider}:{what.meter}":
            return what
    raise BadInput(NO_SUCH, field="quota")


def parse_quota_cap(text: str, what: What) -> Decimal | None:
    """A cap as somebody typed it, None for no limit. Raises BadInput."""
    try:
        return read_cap(text, what.meter)
    except ValueError as error:
        raise BadInput(BAD_CAP, field="cap") from error
