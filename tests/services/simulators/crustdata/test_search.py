"""Search over the invented people finds exactly those who fit, page by page."""

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulators.crustdata.people import document
from services.simulators.crustdata.search import _dig, _quick, matches
from services.simulators.world import outline

SEED = 1
HEADERS = {"Authorization": "Bearer simulated", "x-api-version": "2025-11-01"}
TITLE = "experience.employment_details.current.title"
COUNTRY = "basic_profile.location.country"


@pytest.fixture
def web(simulators):
    with httpx2.Client(base_url=simulators.crustdata_url, headers=HEADERS, timeout=20) as client:
        simulators.limits(crustdata_search=None)
        yield client


def condition(field, kind, value):
    return {"field": field, "type": kind, "value": value}


def group(op, *conditions):
    return {"op": op, "conditions": list(conditions)}


ENGINEERS = group("and", condition(TITLE, "(.)", "backend engineer|devops"), condition(COUNTRY, "=", "Israel"))


def search(web, filters=ENGINEERS, **more):
    return web.post("/person/search", json={"filters": filters, **more})


def ids(reply):
    return [row["crustdata_person_id"] for row in reply.json()["profiles"]]


def test_pages_together_are_everybody_who_fits_once(web):
    count = search(web, limit=1).json()["total_count"]
    found, cursor = [], None
    while True:
        page = search(web, limit=40, **({"cursor": cursor} if cursor else {}))
        found += ids(page)
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == count > 40
    for person_id in found:
        whole = document(SEED, person_id - 900_000)
        titles = [job["title"].lower() for job in whole["experience"]["employment_details"]["current"]]
        assert any("devops" in title or ("backend" in title and "engineer" in title) for title in titles)
        assert whole["basic_profile"]["location"]["country"] == "Israel"


def test_rows_cost_three_hundredths_and_none_cost_nothing(simulators, web):
    assert search(web, limit=10).headers["x-credits-used"] == "0.3"
    none = search(web, condition(COUNTRY, "=", "Atlantis"))
    assert none.json() == {"profiles": [], "next_cursor": None, "total_count": 0}
    assert none.headers["x-credits-used"] == "0"
    assert [call["credits"] for call in simulators.ledger("crustdata")] == [0.3, 0]


def test_rows_never_hold_skills_summary_languages_or_connections(web):
    row = search(web, limit=1).json()["profiles"][0]
    assert "skills" not in row and not {"summary", "languages"} & set(row["basic_profile"])
    assert not {"connections", "summary"} & set(row["professional_network"])
    assert search(web, fields=["skills"]).status_code == 400
    assert search(web, fields=["basic_profile.summary"]).status_code == 400


@pytest.mark.parametrize(
    ("filters", "more"),
    [
        (None, {}),
        (condition(COUNTRY, "<=", 1), {}),
        (condition(COUNTRY, "in", []), {}),
        (condition(COUNTRY, "is_null", None), {}),
        (group("xor", condition(COUNTRY, "=", "Israel")), {}),
        (group("and"), {}),
        ({"column": COUNTRY, "type": "=", "value": "Israel"}, {}),
        (condition("social_handles.professional_network_identifier.profile_url", "=", "x"), {}),
        (ENGINEERS, {"limit": 0}),
        (ENGINEERS, {"limit": 1001}),
        (ENGINEERS, {"cursor": "nonsense"}),
        (ENGINEERS, {"sorts": [{"field": "skills", "order": "asc"}]}),
    ],
)
def test_a_search_that_breaks_a_rule_is_refused(web, filters, more):
    reply = search(web, filters, **more)
    assert reply.status_code == 400 and reply.json()["error"]["type"] == "invalid_request"


def test_a_cursor_belongs_to_its_filters(web):
    cursor = search(web, limit=1).json()["next_cursor"]
    assert search(web, condition(COUNTRY, "=", "Israel"), cursor=cursor).status_code == 400


def test_sorting_holds_over_all_pages(web):
    sorts = [{"field": "professional_network.connections", "order": "desc"}]
    found = ids(search(web, limit=100, sorts=sorts))
    connections = [outline(SEED, person_id - 900_000).connections for person_id in found]
    assert connections == sorted(connections, reverse=True)


def test_excluded_people_shorten_the_page_but_do_not_end_it(web):
    first = search(web, limit=5).json()
    known = [row["social_handles"]["professional_network_identifier"]["profile_url"] for row in first["profiles"][:3]]
    short = search(web, limit=5, post_processing={"exclude_profiles": known})
    assert len(ids(short)) == 2 and short.json()["next_cursor"] is not None
    assert short.headers["x-credits-used"] == "0.06"


def test_description_search_is_off_until_it_is_switched_on(simulators, web):
    described = {"search": {"query": "backend kubernetes", "mode": "hybrid"}, "limit": 9}
    assert web.post("/person/search", json=described).status_code == 403
    simulators.faults(switches={"crustdata": {"description_search": True}})
    rows = web.post("/person/search", json=described).json()["profiles"]
    assert len(rows) == 9 and {row["fit"] for row in rows} <= {"strong", "possible", "weak"}


def test_credits_too_few_for_the_page_are_402(simulators, web):
    simulators.faults(switches={"crustdata": {"credits": 0.1}})
    assert search(web, limit=100).status_code == 402


def fits(filters, index):
    whole = document(SEED, index)
    return matches(filters, lambda field: _dig(whole, field), lambda name: _dig(whole, name))


values = st.one_of(
    st.tuples(st.just(COUNTRY), st.sampled_from(["=", "!="]), st.sampled_from(["Israel", "Germany", "Atlantis"])),
    st.tuples(st.just("years_of_experience_raw"), st.sampled_from(["=>", "=<", "<", ">"]), st.integers(0, 20)),
    st.tuples(
        st.just(TITLE), st.sampled_from(["(.)", "(!)", "[.]"]), st.sampled_from(["engineer", "lead|vp", "senior data"])
    ),
    st.tuples(st.just("skills.professional_network_skills"), st.just("has_all"), st.just(["Python"])),
).map(lambda parts: condition(*parts))
filters = st.recursive(
    values, lambda inner: st.builds(group, st.sampled_from(["and", "or", "all_of"]), inner, inner), max_leaves=5
)


@given(filters, st.integers(0, 3000))
def test_the_quick_look_never_contradicts_the_thorough_one(node, index):
    quick = matches(node, _quick(outline(SEED, index)), None)
    assert quick is None or quick == fits(node, index)


def test_conditions_on_one_job_must_hold_for_the_same_job_under_and():
    index = next(
        i
        for i in range(3000)
        if "several_current" in outline(SEED, i).messes
        and len({j["name"] for j in document(SEED, i)["experience"]["employment_details"]["current"]}) == 2
    )
    side, main = document(SEED, index)["experience"]["employment_details"]["current"]
    name = "experience.employment_details.current.name"
    crossed = [condition(TITLE, "=", main["title"]), condition(name, "=", side["name"])]
    assert fits(group("all_of", *crossed), index) is True
    assert fits(group("and", *crossed), index) is False
