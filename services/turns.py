"""What the limiter can tell people: one look at its store serves everybody in this process for two seconds."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ratelimit import LimiterState, Policy, Store, StoreUnavailable
from services.clock import Clock
from services.domain.actors import Actor
from services.domain.runs import RunKind, RunProgress, RunState
from services.domain.turns import Outage, Standing, Turn

LOOK_LASTS_SECONDS = 2.0


@dataclass(frozen=True)
class Look:
    """What was seen of one key, and when; nothing if the store did not answer."""

    at: float
    state: LimiterState | None
    outage: Outage | None


@dataclass
class Turns:
    """Reads only, and says nothing where the store cannot be asked. `policies` by provider, `providers` by kind of run.

    `looks` holds one entry a provider, whoever asks: what it says of people is picked out for each asker.
    """

    store: Store
    policies: Mapping[str, Policy]
    providers: Mapping[RunKind, str]
    clock: Clock
    looks: dict[str, Look] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def outages(self) -> list[Outage]:
        """The providers that are left alone just now."""
        return [outage for provider in self.policies if (outage := self.look(provider).outage)]

    def standing(self, actor: Actor, run: RunProgress) -> Standing:
        """How the calls of a run of the actor's organization stand; empty unless it runs and waits for something."""
        provider = self.providers.get(run.kind)
        if provider is None or run.state is not RunState.RUNNING:
            return Standing()
        look = self.look(provider)
        if look.state is None:
            return Standing()
        owner = (str(actor.org_id), str(run.user_id))
        mine = next((lane for lane in look.state.lanes if (lane.organization, lane.user) == owner), None)
        turn = Turn(mine.place, mine.rate, mine.wait_seconds, len(look.state.lanes) - 1) if mine else None
        return Standing(look.outage, turn, look.state.paused_seconds, look.state.pause_reason)

    def look(self, provider: str) -> Look:
        """What is known of a provider's key, at most two seconds old, or older while somebody looks just now."""
        look = self.looks.get(provider)
        if look is not None and self.clock.steady() - look.at < LOOK_LASTS_SECONDS:
            return look
        if not self.lock.acquire(blocking=look is None):
            return look or Look(self.clock.steady(), None, None)
        try:
            latest = self.looks.get(provider)
            if latest is None or latest is look:
                latest = self.looks[provider] = self.look_afresh(provider)
            return latest
        finally:
            self.lock.release()

    def look_afresh(self, provider: str) -> Look:
        try:
            state = self.store.picture(self.policies[provider])
        except StoreUnavailable:
            return Look(self.clock.steady(), None, None)
        trouble, now = state.trouble, self.clock.now()
        if trouble is None:
            return Look(self.clock.steady(), state, None)
        since = now - timedelta(seconds=trouble.since_seconds)
        retry_at = now + timedelta(seconds=trouble.retry_seconds)
        return Look(self.clock.steady(), state, Outage(provider, trouble.reason, since, retry_at))
