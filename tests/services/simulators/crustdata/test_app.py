"""The simulated Crustdata over plain HTTP: shapes, credits, limits, mistakes about people, reconciliation."""

import httpx2
import pytest

from services.simulators.crustdata.app import ERRORS
from services.simulators.world import outline, person, profile_url, short_vanity

SEED = 1
FIELDS = ["basic_profile", "social_handles", "experience", "education", "skills"]
PLAIN = next(i for i in range(500) if outline(SEED, i).quirk == "" and not outline(SEED, i).messes)
HEADERS = {"Authorization": "Bearer simulated", "x-api-version": "2025-11-01"}


def url_of(index):
    return profile_url(outline(SEED, index).slug)


def with_quirk(quirk):
    return next(i for i in range(2000) if outline(SEED, i).quirk == quirk)


@pytest.fixture
def web(simulators):
    with httpx2.Client(base_url=simulators.crustdata_url, headers=HEADERS, timeout=5) as client:
        simulators.limits(crustdata_enrich=None, crustdata_search=None)
        yield client


def enrich(web, *urls, **more):
    return web.post("/person/enrich", json={"professional_network_profile_urls": list(urls), "fields": FIELDS, **more})


def order(simulators, *script):
    simulators.faults({"provider": "crustdata", "script": list(script)})


def found_url(entry, at=0):
    handles = entry["matches"][at]["person_data"]["social_handles"]
    return handles["professional_network_identifier"]["profile_url"]


def test_a_person_is_found_whole_and_charged_one_credit(simulators, web):
    reply = enrich(web, url_of(PLAIN))
    (entry,) = reply.json()
    sold, who = entry["matches"][0]["person_data"], person(SEED, PLAIN)
    assert entry["match_type"] == "professional_network_profile_url"
    assert sold["basic_profile"]["name"] == who["full_name"]
    assert found_url(entry) == url_of(PLAIN)
    jobs = sold["experience"]["employment_details"]
    assert len(jobs["current"]) + len(jobs["past"]) == len(who["jobs"])
    assert sold["skills"]["professional_network_skills"] == who["skills"]
    assert reply.headers["x-credits-used"] == "1" and reply.headers["x-request-id"]
    assert simulators.ledger("crustdata")[0]["credits"] == 1
    assert web.get("/user/credits").json() == {"credits": 9999.0}


def test_the_echo_is_what_was_sent_byte_for_byte(web):
    asked = [
        url_of(PLAIN).upper().replace("HTTPS://WWW.LINKEDIN.COM/IN/", "https://linkedin.com/in/") + "/",
        url_of(PLAIN),
    ]
    assert [entry["matched_on"] for entry in enrich(web, *asked).json()] == asked


def test_a_duplicated_input_is_answered_and_charged_twice(web):
    reply = enrich(web, url_of(PLAIN), url_of(PLAIN))
    assert len(reply.json()) == 2 and reply.headers["x-credits-used"] == "2"


def test_old_vanity_and_opaque_id_lead_to_the_canonical_address(web):
    opaque = profile_url(person(SEED, PLAIN)["aliases"][1])
    entries = enrich(web, profile_url(short_vanity(SEED, PLAIN)), opaque, opaque.lower()).json()
    assert [found_url(entry) for entry in entries[:2]] == [url_of(PLAIN)] * 2
    assert entries[2]["matches"] == []


def test_a_stranger_has_no_matches_and_costs_nothing(web):
    reply = enrich(web, "https://www.linkedin.com/in/nobody-here")
    assert reply.status_code == 200 and reply.json()[0]["matches"] == []
    assert reply.headers["x-credits-used"] == "0"


def test_without_fields_only_the_basics_come_and_with_a_path_only_that(web):
    basics = web.post("/person/enrich", json={"professional_network_profile_urls": [url_of(PLAIN)]}).json()
    assert {"basic_profile", "social_handles"} <= set(basics[0]["matches"][0]["person_data"])
    assert "experience" not in basics[0]["matches"][0]["person_data"]
    one = enrich(web, url_of(PLAIN), fields=["basic_profile.name"]).json()[0]["matches"][0]["person_data"]
    assert one["basic_profile"] == {"name": person(SEED, PLAIN)["full_name"]}


def test_developer_data_costs_one_more(web):
    assert enrich(web, url_of(PLAIN), fields=["dev_platform_profiles"]).headers["x-credits-used"] == "2"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"professional_network_profile_urls": [url_of(n) for n in range(26)]},
        {"professional_network_profile_urls": [url_of(1)], "business_emails": ["a@b.example"]},
        {"business_emails": ["a@b.example"]},
        {"professional_network_profile_urls": [url_of(1), url_of(2) + "?trk=x"]},
        {"professional_network_profile_urls": [url_of(1), person(1, 2)["aliases"][1]]},
        {"professional_network_profile_urls": [url_of(1)], "preview": True},
        {"professional_network_profile_urls": [url_of(1)], "fields": "basic_profile"},
    ],
)
def test_a_request_that_breaks_a_rule_fails_whole_and_is_free(simulators, web, body):
    reply = web.post("/person/enrich", json=body)
    assert reply.status_code == 400 and reply.json()["error"]["type"] == "invalid_request"
    assert not simulators.ledger("crustdata")[0]["charged"]


def test_an_unsupported_field_gets_the_list_of_allowed_ones(web):
    error = enrich(web, url_of(PLAIN), fields=["shoe_size"]).json()["error"]
    assert "basic_profile" in error["metadata"][0]["available_fields"]


def test_the_version_header_is_asked_for_only_after_the_key(simulators):
    body = {"professional_network_profile_urls": [url_of(PLAIN)]}
    address = f"{simulators.crustdata_url}/person/enrich"
    no_key = httpx2.post(address, json=body)
    assert no_key.status_code == 401 and no_key.json() == {"message": "Missing API key in request"}
    no_version = httpx2.post(address, json=body, headers={"Authorization": "Bearer simulated"})
    assert no_version.status_code == 400 and "x-api-version" in no_version.json()["error"]["message"]
    old = httpx2.post(address, json=body, headers={**HEADERS, "x-api-version": "2020-01-01"})
    assert old.status_code == 400
    simulators.faults(switches={"crustdata": {"keys": "expired"}})
    assert httpx2.post(address, json=body, headers=HEADERS).json() == {"message": "Invalid API key in request"}


def test_credits_run_out_with_402_and_nothing_is_taken(simulators, web):
    simulators.faults(switches={"crustdata": {"credits": 1.5}})
    assert enrich(web, url_of(1), url_of(2)).status_code == 402
    assert web.get("/account/credits").json()["account"]["credits"] == 1.5
    assert enrich(web, url_of(PLAIN)).status_code == 200


def test_a_field_can_be_forbidden_and_preview_allowed(simulators, web):
    simulators.faults(switches={"crustdata": {"forbidden_fields": ["skills"], "preview": True}})
    assert enrich(web, url_of(PLAIN)).status_code == 403
    preview = enrich(web, url_of(PLAIN), fields=["experience"], preview=True)
    assert "experience" not in preview.json()[0]["matches"][0]["person_data"]
    assert preview.headers["x-credits-used"] == "0"


def test_the_old_paths_are_gone(simulators, web):
    assert web.get("/screener/person/enrich").status_code == 410
    simulators.faults(switches={"crustdata": {"legacy_status": 404}})
    assert web.get("/screener/person/enrich").status_code == 404


def test_fifteen_a_minute_with_three_headers_on_every_answer(simulators, web):
    simulators.limits(crustdata_enrich=15)
    replies = [enrich(web, "https://www.linkedin.com/in/nobody") for _ in range(17)]
    assert [reply.status_code for reply in replies] == [200] * 15 + [429] * 2
    left = [int(reply.headers["x-ratelimit-remaining"]) for reply in replies]
    assert left == [*range(14, -1, -1), 0, 0]
    assert all(reply.headers["x-ratelimit-limit"] == "15" for reply in replies)
    assert 50 < int(replies[-1].headers["x-ratelimit-reset"]) <= 60
    assert replies[-1].json()["error"]["type"] == "rate_limit_exceeded"
    assert simulators.excess("crustdata")["exceeded"]


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_every_error_arrives_in_its_shape_and_free(simulators, web, kind):
    order(simulators, kind)
    reply = enrich(web, url_of(PLAIN))
    assert reply.status_code == ERRORS[kind][0] and reply.json()["error"]["type"] == ERRORS[kind][1]
    assert "x-credits-used" not in reply.headers and reply.headers["x-request-id"]
    assert not simulators.ledger("crustdata")[0]["charged"]


def test_the_gateway_s_own_shape_can_be_ordered(simulators, web):
    order(simulators, "missing_key", "invalid_key")
    assert [enrich(web, url_of(1)).json()["message"].split()[0] for _ in range(2)] == ["Missing", "Invalid"]


def test_each_form_of_no_match(simulators, web):
    order(simulators, "no_match", "not_found_404", "not_found_marker", "redacted", "empty_array", "missing_entry")
    plain, absent, marked, redacted, empty, partial = (enrich(web, url_of(PLAIN), url_of(PLAIN)) for _ in range(6))
    assert [entry["matches"] for entry in plain.json()] == [[], []]
    assert absent.status_code == 404
    assert marked.json()[0]["match_status"] == "not_found" and redacted.json()[0]["match_status"] == "redacted"
    assert empty.json() == []
    assert len(partial.json()) == 1 and partial.headers["x-credits-used"] == "1"
    assert [call["credits"] for call in simulators.ledger("crustdata")] == [0, 0, 0, 0, 0, 1]


def test_an_empty_shell_and_a_wrong_person_are_charged(simulators, web):
    order(simulators, "empty_shell", "empty_person_data", "wrong_person", "two_candidates")
    shell, bare, wrong, two = (enrich(web, url_of(PLAIN)) for _ in range(4))
    assert shell.json()[0]["matches"][0]["person_data"] == {"basic_profile": {}}
    assert bare.json()[0]["matches"][0]["person_data"] == {}
    assert found_url(wrong.json()[0]) != url_of(PLAIN) and wrong.json()[0]["matches"][0]["confidence_score"] == 1.0
    assert len(two.json()[0]["matches"]) == 2
    assert [call["credits"] for call in simulators.ledger("crustdata")] == [1, 1, 1, 1]


def test_the_found_address_may_differ_in_each_known_way(simulators, web):
    order(simulators, "found_with_slash", "found_in_upper_case", "found_by_opaque_id", "found_by_old_vanity")
    slash, upper, opaque, old = (found_url(enrich(web, url_of(PLAIN)).json()[0]) for _ in range(4))
    assert slash == url_of(PLAIN) + "/"
    assert upper != url_of(PLAIN) and upper.lower() == url_of(PLAIN)
    assert "/in/ACoAA" in opaque and old.endswith(short_vanity(SEED, PLAIN))


def test_order_may_be_reversed_and_leaves_null(simulators, web):
    order(simulators, "reversed_order", "null_leaves")
    asked = [url_of(PLAIN), "https://www.linkedin.com/in/nobody"]
    assert [entry["matched_on"] for entry in enrich(web, *asked).json()] == asked[::-1]
    basic = enrich(web, url_of(PLAIN)).json()[0]["matches"][0]["person_data"]["basic_profile"]
    assert basic["name"] and basic["headline"] is None


def test_some_people_are_trouble_without_any_order(web):
    wrong, shell = enrich(web, url_of(with_quirk("wrong_person")), url_of(with_quirk("empty_shell"))).json()
    assert found_url(wrong) != wrong["matched_on"]
    assert shell["matches"][0]["person_data"] == {"basic_profile": {}}
    assert enrich(web, url_of(with_quirk("redacted"))).json()[0]["match_status"] == "redacted"


def test_messy_employment_reaches_the_wire(web):
    people = [i for i in range(300) if outline(SEED, i).quirk == ""]
    sold = [
        entry["matches"][0]["person_data"]
        for start in range(0, 250, 25)
        for entry in enrich(web, *map(url_of, people[start : start + 25])).json()
    ]
    jobs = [job for one in sold for part in one["experience"]["employment_details"].values() for job in part]
    assert any(len(one["experience"]["employment_details"]["current"]) > 1 for one in sold)
    assert any(job["crustdata_company_id"] == 0 for job in jobs)
    assert {type(job["company_website_domain"]) for job in jobs} == {str, list}
    assert any(job["start_date"] is None for job in jobs)
    assert any(one["basic_profile"].get("first_name") is None for one in sold)


@pytest.mark.parametrize("kind", ["hang", "drop_before_head", "drop_inside_body", "reset"])
def test_a_lost_answer_is_charged_and_can_be_reconciled_by_its_body(simulators, web, kind):
    simulators.faults(switches={"crustdata": {"events_delay_seconds": 0}})
    order(simulators, kind)
    with pytest.raises(httpx2.TransportError):
        web.post(
            "/person/enrich",
            json={"professional_network_profile_urls": [url_of(PLAIN)]},
            timeout=0.3,
        )
    events = web.get("/account/usage/events", params={"endpoints": "/person/enrich"}).json()["events"]
    assert [event["credits_used"] for event in events] == [1.0]
    event = web.get(f"/account/usage/events/{events[0]['event_id']}").json()
    assert event["request_body"]["professional_network_profile_urls"] == [url_of(PLAIN)]
    assert simulators.ledger("crustdata")[0]["request_id"] == event["event_id"]


def test_charged_and_then_502(simulators, web):
    order(simulators, {"kind": "bad_gateway", "charged": True})
    assert enrich(web, url_of(PLAIN)).status_code == 502
    assert web.get("/user/credits").json()["credits"] == 9999.0


def test_half_a_body_with_200_is_charged(simulators, web):
    order(simulators, "broken_json")
    reply = enrich(web, url_of(PLAIN))
    assert reply.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        reply.json()
    assert simulators.ledger("crustdata")[0]["credits"] == 1


def test_events_are_hidden_for_ten_seconds_and_paged_newest_first(simulators, web):
    for _ in range(5):
        enrich(web, "https://www.linkedin.com/in/nobody")
    assert web.get("/account/usage/events").json()["events"] == []
    simulators.faults(switches={"crustdata": {"events_delay_seconds": 0}})
    seen, cursor = [], ""
    while cursor is not None:
        page = web.get("/account/usage/events", params={"limit": 2, "cursor": cursor}).json()
        seen += [event["event_id"] for event in page["events"]]
        cursor = page["next_cursor"]
    assert (
        seen
        == [call["request_id"] for call in simulators.ledger("crustdata") if call["route"] == "person/enrich"][::-1]
    )
    assert web.get("/account/usage/events/req_foreign").status_code == 404
    assert web.get("/account/usage/events", params={"limit": 501}).status_code == 400


def test_failures_are_grouped_without_429s_and_the_summary_adds_up(simulators, web):
    simulators.faults(switches={"crustdata": {"events_delay_seconds": 0}})
    order(simulators, "internal_error", "rate_limit_exceeded", "insufficient_credits")
    for _ in range(4):
        enrich(web, url_of(PLAIN))
    failures = web.get("/account/usage/errors").json()["errors"]
    assert {(row["status_code"], row["count"]) for row in failures} == {(402, 1), (500, 1)}
    assert web.get("/account/usage/summary").json() == {"requests": 4, "credits_used": 1.0}


def test_the_account_tells_limits_and_prices(simulators, web):
    simulators.limits(crustdata_enrich=40)
    (enrichment,) = web.get("/account/endpoints", params={"path": "/person/enrich"}).json()["endpoints"]
    assert enrichment["rate_limit_rpm"] == 40 and enrichment["base_credits"] == 1
