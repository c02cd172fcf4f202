"""The shared limits of every provider, as runs meet them: the limiter behind the run engine's gate."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import structlog

import ratelimit
from ratelimit import Lane, Limiter, PastStart, Permit, Policy, Store, StoreBusy, StoreUnavailable
from ratelimit.messages import Message
from services.db.pool import Database
from services.db.runs import recent_sends
from services.db.shares import shares_of
from services.domain.runs import RunKind
from services.errors import Busy
from services.providers.openai import LimitNews
from services.runs.gate import CallTooLarge, GateShut

log = structlog.get_logger(__name__)


@dataclass
class LimiterGate:
    """Implements services.runs.gate.Gate over one store; `policies` by provider."""

    store: Store
    policies: Mapping[str, Policy]
    database: Database
    limiters: dict[str, Limiter] = field(default_factory=dict)
    lanes: dict[tuple[UUID, UUID], Lane] = field(default_factory=dict)

    async def permit(self, provider: str, org_id: UUID, user_id: UUID, costs: Mapping[str, int]) -> Permit:
        lane = self.lanes.get((org_id, user_id))
        if lane is None:
            lane = await asyncio.to_thread(self.weighed_lane, org_id, user_id)
        try:
            return await self.limiter(provider).acquire(lane, costs)
        except ratelimit.CallTooLarge as error:
            raise CallTooLarge(str(error)) from error
        except StoreUnavailable as error:
            raise GateShut(str(error)) from error

    def weighed_lane(self, org_id: UUID, user_id: UUID) -> Lane:
        """The lane of a user with the weights they have now; asked once a process. Raises GateShut."""
        try:
            with self.database.act_for(org_id, user_id) as tx:
                share, organization_share = shares_of(tx, user_id)
        except Busy as error:
            raise GateShut(error.message) from error
        lane = Lane(str(org_id), str(user_id), share, organization_share)
        self.lanes[org_id, user_id] = lane
        return lane

    def slow_down(self, provider: str, seconds: float | None, reason: str, refused: object) -> None:
        permit = refused if isinstance(refused, Permit) else None
        self.limiter(provider).pause(seconds, reason, refused=permit)

    def is_failing(self, provider: str) -> bool:
        return self.limiter(provider).is_failing()

    def calls_per_second(self, provider: str, costs: Mapping[str, int]) -> float | None:
        rates = [
            limit.amount / limit.window_seconds / costs[limit.name]
            for limit in self.policies[provider].limits
            if costs.get(limit.name)
        ]
        return min(rates, default=None)

    def learn(self, provider: str, news: Iterable[LimitNews]) -> None:
        """Hand on what a provider's headers said."""
        known = {limit.name for limit in self.policies[provider].limits}
        for one in news:
            if one.limit in known:
                self.limiter(provider).learn(
                    one.limit, remaining=one.remaining, allowed=one.allowed, reset_seconds=one.reset_seconds
                )

    def close(self) -> None:
        for limiter in self.limiters.values():
            limiter.close()

    def limiter(self, provider: str) -> Limiter:
        found = self.limiters.get(provider)
        if found is None:
            history = history_of(self.database, provider)
            found = self.limiters[provider] = Limiter(self.store, self.policies[provider], history=history)
        return found


def history_of(database: Database, provider: str) -> Callable[[str, float], list[PastStart]]:
    """What the intents know of recent calls: from it a lost or new store is rebuilt."""

    def history(_key: str, seconds: float) -> list[PastStart]:
        with database.as_engine() as tx:
            return [PastStart(ago, costs) for ago, costs in recent_sends(tx, provider, seconds)]

    return history


@dataclass(frozen=True)
class KeyNews:
    """What a person knows of a key, for all who wait for it; `policies` by provider, `providers` by kind of run."""

    store: Store
    policies: Mapping[str, Policy]
    providers: Mapping[RunKind, str]

    def mended(self, kind: RunKind) -> None:
        """One call of such runs may try a refused key at once; without the store it is tried when its time comes."""
        provider = self.providers.get(kind)
        if provider is None:
            return
        try:
            self.store.exchange(
                self.policies[provider], Message(agent=f"person-{uuid4()}", serial=1, key_is_mended=True)
            )
        except (StoreBusy, StoreUnavailable) as error:
            log.warning("key.news.untold", provider=provider, reason=str(error))


@dataclass
class StoreWatch:
    """Whether the limiter's store answers: asked in a thread of its own, so that one which hangs holds nobody up."""

    store: Store
    policy: Policy
    patience_seconds: float = 1.0
    asked: "Future[None] | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self) -> bool:
        """One look at the store, shared by all who ask meanwhile; False if it fails or takes too long."""
        with self.lock:
            if self.asked is None or self.asked.done():
                self.asked = Future()
                threading.Thread(target=self.look, args=(self.asked,), name="limiter-watch", daemon=True).start()
            asked = self.asked
        try:
            asked.result(self.patience_seconds)
        except StoreBusy:
            # Somebody else is using it just now, so it can be used.
            return True
        except (StoreUnavailable, TimeoutError):
            return False
        return True

    def look(self, asked: "Future[None]") -> None:
        try:
            self.store.picture(self.policy)
        except Exception as error:
            asked.set_exception(error)
        else:
            asked.set_result(None)
