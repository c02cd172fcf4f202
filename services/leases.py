"""Leases of things only one may use at a time, with a fence that every use carries.

docs/decisions/leases.md says why, and what happens when a holder dies, freezes or comes late.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from services.clock import Clock
from services.db import leases as db
from services.db.leases import LeaseAnswer, LivingLease
from services.db.pool import Database, Tx
from services.domain.actors import Actor
from services.errors import Busy, Conflict, NotFound

LEASE_SECONDS = 30.0
RENEWED_EVERY_SECONDS = 5.0
STILL_AFTER_SECONDS = 20.0
"""Without a renewal for so long the holder stops using the thing: well before somebody else may take it."""

log = structlog.get_logger(__name__)


class LeaseHeld(Conflict):
    """Somebody uses the thing now: `holder_name` ('' for another organization) since `held_seconds`."""

    def __init__(self, thing: str, answer: LeaseAnswer) -> None:
        self.holder_name, self.held_seconds = answer.holder_name, answer.held_seconds
        holder = answer.holder_name if answer.is_colleague else "another organization"
        super().__init__(f"{thing} is in use by {holder}, for {show_duration(answer.held_seconds)}.")


class LeaseLost(Conflict):
    """This lease has run out, was ended, or has a successor: nothing may be done under it any more."""

    def __init__(self, thing: str) -> None:
        super().__init__(f"{thing} is not yours any more: the lease ran out or was ended.")


@dataclass(frozen=True)
class Lease:
    """The right to use a thing; the fence is higher than that of every earlier lease."""

    thing: str
    fence: int


@dataclass
class KeptLease:
    """A lease that is renewed in the background; `renewed_at` is on the steady clock, from before it was asked for."""

    lease: Lease
    clock: Clock
    renewed_at: float
    is_lost: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def is_fresh(self) -> bool:
        """Whether the thing may be used right now; to be asked before each use that carries no fence."""
        return not self.is_lost and self.clock.steady() - self.renewed_at < STILL_AFTER_SECONDS


@dataclass(frozen=True)
class Leases:
    """Taking, keeping, checking and letting go; a thing is any name, the same for all who mean it."""

    database: Database
    clock: Clock
    lease_seconds: float = LEASE_SECONDS
    renewed_every_seconds: float = RENEWED_EVERY_SECONDS

    def take(self, actor: Actor, thing: str) -> Lease:
        """Become the one who uses a thing. Raises LeaseHeld while another lease of it lives."""
        with self.database.act_as(actor) as tx:
            answer = db.take_lease(tx, thing, self.lease_seconds)
        if answer.fence is None:
            raise LeaseHeld(thing, answer)
        return Lease(thing, answer.fence)

    def renew(self, actor: Actor, lease: Lease) -> None:
        """Keep a lease for longer; one that ran out comes back if nobody took the thing. Raises LeaseLost."""
        with self.database.act_as(actor) as tx:
            if not db.renew_lease(tx, lease.thing, lease.fence, self.lease_seconds):
                raise LeaseLost(lease.thing)

    def release(self, actor: Actor, lease: Lease) -> bool:
        """Let go; False if the lease was somebody else's by then, who keeps it."""
        with self.database.act_as(actor) as tx:
            return db.release_lease(tx, lease.thing, lease.fence)

    def require(self, tx: Tx, lease: Lease) -> None:
        """Let a transaction go on only under a living lease, which it stays until the end. Raises LeaseLost."""
        if not db.lease_holds(tx, lease.thing, lease.fence):
            raise LeaseLost(lease.thing)

    @contextmanager
    def keep(self, actor: Actor, thing: str) -> Iterator[KeptLease]:
        """Hold a thing for as long as the block takes, renewing its lease meanwhile. Raises LeaseHeld."""
        asked_at = self.clock.steady()
        kept = KeptLease(self.take(actor, thing), self.clock, asked_at)
        renewing = threading.Thread(target=self.renew_until_ended, args=(actor, kept), name="lease", daemon=True)
        renewing.start()
        try:
            yield kept
        finally:
            kept.ended.set()
            renewing.join()
            self.let_go(actor, kept.lease)

    def let_go(self, actor: Actor, lease: Lease) -> None:
        """Release; without a database the lease runs out by itself."""
        try:
            self.release(actor, lease)
        except Busy as error:
            log.warning("lease.left", fence=lease.fence, reason=error.message)

    def renew_until_ended(self, actor: Actor, kept: KeptLease) -> None:
        """Renew until the block has ended or the lease is lost; a database that is away is asked again."""
        while not kept.ended.wait(self.renewed_every_seconds):
            asked_at = self.clock.steady()
            try:
                self.renew(actor, kept.lease)
                kept.renewed_at = asked_at
            except LeaseLost as error:
                kept.is_lost = True
                log.warning("lease.lost", fence=kept.lease.fence, reason=error.message)
                return
            except Busy as error:
                log.warning("lease.waits", fence=kept.lease.fence, reason=error.message)

    def living(self) -> list[LivingLease]:
        """Everything that is held now, in the whole installation: for operators."""
        with self.database.as_engine() as tx:
            return db.living_leases(tx)

    def end(self, lease_id: int) -> str:
        """End somebody's lease, for operators; the thing's name. Its holder's next use is refused. Raises NotFound."""
        with self.database.as_engine() as tx:
            thing = db.end_lease(tx, lease_id)
        if thing is None:
            raise NotFound("No such lease is held now.")
        return thing


def show_duration(seconds: float) -> str:
    """How long ago something began, as people say it."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
