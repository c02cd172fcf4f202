"""Months: the one reader of written dates, and how a number of months is shown."""

import re
from datetime import date
from functools import lru_cache
from typing import NewType

Month = NewType("Month", int)
"""A calendar month as year * 12 + month, so that differences are whole months."""

_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2100

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTH_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_NUMBERS = {
    **{name: number for number, name in enumerate(_MONTH_NAMES, start=1)},
    **{name: number for number, name in enumerate(_LONG_MONTH_NAMES, start=1)},
    "sept": 9,
}

_CLOCK = r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)"
_ZONE = r"(?: ?(?:Z|UTC|[+-][0-9]{2}:?(?:[0-9]{2})?))"
_ISO = re.compile(
    rf"(?P<year>[0-9]{{4}})(?:-(?P<month>[0-9]{{2}})(?:-(?P<day>[0-9]{{2}}){_CLOCK}?{_ZONE}?)?)?",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?:(?P<day>[0-9]{1,2}) +)?(?P<name>[a-z]+)\.? +(?P<year>[0-9]{4})", re.IGNORECASE)

_ONGOING = frozenset({"", "null", "none", "nan", "present", "current", "now"})


def month_number(year: int, month: int) -> Month:
    """The month of a year (1 to 12) as a Month."""
    return Month(year * 12 + month)


def month_of(day: date) -> Month:
    """The month in which a day lies."""
    return month_number(day.year, day.month)


@lru_cache(maxsize=4096)
def parse_month(text: str) -> Month | None:
    """Read a date as its source wrote it; None when it cannot be read (docs/rules/employment.md, Dates).

    A year alone is its January; days, times and zones are checked for form and then ignored. The same
    few hundred months are written again and again, hence the cache.
    """
    written = text.strip()
    if iso := _ISO.fullmatch(written):
        return _checked_month(iso["year"], int(iso["month"] or 1), iso["day"])
    if named := _NAMED.fullmatch(written):
        return _checked_month(named["year"], _MONTH_NUMBERS.get(named["name"].lower(), 0), named["day"])
    return None


def _checked_month(year_text: str, month: int, day_text: str | None) -> Month | None:
    year, day = int(year_text), int(day_text or 1)
    if not (_EARLIEST_YEAR <= year <= _LATEST_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    return month_number(year, month)


def means_ongoing(end_text: str) -> bool:
    """Whether the end of a role says that it has not ended (docs/rules/employment.md, One role)."""
    return end_text.strip().lower() in _ONGOING


def months_between(start: Month, end: Month) -> int:
    """Whole months from start to end, days ignored; never negative."""
    return max(0, end - start)


@lru_cache(maxsize=2048)
def show_months(months: int) -> str:
    """A duration for people: '2y 3m', '6y 0m', '7m', '0m'."""
    years, rest = divmod(months, 12)
    return f"{years}y {rest}m" if years else f"{rest}m"


def show_month(month: Month) -> str:
    """A month for people: 'Mar 2021'."""
    year, month_index = divmod(month - 1, 12)
    return f"{_MONTH_NAMES[month_index].capitalize()} {year}"
