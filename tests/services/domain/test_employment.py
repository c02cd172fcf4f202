"""Employment arithmetic: worked examples as of September 2025, and properties against a slow reference."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.dates import Month, month_number, parse_month, show_month, show_months
from services.domain.employment import (
    BRIDGED_GAP_MONTHS,
    Span,
    career_span_months,
    company_tenures,
    credited_months,
    current_role,
    industry_months,
    is_current,
    is_unstable,
    meets_minimum,
    merge_spans,
    military_months,
    newest_first,
    role_span,
    short_stints,
    technical_military_months,
    tenure_at,
    within_maximum,
    worked_months,
)
from services.domain.profiles import Role

AS_OF = month_number(2025, 9)


def job(start, end="", company="Bluefern", title="Engineer", current=None):
    return Role(
        title=title,
        company=company,
        start=start,
        end=end,
        is_current=end == "" if current is None else current,
    )


# One role


def test_march_2021_to_june_2023_is_two_years_and_three_months():
    assert role_span(job("Mar 2021", "Jun 2023"), AS_OF).months == 27
    assert show_months(27) == "2y 3m"


@pytest.mark.parametrize("end", ["", "null", "Present", "Current", "Now"])
def test_an_open_end_runs_to_the_as_of_month(end):
    assert role_span(job("2025-01", end), AS_OF).months == 8


@pytest.mark.parametrize("end", ["unclear", "2023-99"])
def test_an_unreadable_end_of_a_past_role_is_unknown(end):
    assert role_span(job("2017-01", end, current=False), AS_OF) is None


def test_an_unreadable_end_of_a_listed_current_role_runs_on():
    assert role_span(job("2025-01", "ongoing-ish", current=True), AS_OF).months == 8


@pytest.mark.parametrize(("start", "end"), [("", ""), ("soon", "2024"), ("2024-05", "2024-04"), ("2026-01", "")])
def test_a_role_without_possible_dates_contributes_nothing(start, end):
    assert role_span(job(start, end), AS_OF) is None


def test_an_end_in_the_future_is_cut_at_the_as_of_month():
    assert role_span(job("2025-01", "2027-01"), AS_OF).months == 8


# One company


@pytest.mark.parametrize(
    ("roles", "months", "stints"),
    [
        ([job("Jan 2019", "Apr 2021"), job("Apr 2021", title="Senior")], 80, 1),
        ([job("May 2018", "Feb 2019"), job("Apr 2019", "Oct 2020")], 29, 1),
        ([job("Feb 2016", "Aug 2016"), job("Mar 2020", "Dec 2020")], 15, 2),
        ([job("Jan 2017", "unclear")], 0, 0),
        ([job("Jan 2019", "Jan 2020"), job("Apr 2020", "Jun 2020")], 17, 1),
        ([job("Jan 2019", "Jan 2020"), job("May 2020", "Jul 2020")], 14, 2),
    ],
)
def test_tenure_at_one_company(roles, months, stints):
    [tenure] = company_tenures(roles, AS_OF)
    assert tenure.months == months
    assert len([stint for stint in tenure.stints if stint.months]) == stints


def test_spellings_of_one_company_are_grouped():
    roles = [job("2019", "2021", company="Bluefern Technologies Ltd."), job("2021", "2022", company="bluefern")]
    assert [tenure.months for tenure in company_tenures(roles, AS_OF)] == [36]


def test_an_unknown_role_does_not_stretch_its_neighbours():
    roles = [job("Jan 2019", "Jan 2020"), job("Mar 2020", "unclear"), job("Jun 2020", "Jul 2020")]
    [tenure] = company_tenures(roles, AS_OF)
    assert tenure.months == 13
    assert not tenure.is_complete


def test_roles_without_employer_belong_to_no_company():
    assert company_tenures([job("2019", "2021", company="  ")], AS_OF) == ()


def test_a_promotion_in_the_past_list_keeps_the_tenure_of_the_current_company():
    roles = [job("Apr 2021", title="Senior"), job("Jan 2019", "Apr 2021")]
    held = current_role(roles, AS_OF)
    assert tenure_at(held.company, company_tenures(roles, AS_OF)).months == 80


# Totals


def test_overlapping_employers_are_counted_once():
    roles = [job("Jan 2020", "Jan 2022"), job("Jul 2021", "Jul 2023", company="Quillmark")]
    assert industry_months(roles, AS_OF) == 42
    assert show_months(42) == "3y 6m"


SERVED = job("Nov 2012", "Nov 2015", company="IDF", title="Squad Commander")
SERVED_TECHNICAL = job("Nov 2012", "Nov 2015", company="Unit 8200", title="Developer")
CIVILIAN_SINCE_2016 = job("Jan 2016")


def test_service_does_not_count_towards_a_maximum():
    roles = [SERVED, CIVILIAN_SINCE_2016]
    assert career_span_months(roles, AS_OF) == 154
    assert military_months(roles, AS_OF) == 36
    assert industry_months(roles, AS_OF) == 116
    assert within_maximum(116, 120)


def test_half_of_technical_service_counts_towards_a_minimum():
    technical = technical_military_months([SERVED_TECHNICAL, CIVILIAN_SINCE_2016], AS_OF)
    assert credited_months(116, technical) == 134
    assert meets_minimum(116, technical, 132)


def test_combat_service_does_not_count_towards_a_minimum():
    technical = technical_military_months([SERVED, CIVILIAN_SINCE_2016], AS_OF)
    assert credited_months(116, technical) == 116
    assert not meets_minimum(116, technical, 132)


def test_half_credit_is_rounded_down():
    assert credited_months(10, 7) == 13


def test_overlapping_reserve_duty_takes_nothing_from_industry_experience():
    roles = [job("Jan 2014", "Jan 2017", company="IDF"), job("Jul 2016")]
    assert industry_months(roles, AS_OF) == 110


def test_gaps_and_the_time_after_the_last_job_do_not_count():
    roles = [job("Jan 2012", "Jan 2015"), job("Jan 2020", "Jan 2023", company="Quillmark")]
    assert industry_months(roles, AS_OF) == 72
    assert career_span_months(roles, AS_OF) == 164


# The current role


def test_the_latest_start_is_current():
    old, new = job("2019-01"), job("2022-01", company="Quillmark")
    assert current_role([old, new], AS_OF) == new


def test_an_unreadable_start_comes_last():
    undated, dated = job("", company="Quillmark"), job("2015")
    assert current_role([undated, dated], AS_OF) == dated


def test_ties_keep_the_order_of_the_source():
    one, two = job("2020", company="Bluefern"), job("2020", company="Quillmark")
    assert current_role([one, two], AS_OF) == one
    assert current_role([two, one], AS_OF) == two


def test_a_reserve_unit_gives_way_to_a_civilian_job():
    civilian, reserve = job("2015"), job("2024", company="IDF", title="Reservist")
    assert current_role([reserve, civilian], AS_OF) == civilian
    assert current_role([reserve], AS_OF) == reserve


@pytest.mark.parametrize(
    "title", ["Advisor", "Advisory Board", "Board Member", "Mentor", "Volunteer", "Angel Investor", "Board"]
)
def test_a_side_role_gives_way_to_a_main_one(title):
    main, side = job("2015"), job("2024", company="Quillmark", title=title)
    assert current_role([side, main], AS_OF) == main
    assert current_role([side], AS_OF) == side


def test_a_designer_of_circuit_boards_holds_a_main_role():
    boards = job("2024", company="Quillmark", title="Board Design Engineer")
    assert current_role([job("2015"), boards], AS_OF) == boards


def test_a_role_without_title_and_employer_is_never_current():
    assert current_role([job("2024", company=" ", title="")], AS_OF) is None


def test_a_past_role_and_a_future_one_are_not_current():
    assert current_role([job("2019", "2021"), job("2026-01")], AS_OF) is None


def test_an_undated_role_of_the_past_list_is_not_current():
    assert not is_current(job("", "", current=False), AS_OF)
    assert is_current(job("", "", current=True), AS_OF)


# Short stints

LONG = job("2008", "2016", company="Orbisloom")


def stint(company, start, end, title="Engineer"):
    return job(start, end, company=company, title=title)


def short_companies(*roles):
    return [tenure.company for tenure in short_stints([LONG, *roles], AS_OF)]


def test_a_past_company_left_within_a_year_is_a_short_stint():
    assert short_companies(stint("Quillmark", "2019-01", "2019-11")) == ["Quillmark"]


def test_a_full_year_is_not_a_short_stint():
    assert short_companies(stint("Quillmark", "2019-01", "2020-01")) == []


def test_a_promotion_is_not_a_second_short_stint():
    roles = [stint("Quillmark", "2019-01", "2019-08"), stint("Quillmark", "2019-08", "2020-06", "Senior Engineer")]
    assert short_companies(*roles) == []


def test_the_current_company_is_not_a_short_stint():
    assert short_companies(job("2025-06", company="Quillmark")) == []


@pytest.mark.parametrize("title", ["Software Intern", "Internship", "Trainee", "Apprentice", "Student Engineer"])
def test_internships_are_not_short_stints(title):
    assert short_companies(stint("Quillmark", "2019-01", "2019-06", title)) == []


@pytest.mark.parametrize("title", ["International Sales", "Associate Director", "Internal Auditor"])
def test_titles_that_only_resemble_internships_count(title):
    assert short_companies(stint("Quillmark", "2019-01", "2019-06", title)) == ["Quillmark"]


def test_military_service_is_not_a_short_stint():
    assert short_companies(stint("IDF", "2019-01", "2019-06")) == []


def test_early_career_is_not_counted():
    first = stint("Fernworks", "2017-01", "2017-06")
    third_year = stint("Quillmark", "2019-06", "2020-01")
    after = stint("Ternary", "2019-07", "2020-02")
    assert [t.company for t in short_stints([first, third_year, after], AS_OF)] == ["Ternary"]


def test_what_ended_more_than_ten_years_ago_is_not_counted():
    old = job("1999", "2008", company="Oldloom")
    on_the_edge = stint("Quillmark", "2015-01", "2015-09")
    beyond = stint("Ternary", "2015-01", "2015-08")
    assert [t.company for t in short_stints([old, on_the_edge, beyond], AS_OF)] == ["Quillmark"]


def test_an_unknown_duration_is_not_a_short_stint():
    assert short_companies(stint("Quillmark", "2019-01", "unclear")) == []
    assert short_companies(stint("Quillmark", "2019-01", "2019-05"), stint("Quillmark", "2020", "unclear")) == []


def test_a_stay_within_one_month_is_known_and_short():
    assert short_companies(stint("Quillmark", "2019-01", "2019-01")) == ["Quillmark"]


def test_three_short_stints_fail_stability_and_two_do_not():
    roles = [
        stint(name, f"{year}-01", f"{year}-06") for name, year in [("Fernwax", 2019), ("Loomis", 2020), ("Mor", 2021)]
    ]
    assert is_unstable(short_stints([LONG, *roles], AS_OF))
    assert not is_unstable(short_stints([LONG, *roles[:2]], AS_OF))


# Properties

COMPANIES = ("Bluefern", "bluefern Ltd", "Quillmark", "IDF", "Unit 8200", "")
MONTHS = st.integers(month_number(2005, 1), month_number(2026, 6)).map(Month)
DATES = st.one_of(st.sampled_from(["", "unclear", "Present"]), MONTHS.map(show_month))
ROLES = st.lists(
    st.builds(
        Role,
        title=st.sampled_from(["Engineer", "Intern", "Advisor", ""]),
        company=st.sampled_from(COMPANIES),
        start=DATES,
        end=DATES,
        is_current=st.booleans(),
    ),
    max_size=5,
)


def months_of(role):
    """The months a role covers, one by one: slow, and nothing like the product's arithmetic."""
    span = role_span(role, AS_OF)
    return set(range(span.start, span.end)) if span else set()


def numbers_of(roles):
    return (
        career_span_months(roles, AS_OF),
        industry_months(roles, AS_OF),
        military_months(roles, AS_OF),
        technical_military_months(roles, AS_OF),
        company_tenures(roles, AS_OF),
        short_stints(roles, AS_OF),
    )


@given(ROLES)
def test_a_union_equals_the_set_of_months(roles):
    assert worked_months(roles, AS_OF) == len(set().union(*(months_of(role) for role in roles)))


@given(ROLES)
def test_a_company_tenure_equals_the_set_of_months_with_small_gaps_filled(roles):
    for tenure in company_tenures(roles, AS_OF):
        mine = [role for role in roles if tenure_at(role.company, [tenure]) is not None]
        worked = set().union(*(months_of(role) for role in mine))
        filled = set(worked)
        for month in worked:
            for gap in range(1, BRIDGED_GAP_MONTHS + 1):
                if month + gap + 1 in worked:
                    filled.update(range(month, month + gap + 1))
        assert tenure.months == len(filled)


@given(ROLES)
def test_totals_are_never_negative_nor_more_than_their_parts(roles):
    total = worked_months(roles, AS_OF)
    assert 0 <= total <= sum(len(months_of(role)) for role in roles)
    assert total <= industry_months(roles, AS_OF) + military_months(roles, AS_OF)
    assert max(industry_months(roles, AS_OF), military_months(roles, AS_OF)) <= total
    assert technical_military_months(roles, AS_OF) <= military_months(roles, AS_OF)
    assert total <= career_span_months(roles, AS_OF)


@given(ROLES, st.randoms())
def test_the_order_of_roles_changes_no_number(roles, random):
    shuffled = list(roles)
    random.shuffle(shuffled)
    assert numbers_of(roles) == numbers_of(shuffled)
    assert newest_first(roles, AS_OF) == newest_first(shuffled, AS_OF)


@given(ROLES)
def test_a_duplicated_role_changes_no_number(roles):
    assert numbers_of(roles) == numbers_of([*roles, *roles])


@given(ROLES, ROLES)
def test_more_roles_never_mean_less_experience(roles, more):
    assert worked_months([*roles, *more], AS_OF) >= worked_months(roles, AS_OF)
    assert career_span_months([*roles, *more], AS_OF) >= career_span_months(roles, AS_OF)


@given(ROLES, st.integers(0, 60))
def test_time_passing_never_takes_experience_away(roles, later):
    assert worked_months(roles, Month(AS_OF + later)) >= worked_months(roles, AS_OF)


@given(st.lists(st.tuples(MONTHS, MONTHS).map(sorted), max_size=8), st.integers(0, 6))
def test_merged_spans_are_ordered_and_farther_apart_than_the_gap(pairs, gap):
    merged = merge_spans([Span(*pair) for pair in pairs], gap)
    assert all(span.months for span in merged)
    assert all(later.start - earlier.end > gap for earlier, later in pairwise(merged))


@given(ROLES)
def test_the_current_role_is_one_of_the_roles_and_held(roles):
    held = current_role(roles, AS_OF)
    assert held is None or (Counter(roles)[held] and is_current(held, AS_OF))
    starts = [parse_month(role.start) for role in roles if is_current(role, AS_OF)]
    assert (
        held is not None
        or not [start for start in starts if start]
        or all(not role.title and not role.company for role in roles if is_current(role, AS_OF))
    )
