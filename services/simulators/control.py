"""The control side under `/_sim/`: what tests and demos read and change; no provider has it."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from services.simulators.wire import Reply, Request, json_reply
from services.simulators.world import imported_row, person

if TYPE_CHECKING:
    from services.simulators.site import Site

MAX_PAGE = 20_000


class Control:
    """Routes of the control side; each answers at once and is on no ledger."""

    def __init__(self, site: "Site") -> None:
        self._site = site
        self._routes: Mapping[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "/_sim/health"): self._health,
            ("GET", "/_sim/ledger"): self._ledger,
            ("GET", "/_sim/ledger/totals"): self._totals,
            ("GET", "/_sim/excess"): self._excess,
            ("GET", "/_sim/faults"): self._show_faults,
            ("POST", "/_sim/faults"): self._order_faults,
            ("GET", "/_sim/limits"): self._show_limits,
            ("POST", "/_sim/limits"): self._change_limits,
            ("POST", "/_sim/reset"): self._reset,
            ("GET", "/_sim/people"): self._people,
        }

    def answer(self, request: Request) -> Reply:
        """Answer a control request; a wrong one gets 400 and a sentence."""
        handler = self._routes.get((request.method, request.path))
        if handler is None:
            known = [f"{method} {path}" for method, path in self._routes]
            return json_reply(404, {"error": "no such control route", "known": known})
        try:
            return handler(request)
        except (ValueError, TypeError) as problem:
            return json_reply(400, {"error": str(problem)})

    def _health(self, _request: Request) -> Reply:
        site = self._site
        return json_reply(
            200,
            {
                "status": "ok",
                "seed": site.world.seed,
                "people": site.world.people,
                "providers": {provider.name: provider.prefix for provider in site.providers},
            },
        )

    def _ledger(self, request: Request) -> Reply:
        since = int(request.query.get("since", "0"))
        limit = min(max(int(request.query.get("limit", "1000")), 1), MAX_PAGE)
        lines, reached, more = self._site.ledger.page(request.query.get("provider"), since, limit)
        tail = json.dumps({"next": reached, "more": more})[1:]
        return Reply(200, b'{"calls":[' + b",".join(lines) + b"]," + tail.encode())

    def _totals(self, _request: Request) -> Reply:
        return json_reply(200, self._site.ledger.totals())

    def _excess(self, request: Request) -> Reply:
        windows = self._site.limits.excess(request.query.get("provider"))
        exceeded = any(window["exceeded"] for window in windows)
        return json_reply(200, {"exceeded": exceeded, "windows": windows})

    def _show_faults(self, _request: Request) -> Reply:
        return json_reply(200, self._site.faults.describe())

    def _order_faults(self, request: Request) -> Reply:
        order = _object(request)
        unknown = set(order) - {"clear", "faults", "latency", "switches"}
        if unknown:
            raise ValueError(f"unknown entries {sorted(unknown)}; known: clear, faults, latency, switches")
        if order.get("clear"):
            self._site.faults.clear()
        self._site.faults.order(order.get("faults", []), order.get("latency", []))
        for provider, switches in order.get("switches", {}).items():
            for name, value in switches.items():
                self._site.switch(provider, name, value)
        return json_reply(200, self._site.faults.describe())

    def _show_limits(self, _request: Request) -> Reply:
        rules = self._site.limits.rules()
        shown = {name: {"value": rule.value, "seconds": rule.seconds} for name, rule in rules.items()}
        return json_reply(200, shown)

    def _change_limits(self, request: Request) -> Reply:
        self._site.limits.change(_object(request))
        return self._show_limits(request)

    def _reset(self, _request: Request) -> Reply:
        self._site.reset()
        return json_reply(200, {"status": "reset"})

    def _people(self, request: Request) -> Reply:
        world = self._site.world
        offset = max(int(request.query.get("offset", "0")), 0)
        limit = min(max(int(request.query.get("limit", "100")), 1), 2000)
        duplicates = float(request.query.get("duplicates", "0"))
        indexes = range(offset, min(offset + limit, world.people))
        rows: list[dict[str, Any]]
        if request.query.get("full") == "1":
            rows = [person(world.seed, index) for index in indexes]
        else:
            rows = [imported_row(world.seed, index, duplicates) for index in indexes]
        return json_reply(200, {"people": rows, "total": world.people})


def _object(request: Request) -> dict[str, Any]:
    value = json.loads(request.body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")
    return value
