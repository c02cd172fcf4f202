"""Trouble on order: which calls go wrong and how, and how long an answer takes.

`docs/simulators.md`, Faults, describes the JSON that arrives at `POST /_sim/faults`.
"""

import math
import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from services.simulators.wire import Ending

SILENCE_SECONDS = 600.0

# The work is done and charged, and then its answer is lost or spoilt on the way.
LOST_ANSWERS: Mapping[str, Ending] = {
    "hang": Ending.SILENCE,
    "reset": Ending.RESET,
    "drop_before_head": Ending.DROP_BEFORE_HEAD,
    "drop_before_body": Ending.DROP_BEFORE_BODY,
    "drop_inside_body": Ending.DROP_INSIDE_BODY,
    "drip": Ending.DRIP,
}
SPOILT_ANSWERS = frozenset({"html", "broken_json", "empty_body", "null_body", "error_in_200"})
COMMON_KINDS = frozenset({"pass", "late", "status", *LOST_ANSWERS, *SPOILT_ANSWERS})

_OPTIONS = frozenset(
    {"kind", "charged", "status", "seconds", "retry_after", "retry_after_ms", "headers", "message", "evidence"}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens to one call: a kind, and what that kind can be told."""

    kind: str
    charged: bool | None = None
    status: int | None = None
    seconds: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    evidence: str | None = None

    @property
    def is_charged(self) -> bool:
        """Whether the work behind the lost or refused answer is done and billed all the same."""
        if self.charged is not None:
            return self.charged
        return self.kind in LOST_ANSWERS or self.kind in SPOILT_ANSWERS


PASS = Outcome("pass")


def parse_outcome(value: object, kinds: frozenset[str]) -> Outcome:
    """Read `"hang"` or `{"kind": "hang", "seconds": 3}`; raises ValueError with words for the tester."""
    given: Mapping[str, Any] = {"kind": value} if isinstance(value, str) else _mapping(value, "an outcome")
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"unknown outcome {kind!r}; known: {', '.join(sorted(kinds))}")
    unknown = set(given) - _OPTIONS
    if unknown:
        raise ValueError(f"outcome {kind!r}: unknown options {sorted(unknown)}")
    status = given.get("status")
    if kind == "status" and not isinstance(status, int):
        raise ValueError("outcome 'status' needs an integer \"status\"")
    headers = {str(k): str(v) for k, v in _mapping(given.get("headers", {}), "headers").items()}
    if given.get("retry_after") is not None:
        headers["retry-after"] = str(given["retry_after"])
    if given.get("retry_after_ms") is not None:
        headers["retry-after-ms"] = str(given["retry_after_ms"])
    seconds = given.get("seconds")
    return Outcome(
        kind=kind,
        charged=given.get("charged"),
        status=status,
        seconds=None if seconds is None else float(seconds),
        headers=headers,
        message=given.get("message"),
        evidence=given.get("evidence"),
    )


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be a JSON object, not {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many seconds an answer takes; the tail replaces a small share of draws by a much longer one."""

    kind: str = "fixed"
    low: float = 0.0
    high: float = 0.0
    median: float = 0.0
    sigma: float = 0.5
    tail_probability: float = 0.0
    tail_low: float = 20.0
    tail_high: float = 40.0

    def draw(self, dice: random.Random) -> float:
        """One latency in seconds."""
        if self.tail_probability and dice.random() < self.tail_probability:
            return dice.uniform(self.tail_low, self.tail_high)
        if self.kind == "uniform":
            return dice.uniform(self.low, self.high)
        if self.kind == "lognormal":
            return dice.lognormvariate(math.log(self.median), self.sigma)
        return self.low


def parse_distribution(value: object) -> Distribution:
    """Read `0.2`, or `{"kind": "uniform", "low": .5, "high": 3}` or `{"kind": "lognormal", "median": 1}`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = {"kind": "fixed", "low": value}
    given = dict(_mapping(value, "a latency distribution"))
    kind = given.pop("kind", "fixed")
    numbers = {name: float(number) for name, number in given.items()}
    needed = {"fixed": {"low"}, "uniform": {"low", "high"}, "lognormal": {"median"}}.get(kind)
    if needed is None:
        raise ValueError(f"unknown distribution {kind!r}; known: fixed, lognormal, uniform")
    if not needed <= set(numbers):
        raise ValueError(f"a {kind} distribution needs {', '.join(sorted(needed))}")
    allowed = {"low", "high", "median", "sigma", "tail_probability", "tail_low", "tail_high"}
    if set(numbers) - allowed:
        raise ValueError(f"a distribution has no {sorted(set(numbers) - allowed)}")
    if any(number < 0 for number in numbers.values()) or (kind == "lognormal" and numbers["median"] == 0):
        raise ValueError("a latency cannot be negative, and a median not zero")
    return Distribution(kind=kind, **numbers)


@dataclass(slots=True)
class Rule:
    """One ordered trouble: for which calls, how often, and either one outcome or a script of them."""

    provider: str
    route: str
    contains: str | None
    probability: float
    left: int | None
    outcome: Outcome | None
    script: deque[Outcome]
    dice: random.Random

    def take(self, provider: str, route: str, body: bytes) -> Outcome | None:
        """This rule's word on a call, or None when it does not concern it or is used up."""
        if self.provider != provider or not fnmatchcase(route, self.route):
            return None
        if self.contains is not None and self.contains.encode() not in body:
            return None
        if self.left == 0 or (self.outcome is None and not self.script):
            return None
        if self.probability < 1 and self.dice.random() >= self.probability:
            return None
        if self.left is not None:
            self.left -= 1
        return self.outcome or self.script.popleft()


@dataclass(frozen=True, slots=True)
class _Latency:
    provider: str
    route: str
    distribution: Distribution


class FaultBook:
    """All faults and latencies in force. Same seed and same order of calls: same trouble."""

    def __init__(self, kinds: Mapping[str, frozenset[str]], seed: int) -> None:
        self._kinds = {name: own | COMMON_KINDS for name, own in kinds.items()}
        self._seed = seed
        self._defaults: list[_Latency] = []
        self.clear()

    def clear(self) -> None:
        """Forget all faults and return to the latencies of the start."""
        self._rules: list[Rule] = []
        self._latencies = list(self._defaults)
        self._made = 0
        self._dice = random.Random(f"latency {self._seed}")

    def set_default_latencies(self, latencies: Iterable[tuple[str, str, Distribution]]) -> None:
        """State the latencies that a reset returns to; the first that matches counts."""
        self._defaults = [_Latency(*latency) for latency in latencies]
        self._latencies = list(self._defaults)

    def order(self, faults: list[object], latencies: list[object]) -> None:
        """Add faults and latencies as JSON gives them; raises ValueError and adds nothing if one is wrong."""
        rules = [self._read_rule(fault) for fault in faults]
        new = [self._read_latency(latency) for latency in latencies]
        self._rules += rules
        self._latencies = new + self._latencies

    def _provider(self, given: Mapping[str, Any]) -> str:
        provider = given.get("provider")
        if not isinstance(provider, str) or provider not in self._kinds:
            raise ValueError(f"unknown provider {provider!r}; known: {', '.join(sorted(self._kinds))}")
        return provider

    def _read_rule(self, value: object) -> Rule:
        given = _mapping(value, "a fault")
        provider = self._provider(given)
        known = {"provider", "route", "contains", "probability", "times", "outcome", "script"}
        if set(given) - known:
            raise ValueError(f"a fault has no {sorted(set(given) - known)}; known: {sorted(known)}")
        if ("outcome" in given) == ("script" in given):
            raise ValueError('a fault needs either "outcome" or "script"')
        probability = float(given.get("probability", 1.0))
        if not 0 <= probability <= 1:
            raise ValueError("a probability lies between 0 and 1")
        kinds = self._kinds[provider]
        self._made += 1
        return Rule(
            provider=provider,
            route=str(given.get("route", "*")),
            contains=given.get("contains"),
            probability=probability,
            left=given.get("times"),
            outcome=parse_outcome(given["outcome"], kinds) if "outcome" in given else None,
            script=deque(parse_outcome(step, kinds) for step in given.get("script", [])),
            dice=random.Random(f"fault {self._seed} {self._made}"),
        )

    def _read_latency(self, value: object) -> _Latency:
        given = _mapping(value, "a latency")
        distribution = parse_distribution(given.get("distribution"))
        return _Latency(self._provider(given), str(given.get("route", "*")), distribution)

    def choose(self, provider: str, route: str, body: bytes) -> Outcome:
        """The outcome of a call: the word of the first rule that has one."""
        for rule in self._rules:
            outcome = rule.take(provider, route, body)
            if outcome is not None:
                return outcome
        return PASS

    def latency(self, provider: str, route: str) -> float:
        """How many seconds this call's answer takes."""
        for latency in self._latencies:
            if latency.provider == provider and fnmatchcase(route, latency.route):
                return latency.distribution.draw(self._dice)
        return 0.0

    def describe(self) -> dict[str, Any]:
        """What is in force, for people who look."""
        return {
            "kinds": {provider: sorted(kinds) for provider, kinds in self._kinds.items()},
            "faults": [
                {
                    "provider": rule.provider,
                    "route": rule.route,
                    "contains": rule.contains,
                    "probability": rule.probability,
                    "left": rule.left,
                    "outcome": rule.outcome.kind if rule.outcome else None,
                    "script": [step.kind for step in rule.script],
                }
                for rule in self._rules
            ],
        }
