"""Sightings of any number of hosts: Redis, two small keys an organization that pass by themselves."""

from typing import Any
from uuid import UUID

import redis

from services.domain.team import Sighting
from services.sightings import LASTS_SECONDS, MOST_READ, SightingsUnavailable

ANSWER_SECONDS = 0.25
MOST_CLEARED = 50

# Both keys are of one organization: when each person was seen, and where. Each note clears some of what has passed.
NOTE = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, person in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, {MOST_CLEARED})) do
  redis.call('ZREM', KEYS[1], person)
  redis.call('HDEL', KEYS[2], person)
end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""
LATEST = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local people = redis.call('ZREVRANGEBYSCORE', KEYS[1], now + ARGV[1], '(' .. now, 'LIMIT', 0, {MOST_READ})
if #people == 0 then return {{}} end
local places = redis.call('HMGET', KEYS[2], unpack(people))
local found = {{}}
for at, person in ipairs(people) do
  if places[at] then
    found[#found + 1] = person
    found[#found + 1] = places[at]
  end
end
return found
"""


class RedisSightings:
    """Safe for threads, processes and hosts; the clock is Redis's own."""

    def __init__(self, url: str, prefix: str = "sourcingx:presence:", lasts_seconds: float = LASTS_SECONDS) -> None:
        self._prefix = prefix
        self._lasts_ms = round(lasts_seconds * 1000)
        self._client = redis.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, decode_responses=True
        )
        self._note, self._latest = self._client.register_script(NOTE), self._client.register_script(LATEST)

    def note(self, org_id: UUID, user_id: UUID, place: str) -> None:
        self._ask(self._note, org_id, [str(user_id), place, self._lasts_ms])

    def forget(self, org_id: UUID, user_id: UUID) -> None:
        seen, places = self._keys(org_id)
        try:
            with self._client.pipeline(transaction=True) as both:
                both.zrem(seen, str(user_id))
                both.hdel(places, str(user_id))
                both.execute()
        except redis.RedisError as error:
            raise SightingsUnavailable(f"Redis cannot be asked who is here: {error}") from error

    def latest(self, org_id: UUID) -> list[Sighting]:
        flat = self._ask(self._latest, org_id, [self._lasts_ms])
        return [Sighting(UUID(person), place) for person, place in zip(flat[::2], flat[1::2], strict=True)]

    def close(self) -> None:
        self._client.close()

    def _keys(self, org_id: UUID) -> list[str]:
        """The braces keep both on one node of a cluster."""
        return [f"{self._prefix}{{{org_id}}}:{what}" for what in ("seen", "places")]

    def _ask(self, script: Any, org_id: UUID, arguments: list[str | int]) -> Any:
        try:
            return script(self._keys(org_id), arguments)
        except redis.RedisError as error:
            raise SightingsUnavailable(f"Redis cannot be asked who is here: {error}") from error
