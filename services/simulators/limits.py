"""Exact sliding windows: what a provider still admits, and whether arrivals ever went over the limit."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LimitRule:
    """A limit as a provider states it: at most `value` in any `seconds`; `None` means unlimited."""

    value: float | None
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Weight:
    """What one call asks of one limit, for one subject (a key, or a key and a model)."""

    limit: str
    subject: str
    amount: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first limit that has no room, and when it has room again; `never` if the call alone exceeds it."""

    limit: str
    allowed: float
    used: int
    asked: int
    wait_seconds: float
    never: bool


class SlidingWindow:
    """The exact sum of what happened in the half-open span (now - seconds, now]."""

    __slots__ = ("_events", "_sum", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._events: deque[tuple[float, int]] = deque()
        self._sum = 0

    def total(self, now: float) -> int:
        """The sum at `now`, after forgetting what has left."""
        events, horizon = self._events, now - self.seconds
        while events and events[0][0] <= horizon:
            self._sum -= events.popleft()[1]
        return self._sum

    def add(self, now: float, amount: int) -> None:
        """Record `amount` at `now`; times must not go backwards."""
        self._events.append((now, amount))
        self._sum += amount

    def room_in(self, now: float, allowed: float, amount: int) -> float:
        """Seconds until `amount` fits under `allowed` if nothing else arrives; infinite if it never does."""
        surplus = self.total(now) + amount - allowed
        if surplus <= 0:
            return 0.0
        for at, gone in self._events:
            surplus -= gone
            if surplus <= 0:
                return at + self.seconds - now
        return float("inf")

    def oldest_leaves_in(self, now: float) -> float:
        """Seconds until the oldest entry leaves, 0 when empty."""
        self.total(now)
        return self._events[0][0] + self.seconds - now if self._events else 0.0

    def empty_in(self, now: float) -> float:
        """Seconds until everything has left, 0 when empty."""
        self.total(now)
        return self._events[-1][0] + self.seconds - now if self._events else 0.0


@dataclass(slots=True)
class _Arrivals:
    """Everything that came in, admitted or not, and the worst window seen so far."""

    window: SlidingWindow
    worst: int = 0
    worst_at: float = 0.0
    excess_arrivals: int = 0
    count: int = 0


class Limits:
    """All limits of all providers, changeable while calls arrive.

    Two books are kept apart. *Admitted* calls use up room, so a client that hammers after a refusal is
    not locked out for ever. *Arrivals* count everything: they are what a limiter is judged by.
    """

    def __init__(self, rules: Mapping[str, LimitRule]) -> None:
        self._stated = dict(rules)
        self._rules = dict(rules)
        self._admitted: dict[tuple[str, str], SlidingWindow] = {}
        self._arrivals: dict[tuple[str, str], _Arrivals] = {}

    def rule(self, limit: str) -> LimitRule:
        """The rule in force."""
        return self._rules[limit]

    def rules(self) -> dict[str, LimitRule]:
        """Every rule in force by name."""
        return dict(self._rules)

    def change(self, values: Mapping[str, object], *, default: bool = False) -> None:
        """Set limits by name.

        A value is a number, `None` for unlimited, or `{"value": 5000, "seconds": 6}` for a scaled window.
        A changed span starts its windows anew. With `default` the values also survive a reset.
        Raises ValueError for an unknown name or a value that is no limit; nothing is changed then.
        """
        changed = {name: self._read(name, value) for name, value in values.items()}
        for name, rule in changed.items():
            if rule.seconds != self._rules[name].seconds:
                for book in (self._admitted, self._arrivals):
                    for known in [key for key in book if key[0] == name]:
                        del book[known]
            self._rules[name] = rule
            if default:
                self._stated[name] = rule

    def _read(self, name: str, value: object) -> LimitRule:
        if name not in self._rules:
            raise ValueError(f"unknown limit {name!r}; known: {', '.join(sorted(self._rules))}")
        seconds: object = self._rules[name].seconds
        if isinstance(value, dict):
            unknown = set(value) - {"value", "seconds"}
            if unknown:
                raise ValueError(f"{name}: unknown entries {sorted(unknown)}")
            seconds = value.get("seconds", seconds)
            value = value.get("value", self._rules[name].value)
        for number in (seconds, 0 if value is None else value):
            if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
                raise ValueError(f"{name}: {number!r} is not a limit")
        if not isinstance(seconds, int | float) or seconds == 0:
            raise ValueError(f"{name}: the window must be longer than nothing")
        return LimitRule(None if value is None else float(str(value)), float(seconds))

    def reset(self) -> None:
        """Forget all calls and return to the limits stated at the start."""
        self._rules = dict(self._stated)
        self._admitted.clear()
        self._arrivals.clear()

    def arrive(self, weights: Iterable[Weight], now: float) -> None:
        """Count an arrival against the judge's book, whatever becomes of the call."""
        for weight in weights:
            rule = self._rules[weight.limit]
            if rule.value is None and rule.seconds > 600:
                continue  # an unlimited day would be remembered call by call for nothing
            key = (weight.limit, weight.subject)
            book = self._arrivals.get(key)
            if book is None:
                book = self._arrivals[key] = _Arrivals(SlidingWindow(rule.seconds))
            book.window.add(now, weight.amount)
            book.count += 1
            total = book.window.total(now)
            if total > book.worst:
                book.worst, book.worst_at = total, now
            if rule.value is not None and total > rule.value:
                book.excess_arrivals += 1

    def admit(self, weights: Iterable[Weight], now: float) -> Refusal | None:
        """Take room from every limit at once, or from none and say which one refused."""
        windows = []
        for weight in weights:
            rule = self._rules[weight.limit]
            if rule.value is None:
                continue
            window = self._window(weight.limit, weight.subject)
            used = window.total(now)
            if used + weight.amount > rule.value:
                wait = window.room_in(now, rule.value, weight.amount)
                never = weight.amount > rule.value
                return Refusal(weight.limit, rule.value, used, weight.amount, wait, never)
            windows.append((window, weight.amount))
        for window, amount in windows:
            window.add(now, amount)
        return None

    def used(self, limit: str, subject: str, now: float) -> int:
        """What admitted calls have taken from the current window."""
        return self._window(limit, subject).total(now)

    def oldest_leaves_in(self, limit: str, subject: str, now: float) -> float:
        """Seconds until some room comes back."""
        return self._window(limit, subject).oldest_leaves_in(now)

    def empty_in(self, limit: str, subject: str, now: float) -> float:
        """Seconds until all room is back."""
        return self._window(limit, subject).empty_in(now)

    def _window(self, limit: str, subject: str) -> SlidingWindow:
        window = self._admitted.get((limit, subject))
        if window is None:
            window = self._admitted[limit, subject] = SlidingWindow(self._rules[limit].seconds)
        return window

    def excess(self, provider: str | None = None) -> list[dict[str, object]]:
        """The worst sliding window of arrivals per limit and subject, and how many arrivals were over."""
        return [
            {
                "limit": limit,
                "subject": subject,
                "allowed": self._rules[limit].value,
                "window_seconds": book.window.seconds,
                "arrivals": book.count,
                "worst": book.worst,
                "worst_at": book.worst_at,
                "excess_arrivals": book.excess_arrivals,
                "exceeded": book.excess_arrivals > 0,
            }
            for (limit, subject), book in sorted(self._arrivals.items())
            if provider is None or limit.startswith(provider + ".")
        ]
