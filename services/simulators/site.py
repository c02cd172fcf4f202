"""The simulators as one site: finds the provider, lets trouble happen, keeps the ledger, sends the reply."""

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.simulators.contract import Answer, Call, KeyProblem, Provider, Route
from services.simulators.control import Control
from services.simulators.faults import LOST_ANSWERS, PASS, SILENCE_SECONDS, SPOILT_ANSWERS, FaultBook, Outcome
from services.simulators.keys import key_hash, looks_real
from services.simulators.ledger import NO_CHARGE, Entry, Ledger
from services.simulators.limits import LimitRule, Limits
from services.simulators.registry import PROVIDERS
from services.simulators.wire import Ending, Reply, Request, as_json, json_reply
from services.simulators.world import World

UNSEEN = (Ending.SILENCE, Ending.RESET, Ending.DROP_BEFORE_HEAD)
HTML_PAGE = b"<!doctype html><html><head><title>Bad gateway</title></head><body>Try later</body></html>"


class Site:
    """Everything behind the port."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        rules: dict[str, LimitRule] = {}
        for build in PROVIDERS:
            rules.update(build.limit_rules)
        self.world = world
        self.ledger = ledger
        self.limits = Limits(rules)
        self.providers: tuple[Provider, ...] = tuple(build(world, self.limits) for build in PROVIDERS)
        self.faults = FaultBook({p.name: p.fault_kinds for p in self.providers}, world.seed)
        self._expired: set[str] = set()
        self._counter = 0
        self._born = time.time_ns()
        self._control = Control(self)

    async def answer(self, request: Request) -> Reply:
        """Answer any request that reaches the port."""
        if request.path.startswith("/_sim/"):
            return self._control.answer(request)
        for provider in self.providers:
            if request.path.startswith(provider.prefix):
                return await self._answer_for(provider, request)
        return json_reply(
            404,
            {
                "error": f"{request.path} is not simulated yet",
                "simulated": [provider.prefix for provider in self.providers],
            },
        )

    def switch(self, provider_name: str, name: str, value: object) -> None:
        """Change a switch of one provider; `keys` is everybody's: `any` or `expired`."""
        provider = next((p for p in self.providers if p.name == provider_name), None)
        if provider is None:
            raise ValueError(f"unknown provider {provider_name!r}")
        if name != "keys":
            provider.switch(name, value)
        elif value == "expired":
            self._expired.add(provider_name)
        elif value == "any":
            self._expired.discard(provider_name)
        else:
            raise ValueError('"keys" is either "any" or "expired"')

    def reset(self) -> None:
        """Return everything to the state of the start: ledger, faults, limits, switches, balances."""
        self.ledger.reset()
        self.limits.reset()
        self.faults.clear()
        self._expired.clear()
        for provider in self.providers:
            provider.reset()

    async def _answer_for(self, provider: Provider, request: Request) -> Reply:
        found = _find_route(provider.routes, request, provider.prefix)
        route_name = found.route.name if found else "unknown"
        outcome = self.faults.choose(provider.name, route_name, request.body)
        key = provider.key_of(request)
        call = Call(
            request=request,
            route=route_name,
            path_values=found.values if found else (),
            json=_decoded(request.body),
            key_hash=key_hash(key),
            request_id=self._new_request_id(),
            wall=time.time() - (time.monotonic() - request.arrived),
            outcome=outcome,
        )
        answer = await self._decide(provider, found.route if found else None, call, key)
        headers = {**provider.common_headers(call), **answer.headers}
        self._record(provider, call, answer)
        return self._reply(provider, call, replace(answer, headers=headers))

    async def _decide(self, provider: Provider, route: Route | None, call: Call, key: str | None) -> Answer:
        weights = provider.weigh(call)
        self.limits.arrive(weights, call.arrived)
        problem = self._key_problem(provider, key)
        if problem is not None:
            return provider.refuse_key(call, problem)
        if route is None:
            return provider.unknown_route(call)
        error = provider.fail(call)
        if error is not None and not call.outcome.is_charged:
            return error
        refusal = self.limits.admit(weights, call.arrived)
        if refusal is not None:
            return provider.refuse_excess(call, refusal)
        answer = await route.answer(call)
        if error is not None:
            return replace(error, charge=answer.charge, facts=answer.facts)
        if call.outcome.charged is False:
            return replace(answer, charge=NO_CHARGE)
        return answer

    def _key_problem(self, provider: Provider, key: str | None) -> KeyProblem | None:
        if key is None:
            return KeyProblem.MISSING
        if looks_real(key):
            return KeyProblem.LOOKS_REAL
        return KeyProblem.EXPIRED if provider.name in self._expired else None

    def _record(self, provider: Provider, call: Call, answer: Answer) -> None:
        ending = LOST_ANSWERS.get(call.outcome.kind, Ending.WHOLE)
        self.ledger.append(
            Entry(
                provider=provider.name,
                route=call.route,
                path=call.request.path,
                monotonic=call.arrived,
                wall=call.wall,
                key_hash=call.key_hash,
                request_id=call.request_id,
                attempt_id=call.request.headers.get("x-client-request-id"),
                body_hash=hashlib.sha256(call.request.body).hexdigest()[:16],
                status=0 if ending in UNSEEN else _sent_status(call.outcome, answer),
                outcome="ok" if call.outcome is PASS else call.outcome.kind,
                charge=answer.charge,
                facts=answer.facts,
            )
        )
        provider.settled(call, answer)

    def _reply(self, provider: Provider, call: Call, answer: Answer) -> Reply:
        outcome = call.outcome
        ending = LOST_ANSWERS.get(outcome.kind, Ending.WHOLE)
        delay = self.faults.latency(provider.name, call.route)
        if ending is Ending.SILENCE:
            delay = SILENCE_SECONDS if outcome.seconds is None else outcome.seconds
        elif outcome.kind == "late":
            delay += outcome.seconds or 0.0
        body = answer.body if isinstance(answer.body, bytes) else as_json(answer.body)
        content_type = answer.content_type
        if outcome.kind in SPOILT_ANSWERS and answer.status < 400:
            body, content_type = _spoilt(outcome.kind, body)
        return Reply(
            status=_sent_status(outcome, answer),
            body=body,
            content_type=content_type,
            headers={**answer.headers, **outcome.headers},
            delay_seconds=delay,
            ending=ending,
            drip_seconds=(outcome.seconds or 1.0) if ending is Ending.DRIP else 0.0,
        )

    def _new_request_id(self) -> str:
        self._counter += 1
        return "req_" + hashlib.sha256(f"{self._born} {self._counter}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class _Found:
    route: Route
    values: tuple[str, ...]


def _find_route(routes: Sequence[Route], request: Request, prefix: str) -> _Found | None:
    path = request.path[len(prefix) :]
    for route in routes:
        if route.method == request.method:
            match: re.Match[str] | None = route.pattern.fullmatch(path)
            if match is not None:
                return _Found(route, match.groups())
    return None


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _sent_status(outcome: Outcome, answer: Answer) -> int:
    return outcome.status if outcome.kind in SPOILT_ANSWERS and outcome.status else answer.status


def _spoilt(kind: str, body: bytes) -> tuple[bytes, str]:
    spoilt: Mapping[str, tuple[bytes, str]] = {
        "html": (HTML_PAGE, "text/html; charset=utf-8"),
        "broken_json": (body[: len(body) // 2], "application/json"),
        "empty_body": (b"", "application/json"),
        "null_body": (b"null", "application/json"),
        "error_in_200": (as_json({"error": {"message": "internal", "type": "server_error"}}), "application/json"),
    }
    return spoilt[kind]
