"""Limits on tenure that a brief states in words, read and enforced by code.

Read from must-haves and exclusions, never from nice-to-haves (docs/rules/screening.md, Stated limits on tenure).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from services.domain.criteria import Criterion, Kind
from services.domain.dates import show_months
from services.domain.facts import CURRENT_COMPANY_TENURE, Facts, company_fact_id


class Rule(StrEnum):
    """What a limit is compared with."""

    MINIMUM_AT_CURRENT_COMPANY = "minimum at the current company"
    MAXIMUM_AT_ONE_COMPANY = "maximum at one company"


@dataclass(frozen=True)
class Constraint:
    """One limit in months, and the criterion whose words state it."""

    rule: Rule
    months: int
    criterion_id: str

    @property
    def sentence(self) -> str:
        """The limit in words, for people to check before they approve a brief."""
        if self.rule is Rule.MINIMUM_AT_CURRENT_COMPANY:
            return f"At least {show_months(self.months)} at the current company."
        return f"At most {show_months(self.months)} at any one company."


@dataclass(frozen=True)
class Finding:
    """What computed tenure says about a limit; `fact_id` names the fact it rests on, if that was listed."""

    constraint: Constraint
    actual_months: int
    is_lower_bound: bool
    fact_id: str

    @property
    def is_broken(self) -> bool:
        """Whether the limit is broken; being equal keeps it, and a lower bound breaks no minimum."""
        if self.constraint.rule is Rule.MAXIMUM_AT_ONE_COMPANY:
            return self.actual_months > self.constraint.months
        return not self.is_lower_bound and self.actual_months < self.constraint.months

    @property
    def sentence(self) -> str:
        bound = "at least " if self.is_lower_bound else ""
        limit, actual = show_months(self.constraint.months), bound + show_months(self.actual_months)
        if self.constraint.rule is Rule.MINIMUM_AT_CURRENT_COMPANY:
            return f"At the current company for {actual}; the brief asks for at least {limit}."
        return f"At one company for {actual}; the brief allows at most {limit}."


# Words to numbers

_NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), start=1
    )
}
_HEBREW_NUMBERS = {
    "אחת": 1,
    "אחד": 1,
    "שלוש": 3,
    "שלושה": 3,
    "ארבע": 4,
    "ארבעה": 4,
    "חמש": 5,
    "חמישה": 5,
    "שש": 6,
    "שישה": 6,
    "שבע": 7,
    "שבעה": 7,
    "שמונה": 8,
    "תשע": 9,
    "תשעה": 9,
    "עשר": 10,
    "עשרה": 10,
}
_WORDS = "|".join(_NUMBER_WORDS)
_NUMBER_WORD = re.compile(rf"(?<!\w)(?:{_WORDS})(?=[ -](?:years?|yrs?|months?|mos?)\b| ?\()")
_HEBREW_NUMBER = re.compile(rf"(?<!\w)(?:{'|'.join(_HEBREW_NUMBERS)})(?= (?:שנים|חודשים))")
_REPEATED_NUMBER = re.compile(r"(\d+) ?\(\1\)")
_HALVES = (
    (re.compile(r"\bhalf (?:a )?year\b|חצי שנה"), "6 months"),
    (re.compile(r"\b(?:a|1) year and a half\b|\bone and a half years\b|שנה וחצי"), "18 months"),
)
_SINGLES = (
    (re.compile(r"\ba (year|month)\b"), r"1 \1"),
    (re.compile(r"שנתיים"), "2 שנים"),
    (re.compile(r"חודשיים"), "2 חודשים"),
    (re.compile(r"(שנה|חודש) (?:אחת|אחד)"), r"1 \1"),
    (re.compile(r"(?<!\d )(?<!\w)(שנה|חודש)(?!\w)"), r"1 \1"),
)

# Parts of phrases. A number in a range ("1-2 years") states no limit and is not read.

_NUMBER = r"(?<![\d.,-])(?P<number>\d{1,3}(?:\.\d+)?)"
_UNIT = r"[ -]?(?P<unit>years?|yrs?|months?|mos?|שנים|שנה|חודשים|חודש)(?!\w)"
_N = rf"{_NUMBER}\+?{_UNIT}(?:')?"
_N_PLUS = rf"(?:{_NUMBER}\+{_UNIT})"
_FILLER = (
    r"(?: (?:of|in|tenure|seniority|experience|work|working|employment|employed|spent|time|total|full|already|"
    r"or more|and up|ותק|ניסיון|עבודה))*"
)
_WORKPLACE = r"(?:company|employer|workplace|firm)"
_AT_CURRENT = (
    rf"(?:(?:at|in|with|within|for) (?:(?:the|their|his|her|your|current|present) ){{0,2}}{_WORKPLACE}"
    r"|(?:בחברה|במקום העבודה|אצל המעסיק)(?: (?:הנוכחית|הנוכחי|שלו|שלה|שלהם))?)"
    # A company described further ("at the company that …") is not simply the current one.
    r"(?= ?(?:$|[.,;:)!]|(?:and|but|now|already|for|at least)\b|לפחות|מינימום))"
)
_AT_ONE = (
    r"(?:(?:at|in|with|within) (?:an?|1|one|the same|any|any one|a single|any single|single) "
    rf"{_WORKPLACE}|בחברה אחת|באותה חברה|במקום עבודה אחד)(?!\w)"
)
_LEAST = r"(?<!\w)(?:at least|minimum(?: of)?|min\.?(?: of)?|no less than|not less than|לפחות|מינימום)"
_MOST = (
    r"(?<!\w)(?:no more than|not more than|no longer than|not longer than|at most|maximum(?: of)?|max\.?(?: of)?|"
    r"less than|fewer than|under|below|לכל היותר|מקסימום|לא יותר מ-?|פחות מ-?)"
)
_OVER = r"(?<!\w)(?:more than|over|longer than|above|at least|minimum(?: of)?|min\.?(?: of)?|יותר מ-?|מעל|לפחות)"
_NOBODY = r"(?<!\w)(?:no one|no-one|nobody|none|no candidates?)(?: (?:with|having|who is|who has|who has been))?"
_TENURE = r"(?:tenure|seniority|ותק)"
_NOT_ELSEWHERE = r"(?! (?:at|in|with|within|per|across|on)\b)"
_END = r"(?= ?(?:$|[.,;:)!]))"

# An average, or a limit for each company, is another rule than the two that are enforced here.
_OTHER_RULE = re.compile(r"\b(?:average|avg|(?:per|each|every) (?:company|employer|job))\b|בממוצע|בכל חברה")


def _phrases(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


_STATED_MINIMUM = _phrases(
    rf"{_LEAST} {_N}{_FILLER} {_AT_CURRENT}",
    rf"{_N_PLUS}{_FILLER} {_AT_CURRENT}",
    rf"{_AT_CURRENT} (?:for )?{_LEAST} {_N}{_END}",
    rf"(?<!\w)must (?:have been|be)(?: employed| working)? {_AT_CURRENT} for {_N}",
    rf"{_LEAST} {_N}(?: of)? {_TENURE}{_NOT_ELSEWHERE}",
    rf"{_TENURE}(?: of| של)? {_LEAST} {_N}{_END}",
    rf"(?<!\w)min(?:imum|\.)? {_TENURE}(?: of| is|:)? {_N}{_END}",
)
_NOBODY_BELOW = _phrases(
    rf"{_NOBODY} (?:under|below|less than|fewer than) {_N}{_FILLER} (?:{_AT_CURRENT}|{_AT_ONE})",
    rf"{_NOBODY} (?:under|below|less than|fewer than) {_N}(?:(?: of)? {_TENURE})?{_END}",
)
_STATED_MAXIMUM = _phrases(rf"{_MOST} ?{_N}{_FILLER} {_AT_ONE}")
_REJECTED_SHORT = _phrases(
    rf"{_MOST} ?{_N}{_FILLER} (?:{_AT_ONE}|{_AT_CURRENT})",
    rf"{_MOST} ?{_N}(?: of)? {_TENURE}{_NOT_ELSEWHERE}",
)
_REJECTED_LONG = _phrases(rf"{_OVER} ?{_N}{_FILLER} {_AT_ONE}", rf"{_N_PLUS}{_FILLER} {_AT_ONE}")

# What a box says by naming a limit: must-haves state what is wanted, exclusions what is rejected.
_READINGS = {
    Kind.MUST: (
        (Rule.MINIMUM_AT_CURRENT_COMPANY, _STATED_MINIMUM + _NOBODY_BELOW),
        (Rule.MAXIMUM_AT_ONE_COMPANY, _STATED_MAXIMUM),
    ),
    Kind.EXCLUDE: (
        (Rule.MINIMUM_AT_CURRENT_COMPANY, _REJECTED_SHORT + _NOBODY_BELOW),
        (Rule.MAXIMUM_AT_ONE_COMPANY, _REJECTED_LONG),
    ),
}


def read_constraints(criteria: Iterable[Criterion]) -> tuple[Constraint, ...]:
    """The limits that a brief states: of several minimums the largest, of several maximums the smallest."""
    stated = [constraint for criterion in criteria for constraint in _limits_in(criterion)]
    minimums = [limit for limit in stated if limit.rule is Rule.MINIMUM_AT_CURRENT_COMPANY]
    maximums = [limit for limit in stated if limit.rule is Rule.MAXIMUM_AT_ONE_COMPANY]
    strictest = (
        max(minimums, key=lambda limit: limit.months, default=None),
        min(maximums, key=lambda limit: limit.months, default=None),
    )
    return tuple(limit for limit in strictest if limit is not None)


def _limits_in(criterion: Criterion) -> Iterable[Constraint]:
    plain = _plain(criterion.text)
    if _OTHER_RULE.search(plain):
        return
    for rule, phrases in _READINGS.get(criterion.kind, ()):
        for phrase in phrases:
            for found in phrase.finditer(plain):
                yield Constraint(rule, _months(found["number"], found["unit"]), criterion.id)


def _months(number: str, unit: str) -> int:
    factor = 12 if unit.startswith(("y", "ש")) else 1
    return int((Decimal(number) * factor).quantize(Decimal(1), ROUND_HALF_UP))


def _plain(text: str) -> str:
    """The text in one spelling: lower case, single spaces, numbers as digits; "no one" stays words."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().replace("’", "'").split())
    for pattern, digits in _HALVES:
        plain = pattern.sub(digits, plain)
    plain = _NUMBER_WORD.sub(lambda found: str(_NUMBER_WORDS[found[0]]), plain)
    plain = _HEBREW_NUMBER.sub(lambda found: str(_HEBREW_NUMBERS[found[0]]), plain)
    plain = _REPEATED_NUMBER.sub(r"\1", plain)
    for pattern, digits in _SINGLES:
        plain = pattern.sub(digits, plain)
    return plain


def check(constraints: Iterable[Constraint], facts: Facts) -> tuple[Finding, ...]:
    """What code finds about each limit; none where nothing is known of the tenure it is about."""
    findings = (_check(limit, facts) for limit in constraints)
    return tuple(finding for finding in findings if finding is not None)


def _check(limit: Constraint, facts: Facts) -> Finding | None:
    if limit.rule is Rule.MINIMUM_AT_CURRENT_COMPANY:
        fact = facts.find(CURRENT_COMPANY_TENURE)
        if facts.company_months is not None:
            return Finding(limit, facts.company_months, False, CURRENT_COMPANY_TENURE)
        return Finding(limit, int(fact.value), True, CURRENT_COMPANY_TENURE) if fact else None
    known = [(number, tenure) for number, tenure in enumerate(facts.tenures, start=1) if tenure.months]
    if not known:
        return None
    number, tenure = max(known, key=lambda numbered: numbered[1].months)
    fact = facts.find(company_fact_id(number))
    return Finding(limit, tenure.months, not tenure.is_complete, fact.id if fact else "")
