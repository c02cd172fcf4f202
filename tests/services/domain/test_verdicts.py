"""From a model's answer to a verdict: the table, the caps, and what must never happen."""

import json
import random as randomness
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.constraints import Constraint, Rule
from services.domain.criteria import Criterion, Kind, parse_brief
from services.domain.dates import month_number
from services.domain.evidence import Evidence, Source
from services.domain.facts import compute_facts
from services.domain.profiles import Profile, Role
from services.domain.screening_text import build_screening_text
from services.domain.verdicts import (
    Answer,
    BadAnswer,
    Decision,
    Judgement,
    Status,
    decide,
    decide_nice,
    ranking_key,
    read_answer,
    read_nice_answer,
)

AS_OF = month_number(2025, 9)
PERSON = Profile(
    summary="Ran services in Go and Kafka.",
    roles=(Role("Senior Backend Engineer", "Bluefern", "2019-01", "", True),),
    skills=("Go", "Kafka"),
)
FACTS = compute_facts(PERSON, AS_OF)
SENT = build_screening_text(PERSON, FACTS).text
STINTS = tuple(Role("Engineer", f"Loom{n}", f"{2019 + n}-01", f"{2019 + n}-06") for n in range(3))
UNSTABLE = compute_facts(Profile(roles=(*PERSON.roles, Role("Engineer", "Orbisloom", "2005", "2016"), *STINTS)), AS_OF)
CRITERIA = parse_brief("", "Go\nKafka\n5+ years", "Terraform\nKafka streams", "Director\nConsulting")
MUSTS = [c.id for c in CRITERIA if c.kind is Kind.MUST]
EXCLUSIONS = [c.id for c in CRITERIA if c.kind is Kind.EXCLUDE]
BROKEN = Constraint(Rule.MINIMUM_AT_CURRENT_COMPANY, 120, "must-1")
KEPT = Constraint(Rule.MINIMUM_AT_CURRENT_COMPANY, 12, "must-1")


def met(strength=3, *quotes):
    return Judgement(Status.MET, strength, quotes or ("Kafka",))


NOT_MET, NOT_SHOWN = Judgement(Status.NOT_MET), Judgement(Status.NOT_SHOWN)


def verdict(musts, exclusions=(NOT_MET, NOT_MET), facts=FACTS, constraints=(), criteria=CRITERIA):
    judgements = dict(zip([*MUSTS, *EXCLUSIONS], [*musts, *exclusions], strict=True))
    return decide(criteria, Answer(judgements, "Summary."), SENT, facts, constraints)


# The table


@pytest.mark.parametrize(
    ("musts", "exclusions", "decision", "score"),
    [
        ([met(3), met(3), met(3)], (NOT_MET, NOT_MET), Decision.GO, 10),
        ([met(2), met(2), met(2)], (NOT_MET, NOT_MET), Decision.GO, 7),
        ([met(2), met(2), met(1)], (NOT_MET, NOT_MET), Decision.MAYBE, 6),
        ([met(1), met(1), met(1)], (NOT_MET, NOT_MET), Decision.MAYBE, 4),
        ([met(3), met(3), NOT_SHOWN], (NOT_MET, NOT_MET), Decision.MAYBE, 7),
        ([met(3), met(3), NOT_MET], (NOT_MET, NOT_MET), Decision.NO_GO, 7),
        ([met(3), met(3), met(3)], (met(1), NOT_MET), Decision.NO_GO, 10),
        ([met(3), met(3), met(3)], (NOT_SHOWN, NOT_MET), Decision.MAYBE, 10),
        ([NOT_SHOWN, NOT_MET, met(3)], (NOT_SHOWN, NOT_MET), Decision.NO_GO, 4),
        ([NOT_SHOWN, NOT_SHOWN, NOT_SHOWN], (NOT_MET, NOT_MET), Decision.MAYBE, 1),
        ([NOT_MET, NOT_MET, NOT_MET], (NOT_MET, NOT_MET), Decision.NO_GO, 1),
    ],
)
def test_the_verdict_follows_from_the_criteria(musts, exclusions, decision, score):
    result = verdict(musts, exclusions)
    assert (result.decision, result.score) == (decision, score)


@pytest.mark.parametrize(("strengths", "score"), [((3, 2), 8), ((1, 2), 5), ((3, 3), 10), ((1, 1, 1, 2), 4)])
def test_fractions_of_a_score_are_dropped(strengths, score):
    criteria = [Criterion(f"must-{n}", Kind.MUST, f"Skill {n}") for n in range(len(strengths))]
    answer = Answer({c.id: met(strength) for c, strength in zip(criteria, strengths, strict=True)}, "")
    assert decide(criteria, answer, SENT, FACTS, ()).score == score


def test_unfound_evidence_makes_a_met_must_have_not_shown():
    result = verdict([met(3), met(3, "Ten years of Rust"), met(3)])
    outcome = result.outcomes[1]
    assert result.decision is Decision.MAYBE
    assert (outcome.claimed, outcome.status, outcome.strength) == (Status.MET, Status.NOT_SHOWN, 0)
    assert "evidence is not in the profile" in outcome.reason
    assert result.score == 7


def test_a_must_have_that_is_met_without_any_evidence_is_not_shown():
    assert verdict([met(3), Judgement(Status.MET, 3, ()), met(3)]).decision is Decision.MAYBE


def test_an_exclusion_without_found_evidence_rejects_nobody():
    result = verdict([met(3)] * 3, (met(1, "Managing Director"), NOT_MET))
    assert result.decision is Decision.MAYBE


def test_a_computed_fact_is_evidence():
    assert verdict([met(3), met(3), met(3, "fact.industry_experience")]).decision is Decision.GO


def test_a_broken_tenure_limit_is_no_go_with_two_at_most():
    result = verdict([met(3)] * 3, constraints=[BROKEN])
    assert (result.decision, result.score) == (Decision.NO_GO, 2)
    assert "6y 8m" in result.reasons[0]
    assert "10y 0m" in result.reasons[0]
    assert verdict([NOT_MET] * 3, constraints=[BROKEN]).score == 1


@pytest.mark.parametrize("first", [met(3), NOT_MET, NOT_SHOWN])
def test_a_kept_tenure_limit_stands_beside_the_models_word_and_changes_nothing(first):
    result, without = verdict([first, met(3), met(3)], constraints=[KEPT]), verdict([first, met(3), met(3)])
    told = result.outcomes[0]
    assert told.findings == ("At the current company for 6y 8m; the brief asks for at least 1y 0m.",)
    assert told.evidence[-1] == Evidence("fact.current_company_tenure", Source.FACT)
    as_before = replace(told, findings=(), evidence=told.evidence[:-1])
    assert replace(result, outcomes=(as_before, *result.outcomes[1:])) == without


@pytest.mark.parametrize("first", [met(3), NOT_MET, NOT_SHOWN])
def test_a_broken_tenure_limit_stands_against_the_models_word(first):
    result = verdict([first, met(3), met(3)], constraints=[BROKEN])
    told = result.outcomes[0]
    assert (told.status, told.claimed, told.strength) == (Status.NOT_MET, first.status, 0)
    assert told.evidence == (Evidence("fact.current_company_tenure", Source.FACT),)
    assert told.findings == (told.reason,) == (result.caps[0],)
    assert result.outcomes[1:] == verdict([first, met(3), met(3)]).outcomes[1:]


def test_a_broken_limit_in_the_exclusions_applies():
    limit = Constraint(Rule.MINIMUM_AT_CURRENT_COMPANY, 120, EXCLUSIONS[0])
    told = verdict([met(3)] * 3, constraints=[limit]).outcomes[len(MUSTS)]
    assert (told.status, told.claimed) == (Status.MET, Status.NOT_MET)


def test_failing_stability_is_no_go_with_four_at_most():
    result = verdict([met(3)] * 3, facts=UNSTABLE)
    assert (result.decision, result.score) == (Decision.NO_GO, 4)
    assert "3 short stints" in result.caps[0]
    assert verdict([met(3)] * 3, facts=UNSTABLE, constraints=[BROKEN]).score == 2


def test_a_position_with_exclusions_only_lets_through_who_is_clear_of_them():
    criteria = parse_brief("", "", "", "Director")

    def only(judgement):
        result = decide(criteria, Answer({"excl-1": judgement}, ""), SENT, FACTS, ())
        return result.decision, result.score

    assert only(NOT_MET) == (Decision.GO, 7)
    assert only(NOT_SHOWN) == (Decision.MAYBE, 7)
    assert only(met(1)) == (Decision.NO_GO, 7)


def test_without_criteria_there_is_no_verdict():
    with pytest.raises(ValueError, match="at least one"):
        decide([Criterion("nice-1", Kind.NICE, "Go")], Answer({}, ""), SENT, FACTS, ())


# Reading


def entry(status="met", strength=2, evidence=("Kafka",)):
    return {"status": status, "strength": strength, "evidence": list(evidence)}


def raw(changes=None, **top):
    entries = {cid: entry() for cid in MUSTS} | {cid: entry("not_met") for cid in EXCLUSIONS}
    return json.dumps({"criteria": entries | (changes or {}), "summary": "Two sentences."} | top)


def test_a_complete_answer_is_read():
    answer = read_answer(raw(), CRITERIA)
    assert answer.judgements["must-1"] == Judgement(Status.MET, 2, ("Kafka",))
    assert answer.judgements["excl-1"] == Judgement(Status.NOT_MET)
    assert answer.summary == "Two sentences."


def without(criterion_id):
    answer = json.loads(raw())
    del answer["criteria"][criterion_id]
    return json.dumps(answer)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not answer in JSON"),
        ("This candidate is a GO, 9/10.", "not answer in JSON"),
        ("<html>busy</html>", "not answer in JSON"),
        (raw()[:-20], "not answer in JSON"),
        ("```json\n" + raw() + "\n```", "not answer in JSON"),
        ("[" * 100_000, "not answer in JSON"),
        ("null", "not an object"),
        ("[]", "not an object"),
        ('"GO"', "not an object"),
        ('{"decision": "GO", "score": 9}', "criteria"),
        (without("must-2"), "left out must-2"),
        (without("excl-2"), "left out excl-2"),
        (raw({"must-1": "met"}), "must-1 is missing or not an object"),
        (raw({"must-1": entry("MET!")}), "none of met"),
        (raw({"must-1": entry(status=True)}), "status of must-1"),
        (raw({"must-1": entry(strength=0)}), "strength"),
        (raw({"must-1": entry(strength=4)}), "strength"),
        (raw({"must-1": entry(strength=True)}), "strength"),
        (raw({"must-1": entry(strength="3")}), "strength"),
        (raw({"must-1": entry(strength=2.5)}), "strength"),
        (raw({"must-1": {"status": "met", "evidence": []}}), "strength"),
        (raw({"must-1": {"status": "met", "strength": 1}}), "evidence"),
        (raw({"must-1": entry() | {"evidence": "Kafka"}}), "evidence"),
        (raw({"must-1": entry(evidence=[1])}), "evidence"),
        (raw(summary=None), "summary"),
        (raw().replace('"strength": 2', '"strength": NaN', 1), "NaN"),
        ('{"criteria": {}, "criteria": {}, "summary": ""}', "twice"),
    ],
)
def test_an_answer_that_is_not_complete_fails_with_its_reason(text, reason):
    answer = read_answer(text, CRITERIA)
    assert isinstance(answer, BadAnswer)
    assert reason in answer.reason


def test_what_was_not_asked_is_ignored():
    assert read_answer(raw({"must-99": entry()}, verdict="GO", score=10), CRITERIA) == read_answer(raw(), CRITERIA)


def test_strength_and_evidence_are_read_only_where_met():
    judgement = read_answer(raw({"must-1": {"status": "not_shown"}}), CRITERIA).judgements["must-1"]
    assert judgement == Judgement(Status.NOT_SHOWN)


def test_what_no_database_can_hold_is_taken_out():
    answer = read_answer(raw({"must-1": entry(evidence=["Ka\x00fka\ud800"])}, summary="A\x00\ud800b"), CRITERIA)
    assert answer.judgements["must-1"].quotes == ("Kafka",)
    assert answer.summary == "Ab"


# Nice-to-haves


def nice(*statuses):
    ids = [c.id for c in CRITERIA if c.kind is Kind.NICE]
    entries = {cid: {"status": status, "evidence": ["Kafka"]} for cid, status in zip(ids, statuses, strict=True)}
    return read_nice_answer(json.dumps({"criteria": entries}), CRITERIA)


def test_nice_to_haves_give_tags_and_a_count():
    result = decide_nice(CRITERIA, nice("not_shown", "met"), SENT, FACTS)
    assert (result.tags, result.label, result.met) == (("Kafka streams",), "1 of 2", 1)


def test_an_unread_second_call_gives_no_tags():
    assert isinstance(read_nice_answer("prose", CRITERIA), BadAnswer)
    assert isinstance(read_nice_answer('{"criteria": {}}', CRITERIA), BadAnswer)


def test_people_are_ranked_by_verdict_then_score_then_nice_to_haves_then_id():
    best_first = [
        ranking_key(Decision.GO, 9, 0, "b"),
        ranking_key(Decision.GO, 8, 3, "c"),
        ranking_key(Decision.GO, 8, 1, "a"),
        ranking_key(Decision.GO, 8, 1, "b"),
        ranking_key(Decision.MAYBE, 10, 5, "a"),
        ranking_key(Decision.NO_GO, 10, 5, "a"),
    ]
    shuffled = [best_first[place] for place in (3, 5, 0, 4, 2, 1)]
    assert sorted(shuffled) == best_first


# Properties

JUDGEMENTS = st.builds(
    Judgement,
    st.sampled_from(Status),
    st.integers(1, 3),
    st.lists(st.sampled_from(["Kafka", "Go", "invented", "fact.role_1", "fact.none", ""]), max_size=3).map(tuple),
)
MUST_JUDGEMENTS = st.lists(JUDGEMENTS, min_size=3, max_size=3)
EXCLUSION_JUDGEMENTS = st.lists(JUDGEMENTS, min_size=2, max_size=2)
FACTS_OF = st.sampled_from([FACTS, UNSTABLE])
LIMITS = st.sampled_from([(), (BROKEN,), (KEPT,)])
BEST_LAST = [Decision.NO_GO, Decision.MAYBE, Decision.GO]


@given(MUST_JUDGEMENTS, EXCLUSION_JUDGEMENTS, FACTS_OF, LIMITS)
def test_scores_and_caps_hold(musts, exclusions, facts, limits):
    result = verdict(musts, exclusions, facts, limits)
    assert 1 <= result.score <= 10
    statuses = [outcome.status for outcome in result.outcomes]
    if Status.NOT_MET in statuses[:3] or Status.MET in statuses[3:]:
        assert result.decision is Decision.NO_GO
    if facts is UNSTABLE:
        assert (result.decision, result.score <= 4) == (Decision.NO_GO, True)
    if limits == (BROKEN,):
        assert (result.decision, result.score <= 2) == (Decision.NO_GO, True)
    if result.decision is Decision.GO:
        assert result.score >= 7
        assert not result.caps
        assert set(statuses[:3]) == {Status.MET}
        assert set(statuses[3:]) == {Status.NOT_MET}
    else:
        assert result.reasons
    for outcome in result.outcomes:
        assert outcome.status is not Status.MET or any(piece.stands for piece in outcome.evidence)


@given(MUST_JUDGEMENTS, EXCLUSION_JUDGEMENTS, st.integers(0, 2), st.sampled_from(["Kafka", "fact.role_1", "invented"]))
def test_more_evidence_for_a_must_have_never_lowers(musts, exclusions, index, quote):
    before = verdict(musts, exclusions)
    judgement = musts[index]
    musts[index] = Judgement(judgement.status, judgement.strength, (*judgement.quotes, quote))
    after = verdict(musts, exclusions)
    assert after.score >= before.score
    assert BEST_LAST.index(after.decision) >= BEST_LAST.index(before.decision)


@given(MUST_JUDGEMENTS, EXCLUSION_JUDGEMENTS, FACTS_OF, LIMITS, st.integers())
def test_the_order_of_criteria_changes_nothing(musts, exclusions, facts, limits, seed):
    shuffled = list(CRITERIA)
    randomness.Random(seed).shuffle(shuffled)
    one = verdict(musts, exclusions, facts, limits)
    other = verdict(musts, exclusions, facts, limits, criteria=shuffled)
    assert (one.decision, one.score, one.caps) == (other.decision, other.score, other.caps)
    assert set(one.outcomes) == set(other.outcomes)
    assert one == verdict(musts, exclusions, facts, limits)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["met", "GO", "must-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*MUSTS, "criteria"]), inner),
    max_leaves=12,
)


@given(st.one_of(st.text(), JSON_VALUES.map(json.dumps)))
def test_whatever_is_not_an_answer_gives_no_verdict(text):
    assert isinstance(read_answer(text, CRITERIA), BadAnswer)


@given(st.sampled_from([*MUSTS, *EXCLUSIONS]), JSON_VALUES)
def test_a_damaged_entry_is_refused_or_harmless(criterion_id, value):
    answer = read_answer(raw({criterion_id: value}), CRITERIA)
    if isinstance(answer, Answer):
        assert answer.judgements[criterion_id].status is not Status.MET
