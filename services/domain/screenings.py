"""Screenings as people see them: the price of an order, how everybody stands, and what defends a verdict."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.domain.money import Estimate
from services.domain.quotas import Quota

NO_PEOPLE = "There is nobody to screen here. Choose a list with people in it, or select some candidates."


@dataclass(frozen=True)
class ScreeningQuote:
    """The price of an order before it starts, and what it covers; `version_id` is what it was made for.

    `cap_usd` is the one that would hold: the order's, or else the organization's. `quotas` are those it counts in, as
    they stand; `refusal` says why it may not start because of either, if it may not.
    """

    version_id: UUID
    version_number: int
    people: int
    already_screened: int
    under_way: int
    to_screen: int
    thin: int
    estimate: Estimate
    model: str
    is_measured: bool
    cap_usd: Decimal | None
    quotas: tuple[Quota, ...]
    refusal: str


@dataclass(frozen=True)
class ResultRow:
    """One person in the results of a position; `standing` is the verdict that counts, or why there is none."""

    candidate_id: int
    full_name: str
    title: str
    company: str
    location: str
    email: str
    profile_url: str
    screening_id: int | None
    model_verdict: str | None
    score: int | None
    summary: str | None
    reasons: list[str] | None
    version_number: int | None
    screened_at: datetime | None
    override_id: int | None
    override_verdict: str | None
    override_reason: str | None
    override_by: str | None
    extras_met: int | None
    extras_asked: int | None
    extras_tags: list[str] | None
    run_id: UUID | None
    item_state: str | None
    item_reason: str | None
    standing: str
    is_outdated: bool | None


@dataclass(frozen=True)
class ScreeningRow:
    """Everything one verdict is defended with."""

    id: int
    candidate_id: int
    full_name: str
    candidate_title: str
    company: str
    profile_url: str
    position_id: UUID
    version_id: UUID
    version_number: int
    is_outdated: bool
    position_title: str
    run_id: UUID
    verdict: str
    score: int
    summary: str
    outcomes: list[dict[str, Any]]
    reasons: list[str]
    snapshot_hash: str
    text_sha256: str
    sent_text: str
    prompt_version: str
    prompt_hash: str
    model: str
    fingerprint: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_usd: Decimal | None
    latency_ms: int
    raw_answer: str
    asked_by_name: str
    created_at: datetime
    extras_met: int | None
    extras_asked: int | None
    extras_tags: list[str] | None
    extras_outcomes: list[dict[str, Any]] | None


@dataclass(frozen=True)
class PositionRun:
    """A screening run of a position, counted."""

    id: UUID
    state: str
    items: int
    done: int
    failed: int
    refused: int
    skipped: int
    unknown: int
    created_at: datetime
    user_name: str


@dataclass(frozen=True)
class OverrideRow:
    """One decision of a person about a verdict."""

    id: int
    verdict: str
    reason: str
    user_id: UUID
    by_name: str
    at: datetime
    undone_at: datetime | None


@dataclass(frozen=True)
class UndoneDecision:
    """A decision that was taken back: about which verdict, and of whom."""

    screening_id: int
    verdict: str
    full_name: str


def nobody_left(quote: ScreeningQuote) -> str:
    """Why an order would screen nobody, and what to do."""
    if not quote.people:
        return NO_PEOPLE
    if quote.under_way:
        return (
            f"{quote.under_way:,} of {quote.people:,} people here are in an unfinished run already, and nobody is left."
        )
    return (
        f"Everybody here has a verdict for version {quote.version_number} already."
        " Choose 'everybody' to screen them again."
    )
