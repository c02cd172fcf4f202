"""Employment arithmetic: spans, tenures, totals, the current role and short stints, all as of a given month.

Rules: docs/rules/employment.md. Nothing here reads a clock.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.domain.companies import company_key
from services.domain.dates import Month, means_ongoing, months_between, parse_month
from services.domain.military import is_military, is_technical_service
from services.domain.profiles import Role

BRIDGED_GAP_MONTHS = 3
SHORT_STINT_MONTHS = 12
EARLY_CAREER_MONTHS = 36
LONG_AGO_MONTHS = 120
UNSTABLE_FROM_STINTS = 3

_INTERNSHIP = re.compile(r"(?<![^\W_])(?:intern|internship|trainee|apprentice|student)(?![^\W_])", re.IGNORECASE)
# "Board" alone would catch people who design circuit boards.
_SIDE_ROLE = re.compile(
    r"(?<![^\W_])(?:advis[oe]r|advisory|mentor|volunteer|investor"
    r"|board (?:member|advis[oe]r|director|observer)"
    r"|(?:member|director|chair|chairman|chairwoman|chairperson) of the board|board of directors)(?![^\W_])"
    r"|^\s*board\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, order=True)
class Span:
    """Time worked from the month of start to the month of end; end is not before start."""

    start: Month
    end: Month

    @property
    def months(self) -> int:
        return months_between(self.start, self.end)


@dataclass(frozen=True)
class CompanyTenure:
    """All time at one company, over the current and the past list.

    `is_complete` is False when some role there has no known duration: `months` is then a lower bound.
    """

    company: str
    months: int
    stints: tuple[Span, ...]
    is_current: bool
    is_complete: bool
    titles: tuple[str, ...]


# One role


def role_span(role: Role, as_of: Month) -> Span | None:
    """The time a role took, cut at `as_of`; None when it is unknown or not possible (One role)."""
    start = parse_month(role.start)
    if start is None or start > as_of:
        return None
    end = _end_of(role, as_of)
    if end is None or end < start:
        return None
    return Span(start, min(end, as_of))


def _end_of(role: Role, as_of: Month) -> Month | None:
    if means_ongoing(role.end):
        return as_of
    end = parse_month(role.end)
    if end is None and role.is_current:
        return as_of
    return end


def is_current(role: Role, as_of: Month) -> bool:
    """Whether a role is held at `as_of`: an undated role only when its source lists it as current."""
    start = parse_month(role.start)
    if start is not None and start > as_of:
        return False
    if means_ongoing(role.end):
        return role.is_current or start is not None
    end = parse_month(role.end)
    return role.is_current and (end is None or end >= as_of)


def newest_first(roles: Iterable[Role], as_of: Month) -> tuple[Role, ...]:
    """Roles in one fixed order, whatever order they came in: current, then by latest start; undated last."""

    def rank(role: Role) -> tuple[bool, int, int, str]:
        start, span = parse_month(role.start), role_span(role, as_of)
        # The whole record decides what dates leave open: sources list the same roles in different orders.
        return not is_current(role, as_of), -(start or 0), -(span.end if span else 0), repr(role)

    return tuple(sorted(roles, key=rank))


# Unions


def merge_spans(spans: Iterable[Span], bridged_gap: int = 0) -> tuple[Span, ...]:
    """Spans joined where they overlap or follow each other within `bridged_gap` months, in order of time."""
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.months):
        if merged and span.start - merged[-1].end <= bridged_gap:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def worked_months(roles: Iterable[Role], as_of: Month) -> int:
    """Months in which at least one of the roles was held: overlaps count once, gaps not at all."""
    spans = (role_span(role, as_of) for role in roles)
    return sum(span.months for span in merge_spans(span for span in spans if span))


# Totals


def career_span_months(roles: Iterable[Role], as_of: Month) -> int:
    """From the first readable start to `as_of`: context for people, never compared with a limit."""
    starts = [start for role in roles if (start := parse_month(role.start)) is not None]
    return months_between(min(starts), as_of) if starts else 0


def industry_months(roles: Iterable[Role], as_of: Month) -> int:
    """Civilian experience: the union of all civilian roles."""
    return worked_months((role for role in roles if not is_military(role)), as_of)


def military_months(roles: Iterable[Role], as_of: Month) -> int:
    """The union of all military roles."""
    return worked_months((role for role in roles if is_military(role)), as_of)


def technical_military_months(roles: Iterable[Role], as_of: Month) -> int:
    """The union of the military roles that were technical."""
    return worked_months((role for role in roles if is_technical_service(role)), as_of)


def credited_months(relevant_civilian: int, technical_military: int) -> int:
    """What counts for a minimum: civilian months and half of the technical service, rounded down."""
    return relevant_civilian + technical_military // 2


def meets_minimum(relevant_civilian: int, technical_military: int, minimum: int) -> bool:
    """Whether credited months reach a minimum; being equal is enough."""
    return credited_months(relevant_civilian, technical_military) >= minimum


def within_maximum(industry: int, maximum: int) -> bool:
    """Whether industry experience stays within a maximum; service never counts, being equal is allowed."""
    return industry <= maximum


# Companies


def company_tenures(roles: Sequence[Role], as_of: Month) -> tuple[CompanyTenure, ...]:
    """One tenure for each company: current ones first, then the most recently left.

    Roles without an employer belong to no company and are left out.
    """
    groups: dict[str, list[Role]] = {}
    for role in newest_first(roles, as_of):
        if key := _group_of(role.company):
            groups.setdefault(key, []).append(role)
    tenures = [_tenure_of(group, as_of) for group in groups.values()]
    return tuple(sorted(tenures, key=_tenure_rank))


def _group_of(company: str) -> str:
    return company_key(company) or company.strip().casefold()


def _tenure_of(roles: Sequence[Role], as_of: Month) -> CompanyTenure:
    spans = [role_span(role, as_of) for role in roles]
    known = [span for span in spans if span]
    stints = merge_spans(known, BRIDGED_GAP_MONTHS) or tuple(sorted(set(known)))
    return CompanyTenure(
        company=roles[0].company.strip(),
        months=sum(span.months for span in stints),
        stints=stints,
        is_current=any(is_current(role, as_of) for role in roles),
        is_complete=len(known) == len(spans),
        titles=tuple(dict.fromkeys(role.title for role in roles if role.title)),
    )


def _tenure_rank(tenure: CompanyTenure) -> tuple[bool, int, int, str]:
    last = tenure.stints[-1] if tenure.stints else None
    return (
        not tenure.is_current,
        -(last.end if last else 0),
        -(last.start if last else 0),
        tenure.company,
    )


def tenure_at(company: str, tenures: Iterable[CompanyTenure]) -> CompanyTenure | None:
    """The tenure at a company, whatever spelling its name has."""
    wanted = _group_of(company)
    return next((tenure for tenure in tenures if wanted and _group_of(tenure.company) == wanted), None)


# The current role


def current_role(roles: Iterable[Role], as_of: Month) -> Role | None:
    """The one role that display, filters and screening call current (The current role)."""
    held = [role for role in roles if is_current(role, as_of) and (role.title.strip() or role.company.strip())]
    if len(held) < 2:
        return held[0] if held else None
    civilian = [role for role in held if not is_military(role)] or held
    main = [role for role in civilian if not _SIDE_ROLE.search(role.title)] or civilian
    # max keeps the first of equals: ties stay in the source's order.
    return max(main, key=lambda role: parse_month(role.start) or 0, default=None)


# Stability


def is_internship(role: Role) -> bool:
    """Whether a title says that the role was a training or student position."""
    return _INTERNSHIP.search(role.title) is not None


def short_stints(roles: Sequence[Role], as_of: Month) -> tuple[CompanyTenure, ...]:
    """Companies that were left within a year and count against stability (Short stints)."""
    civilian = [role for role in roles if not is_military(role)]
    starts = [start for role in civilian if not is_internship(role) and (start := parse_month(role.start)) is not None]
    career_start = min(starts, default=None)
    return tuple(tenure for tenure in company_tenures(civilian, as_of) if _is_short_stint(tenure, career_start, as_of))


def _is_short_stint(tenure: CompanyTenure, career_start: Month | None, as_of: Month) -> bool:
    if tenure.is_current or not tenure.is_complete or not tenure.stints:
        return False
    if tenure.months >= SHORT_STINT_MONTHS:
        return False
    if any(_INTERNSHIP.search(title) for title in tenure.titles):
        return False
    ended = tenure.stints[-1].end
    if career_start is not None and ended - career_start <= EARLY_CAREER_MONTHS:
        return False
    return as_of - ended <= LONG_AGO_MONTHS


def is_unstable(stints: Sequence[CompanyTenure]) -> bool:
    """Whether short stints are so many that stability fails."""
    return len(stints) >= UNSTABLE_FROM_STINTS
