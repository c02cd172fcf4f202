"""Limits on tenure, read from the words of a brief and held against computed tenure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.constraints import Constraint, Finding, Rule, check, read_constraints
from services.domain.criteria import Criterion, Kind
from services.domain.dates import month_number
from services.domain.facts import Facts, compute_facts
from services.domain.profiles import Profile, Role

AS_OF = month_number(2025, 9)
MIN, MAX = Rule.MINIMUM_AT_CURRENT_COMPANY, Rule.MAXIMUM_AT_ONE_COMPANY


def read(text, kind=Kind.MUST):
    return [(limit.rule, limit.months) for limit in read_constraints([Criterion("c-1", kind, text)])]


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("At least 2 years at the current company", 24),
        ("at least two years at their current company", 24),
        ("At least one year at the company", 12),
        ("At least a year at company", 12),
        ("Minimum 18 months at current employer", 18),
        ("Minimum of 3 years in the current company", 36),
        ("min 1 year at their employer", 12),
        ("Min. of twelve months at the company", 12),
        ("2+ years at current company", 24),
        ("1.5+ years at the current company", 18),
        ("At least 2 years of experience at the current company", 24),
        ("At least two (2) years at current company", 24),
        ("Must have been at the current company for 2 years", 24),
        ("Must have been at their company for at least eighteen months or 2 years", None),
        ("Must be at their current company for at least 1 year", 12),
        ("No one under 2 years at their current company", 24),
        ("Nobody below one year at the company", 12),
        ("No one with less than 18 months at current company", 18),
        ("No one under one year", 12),
        ("At least 2 years tenure", 24),
        ("At least 2 years of tenure", 24),
        ("Tenure of at least 2 years", 24),
        ("Minimum tenure of 2 years", 24),
        ("Python, and at least half a year at the current company", 6),
        ("לפחות שנתיים בחברה הנוכחית", 24),
        ("לפחות 3 שנים בחברה", 36),
        ("לפחות שלוש שנים במקום העבודה הנוכחי", 36),
        ("מינימום שנה בחברה הנוכחית", 12),
        ("מינימום 18 חודשים אצל המעסיק הנוכחי", 18),
        ("ותק של לפחות שנתיים", 24),
        ("בחברה הנוכחית לפחות שנה וחצי", 18),
    ],
)
def test_a_stated_minimum_is_read(text, months):
    assert read(text) == ([(MIN, months)] if months else [])


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("No more than 8 years at one company", 96),
        ("At most ten years at a company", 120),
        ("Max 6 years at the same company", 72),
        ("Less than 5 years at any company", 60),
        ("No longer than 90 months in a single company", 90),
        ("Maximum of 7 years of work at one employer", 84),
        ("לכל היותר 8 שנים בחברה אחת", 96),
    ],
)
def test_a_stated_maximum_is_read(text, months):
    assert read(text) == [(MAX, months)]


@pytest.mark.parametrize(
    "text",
    [
        "At least 5 years of Python",
        "5+ years of experience",
        "At least 5 years of experience with Kubernetes at scale",
        "At least 3 years at a product company",
        "At least 3 years at one company",
        "At least 2 years in current role",
        "At most 10 years of experience",
        "No more than 4 years at the current company",
        "No one from a consulting company",
        "No one under 5 years of experience in Java",
        "Average tenure of at least 2 years",
        "At least 2 years tenure at each company",
        "At least 1-2 years at the current company",
        "Works at the company, at least 5 years of Go",
        "At least 2 years at the company that built Bluefern",
        "לפחות 5 שנות ניסיון בפייתון",
        "לפחות שנתיים בחברת מוצר",
        "",
    ],
)
def test_other_phrases_state_no_limit(text):
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Less than 2 years at a company", (MIN, 24)),
        ("Less than two years at the current company", (MIN, 24)),
        ("Under one year at their company", (MIN, 12)),
        ("No one under 2 years at the current company", (MIN, 24)),
        ("פחות משנתיים בחברה הנוכחית", (MIN, 24)),
        ("More than 8 years at one company", (MAX, 96)),
        ("10+ years at the same company", (MAX, 120)),
        ("Over ten years at a single company", (MAX, 120)),
        ("More than 5 years at the current company", None),
    ],
)
def test_the_exclusions_box_names_what_is_rejected(text, expected):
    assert read(text, Kind.EXCLUDE) == ([expected] if expected else [])


def test_nice_to_haves_state_no_limit():
    assert read("At least 2 years at the current company", Kind.NICE) == []


def test_of_several_limits_the_strictest_stands_with_its_criterion():
    criteria = [
        Criterion("must-1", Kind.MUST, "At least 1 year at the current company"),
        Criterion("must-2", Kind.MUST, "At least 2 years at the current company"),
        Criterion("must-3", Kind.MUST, "At most 9 years at one company"),
        Criterion("excl-1", Kind.EXCLUDE, "More than 8 years at one company"),
    ]
    assert read_constraints(criteria) == (Constraint(MIN, 24, "must-2"), Constraint(MAX, 96, "excl-1"))


@given(st.integers(1, 30), st.sampled_from(["years", "months"]), st.sampled_from(["At least {}", "minimum of {}"]))
def test_a_minimum_is_read_whatever_its_number(number, unit, form):
    text = form.format(f"{number} {unit}") + " at the current company"
    assert read(text) == [(MIN, number * (12 if unit == "years" else 1))]


@given(st.text(max_size=120))
def test_any_text_can_be_read(text):
    for kind in Kind:
        read(text, kind)


def facts_of(*roles, **profile):
    return compute_facts(Profile(roles=roles, **profile), AS_OF)


NEWCOMER = facts_of(
    Role("Engineer", "Bluefern", "2024-04", "", True), Role("Engineer", "Quillmark", "2010-01", "2020-01")
)


def violations(constraints: list[Constraint], facts: Facts) -> tuple[Finding, ...]:
    return tuple(finding for finding in check(constraints, facts) if finding.is_broken)


def test_a_limit_is_broken_below_it_and_kept_at_it():
    assert [v.actual_months for v in violations([Constraint(MIN, 18, "must-1")], NEWCOMER)] == [17]
    assert violations([Constraint(MIN, 17, "must-1")], NEWCOMER) == ()
    assert [v.actual_months for v in violations([Constraint(MAX, 119, "must-1")], NEWCOMER)] == [120]
    assert violations([Constraint(MAX, 120, "must-1")], NEWCOMER) == ()


def test_a_violation_names_the_limit_and_the_actual_time():
    [violation] = violations([Constraint(MIN, 24, "must-1")], NEWCOMER)
    assert "1y 5m" in violation.sentence
    assert "2y 0m" in violation.sentence


def test_an_unknown_tenure_breaks_no_limit():
    unknown = facts_of(Role("Engineer", "Bluefern", "", "", True))
    partly = facts_of(
        Role("Engineer", "Bluefern", "2025-04", "", True), Role("Engineer", "Bluefern", "2019", "unclear")
    )
    assert violations([Constraint(MIN, 24, "must-1")], unknown) == ()
    assert violations([Constraint(MIN, 24, "must-1")], partly) == ()


def test_supplied_tenure_stands_in_for_missing_dates():
    supplied = facts_of(title="Engineer", company="Bluefern", supplied_company_months=15)
    assert [v.actual_months for v in violations([Constraint(MIN, 24, "must-1")], supplied)] == [15]


def test_a_finding_names_the_fact_it_rests_on():
    current, longest = check([Constraint(MIN, 12, "must-1"), Constraint(MAX, 200, "must-2")], NEWCOMER)
    for finding in (current, longest):
        fact = NEWCOMER.find(finding.fact_id)
        assert fact is not None and fact.value == finding.actual_months and not finding.is_broken
    assert "Bluefern" not in NEWCOMER.find(longest.fact_id).line


def test_a_lower_bound_is_told_as_one_and_an_unknown_tenure_is_not_told():
    partly = facts_of(
        Role("Engineer", "Bluefern", "2025-04", "", True), Role("Engineer", "Bluefern", "2019", "unclear")
    )
    [finding] = check([Constraint(MIN, 24, "must-1")], partly)
    assert "for at least" in finding.sentence and not finding.is_broken
    unknown = facts_of(Role("Engineer", "Bluefern", "", "", True))
    assert check([Constraint(MIN, 24, "must-1"), Constraint(MAX, 24, "must-1")], unknown) == ()
