"""Paid facts of the organization of a transaction: what is known, what is being bought, what is in doubt."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.db.pool import Tx
from services.db.sql import queries

Q = queries("paid_facts")


@dataclass(frozen=True)
class FactRow:
    """One fact as it stands; `state` is sent, known or in doubt."""

    request_hash: bytes
    state: str
    paid_by: UUID
    paid_by_name: str
    asked_at: datetime
    answer: Any
    credits: Decimal


@dataclass(frozen=True)
class Source:
    """Which provider is asked for what."""

    provider: str
    operation: str


def facts_now(tx: Tx, source: Source, hashes: Collection[bytes], doubt_seconds: float) -> dict[bytes, FactRow]:
    """What is written of these facts, by hash; a call whose buyer is gone is in doubt from now on."""
    values = vars(source) | {"hashes": list(hashes)}
    tx.execute(Q["give_up_waiting"], values | {"doubt_seconds": doubt_seconds})
    with tx.cursor(row_factory=class_row(FactRow)) as cursor:
        return {row.request_hash: row for row in cursor.execute(Q["facts_now"], values).fetchall()}


def claim_facts(
    tx: Tx, source: Source, hashes: Collection[bytes], lease_seconds: float, doubt_seconds: float, *, pay_again: bool
) -> dict[bytes, int]:
    """The fences of those facts that the actor may buy now."""
    values = vars(source) | {"hashes": list(hashes), "pay_again": pay_again}
    values |= {"lease_seconds": lease_seconds, "doubt_seconds": doubt_seconds}
    return {row[0]: row[1] for row in tx.execute(Q["claim_facts"], values).fetchall()}


def store_fact(
    tx: Tx, source: Source, request_hash: bytes, fence: int, answer: Any, credits: Decimal, fresh_seconds: float
) -> None:
    values = vars(source) | {"hash": request_hash, "fence": fence, "answer": Jsonb(answer)}
    tx.execute(Q["store_fact"], values | {"credits": credits, "fresh_seconds": fresh_seconds})


def free_facts(tx: Tx, source: Source, fences: Mapping[bytes, int]) -> None:
    values = vars(source) | {"hashes": list(fences), "fences": list(fences.values())}
    tx.execute(Q["free_facts"], values)


def doubt_facts(tx: Tx, source: Source, fences: Mapping[bytes, int]) -> None:
    values = vars(source) | {"hashes": list(fences), "fences": list(fences.values())}
    tx.execute(Q["doubt_facts"], values)


def drop_old_facts(tx: Tx, most: int) -> None:
    """Keep an organization's facts bounded in time and number."""
    tx.execute(Q["drop_old_facts"], {"most": most})
