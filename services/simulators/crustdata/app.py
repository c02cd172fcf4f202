"""The simulated Crustdata: its routes, both its error shapes, its credits and its mistakes about people."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from services.simulators.contract import REAL_KEY_WARNING, Answer, Call, KeyProblem, Route
from services.simulators.crustdata.people import (
    DEFAULT_GROUPS,
    FIELD_GROUPS,
    NOT_IN_SEARCH,
    SEARCH_GROUPS,
    document,
    only,
    person_data,
    with_address,
    without,
)
from services.simulators.crustdata.search import (
    Searches,
    SearchRefused,
    check_filters,
    check_sorts,
    make_cursor,
    read_cursor,
    search_key,
)
from services.simulators.crustdata.usage import BadQuery, Usage, read_query
from services.simulators.faults import Distribution
from services.simulators.keys import bearer
from services.simulators.ledger import Charge
from services.simulators.limits import LimitRule, Limits, Refusal, Weight
from services.simulators.wire import Request
from services.simulators.world import World, find, outline, person, profile_url, short_vanity

API_VERSION = "2025-11-01"
MAX_URLS = 25
MAX_ROWS = 1000
MAX_DESCRIBED_ROWS = 100
MAX_EXCLUDED = 50_000
ENRICH_THOUSANDTHS = 1000
DEV_PLATFORM_THOUSANDTHS = 1000
ROW_THOUSANDTHS = 30

_URL = re.compile(r"https?://(?:www\.|[a-z]{2}\.)?linkedin\.com/in/([^/?#\s]+)/?", re.IGNORECASE)

ERRORS: Mapping[str, tuple[int, str, str]] = {
    "invalid_request": (400, "invalid_request", "The request is not valid."),
    "insufficient_credits": (402, "insufficient_credits", "You do not have enough credits."),
    "permission_error": (403, "permission_error", "This endpoint is not enabled for your account."),
    "rate_limit_exceeded": (429, "rate_limit_exceeded", "Too many requests; try again later."),
    "internal_error": (500, "internal_error", "Something went wrong."),
    "bad_gateway": (502, "internal_error", "Bad gateway."),
    "unavailable": (503, "internal_error", "Temporarily unavailable."),
}
PERSON_FAULTS = frozenset(
    {
        "no_match",
        "not_found_404",
        "not_found_marker",
        "redacted",
        "empty_shell",
        "empty_person_data",
        "missing_entry",
        "empty_array",
        "wrong_person",
        "two_candidates",
        "found_by_opaque_id",
        "found_by_old_vanity",
        "found_with_slash",
        "found_in_upper_case",
        "reversed_order",
        "null_leaves",
    }
)
GATEWAY_KINDS = ("missing_key", "invalid_key")
ROUTE_LIMITS: Mapping[str, str] = {
    "person/enrich": "crustdata.enrich",
    "person/search": "crustdata.search",
    "account/usage": "crustdata.usage",
    "account": "crustdata.account",
}
DEFAULT_RPM: Mapping[str, float] = {"enrich": 15, "search": 30, "usage": 60, "account": 300}


class Crustdata:
    """One simulated account with one balance, any number of keys; limits count per key."""

    name = "crustdata"
    prefix = "/crustdata"
    fault_kinds = frozenset(ERRORS) | PERSON_FAULTS | frozenset(GATEWAY_KINDS)
    limit_rules: Mapping[str, LimitRule] = {f"crustdata.{name}": LimitRule(rpm) for name, rpm in DEFAULT_RPM.items()}
    realistic_latencies: Mapping[str, Distribution] = {
        "person/enrich": Distribution("uniform", low=0.3, high=2.0),
        "person/search": Distribution("uniform", low=0.5, high=2.0),
        "account*": Distribution("fixed", low=0.05),
    }

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits
        self._routes = (
            Route("person/enrich", "POST", re.compile("/person/enrich"), _versioned(self._enrich)),
            Route("person/search", "POST", re.compile("/person/search"), _versioned(self._search)),
            Route("account/usage", "GET", re.compile("/account/usage/events"), _versioned(self._events)),
            Route("account/usage", "GET", re.compile("/account/usage/events/([^/]+)"), _versioned(self._event)),
            Route("account/usage", "GET", re.compile("/account/usage/errors"), _versioned(self._failures)),
            Route("account/usage", "GET", re.compile("/account/usage/summary"), _versioned(self._summary)),
            Route("user/credits", "GET", re.compile("/user/credits"), self._user_credits),
            Route("account", "GET", re.compile("/account/credits"), _versioned(self._account_credits)),
            Route("account", "GET", re.compile("/account/endpoints"), _versioned(self._endpoints)),
        )
        self.reset()

    @property
    def routes(self) -> Sequence[Route]:
        """People and account; batches, contacts and autocomplete join here."""
        return self._routes

    def reset(self) -> None:
        """A full balance, no history, switches as at the start."""
        self._usage = Usage()
        self._searches = Searches(self._world)
        self._describes = False
        self._previews = False
        self._legacy_status = 410
        self._forbidden: frozenset[str] = frozenset()

    def switch(self, name: str, value: object) -> None:
        """Balance, gates and the fate of the old paths; see `docs/simulators.md`, Switches."""
        if name in ("credits", "events_delay_seconds"):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"crustdata.{name} is a number")
            if name == "credits":
                self._usage.credits_thousandths = round(value * 1000)
            else:
                self._usage.visible_after_seconds = float(value)
        elif name in ("description_search", "preview") and isinstance(value, bool):
            if name == "preview":
                self._previews = value
            else:
                self._describes = value
        elif name == "legacy_status" and value in (404, 410):
            self._legacy_status = int(str(value))
        elif name == "forbidden_fields" and isinstance(value, list):
            self._forbidden = frozenset(map(str, value))
        else:
            raise ValueError(
                "crustdata has the switches keys, credits, events_delay_seconds, description_search (true, "
                "false), preview (true, false), legacy_status (404, 410) and forbidden_fields (a list)"
            )

    def settled(self, call: Call, answer: Answer) -> None:
        """Every accepted request becomes an event and takes its credits."""
        if answer.status == 401 or call.route == "account/usage":
            return
        self._usage.add(
            id=call.request_id,
            wall=call.wall,
            endpoint=call.request.path.removeprefix(self.prefix),
            key_hash=call.key_hash,
            status=answer.status,
            credits=answer.charge.credits_thousandths,
            body=call.json,
        )

    def key_of(self, request: Request) -> str | None:
        """The bearer key; the old paths said Token."""
        header = request.headers.get("authorization")
        return bearer(header) or bearer(header, "Token")

    def refuse_key(self, call: Call, reason: KeyProblem) -> Answer:  # noqa: ARG002 - the contract's signature
        """The gateway's flat shape."""
        if reason is KeyProblem.LOOKS_REAL:
            return Answer(401, {"message": REAL_KEY_WARNING})
        words = "Missing" if reason is KeyProblem.MISSING else "Invalid"
        return Answer(401, {"message": f"{words} API key in request"})

    def unknown_route(self, call: Call) -> Answer:
        """404, or the switch's status for the paths of old."""
        if call.request.path.startswith(f"{self.prefix}/screener/"):
            return _error(self._legacy_status, "not_found", "This endpoint has been retired.")
        return _error(404, "not_found", f"Not simulated here: {call.request.method} {call.request.path}")

    def fail(self, call: Call) -> Answer | None:
        """The ordered error."""
        outcome = call.outcome
        if outcome.kind in GATEWAY_KINDS:
            return self.refuse_key(call, KeyProblem.MISSING if outcome.kind == "missing_key" else KeyProblem.EXPIRED)
        if outcome.kind == "status":
            return _error(outcome.status or 500, "internal_error", outcome.message or "An ordered error.")
        if outcome.kind not in ERRORS:
            return None
        status, kind, message = ERRORS[outcome.kind]
        return _error(outcome.status or status, kind, outcome.message or message)

    def weigh(self, call: Call) -> Sequence[Weight]:
        """One call of the route's own limit."""
        limit = ROUTE_LIMITS.get(call.route)
        return () if limit is None else (Weight(limit, call.key_hash, 1),)

    def refuse_excess(self, call: Call, refusal: Refusal) -> Answer:  # noqa: ARG002 - other providers name the model
        """429; when to come back is in the rate headers."""
        return _error(429, "rate_limit_exceeded", f"Limit of {refusal.allowed:.0f} calls a minute reached.")

    def common_headers(self, call: Call) -> Mapping[str, str]:
        """Request id and, for routes with a limit, the three rate headers."""
        headers = {"x-request-id": call.request_id}
        limit = ROUTE_LIMITS.get(call.route)
        allowed = self._limits.rule(limit).value if limit else None
        if limit is not None and allowed is not None:
            used = self._limits.used(limit, call.key_hash, call.arrived)
            headers["x-ratelimit-limit"] = f"{allowed:.0f}"
            headers["x-ratelimit-remaining"] = f"{max(0, allowed - used):.0f}"
            wait = self._limits.oldest_leaves_in(limit, call.key_hash, call.arrived)
            headers["x-ratelimit-reset"] = str(math.ceil(wait))
        return headers

    async def _enrich(self, call: Call) -> Answer:
        body = call.json
        problem = self._enrich_problem(body)
        if problem is not None:
            return problem
        urls: list[str] = body["professional_network_profile_urls"]
        fields = body.get("fields") or list(DEFAULT_GROUPS)
        preview = bool(body.get("preview"))
        price = ENRICH_THOUSANDTHS + DEV_PLATFORM_THOUSANDTHS * ("dev_platform_profiles" in fields)
        if not preview and self._usage.credits_thousandths < price * len(urls):
            return _error(402, "insufficient_credits", ERRORS["insufficient_credits"][2])
        kind = call.outcome.kind
        found = [self._entry(url, ["basic_profile"] if preview else fields, kind) for url in urls]
        charged = 0 if preview else price * sum(bool(entry["matches"]) for entry in found)
        facts = {"urls": urls, "matched": sum(bool(entry["matches"]) for entry in found)}
        if kind == "not_found_404":
            return _error(404, "not_found", "No match for any input.")
        if kind == "missing_entry":
            charged -= price * bool(found[0]["matches"])
            found = found[1:]
        elif kind == "empty_array":
            found, charged = [], 0
        elif kind == "reversed_order":
            found.reverse()
        return Answer(200, found, _used(charged), Charge(credits_thousandths=charged), facts)

    def _enrich_problem(self, body: Any) -> Answer | None:
        if not isinstance(body, dict):
            return _error(400, "invalid_request", "The body must be a JSON object.")
        given = [name for name in ("professional_network_profile_urls", "business_emails") if body.get(name)]
        if given != ["professional_network_profile_urls"]:
            return _error(400, "invalid_request", "Give exactly one identifier: professional_network_profile_urls.")
        urls = body["professional_network_profile_urls"]
        if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
            return _error(400, "invalid_request", "professional_network_profile_urls must be an array of strings.")
        if len(urls) > MAX_URLS:
            return _error(400, "invalid_request", f"At most {MAX_URLS} URLs are allowed.")
        bad = next((url for url in urls if not _URL.fullmatch(url)), None)
        if bad is not None:
            return _error(400, "invalid_request", f"Invalid profile URL: {bad}")
        if body.get("preview") and not self._previews:
            return _error(400, "invalid_request", "preview is not enabled for this account.")
        return self._fields_problem(body.get("fields"), FIELD_GROUPS)

    def _fields_problem(self, fields: Any, allowed: Sequence[str]) -> Answer | None:
        if fields is None:
            return None
        if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
            return _error(400, "invalid_request", "fields must be an array of strings.")
        forbidden = next((field for field in fields if field.partition(".")[0] in self._forbidden), None)
        if forbidden is not None:
            return _error(403, "permission_error", f"The field {forbidden} is not enabled for your account.")
        hidden = NOT_IN_SEARCH if allowed is SEARCH_GROUPS else frozenset()
        unknown = [field for field in fields if field.partition(".")[0] not in allowed or field in hidden]
        if unknown:
            words = f"Unsupported fields: {', '.join(unknown)}"
            return _error(400, "invalid_request", words, [{"available_fields": list(allowed)}])
        return None

    def _entry(self, url: str, fields: Sequence[str], fault: str) -> dict[str, Any]:
        """One input's answer: the echo, and who was found, with the person's quirk or the ordered fault."""
        found = _URL.fullmatch(url)
        index = find(self._world, found.group(1)) if found else None
        entry = {"matched_on": url, "match_type": "professional_network_profile_url", "matches": []}
        if index is None:
            return entry
        quirk = fault if fault in PERSON_FAULTS else outline(self._world.seed, index).quirk
        if quirk == "no_match" or quirk == "not_found_404":
            return entry
        if quirk == "not_found_marker":
            return {**entry, "match_status": "not_found"}
        if quirk == "redacted":
            return {**entry, "match_status": "redacted"}
        return {**entry, "matches": self._matches(index, fields, quirk)}

    def _matches(self, index: int, fields: Sequence[str], quirk: str) -> list[dict[str, Any]]:
        seed = self._world.seed
        if quirk == "empty_shell":
            return [_match({"basic_profile": {}})]
        if quirk == "empty_person_data":
            return [_match({})]
        other = (index + 1) % self._world.people
        if quirk == "wrong_person":
            return [_match(only(person_data(seed, other), fields))]
        if quirk == "two_candidates":
            both = ((index, 0.82), (other, 0.79))
            return [_match(only(person_data(seed, i), fields), confidence) for i, confidence in both]
        sold = with_address(person_data(seed, index), self._found_address(index, quirk))
        if quirk == "null_leaves":
            sold["basic_profile"] = {**dict.fromkeys(sold["basic_profile"]), "name": sold["basic_profile"]["name"]}
        return [_match(only(sold, fields))]

    def _found_address(self, index: int, quirk: str) -> str:
        seed = self._world.seed
        slug = outline(seed, index).slug
        addresses = {
            "found_by_opaque_id": profile_url(person(seed, index)["aliases"][1]),
            "found_by_old_vanity": profile_url(short_vanity(seed, index)),
            "found_with_slash": profile_url(slug) + "/",
            "found_in_upper_case": profile_url(slug.title()),
        }
        return addresses.get(quirk, profile_url(slug))

    async def _search(self, call: Call) -> Answer:
        body = call.json
        if not isinstance(body, dict):
            return _error(400, "invalid_request", "The body must be a JSON object.")
        if "search" in body and not self._describes:
            return _error(403, "permission_error", "Search by description is not enabled for your account.")
        problem = self._fields_problem(body.get("fields"), SEARCH_GROUPS)
        if problem is not None:
            return problem
        return await self._page(body)

    async def _page(self, body: Mapping[str, Any]) -> Answer:
        described = body.get("search")
        filters = _described_filters(described) if described is not None else body.get("filters")
        sorts = body.get("sorts") or []
        check_filters(filters)
        check_sorts(sorts)
        limit = body.get("limit", body.get("count", 20))
        most = MAX_DESCRIBED_ROWS if described is not None else MAX_ROWS
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= most:
            raise SearchRefused(f"limit must be between 1 and {most}")
        key = search_key(filters, sorts)
        start = read_cursor(body["cursor"], key) if body.get("cursor") else 0
        excluded = _exclusions(body.get("post_processing") or {})
        if self._usage.credits_thousandths < ROW_THOUSANDTHS * limit:
            return _error(402, "insufficient_credits", ERRORS["insufficient_credits"][2])
        if filters is None:
            raise SearchRefused("filters are required")
        everyone = await self._searches.run(filters, sorts)
        drawn = everyone[start : start + limit]
        rows = [self._row(index, body.get("fields"), excluded) for index in drawn]
        profiles = [row for row in rows if row is not None]
        if described is not None:
            profiles = [{**row, "fit": "strong" if n < limit // 3 else "possible"} for n, row in enumerate(profiles)]
        more = start + limit < len(everyone)
        charged = ROW_THOUSANDTHS * len(profiles)
        return Answer(
            200,
            {
                "profiles": profiles,
                "next_cursor": make_cursor(key, start + limit) if more else None,
                "total_count": len(everyone),
            },
            _used(charged),
            Charge(credits_thousandths=charged),
            {"rows": len(profiles)},
        )

    def _row(self, index: int, fields: Sequence[str] | None, excluded: frozenset[str]) -> dict[str, Any] | None:
        """A search row: no skills, no summary; None for someone excluded."""
        whole = document(self._world.seed, index)
        address = whole["social_handles"]["professional_network_identifier"]["profile_url"]
        if address in excluded or whole["basic_profile"]["name"].casefold() in excluded:
            return None
        return without(only(whole, fields or SEARCH_GROUPS), NOT_IN_SEARCH | {"professional_network.summary"})

    async def _events(self, call: Call) -> Answer:
        query = read_query(call.request.query)
        events, cursor = self._usage.page(query, call.wall)
        return Answer(
            200,
            {"events": [event.shown() for event in events], "next_cursor": cursor, "has_more": cursor is not None},
        )

    async def _event(self, call: Call) -> Answer:
        event = self._usage.find(call.path_values[0], call.wall)
        if event is None:
            return _error(404, "not_found", "No such event.")
        return Answer(200, {**event.shown(), "request_body": event.body})

    async def _failures(self, call: Call) -> Answer:
        query = read_query(call.request.query)
        return Answer(200, {"errors": self._usage.failures(query, call.wall)})

    async def _summary(self, call: Call) -> Answer:
        query = read_query(call.request.query)
        return Answer(200, self._usage.summary(query, call.wall))

    async def _user_credits(self, _call: Call) -> Answer:
        return Answer(200, {"credits": self._usage.credits_thousandths / 1000})

    async def _account_credits(self, _call: Call) -> Answer:
        account = {
            "credits": self._usage.credits_thousandths / 1000,
            "recurring_credits": None,
            "recurring_credits_frequency": None,
            "recurring_credits_refresh_date": None,
            "credit_rollover": False,
        }
        return Answer(200, {"account": account})

    async def _endpoints(self, call: Call) -> Answer:
        asked = call.request.query.get("path")
        prices = {"/person/enrich": ENRICH_THOUSANDTHS, "/person/search": ROW_THOUSANDTHS}
        shown = [
            {
                "path": path,
                "rate_limit_rpm": self._limits.rule(ROUTE_LIMITS[path.lstrip("/")]).value,
                "base_credits": price / 1000,
                "premium_fields": {"dev_platform_profiles": 1} if path == "/person/enrich" else {},
                "premium_filters": {},
            }
            for path, price in prices.items()
            if asked in (None, path)
        ]
        return Answer(200, {"endpoints": shown, "token_limit_rpm": None})


def _error(status: int, kind: str, message: str, metadata: Sequence[Any] = ()) -> Answer:
    return Answer(status, {"error": {"type": kind, "message": message, "metadata": list(metadata)}})


Handler = Callable[[Call], Awaitable[Answer]]


def _versioned(handler: Handler) -> Handler:
    """Put the version check, which comes only after the key's, and the 400 for unreadable words before a handler."""

    async def answer(call: Call) -> Answer:
        given = call.request.headers.get("x-api-version")
        if given is None:
            return _error(400, "invalid_request", "Missing required header: x-api-version")
        if given != API_VERSION:
            return _error(400, "invalid_request", f"Unsupported x-api-version: {given}")
        try:
            return await handler(call)
        except (SearchRefused, BadQuery) as refused:
            return _error(400, "invalid_request", str(refused))

    return answer


def _used(thousandths: int) -> Mapping[str, str]:
    return {"x-credits-used": f"{thousandths / 1000:g}"}


def _match(sold: Mapping[str, Any], confidence: float = 1.0) -> dict[str, Any]:
    return {"confidence_score": confidence, "person_data": sold}


def _exclusions(given: Mapping[str, Any]) -> frozenset[str]:
    profiles, names = given.get("exclude_profiles") or [], given.get("exclude_names") or []
    if len(profiles) > MAX_EXCLUDED:
        raise SearchRefused(f"exclude_profiles has at most {MAX_EXCLUDED} entries")
    return frozenset(profiles) | frozenset(str(name).casefold() for name in names)


def _described_filters(described: Any) -> Mapping[str, Any]:
    """Search by description as well as words can do it: anybody whose headline has one of them."""
    words = str(described.get("query", "")).split() if isinstance(described, Mapping) else []
    if not words:
        raise SearchRefused("search.query is required")
    return {"field": "basic_profile.headline", "type": "(.)", "value": "|".join(words)}
