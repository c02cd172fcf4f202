"""Quotas and budgets: what counts in which unit, whose day it is, what is allowed by default, and how it is said.

docs/quotas.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from services.domain.money import read_usd, show_exact_usd, show_usd
from services.domain.runs import RunKind

ALERT_SHARE: Final = Decimal("0.8")
HIGHEST_CAP: Final = 1_000_000_000
NO_CAP = "none"
MONEY: Final = ""
"""The provider of a budget: money is not counted by provider."""


class Meter(StrEnum):
    """What is counted (docs/quotas.md, What counts)."""

    CANDIDATES = "candidates"
    CALLS = "calls"
    CREDITS = "credits"
    USD = "usd"


@dataclass(frozen=True, order=True)
class What:
    """One thing that can have a cap."""

    provider: str
    meter: Meter


BUDGET: Final = What(MONEY, Meter.USD)
QUOTAS: Final = (
    What("openai", Meter.CANDIDATES),
    What("salesql", Meter.CALLS),
    What("salesql", Meter.CREDITS),
    What("crustdata", Meter.CANDIDATES),
    What("crustdata", Meter.CREDITS),
    BUDGET,
)
"""Everything that can have a cap, in the order in which it is listed."""

PROVIDER_NAMES: Final[Mapping[str, str]] = {"openai": "OpenAI", "salesql": "SalesQL", "crustdata": "Crustdata"}

PROVIDER_DAYS: Final[Mapping[str, str]] = {
    # docs/quotas.md, Whose day, says where each of these comes from.
    "openai": "UTC",
    "salesql": "UTC",
    "crustdata": "UTC",
}
"""The time zone in which each provider's day begins."""

USER_DEFAULTS: Final[Mapping[What, Decimal]] = {
    What("openai", Meter.CANDIDATES): Decimal(5_000),
    What("salesql", Meter.CALLS): Decimal(1_000),
    What("crustdata", Meter.CANDIDATES): Decimal(500),
}
ORGANIZATION_DEFAULTS: Final[Mapping[What, Decimal]] = {What("salesql", Meter.CALLS): Decimal(5_000)}

NEEDS: Final[Mapping[RunKind, tuple[str, Mapping[Meter, int]]]] = {
    RunKind.SCREENING: ("openai", {Meter.CANDIDATES: 1}),
    RunKind.ENRICHMENT: ("crustdata", {Meter.CANDIDATES: 1, Meter.CREDITS: 1}),
    RunKind.EMAILS: ("salesql", {Meter.CALLS: 1, Meter.CREDITS: 1}),
}
"""What one person of a run counts at most, and with which provider."""


@dataclass(frozen=True)
class Quota:
    """One cap (None: no limit) and how much of its period is used; `reserved` is held by calls under way.

    `holder` is a user's id, or the organization's own; `whose` is that user's name, or empty.
    """

    holder: UUID
    whose: str
    what: What
    cap: Decimal | None
    used: Decimal
    reserved: Decimal
    resets_at: datetime

    @property
    def left(self) -> Decimal | None:
        """What may still be reserved; None without a cap."""
        return None if self.cap is None else max(Decimal(0), self.cap - self.used - self.reserved)

    @property
    def is_near(self) -> bool:
        """Whether four fifths are used, be it that much was used or that the cap was lowered."""
        return self.cap is not None and self.cap > 0 and self.used >= self.cap * ALERT_SHARE


# Whose day, whose month


def day_of(provider: str, now: datetime) -> date:
    """The provider's calendar day at this moment."""
    return now.astimezone(zone_of(provider)).date()


def month_start(now: datetime, time_zone: str) -> date:
    """The first day of the organization's calendar month at this moment."""
    return now.astimezone(ZoneInfo(time_zone)).date().replace(day=1)


def period_of(what: What, now: datetime, time_zone: str) -> date:
    """The period that this moment counts in: the provider's day, or the organization's month."""
    return month_start(now, time_zone) if what == BUDGET else day_of(what.provider, now)


def resets_at(what: What, now: datetime, time_zone: str) -> datetime:
    """When the period after this one begins."""
    if what != BUDGET:
        tomorrow = day_of(what.provider, now) + timedelta(days=1)
        return datetime.combine(tomorrow, time(), zone_of(what.provider)).astimezone(UTC)
    next_month = (month_start(now, time_zone) + timedelta(days=32)).replace(day=1)
    return datetime.combine(next_month, time(), ZoneInfo(time_zone)).astimezone(UTC)


def zone_of(provider: str) -> ZoneInfo:
    return ZoneInfo(PROVIDER_DAYS.get(provider, "UTC"))


# What is allowed


def cap_of(what: What, chosen: Mapping[What, Decimal | None], *, is_user: bool, is_demo: bool) -> Decimal | None:
    """The cap of a user or an organization: the one somebody chose, or the default; a demo has no defaults."""
    if what in chosen:
        return chosen[what]
    if is_demo:
        return None
    return (USER_DEFAULTS if is_user else ORGANIZATION_DEFAULTS).get(what)


def read_cap(text: str, meter: Meter) -> Decimal | None:
    """A cap as somebody typed it, None for the word "none": a box left empty takes no limit away. Raises ValueError."""
    if text.strip().casefold() == NO_CAP:
        return None
    if not text.strip():
        raise ValueError("nothing was typed")
    return read_usd(text, most=HIGHEST_CAP, places=2 if meter is Meter.USD else 0)


# How it is said


def amount_of(meter: Meter, amount: Decimal) -> str:
    """An amount with its unit: '1,240 candidates', '1 call', '$12.50'."""
    if meter is Meter.USD:
        return show_usd(amount)
    number = f"{amount.normalize():,f}"
    return f"{number} {meter.value.removesuffix('s') if amount == 1 else meter.value}"


def name_of(quota: Quota, *, reader: UUID | None = None) -> str:
    """What a quota is called: 'Your quota of 5,000 candidates a day with OpenAI'."""
    whose = f"{quota.whose}'s" if quota.whose else "The organization's"
    if quota.holder == reader:
        whose = "Your"
    if quota.cap is None:
        return f"{whose} {'budget' if quota.what == BUDGET else 'quota'}"
    if quota.what == BUDGET:
        return f"{whose} budget of {show_exact_usd(quota.cap)} a month"
    provider = PROVIDER_NAMES.get(quota.what.provider, quota.what.provider)
    return f"{whose} quota of {amount_of(quota.what.meter, quota.cap)} a day with {provider}"


def when(moment: datetime, time_zone: str) -> str:
    """A moment by the organization's clock: '23 Nov 2026 01:00 (Europe/Berlin)'."""
    return f"{moment.astimezone(ZoneInfo(time_zone)):%d %b %Y %H:%M} ({time_zone.replace('_', ' ')})"


def standing_words(quota: Quota, time_zone: str, *, reader: UUID | None = None) -> str:
    """Which quota it is, how much of it is used, when it resets, and who can raise it."""
    return f"{name_of(quota, reader=reader)}: {usage_words(quota, time_zone)}"


def usage_words(quota: Quota, time_zone: str) -> str:
    """How much of a quota is used, when it resets, and who can raise it."""
    held = f" and {amount_of(quota.what.meter, quota.reserved)} reserved by calls under way" if quota.reserved else ""
    return (
        f"{amount_of(quota.what.meter, quota.used)} used{held}."
        f" It begins anew on {when(quota.resets_at, time_zone)}."
        " A manager or an admin of the organization can raise it."
    )


def alert_words(quota: Quota, time_zone: str, *, reader: UUID | None = None) -> str:
    """That a quota is nearly or wholly used."""
    share = "used up" if quota.cap is not None and quota.used >= quota.cap else "nearly used up"
    return f"{name_of(quota, reader=reader)} is {share}. {usage_words(quota, time_zone)}"


def pause_words(quota: Quota, time_zone: str, *, reader: UUID | None = None) -> str:
    """Why a run pauses, and how it goes on."""
    going_on = (
        "Resume the run then, or when it has been raised."
        if quota.what == BUDGET
        else "The run goes on by itself then, or resume it when it has been raised."
    )
    return f"{standing_words(quota, time_zone, reader=reader)} {going_on}"


def left_words(quota: Quota) -> str:
    """What is left of a quota, in a few words: '1,240 of 5,000 candidates left today'."""
    if quota.cap is None or quota.left is None:
        return "no limit"
    if quota.what == BUDGET:
        of_whom = " of the organization's budget" if not quota.whose else " of the budget"
        return f"{show_usd(quota.left)} of {show_usd(quota.cap)} left this month{of_whom}"
    of_whom = " for the organization" if not quota.whose else ""
    number = f"{quota.left.normalize():,f}"
    return f"{number} of {amount_of(quota.what.meter, quota.cap)} left today{of_whom}"


def refusal(
    quotas: Sequence[Quota],
    kind: RunKind,
    people: int,
    estimate_usd: Decimal | None,
    time_zone: str,
    *,
    reader: UUID | None = None,
) -> str:
    """Why a run for so many people may not start, and what would fit; empty if it may.

    Of several quotas that are too small the one that allows the fewest people is named.
    """
    provider, units = NEEDS.get(kind, ("", {}))
    tight = [
        (int(quota.left // units[quota.what.meter]), quota)
        for quota in quotas
        if quota.left is not None and quota.what.provider == provider and quota.what.meter in units
    ]
    fewest = min(tight, key=lambda one: one[0], default=None)
    if fewest is not None and fewest[0] < people:
        most, quota = fewest
        advice = f"{most:,} left today: choose at most {people_words(most)}." if most else "Nothing is left today."
        return f"{advice} {standing_words(quota, time_zone, reader=reader)}"
    for quota in quotas:
        if quota.what == BUDGET and quota.left is not None and estimate_usd is not None and estimate_usd > quota.left:
            fits = int(people * quota.left / estimate_usd)
            advice = f"choose at most {people_words(fits)}, or have the budget raised" if fits else "nobody fits in it"
            return (
                f"The estimate of {show_usd(estimate_usd)} passes the {show_usd(quota.left)} left this month:"
                f" {advice}. {standing_words(quota, time_zone, reader=reader)}"
            )
    return ""


def people_words(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"
