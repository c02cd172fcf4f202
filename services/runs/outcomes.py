"""What each end of a call means for its item, its ledger row, and everybody else: one pure table.

docs/run-life.md, How a call can end, is this table in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from random import Random
from uuid import UUID

from services.db.runs import SettledCall
from services.domain.runs import ItemState
from services.providers.errors import (
    BadAnswer,
    NoCredit,
    NotAuthorised,
    ProviderError,
    Refused,
    TooManyRequests,
    TryAgain,
    UnknownOutcome,
    Unreachable,
)
from services.runs.kinds import Answered, Charge, Prepared

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
PARKED_AFTER_SECONDS = 300.0
OPERATOR = "Only the operator of this installation"
SURPRISED = (
    "An error of ours interrupted this call; it may have been charged. Retry this person; if it happens again, tell"
    " the operator of this installation."
)
TOO_LARGE = (
    "This profile and the brief are together longer than the provider takes at once. Shorten the brief, or ask the"
    " operator of this installation for a higher limit."
)
UNKNOWN_MODEL = ("model_not_found", "not_found")


@dataclass(frozen=True)
class RetryPolicy:
    """How often a call that was certainly not charged is tried, and one that perhaps was is repeated."""

    most_attempts: int
    resends: Mapping[str, int]


class Health(StrEnum):
    """What the end of a call says of its provider (docs/decisions/breaker.md, What counts as a failure)."""

    WORKS = "works"
    FAILS = "fails"
    KEY_REFUSED = "key refused"
    UNTOLD = "untold"


@dataclass(frozen=True)
class SlowDown:
    """Everybody with this key waits; None means a growing pause."""

    seconds: float | None
    reason: str


@dataclass(frozen=True)
class Ruling:
    """How one call ended: what is written, who waits, and whether the run pauses (`park`: its message)."""

    settled: SettledCall
    answer: Answered | None = None
    slow_down: SlowDown | None = None
    park: str = ""
    at_most_usd: Decimal = Decimal(0)

    @property
    def is_final(self) -> bool:
        return self.settled.item_state != ItemState.WAITING


def rule_answer(answer: Answered, intent_id: UUID, duration_ms: int) -> Ruling:
    """A call that came back with something to read."""
    item = answer.prepared.item
    if answer.reason_code:
        return failed(answer.prepared, intent_id, answer.charge, answer.reason_code, answer.reason, duration_ms)
    call = booked(answer.prepared, intent_id, answer.charge, duration_ms)
    if answer.carried is not None:
        return Ruling(replace(call, item_state=ItemState.WAITING, carried=dict(answer.carried), attempts=item.attempts))
    return Ruling(replace(call, item_state=ItemState.DONE), answer)


def health_of(error: ProviderError) -> Health:
    match error:
        case NotAuthorised() | NoCredit():
            return Health.KEY_REFUSED
        case TooManyRequests():
            return Health.UNTOLD
        case Refused():
            return Health.WORKS
        case _:
            return Health.FAILS


def outage_reason(error: ProviderError) -> str:
    """What ails a provider that fails for everybody; a call's own message is about one person."""
    match error:
        case Unreachable():
            return "No connection to it can be made."
        case UnknownOutcome():
            return "Its answers do not come, or break off."
        case BadAnswer():
            return "Its answers cannot be used."
        case _:
            return "It reports faults of its own."


def rule_error(
    prepared: Prepared,
    intent_id: UUID,
    error: ProviderError,
    policy: RetryPolicy,
    duration_ms: int,
    dice: Random,
    *,
    is_failing: bool = False,
) -> Ruling:
    """A call that ended in one of the ways of services/providers/errors.py.

    `is_failing`: the provider fails for everybody, so that this says nothing about the item.
    """
    charge = Charge("failed", error_code=error.code, provider_request_id=error.request_id, detail=error.detail)
    match error:
        case TooManyRequests():
            return too_many(prepared, intent_id, charge, error, duration_ms)
        case TryAgain():
            return try_again(prepared, intent_id, charge, error, policy, duration_ms, dice, is_failing=is_failing)
        case NotAuthorised() | NoCredit():
            return Ruling(booked(prepared, intent_id, charge, duration_ms), park=with_remedy(error))
        case Refused():
            return refused(prepared, intent_id, charge, error, duration_ms)
        case BadAnswer():
            at_most = {"at_most_usd": str(prepared.reserved_usd)}
            charged = replace(charge, status="charged", cost_usd=None, detail=dict(charge.detail) | at_most)
            ruling = failed(prepared, intent_id, charged, error.code, error.message, duration_ms)
            return replace(ruling, at_most_usd=prepared.reserved_usd)
        case _:
            return unknown(prepared, intent_id, error, policy, duration_ms)


def rule_surprise(prepared: Prepared, intent_id: UUID, duration_ms: int) -> Ruling:
    """A mistake of ours around a call: nobody knows what became of it, and it is not repeated."""
    error = UnknownOutcome(prepared.provider, prepared.operation, "internal", SURPRISED)
    return unknown(prepared, intent_id, error, RetryPolicy(0, {}), duration_ms)


def rule_withdrawn(prepared: Prepared, intent_id: UUID) -> Ruling:
    """A call that was marked and then never left."""
    return Ruling(still_waiting(prepared, intent_id, "withdrawn"))


def rule_too_large(prepared: Prepared, intent_id: UUID) -> Ruling:
    """A call that alone passes a limit of its provider; what is at hand without it is kept."""
    call = still_waiting(prepared, intent_id, "withdrawn")
    reason = TOO_LARGE
    refusal = Ruling(replace(call, item_state=ItemState.REFUSED, reason_code="too_large", reason=reason))
    return or_otherwise(prepared, Charge("free"), refusal)


def rule_lost_before(prepared: Prepared, intent_id: UUID, policy: RetryPolicy) -> Ruling | None:
    """The end of an item whose later call was lost more often than it may be sent; None if it may be sent.

    Only an item that has a result without that call waits at all after so many losses (`close_lost_calls`).
    """
    item = prepared.item
    if prepared.otherwise is None or item.unknowns <= policy.resends.get(prepared.provider, 0):
        return None
    return or_otherwise(prepared, Charge("free"), Ruling(still_waiting(prepared, intent_id, "withdrawn")))


def still_waiting(prepared: Prepared, intent_id: UUID, intent_state: str) -> SettledCall:
    item = prepared.item
    return SettledCall(intent_id, intent_state, item.item_id, ItemState.WAITING, "", "", item.attempts)


def booked(prepared: Prepared, intent_id: UUID, charge: Charge, duration_ms: int) -> SettledCall:
    """A settled call with its ledger row; its item waits unless the caller says otherwise."""
    return replace(
        still_waiting(prepared, intent_id, "settled"),
        status=charge.status,
        model=charge.model,
        requested=charge.requested,
        fulfilled=charge.fulfilled,
        credits=charge.credits,
        tokens_in=charge.tokens_in,
        tokens_cached=charge.tokens_cached,
        tokens_out=charge.tokens_out,
        cost_usd=charge.cost_usd,
        error_code=charge.error_code,
        duration_ms=charge.duration_ms or duration_ms,
        provider_request_id=charge.provider_request_id,
        detail=dict(charge.detail),
    )


def failed(
    prepared: Prepared, intent_id: UUID, charge: Charge, reason_code: str, reason: str, duration_ms: int
) -> Ruling:
    call = booked(prepared, intent_id, charge, duration_ms)
    failure = replace(call, item_state=ItemState.FAILED, reason_code=reason_code, reason=reason)
    return or_otherwise(prepared, charge, Ruling(failure))


def refused(prepared: Prepared, intent_id: UUID, charge: Charge, error: ProviderError, duration_ms: int) -> Ruling:
    call = booked(prepared, intent_id, charge, duration_ms)
    refusal = replace(call, item_state=ItemState.REFUSED, reason_code=error.code, reason=error.message)
    return or_otherwise(prepared, charge, Ruling(refusal))


def too_many(prepared: Prepared, intent_id: UUID, charge: Charge, error: TooManyRequests, duration_ms: int) -> Ruling:
    """The provider's limit says nothing about this item: it waits again, and everybody with it."""
    seconds = error.retry_after
    parks = seconds is not None and seconds > PARKED_AFTER_SECONDS
    return Ruling(
        booked(prepared, intent_id, charge, duration_ms),
        slow_down=SlowDown(at_most_parked(seconds), error.message),
        park=with_remedy(error) if parks else "",
    )


def at_most_parked(seconds: float | None) -> float | None:
    """For how long one answer may hold everybody who uses the key: nobody could shorten it."""
    return None if seconds is None else min(seconds, PARKED_AFTER_SECONDS)


def try_again(
    prepared: Prepared,
    intent_id: UUID,
    charge: Charge,
    error: TryAgain,
    policy: RetryPolicy,
    duration_ms: int,
    dice: Random,
    *,
    is_failing: bool,
) -> Ruling:
    """Certainly not charged: a bounded number of tries, each after a longer, jittered wait.

    That the provider fails for everybody, or cannot be reached, says nothing about the item: it is no try, and what
    bounds these calls is the breaker (docs/decisions/breaker.md, No attempt is lost to an outage).
    """
    call = booked(prepared, intent_id, charge, duration_ms)
    is_excused = is_failing or isinstance(error, Unreachable)
    attempts = prepared.item.attempts + (0 if is_excused else 1)
    slow_down = SlowDown(at_most_parked(error.retry_after), error.message) if error.retry_after else None
    if is_excused or attempts < policy.most_attempts:
        doubled = FIRST_WAIT_SECONDS * 2.0 ** max(0, attempts - 1)
        wait = min(LONGEST_WAIT_SECONDS, doubled) * dice.uniform(0.5, 1.5)
        again = replace(call, attempts=attempts, wait_seconds=wait, reason_code=error.code, reason=error.message)
        return Ruling(again, slow_down=slow_down)
    failure = replace(
        call, attempts=attempts, item_state=ItemState.FAILED, reason_code=error.code, reason=error.message
    )
    return or_otherwise(prepared, charge, Ruling(failure, slow_down=slow_down))


def unknown(prepared: Prepared, intent_id: UUID, error: ProviderError, policy: RetryPolicy, duration_ms: int) -> Ruling:
    """Perhaps done, perhaps charged: booked as such, and repeated only as often as the provider's policy says."""
    charge = Charge(
        "unknown",
        error_code=error.code,
        provider_request_id=error.request_id,
        detail=dict(error.detail) | {"at_most_usd": str(prepared.reserved_usd)},
    )
    call = replace(
        booked(prepared, intent_id, charge, duration_ms),
        intent_state="unknown",
        unknowns=1,
        reason_code=error.code,
        reason=error.message,
    )
    if prepared.item.unknowns < policy.resends.get(prepared.provider, 0):
        return Ruling(call, at_most_usd=prepared.reserved_usd)
    ruling = Ruling(replace(call, item_state=ItemState.UNKNOWN), at_most_usd=prepared.reserved_usd)
    return or_otherwise(prepared, charge, ruling)


def with_remedy(error: NotAuthorised | NoCredit | TooManyRequests) -> str:
    """Why a run pauses, who can mend that, and how; kept with the run, where its owner reads it."""
    setting = error.provider.upper()
    match error:
        case NotAuthorised() if error.code in UNKNOWN_MODEL:
            remedy = f"{OPERATOR} can mend this: set {setting}_MODEL and start again. Then resume the run."
        case NotAuthorised():
            remedy = f"{OPERATOR} can mend this: set a valid {setting}_API_KEY and start again. Then resume the run."
        case NoCredit():
            remedy = (
                f"{OPERATOR} can mend this: add credit to the account of {setting}_API_KEY or raise its spending"
                " limit. Then resume the run."
            )
        case TooManyRequests():
            minutes = max(1, round((error.retry_after or 0) / 60))
            remedy = (
                f"It asks for a pause of {minutes} minutes. Resume the run after it. If this happens often, the"
                f" operator of this installation can lower {setting}_REQUESTS_PER_MINUTE or have the account's limits"
                " raised."
            )
    return f"{error.message} {remedy}"


def or_otherwise(prepared: Prepared, charge: Charge, ruling: Ruling) -> Ruling:
    """Settle with the result at hand where the call only would have added to it."""
    if prepared.otherwise is None:
        return ruling
    call = replace(ruling.settled, item_state=ItemState.DONE)
    return replace(ruling, settled=call, answer=Answered(prepared, charge, {}, result=prepared.otherwise))
