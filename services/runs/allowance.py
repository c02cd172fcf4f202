"""What somebody may still use: quotas as they stand, and reservations for calls that are about to be planned.

docs/decisions/quotas.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.db import quotas as db
from services.db.pool import Tx
from services.db.quotas import Asked, Counted, Terms
from services.db.runs import Plan
from services.domain.quotas import (
    BUDGET,
    MONEY,
    NEEDS,
    QUOTAS,
    Quota,
    What,
    cap_of,
    pause_words,
    period_of,
    refusal,
    resets_at,
)
from services.domain.runs import RunKind
from services.errors import OutOfBudget

NOTHING = Counted(Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Shortage:
    """Some calls did not fit: the quota that was too small, and what is said when the run pauses for it.

    `is_lasting`: they would not fit even if everything reserved by others came back.
    """

    quota: Quota
    is_lasting: bool
    message: str

    @property
    def is_of_money(self) -> bool:
        return self.quota.what == BUDGET


@dataclass(frozen=True)
class Reserved:
    """The plans that hold a reservation now, and why others do not."""

    plans: tuple[Plan, ...]
    shortage: Shortage | None


@dataclass(frozen=True)
class Room:
    """The quotas that a run counts in, and why it may not start because of one; empty if it may."""

    quotas: tuple[Quota, ...]
    refusal: str


def quotas_of(tx: Tx, now: datetime, user_id: UUID | None, *, only: Sequence[What] = QUOTAS) -> list[Quota]:
    """The quotas of a user and of the organization, as they stand; with None those of all active users."""
    terms = db.terms(tx)
    names = db.holders(tx, user_id)
    return standing(tx, now, terms, names, only)


def standing(tx: Tx, now: datetime, terms: Terms, names: dict[UUID, str], only: Sequence[What]) -> list[Quota]:
    chosen = db.chosen_caps(tx, names)
    counted = db.counters(tx, names, {what: period_of(what, now, terms.time_zone) for what in only})
    found = []
    for holder, name in names.items():
        for what in only:
            counter = counted.get((holder, what), NOTHING)
            found.append(
                Quota(
                    holder=holder,
                    whose=name,
                    what=what,
                    cap=cap_of(what, chosen.get(holder, {}), is_user=bool(name), is_demo=terms.is_demo),
                    used=counter.used,
                    reserved=counter.reserved,
                    resets_at=resets_at(what, now, terms.time_zone),
                )
            )
    return found


def reserve(tx: Tx, now: datetime, terms: Terms, payer: UUID, plans: Sequence[Plan]) -> Reserved:
    """Reserve for the plans that fit, in their order."""
    names = db.holders(tx, payer)
    chosen = db.chosen_caps(tx, names)
    calls = [Asked(p.id, p.provider, p.units, p.reserved_usd, p.quota_day, p.quota_month) for p in plans]
    caps = {
        (holder, what): cap_of(what, chosen.get(holder, {}), is_user=bool(name), is_demo=terms.is_demo)
        for holder, name in names.items()
        for what in QUOTAS
    }
    accepted, short = db.reserve_quotas(tx, payer, calls, caps)
    fitting = tuple(plan for plan in plans if plan.id in accepted)
    if short is None:
        return Reserved(fitting, None)
    [quota] = standing(tx, now, terms, {short.holder: names[short.holder]}, [short.what])
    return Reserved(fitting, Shortage(quota, short.is_lasting, pause_words(quota, terms.time_zone, reader=payer)))


def room_for(tx: Tx, now: datetime, user_id: UUID, kind: RunKind, people: int, estimate_usd: Decimal | None) -> Room:
    """What is left for a run of this kind, and whether so many people fit into it."""
    provider, units = NEEDS.get(kind, (MONEY, {}))
    only = [*(What(provider, meter) for meter in units), BUDGET]
    terms = db.terms(tx)
    found = standing(tx, now, terms, db.holders(tx, user_id), only)
    return Room(tuple(found), refusal(found, kind, people, estimate_usd, terms.time_zone, reader=user_id))


def refuse_over_quota(
    tx: Tx, now: datetime, user_id: UUID, kind: RunKind, people: int, estimate_usd: Decimal | None
) -> None:
    """Raise OutOfBudget if a run for so many people does not fit into what is left now."""
    room = room_for(tx, now, user_id, kind, people, estimate_usd)
    if room.refusal:
        raise OutOfBudget(room.refusal)
