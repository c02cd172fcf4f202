"""From a model's answer to a verdict: the model judges criteria, code decides (docs/rules/screening.md, Verdict)."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from services.domain.constraints import Constraint, Finding, check
from services.domain.criteria import Criterion, Kind, deciding, of_kind
from services.domain.evidence import Evidence, Source, check_evidence
from services.domain.facts import Facts
from services.domain.untrusted_text import visible_line

LOWEST_SCORE, HIGHEST_SCORE = 1, 10
GO_FROM_SCORE = 7
SCORE_WITHOUT_MUST_HAVES = GO_FROM_SCORE
CAP_WHEN_TENURE_RULE_BROKEN = 2
CAP_WHEN_UNSTABLE = 4
STRENGTHS = (1, 2, 3)

MOST_QUOTES = 10
LONGEST_QUOTE = 1_000
LONGEST_SUMMARY = 800
LONGEST_TAG = 40


class Status(StrEnum):
    """What the profile says about one criterion."""

    MET = "met"
    NOT_MET = "not_met"
    NOT_SHOWN = "not_shown"


class Decision(StrEnum):
    """The verdict on a person, best first."""

    GO = "GO"
    MAYBE = "MAYBE"
    NO_GO = "NO GO"


@dataclass(frozen=True)
class Judgement:
    """The model's word on one criterion; strength is 0 unless it is met."""

    status: Status
    strength: int = 0
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A complete answer of the model: one judgement for each criterion asked, by id."""

    judgements: Mapping[str, Judgement]
    summary: str


@dataclass(frozen=True)
class BadAnswer:
    """An answer from which no verdict may be made; the item fails with this reason."""

    reason: str


@dataclass(frozen=True)
class Outcome:
    """What stands for one criterion once its evidence was checked; `claimed` is the model's own word.

    `findings` are what code computed about the limits on tenure that the criterion states. A broken one stands against
    the model's word.
    """

    criterion_id: str
    status: Status
    claimed: Status
    strength: int
    evidence: tuple[Evidence, ...]
    reason: str
    findings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The decision on a person, with everything that led to it."""

    decision: Decision
    score: int
    outcomes: tuple[Outcome, ...]
    caps: tuple[str, ...]
    reasons: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class NiceResult:
    """Which nice-to-haves a person shows: tags and a tie-break, never score or verdict."""

    outcomes: tuple[Outcome, ...]
    tags: tuple[str, ...]

    @property
    def met(self) -> int:
        return len(self.tags)

    @property
    def label(self) -> str:
        return f"{len(self.tags)} of {len(self.outcomes)}"


# Reading


class _Unreadable(Exception):
    """Why an answer is not one."""


def read_answer(raw_json_text: str, criteria: Iterable[Criterion]) -> Answer | BadAnswer:
    """The model's answer to the must-haves and exclusions among `criteria`, or why there is none."""
    return _read(raw_json_text, deciding(criteria), with_strength=True)


def read_nice_answer(raw_json_text: str, criteria: Iterable[Criterion]) -> Answer | BadAnswer:
    """The model's answer to the nice-to-haves among `criteria`; it has neither strengths nor a summary."""
    return _read(raw_json_text, of_kind(criteria, Kind.NICE), with_strength=False)


def _read(raw: str, asked: Sequence[Criterion], *, with_strength: bool) -> Answer | BadAnswer:
    try:
        answer = _object(_parsed(raw), "The answer")
        entries = _object(answer.get("criteria"), "“criteria”")
        judgements = {criterion.id: _judgement(criterion.id, entries, with_strength) for criterion in asked}
        summary = _text(answer.get("summary"), "“summary”") if with_strength else ""
    except _Unreadable as problem:
        return BadAnswer(str(problem))
    return Answer(judgements, visible_line(summary, LONGEST_SUMMARY))


def _parsed(raw: str) -> object:
    try:
        return json.loads(raw, object_pairs_hook=_without_repeated_keys, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _Unreadable("The model did not answer in JSON.") from error


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    answer = dict(pairs)
    if len(answer) != len(pairs):
        raise _Unreadable("The model answered one thing twice.")
    return answer


def _refuse_constant(constant: str) -> float:
    raise _Unreadable(f"The model answered with {constant}.")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unreadable(f"{name} is missing or not an object.")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _Unreadable(f"{name} is missing or not text.")
    return value


def _judgement(criterion_id: str, entries: Mapping[str, Any], with_strength: bool) -> Judgement:
    if criterion_id not in entries:
        raise _Unreadable(f"The model left out {criterion_id}.")
    entry = _object(entries[criterion_id], criterion_id)
    try:
        status = Status(_text(entry.get("status"), f"The status of {criterion_id}"))
    except ValueError as error:
        raise _Unreadable(f"The status of {criterion_id} is none of met, not_met, not_shown.") from error
    if status is not Status.MET:
        return Judgement(status)
    strength = _strength(criterion_id, entry) if with_strength else min(STRENGTHS)
    quotes = entry.get("evidence")
    if not isinstance(quotes, list) or not all(isinstance(quote, str) for quote in quotes):
        raise _Unreadable(f"The evidence of {criterion_id} is not a list of texts.")
    kept = tuple(_storable(quote)[:LONGEST_QUOTE] for quote in quotes[:MOST_QUOTES])
    return Judgement(status, strength, kept)


def _strength(criterion_id: str, entry: Mapping[str, Any]) -> int:
    strength = entry.get("strength")
    # In JSON, true is not a number; in Python it is.
    if not isinstance(strength, int) or isinstance(strength, bool) or strength not in STRENGTHS:
        raise _Unreadable(f"{criterion_id} is met without a strength from 1 to 3.")
    return strength


def _storable(text: str) -> str:
    """The text without what no database can hold: NUL and halves of characters."""
    return text.replace("\x00", "").encode(errors="ignore").decode()


# Deciding


def decide(
    criteria: Iterable[Criterion],
    answer: Answer,
    sent_text: str,
    facts: Facts,
    constraints: Iterable[Constraint],
) -> Verdict:
    """The verdict that follows from an answer; `sent_text` is the candidate block that the model was given."""
    asked = deciding(criteria)
    if not asked:
        raise ValueError("a verdict needs at least one must-have or exclusion")
    outcomes = _outcomes(asked, answer, sent_text, facts)
    kinds = {criterion.id: criterion.kind for criterion in asked}
    failed = [outcome for outcome in outcomes if _disqualifies(outcome, kinds[outcome.criterion_id])]
    open_questions = [outcome for outcome in outcomes if outcome.status is Status.NOT_SHOWN]
    score = _score([outcome for outcome in outcomes if kinds[outcome.criterion_id] is Kind.MUST])
    caps: list[str] = []
    findings = check(constraints, facts)
    for broken in (finding for finding in findings if finding.is_broken):
        score = min(score, CAP_WHEN_TENURE_RULE_BROKEN)
        caps.append(broken.sentence)
    if facts.is_unstable:
        score = min(score, CAP_WHEN_UNSTABLE)
        caps.append(f"Stability fails: {len(facts.short_stints)} short stints.")
    reasons = [*caps, *(outcome.reason for outcome in failed), *(outcome.reason for outcome in open_questions)]
    if failed or caps:
        decision = Decision.NO_GO
    elif open_questions:
        decision = Decision.MAYBE
    elif score >= GO_FROM_SCORE:
        decision = Decision.GO
    else:
        decision = Decision.MAYBE
        reasons.append(f"Everything is met, but a score of {score} is below {GO_FROM_SCORE}.")
    shown = tuple(_with_findings(outcome, kinds[outcome.criterion_id], findings) for outcome in outcomes)
    return Verdict(decision, score, shown, tuple(caps), tuple(reasons), answer.summary)


def _outcomes(asked: Sequence[Criterion], answer: Answer, sent_text: str, facts: Facts) -> tuple[Outcome, ...]:
    return tuple(_outcome(criterion, answer.judgements[criterion.id], sent_text, facts) for criterion in asked)


def _outcome(criterion: Criterion, judgement: Judgement, sent_text: str, facts: Facts) -> Outcome:
    evidence = check_evidence(judgement.quotes, sent_text, facts)
    status, strength = judgement.status, judgement.strength
    is_unproven = status is Status.MET and not any(piece.stands for piece in evidence)
    if is_unproven:
        status, strength = Status.NOT_SHOWN, 0
    reason = _REASONS[criterion.kind, status](criterion.text.rstrip("."))
    if is_unproven:
        reason += " The model said it is, but its evidence is not in the profile."
    return Outcome(criterion.id, status, judgement.status, strength, evidence, reason)


def _with_findings(outcome: Outcome, kind: Kind, findings: Iterable[Finding]) -> Outcome:
    """The outcome with what code found about its limits: a broken one is what counted, a kept one stands beside."""
    mine = [finding for finding in findings if finding.constraint.criterion_id == outcome.criterion_id]
    broken = [finding for finding in mine if finding.is_broken]
    facts = tuple(Evidence(finding.fact_id, Source.FACT) for finding in broken or mine if finding.fact_id)
    found = replace(outcome, findings=tuple(finding.sentence for finding in mine))
    if not broken:
        return replace(found, evidence=(*outcome.evidence, *(fact for fact in facts if fact not in outcome.evidence)))
    status = Status.MET if kind is Kind.EXCLUDE else Status.NOT_MET
    return replace(found, status=status, strength=0, evidence=facts, reason=" ".join(f.sentence for f in broken))


_REASONS: Mapping[tuple[Kind, Status], Callable[[str], str]] = {
    (Kind.MUST, Status.MET): "Met: {}.".format,
    (Kind.MUST, Status.NOT_MET): "Must-have not met: {}.".format,
    (Kind.MUST, Status.NOT_SHOWN): "Must-have not shown: {}.".format,
    (Kind.EXCLUDE, Status.MET): "Excluded by: {}.".format,
    (Kind.EXCLUDE, Status.NOT_MET): "Clear of: {}.".format,
    (Kind.EXCLUDE, Status.NOT_SHOWN): "Exclusion cannot be told: {}.".format,
    (Kind.NICE, Status.MET): "Has: {}.".format,
    (Kind.NICE, Status.NOT_MET): "Has not: {}.".format,
    (Kind.NICE, Status.NOT_SHOWN): "Not shown: {}.".format,
}


def _disqualifies(outcome: Outcome, kind: Kind) -> bool:
    return outcome.status is (Status.MET if kind is Kind.EXCLUDE else Status.NOT_MET)


def _score(must_haves: Sequence[Outcome]) -> int:
    """1 + floor(9 x mean of strength / 3), in whole numbers."""
    if not must_haves:
        return SCORE_WITHOUT_MUST_HAVES
    return LOWEST_SCORE + 3 * sum(outcome.strength for outcome in must_haves) // len(must_haves)


def decide_nice(criteria: Iterable[Criterion], answer: Answer, sent_text: str, facts: Facts) -> NiceResult:
    """The tags of a person, from the second call."""
    asked = of_kind(criteria, Kind.NICE)
    outcomes = _outcomes(asked, answer, sent_text, facts)
    tags = tuple(
        visible_line(criterion.text, LONGEST_TAG)
        for criterion, outcome in zip(asked, outcomes, strict=True)
        if outcome.status is Status.MET
    )
    return NiceResult(outcomes, tags)


def ranking_key(decision: Decision, score: int, nice_met: int, candidate_id: str) -> tuple[int, int, int, str]:
    """Sorts people best first: verdict, score, nice-to-haves; the id makes the order complete."""
    return list(Decision).index(decision), -score, -nice_met, candidate_id
