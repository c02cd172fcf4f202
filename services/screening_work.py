"""Screening as work on one item: what is sent about a person, how it is asked, and what the answer becomes.

Two stages: the deciding call makes the verdict; for GO and MAYBE a second call marks the nice-to-haves,
which change neither verdict nor score (docs/rules/screening.md, The two calls).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import structlog

from services.clock import Clock
from services.db import positions as positions_db
from services.db import screening as db
from services.db.pool import Tx
from services.db.prices import read_prices
from services.db.runs import RunOrder
from services.db.screening import NewExtras, NewScreening, StoredProfile
from services.domain.constraints import Constraint, read_constraints
from services.domain.criteria import Criterion, Kind, deciding, of_kind
from services.domain.dates import Month, month_of
from services.domain.facts import Facts, compute_facts
from services.domain.money import PriceList, Unpriced, price_of_tokens
from services.domain.prompts import (
    PROMPT_VERSION,
    answer_schema,
    messages,
    nice_instructions,
    nice_schema,
    prompt_hash,
    screening_instructions,
)
from services.domain.quotas import Meter
from services.domain.screening_text import ScreeningText, build_screening_text, is_blank
from services.domain.verdicts import (
    BadAnswer,
    Decision,
    Outcome,
    Verdict,
    decide,
    decide_nice,
    read_answer,
    read_nice_answer,
)
from services.providers.openai import PROVIDER, Completion
from services.runs.kinds import Answered, Charge, ClaimedItem, NotWorked, Prepared

log = structlog.get_logger(__name__)

OPERATION = "screen"
EXTRAS_OPERATION = "screen extras"
CHARACTERS_A_TOKEN = 3
"""A cautious measure: English has about four; Hebrew fewer. The limiter settles to what was really used."""

UNUSABLE = (
    "The model's answer was incomplete or garbled, so there is no verdict. Retry this person; if it happens again,"
    " tell the operator of this installation."
)
BASE_OUTPUT_TOKENS = 300
OUTPUT_TOKENS_A_CRITERION = 220


class ChatModel(Protocol):
    """The door to the model. Raises services.providers.errors."""

    async def complete(
        self,
        *,
        operation: str,
        model: str,
        messages: Sequence[Mapping[str, str]],
        schema_name: str,
        schema: Mapping[str, Any],
        max_output_tokens: int,
        call_id: UUID,
    ) -> Completion: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Prompt:
    """The part of a call that is the same for all people of a position; it comes first, so that it caches."""

    instructions: str
    schema: Mapping[str, Any]
    hash: str
    max_output_tokens: int

    def messages_for(self, text: str) -> list[dict[str, str]]:
        return messages(self.instructions, text)


@dataclass(frozen=True)
class Assignment:
    """What one run judges by, read once a drive."""

    position_id: UUID
    version_id: UUID
    criteria: tuple[Criterion, ...]
    constraints: tuple[Constraint, ...]
    deciding: Prompt
    extras: Prompt | None
    prices: PriceList


@dataclass(frozen=True)
class Subject:
    """One person as sent: the text, and the facts that evidence may name."""

    profile: StoredProfile
    facts: Facts
    text: ScreeningText


@dataclass
class ScreeningWork:
    """The screening kind; one instance a drive."""

    clock: Clock
    chat: ChatModel
    model: str
    name: str = "screening"
    assignments: dict[UUID, Assignment] = field(default_factory=dict)

    def prepare(self, tx: Tx, order: RunOrder, items: Sequence[ClaimedItem]) -> Sequence[Prepared | NotWorked]:
        assignment = self.assignment(tx, order)
        profiles = db.profiles_for_items(tx, [item.candidate_id for item in items if item.candidate_id])
        return [self.prepare_one(assignment, order, item, profiles) for item in items]

    def assignment(self, tx: Tx, order: RunOrder) -> Assignment:
        if order.version_id is None:
            raise ValueError("a screening run names the version of a position")
        found = self.assignments.get(order.version_id)
        if found is None:
            found = read_assignment(tx, order.version_id, asks_extras=bool(order.parameters.get("extras", True)))
            self.assignments[order.version_id] = found
        return found

    def prepare_one(
        self,
        assignment: Assignment,
        order: RunOrder,
        item: ClaimedItem,
        profiles: Mapping[int, StoredProfile],
    ) -> Prepared | NotWorked:
        profile = profiles.get(item.candidate_id or 0)
        if profile is None:
            return NotWorked(item, "skipped", "gone", "This person is not in the database any more.")
        if is_blank(profile.profile):
            return NotWorked(
                item, "skipped", "blank", "Nothing to judge: no employment, no skills, no title. Enrich this person."
            )
        first = carried_verdict(item.carried) if item.carried else None
        prompt = assignment.extras if first and assignment.extras else assignment.deciding
        subject = self.subject(profile, order)
        return Prepared(
            item=item,
            request=Question(prompt, subject, first),
            provider=PROVIDER,
            operation=EXTRAS_OPERATION if first else OPERATION,
            costs={"requests": 1, "tokens": expected_tokens(prompt, subject.text)},
            request_hash=bytes.fromhex(subject.text.sha256),
            reserved_usd=self.highest_price(assignment, prompt, subject.text, self.model_of(order)),
            otherwise=first,
            # Who was paid for, or perhaps was, is no second candidate (docs/quotas.md, What counts).
            units={} if first or item.unknowns else {Meter.CANDIDATES: 1},
        )

    def subject(self, profile: StoredProfile, order: RunOrder) -> Subject:
        facts = compute_facts(profile.profile, as_of_month(order, self.clock))
        return Subject(profile, facts, build_screening_text(profile.profile, facts))

    def highest_price(self, assignment: Assignment, prompt: Prompt, text: ScreeningText, model: str) -> Decimal:
        tokens_in = expected_tokens(prompt, text) - prompt.max_output_tokens
        return price_of_tokens(model, tokens_in, 0, prompt.max_output_tokens, self.today(), assignment.prices)

    async def call(self, order: RunOrder, prepared: Prepared, call_id: UUID) -> Answered:
        question: Question = prepared.request
        prompt = question.prompt
        completion = await self.chat.complete(
            operation=prepared.operation,
            model=self.model_of(order),
            messages=prompt.messages_for(question.subject.text.text),
            schema_name="extras" if question.first else "screening",
            schema=prompt.schema,
            max_output_tokens=prompt.max_output_tokens,
            call_id=call_id,
        )
        assert order.version_id is not None  # prepare has read the assignment of this very version
        assignment = self.assignments[order.version_id]
        charge = self.charge(assignment, completion)
        answered = Answered(prepared, charge, {"requests": 1, "tokens": completion.tokens_in + completion.tokens_out})
        if completion.problem_code:
            return replace(answered, reason_code=completion.problem_code, reason=completion.problem)
        if question.first:
            extras = judge_extras(assignment, prepared.item, question, completion, charge.cost_usd)
            return replace(answered, result=replace(question.first, extras=extras))
        judged = judge(assignment, order, prepared.item, question, completion, charge.cost_usd)
        if isinstance(judged, BadAnswer):
            # What exactly is wrong with it helps the operator, who reads the ledger and the log.
            log.warning("screening.answer.unusable", item_id=prepared.item.item_id, problem=judged.reason)
            noted = replace(charge, detail={"problem": judged.reason})
            return replace(answered, charge=noted, reason_code="bad_answer", reason=UNUSABLE)
        if assignment.extras and judged.screening.verdict != Decision.NO_GO:
            return replace(answered, carried=carry(judged))
        return replace(answered, result=judged)

    def charge(self, assignment: Assignment, completion: Completion) -> Charge:
        try:
            cost = price_of_tokens(
                completion.model,
                completion.tokens_in,
                completion.tokens_cached,
                completion.tokens_out,
                self.today(),
                assignment.prices,
            )
        except Unpriced:
            cost = None
        return Charge(
            status="charged",
            model=completion.model,
            fulfilled=1,
            tokens_in=completion.tokens_in,
            tokens_cached=completion.tokens_cached,
            tokens_out=completion.tokens_out,
            cost_usd=cost,
            duration_ms=completion.latency_ms,
            provider_request_id=completion.request_id,
        )

    def settle(self, tx: Tx, order: RunOrder, answers: Sequence[Answered]) -> None:  # noqa: ARG002  # the protocol's
        judged = [answered.result for answered in answers if isinstance(answered.result, Judged)]
        db.insert_screenings(tx, {j.screening.text_sha256: j.text for j in judged}, [j.screening for j in judged])
        db.insert_extras(tx, [j.extras for j in judged if j.extras])

    async def close(self) -> None:
        await self.chat.close()

    def model_of(self, order: RunOrder) -> str:
        """The model the run was priced and started with, whatever the setting says by now."""
        return str(order.parameters.get("model", self.model))

    def today(self) -> date:
        return self.clock.now().date()


@dataclass(frozen=True)
class Judged:
    """A decided item as `settle` stores it: the verdict, the text it rests on, and the extras if any."""

    screening: NewScreening
    text: str
    extras: NewExtras | None = None


@dataclass(frozen=True)
class Question:
    """What one call asks: by which prompt, about whom, and the verdict that stands already, if any."""

    prompt: Prompt
    subject: Subject
    first: Judged | None


def judge(
    assignment: Assignment,
    order: RunOrder,
    item: ClaimedItem,
    question: Question,
    completion: Completion,
    cost_usd: Decimal | None,
) -> Judged | BadAnswer:
    """The verdict that follows from the deciding answer, or why none does."""
    answer = read_answer(completion.content, assignment.criteria)
    if isinstance(answer, BadAnswer):
        return answer
    subject = question.subject
    verdict = decide(assignment.criteria, answer, subject.text.text, subject.facts, assignment.constraints)
    return Judged(new_screening(assignment, order, item, question, completion, verdict, cost_usd), subject.text.text)


def judge_extras(
    assignment: Assignment, item: ClaimedItem, question: Question, completion: Completion, cost_usd: Decimal | None
) -> NewExtras | None:
    """The nice-to-haves that follow from the second answer; an unreadable one yields none and changes nothing."""
    answer = read_nice_answer(completion.content, assignment.criteria)
    if isinstance(answer, BadAnswer):
        return None
    subject = question.subject
    extras = decide_nice(assignment.criteria, answer, subject.text.text, subject.facts)
    return NewExtras(
        item_id=item.item_id,
        met=extras.met,
        asked=len(extras.outcomes),
        tags=extras.tags,
        outcomes=stored_outcomes(assignment.criteria, extras.outcomes),
        raw_answer=storable(completion.content),
        prompt_hash=bytes.fromhex(question.prompt.hash),
        tokens_in=completion.tokens_in,
        tokens_out=completion.tokens_out,
        cost_usd=cost_usd,
    )


HASHES = ("snapshot_hash", "text_sha256", "prompt_hash")
IDS = ("run_id", "position_id", "version_id", "asked_by")


def carry(judged: Judged) -> dict[str, Any]:
    """A decided item as plain JSON, to be kept until its second call is answered."""
    kept = asdict(judged.screening)
    kept |= {name: kept[name].hex() for name in HASHES} | {name: str(kept[name]) for name in IDS}
    kept["cost_usd"] = None if kept["cost_usd"] is None else str(kept["cost_usd"])
    return {"screening": kept, "text": judged.text}


def carried_verdict(carried: Mapping[str, Any]) -> Judged:
    """The decided item behind `carry`."""
    kept = dict(carried["screening"])
    kept |= {name: bytes.fromhex(kept[name]) for name in HASHES} | {name: UUID(kept[name]) for name in IDS}
    kept["cost_usd"] = None if kept["cost_usd"] is None else Decimal(kept["cost_usd"])
    return Judged(NewScreening(**kept), carried["text"])


def read_assignment(tx: Tx, version_id: UUID, asks_extras: bool) -> Assignment:
    """The criteria, limits, prompts and prices that one run judges by."""
    version = positions_db.find_version(tx, version_id)
    if version is None:
        raise ValueError(f"version {version_id} of a position does not exist")
    criteria = positions_db.criteria_of(tx, version_id)
    extras = of_kind(criteria, Kind.NICE)
    return Assignment(
        position_id=version.position_id,
        version_id=version_id,
        criteria=criteria,
        constraints=read_constraints(criteria),
        deciding=make_prompt(
            screening_instructions(version.role_text, criteria), answer_schema(criteria), len(deciding(criteria))
        ),
        extras=make_prompt(nice_instructions(version.role_text, criteria), nice_schema(criteria), len(extras))
        if extras and asks_extras
        else None,
        prices=read_prices(tx),
    )


def make_prompt(instructions: str, schema: Mapping[str, Any], criteria: int) -> Prompt:
    return Prompt(
        instructions,
        schema,
        prompt_hash(instructions, dict(schema)),
        BASE_OUTPUT_TOKENS + OUTPUT_TOKENS_A_CRITERION * criteria,
    )


def expected_tokens(prompt: Prompt, text: ScreeningText) -> int:
    """What a call counts against a token limit before its answer exists: the prompt and the longest answer."""
    return (len(prompt.instructions) + len(text.text)) // CHARACTERS_A_TOKEN + prompt.max_output_tokens


def as_of_month(order: RunOrder, clock: Clock) -> Month:
    """The month that durations run to: the one in which the run was started, on whatever day it is driven."""
    started_in = order.parameters.get("as_of_month")
    return Month(int(started_in)) if started_in else month_of(clock.now().date())


def new_screening(
    assignment: Assignment,
    order: RunOrder,
    item: ClaimedItem,
    question: Question,
    completion: Completion,
    verdict: Verdict,
    cost_usd: Decimal | None,
) -> NewScreening:
    assert item.candidate_id is not None  # an item without a person never gets as far as a call
    subject = question.subject
    return NewScreening(
        run_id=order.run_id,
        item_id=item.item_id,
        candidate_id=item.candidate_id,
        position_id=assignment.position_id,
        version_id=assignment.version_id,
        verdict=verdict.decision.value,
        score=verdict.score,
        summary=verdict.summary,
        outcomes=stored_outcomes(assignment.criteria, verdict.outcomes),
        reasons=verdict.reasons,
        snapshot_hash=subject.profile.snapshot_hash,
        text_sha256=bytes.fromhex(subject.text.sha256),
        prompt_version=PROMPT_VERSION,
        prompt_hash=bytes.fromhex(question.prompt.hash),
        model=completion.model,
        fingerprint=completion.fingerprint,
        tokens_in=completion.tokens_in,
        tokens_cached=completion.tokens_cached,
        tokens_out=completion.tokens_out,
        cost_usd=cost_usd,
        latency_ms=completion.latency_ms,
        raw_answer=storable(completion.content),
        asked_by=order.user_id,
    )


def stored_outcomes(criteria: Sequence[Criterion], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The outcomes with the words of their criteria, so that a verdict can be read without its version."""
    texts = {criterion.id: criterion for criterion in criteria}
    return [
        asdict(outcome) | {"kind": texts[outcome.criterion_id].kind.value, "text": texts[outcome.criterion_id].text}
        for outcome in outcomes
    ]


def storable(text: str) -> str:
    """A raw answer as PostgreSQL can keep it."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
