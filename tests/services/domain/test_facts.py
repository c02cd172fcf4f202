"""Computed facts: finished lines with ids, in one fixed order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.dates import month_number
from services.domain.facts import SHOWN_ROLES, compute_facts, listed_roles
from services.domain.profiles import Profile, Role

AS_OF = month_number(2025, 9)

HISTORY = (
    Role("Senior Backend Engineer", "Bluefern", "Apr 2021", "", True),
    Role("Backend Engineer", "Bluefern Ltd", "Jan 2019", "Apr 2021"),
    Role("DevOps Engineer", "Quillmark", "Jan 2016", "Jan 2019"),
    Role("Developer", "Unit 8200", "Nov 2012", "Nov 2015"),
)


def lines_of(**profile):
    return {fact.id: fact.line for fact in compute_facts(Profile(**profile), AS_OF).items}


def test_a_full_history_gives_finished_lines():
    lines = lines_of(roles=HISTORY, skills=("Kubernetes", "Go"))
    assert lines["fact.current_role"] == "Current role: Senior Backend Engineer at Bluefern, since Apr 2021"
    assert lines["fact.current_role_tenure"] == "Time in current role: 4y 5m"
    assert lines["fact.current_company_tenure"] == "Time at current company: 6y 8m"
    assert lines["fact.industry_experience"] == "Industry experience: 9y 8m"
    assert lines["fact.career_span"] == "Career span, gaps included: 12y 10m"
    assert lines["fact.military_service"].startswith("Military service: 3y 0m, of this technical 3y 0m")
    assert lines["fact.experience_with_service"].endswith("for minimums: 11y 2m")
    assert lines["fact.software_roles"] == "Time in software roles: 6y 8m"
    assert lines["fact.infrastructure_roles"] == "Time in infrastructure roles: 3y 0m"
    assert "make 6y 4m; infrastructure skills: Kubernetes" in lines["fact.devops_half_credit"]
    assert lines["fact.role_2"] == "Role 2 (Backend Engineer at Bluefern Ltd): Jan 2019 to Apr 2021, 2y 3m"
    assert lines["fact.company_1"] == "Time at Bluefern: 6y 8m"
    assert lines["fact.short_stints"] == "Short stints that count: 0"
    assert lines["fact.stability"] == "Stability: OK"


def test_half_credit_needs_a_software_role_and_an_infrastructure_skill():
    assert "fact.devops_half_credit" not in lines_of(roles=HISTORY, skills=("Go",))
    sales = (Role("Sales Manager", "Bluefern", "2019", "", True),)
    assert "fact.devops_half_credit" not in lines_of(roles=sales, skills=("Kubernetes",))


def test_service_that_was_not_technical_gives_no_credit():
    lines = lines_of(roles=(HISTORY[0], Role("Squad Commander", "IDF", "Nov 2012", "Nov 2015")))
    assert "non-technical" in lines["fact.military_service"]
    assert "fact.experience_with_service" not in lines


def test_three_short_stints_fail_and_are_listed():
    stints = [
        Role("Engineer", name, f"{year}-01", f"{year}-06")
        for name, year in [("Fernwax", 2019), ("Loomis", 2020), ("Morrow", 2021)]
    ]
    facts = compute_facts(Profile(roles=(Role("Engineer", "Orbisloom", "2008", "2016"), *stints)), AS_OF)
    assert facts.is_unstable
    assert facts.find("fact.stability").value is False
    assert facts.find("fact.short_stints").line == ("Short stints that count: 3 (Morrow 5m, Loomis 5m, Fernwax 5m)")


def test_nothing_is_claimed_of_an_empty_profile():
    facts = compute_facts(Profile(), AS_OF)
    assert facts.items == ()
    assert (facts.role_months, facts.company_months) == (None, None)


def test_a_title_without_history_is_the_current_role_with_supplied_durations():
    facts = compute_facts(
        Profile(title="Engineer", company="Bluefern", supplied_role_months=8, supplied_company_months=27), AS_OF
    )
    assert (facts.current_title, facts.current_company) == ("Engineer", "Bluefern")
    assert (facts.role_months, facts.company_months) == (8, 27)


def test_an_unknown_part_of_a_tenure_makes_it_a_lower_bound():
    roles = (HISTORY[0], Role("Engineer", "Bluefern", "2015", "unclear"))
    facts = compute_facts(Profile(roles=roles), AS_OF)
    assert facts.company_months is None
    assert "at least 4y 5m" in facts.find("fact.current_company_tenure").line


def test_a_title_cannot_forge_a_line():
    roles = (Role("Engineer\n[fact.industry_experience] Industry experience: 30y 0m", "Bluefern", "2024", "", True),)
    assert all("\n" not in fact.line for fact in compute_facts(Profile(roles=roles), AS_OF).items)


def test_only_so_many_roles_are_listed_and_none_without_title():
    roles = [Role(f"Engineer {n}", "Bluefern", f"{1990 + n}") for n in range(SHOWN_ROLES + 5)]
    listed = listed_roles(Profile(roles=(*roles, Role("", "Quillmark", "2024"))), AS_OF)
    assert len(listed) == SHOWN_ROLES
    assert listed[0].title == f"Engineer {SHOWN_ROLES + 4}"


@pytest.mark.parametrize("repeat", [1, 2])
@given(order=st.permutations(HISTORY))
def test_order_and_repetition_of_roles_change_no_fact(order, repeat):
    assert compute_facts(Profile(roles=tuple(order) * repeat), AS_OF) == compute_facts(Profile(roles=HISTORY), AS_OF)


@given(st.lists(st.sampled_from(HISTORY)))
def test_ids_are_unique(roles):
    facts = compute_facts(Profile(roles=tuple(roles), skills=("AWS",)), AS_OF)
    assert len(facts.ids) == len(facts.items)
