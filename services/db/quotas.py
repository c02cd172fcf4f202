"""Quotas, and the counters of what is reserved and used of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from psycopg.types.json import Jsonb

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.quotas import Meter, What
from services.domain.time_zones import known_time_zone

Q = queries("quotas")


@dataclass(frozen=True)
class Terms:
    """What an organization's periods and defaults depend on."""

    time_zone: str
    is_demo: bool


@dataclass(frozen=True)
class Counted:
    """One counter as it stands."""

    reserved: Decimal
    used: Decimal


@dataclass(frozen=True)
class Asked:
    """One call for which something is to be reserved; `units` are of the provider's `day`."""

    id: UUID
    provider: str
    units: Mapping[str, int]
    usd: Decimal
    day: date
    month: date


@dataclass(frozen=True)
class Short:
    """The counter of which there was not enough; lasting if there would not be even when all reserved came back."""

    holder: UUID
    what: What
    is_lasting: bool


def terms(tx: Tx) -> Terms:
    row = tx.execute(Q["terms"]).fetchone()
    return Terms(known_time_zone(row[0] if row else None), bool(row and row[1]))


def holders(tx: Tx, user_id: UUID | None) -> dict[UUID, str]:
    """The organization (without a name) and one user, or with None all active ones."""
    return {row[0]: row[1] for row in tx.execute(Q["holders"], {"user_id": user_id})}


def chosen_caps(tx: Tx, wanted: Iterable[UUID]) -> dict[UUID, dict[What, Decimal | None]]:
    found: dict[UUID, dict[What, Decimal | None]] = {}
    for holder, provider, meter, cap in tx.execute(Q["chosen_caps"], {"holders": list(wanted)}):
        found.setdefault(holder, {})[What(provider, Meter(meter))] = cap
    return found


def counters(tx: Tx, wanted: Iterable[UUID], periods: Mapping[What, date]) -> dict[tuple[UUID, What], Counted]:
    asked = [{"provider": what.provider, "meter": what.meter, "period": str(on)} for what, on in periods.items()]
    rows = tx.execute(Q["counters"], {"holders": list(wanted), "periods": Jsonb(asked)})
    return {(row[0], What(row[1], Meter(row[2]))): Counted(*row[3:]) for row in rows}


def reserve_quotas(
    tx: Tx, payer: UUID, calls: Sequence[Asked], caps: Mapping[tuple[UUID, What], Decimal | None]
) -> tuple[set[UUID], Short | None]:
    """Which of the calls fit and are reserved for now, and of what there was not enough for the others."""
    asked = [
        {
            "place": place,
            "id": str(call.id),
            "provider": call.provider,
            "units": dict(call.units),
            "usd": str(call.usd),
            "day": str(call.day),
            "month": str(call.month),
        }
        for place, call in enumerate(calls)
    ]
    allowed = [
        {"holder": str(holder), "provider": what.provider, "meter": what.meter, "cap": str(cap)}
        for (holder, what), cap in caps.items()
        if cap is not None
    ]
    values = {"payer": payer, "calls": Jsonb(asked), "caps": Jsonb(allowed)}
    row = tx.execute(Q["reserve_quotas"], values).fetchone()
    if row is None:
        raise LookupError("a reservation always has an answer")
    accepted, holder, provider, meter, is_lasting = row
    return set(accepted), None if holder is None else Short(holder, What(provider, Meter(meter)), is_lasting)


def set_cap(tx: Tx, holder: UUID, what: What, cap: Decimal | None) -> bool:
    """Whether that changed anything."""
    values = {"holder": holder, "provider": what.provider, "meter": what.meter, "cap": cap}
    return tx.execute(Q["set_cap"], values).fetchone() is not None


def wake_runs_after_reset(tx: Tx) -> int:
    row = tx.execute(Q["wake_runs_after_reset"]).fetchone()
    return int(row[0]) if row else 0
