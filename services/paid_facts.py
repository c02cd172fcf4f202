"""Facts that cost money each time somebody asks: bought once for all who ask in one organization, and then kept.

docs/decisions/paid-facts.md says why it works like this, and what happens when a buyer dies.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import structlog

from services.clock import Clock
from services.db import paid_facts as db
from services.db.paid_facts import FactRow, Source
from services.db.pool import Database, Tx
from services.domain.actors import Actor
from services.errors import Busy
from services.providers.errors import Refused, TryAgain

LOOK_AGAIN_SECONDS = 0.1
RETRY_SECONDS = 0.5
LEASE_MARGIN_SECONDS = 5.0
DOUBT_SECONDS = 30 * 86_400.0
MOST_FACTS = 50_000

Request = Mapping[str, Any]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class FactKind:
    """What is bought: from whom, how long an answer stays fresh, and how long one call takes at the most."""

    source: Source
    fresh_seconds: float
    most_seconds: float
    repeats_are_free: bool = False


@dataclass(frozen=True)
class Sold:
    """The provider's answer to one request, as JSON, and what it was charged for it."""

    answer: Any
    credits: Decimal


class Turn(Protocol):
    """Leave to make one call, given back when there was nothing to buy any more; a limiter's permit is one."""

    def is_valid(self) -> bool: ...

    def give_back(self) -> None: ...


class Seller(Protocol):
    """A provider, as a buyer needs one."""

    def turn(self) -> AbstractContextManager[Turn]:
        """Wait for leave to make one call."""
        ...

    def sell(self, requests: Sequence[Request]) -> Sequence[Sold]:
        """Make one call: an answer for each request, in their order. Raises services.providers.errors."""
        ...


@dataclass(frozen=True)
class Fact:
    """What somebody asked for. `is_in_doubt`: it was asked, perhaps paid, and no answer is known."""

    answer: Any
    credits: Decimal
    paid_by: UUID
    paid_by_name: str
    paid_at: datetime
    is_new: bool
    is_in_doubt: bool = False


@dataclass(frozen=True)
class PaidFacts:
    """Buys what nobody of the organization has, waits for what somebody is buying, and hands out the rest."""

    database: Database
    clock: Clock
    most_facts: int = MOST_FACTS

    def ask(
        self, actor: Actor, kind: FactKind, requests: Sequence[Request], seller: Seller, *, pay_again: bool = False
    ) -> list[Fact]:
        """One fact for each request, in their order; equal requests are one.

        Raises what the seller raises; what was bought before that is kept. `pay_again` buys what is in doubt.
        """
        by_hash = {request_hash(request): request for request in requests}
        mine: dict[bytes, Fact] = {}
        while True:
            missing = [key for key in by_hash if key not in mine]
            rows = self.look(actor, kind, missing)
            wanted = [key for key in missing if key not in rows or self.may_buy(rows[key], kind, pay_again=pay_again)]
            if wanted:
                mine |= self.buy(actor, kind, {key: by_hash[key] for key in wanted}, seller, pay_again=pay_again)
            elif any(row.state == "sent" for row in rows.values()):
                self.clock.sleep(LOOK_AGAIN_SECONDS)
            else:
                found = mine | {key: told(row) for key, row in rows.items()}
                return [found[request_hash(request)] for request in requests]

    def look(self, actor: Actor, kind: FactKind, hashes: Collection[bytes]) -> dict[bytes, FactRow]:
        with self.database.act_as(actor) as tx:
            return db.facts_now(tx, kind.source, hashes, DOUBT_SECONDS)

    def may_buy(self, row: FactRow, kind: FactKind, *, pay_again: bool) -> bool:
        return row.state == "in doubt" and (pay_again or kind.repeats_are_free)

    def buy(
        self, actor: Actor, kind: FactKind, wanted: Mapping[bytes, Request], seller: Seller, *, pay_again: bool
    ) -> dict[bytes, Fact]:
        """Make one call for those facts that are still nobody's once it is our turn; nothing if all are somebody's."""
        with seller.turn() as turn:
            with self.database.act_as(actor) as tx:
                fences = db.claim_facts(
                    tx,
                    kind.source,
                    wanted,
                    kind.most_seconds + LEASE_MARGIN_SECONDS,
                    DOUBT_SECONDS,
                    pay_again=pay_again or kind.repeats_are_free,
                )
            if fences and turn.is_valid():
                return self.call(actor, kind, {key: wanted[key] for key in fences}, fences, seller)
            turn.give_back()
        self.settle(actor, kind, lambda tx: db.free_facts(tx, kind.source, fences))
        return {}

    def call(
        self,
        actor: Actor,
        kind: FactKind,
        claimed: Mapping[bytes, Request],
        fences: Mapping[bytes, int],
        seller: Seller,
    ) -> dict[bytes, Fact]:
        """Call once, and write down what came of it before anything else."""
        try:
            sold = dict(zip(claimed, seller.sell(list(claimed.values())), strict=True))
        except (Refused, TryAgain):
            self.settle(actor, kind, lambda tx: db.free_facts(tx, kind.source, fences))
            raise
        # Whatever else it was, interrupts included, the call may have been paid.
        except BaseException:
            self.settle(actor, kind, lambda tx: db.doubt_facts(tx, kind.source, fences))
            raise
        self.settle(actor, kind, lambda tx: self.keep(tx, kind, sold, fences))
        now = self.clock.now()
        return {
            key: Fact(one.answer, one.credits, actor.user_id, actor.name, now, is_new=True) for key, one in sold.items()
        }

    def keep(self, tx: Tx, kind: FactKind, sold: Mapping[bytes, Sold], fences: Mapping[bytes, int]) -> None:
        for key, one in sold.items():
            db.store_fact(tx, kind.source, key, fences[key], one.answer, one.credits, kind.fresh_seconds)
        db.drop_old_facts(tx, self.most_facts)

    def settle(self, actor: Actor, kind: FactKind, write: Callable[[Tx], None]) -> None:
        """Tell the others; without a database for as long as they wait, and then they find it in doubt."""
        give_up_at = self.clock.steady() + kind.most_seconds
        while True:
            try:
                with self.database.act_as(actor) as tx:
                    return write(tx)
            except Busy as error:
                log.warning("paid_fact.untold", provider=kind.source.provider, reason=error.message)
                if self.clock.steady() >= give_up_at:
                    return None
                self.clock.sleep(RETRY_SECONDS)


def told(row: FactRow) -> Fact:
    """A fact that somebody bought, or asked for in doubt."""
    is_in_doubt = row.state == "in doubt"
    return Fact(row.answer, row.credits, row.paid_by, row.paid_by_name, row.asked_at, False, is_in_doubt)


def request_hash(request: Request) -> bytes:
    """The same for equal requests, however their parts are ordered; spelling alike is the caller's part."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).digest()
