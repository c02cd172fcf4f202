"""What the end of a call means: for its item, for its provider, and what a run says when it pauses."""

from decimal import Decimal
from random import Random
from uuid import uuid4

import pytest

from services.db.runs import SettledCall
from services.domain.runs import ItemState
from services.providers.errors import (
    BadAnswer,
    BadRequest,
    NoCredit,
    NotAuthorised,
    ProviderError,
    TooManyRequests,
    TryAgain,
    UnknownOutcome,
    Unreachable,
)
from services.runs.kinds import ClaimedItem, Prepared
from services.runs.outcomes import PARKED_AFTER_SECONDS, Health, RetryPolicy, health_of, outage_reason, rule_error
from services.settings import PROVIDERS, Settings

SETTINGS = {str(field.validation_alias) for field in Settings.model_fields.values()}
CALL = Prepared(ClaimedItem(1, 1, 1, attempts=2), None, "openai", "screen", {}, b"", Decimal(1))


def pause_of(error: ProviderError) -> str:
    return rule_error(CALL, uuid4(), error, RetryPolicy(3, {}), 5, Random(1)).park


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            NotAuthorised("openai", "screen", "invalid_api_key", "The key was refused."),
            ("operator", "OPENAI_API_KEY"),
        ),
        (NotAuthorised("openai", "screen", "forbidden", "Not permitted."), ("operator", "OPENAI_API_KEY")),
        (NotAuthorised("openai", "screen", "model_not_found", "No such model."), ("operator", "OPENAI_MODEL")),
        (
            NoCredit("openai", "screen", "insufficient_quota", "No credit."),
            ("operator", "OPENAI_API_KEY", "credit"),
        ),
        (
            TooManyRequests("openai", "screen", "rate_limit", "Slow down.", retry_after=7200.0),
            ("120 minutes", "operator", "OPENAI_REQUESTS_PER_MINUTE"),
        ),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_a_pause_says_why_who_can_mend_it_and_how(error: ProviderError, words: tuple[str, ...]) -> None:
    said = pause_of(error)
    assert said.startswith(error.message) and "esume the run" in said
    assert [word for word in words if word not in said] == []
    assert {word.strip(".,:;") for word in said.split() if "_" in word} <= SETTINGS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_has_the_setting_that_its_refused_key_is_blamed_on(provider: str) -> None:
    said = pause_of(NotAuthorised(provider, "x", "key_refused", "The key was refused."))
    assert f"{provider.upper()}_API_KEY" in said and f"{provider.upper()}_API_KEY" in SETTINGS


def test_a_short_pause_pauses_no_run() -> None:
    assert pause_of(TooManyRequests("openai", "screen", "rate_limit", "Slow down.", retry_after=20.0)) == ""


@pytest.mark.parametrize("error_type", [TooManyRequests, TryAgain])
def test_no_answer_holds_everybody_for_longer_than_a_run_waits_before_it_pauses(
    error_type: type[TryAgain],
) -> None:
    """Nobody could shorten it: a 503 that asks for a day would shut the key for a day."""
    error = error_type("openai", "screen", "overloaded", "Later.", retry_after=86_400.0)
    slow_down = rule_error(CALL, uuid4(), error, RetryPolicy(3, {}), 5, Random(1)).slow_down
    assert slow_down is not None and slow_down.seconds == PARKED_AFTER_SECONDS


def failed_call(error_type: type[ProviderError]) -> ProviderError:
    return error_type("openai", "screen", "code", "It went wrong.")


@pytest.mark.parametrize(
    ("error_type", "health"),
    [
        (TryAgain, Health.FAILS),
        (Unreachable, Health.FAILS),
        (UnknownOutcome, Health.FAILS),
        (BadAnswer, Health.FAILS),
        (BadRequest, Health.WORKS),
        (TooManyRequests, Health.UNTOLD),
        (NotAuthorised, Health.KEY_REFUSED),
        (NoCredit, Health.KEY_REFUSED),
    ],
)
def test_what_each_end_of_a_call_says_of_its_provider(error_type: type[ProviderError], health: Health) -> None:
    error = failed_call(error_type)
    assert health_of(error) is health
    # What is told to everybody is about the provider, never about the person of this one call.
    assert "person" not in outage_reason(error) and error.message not in outage_reason(error)


def last_try(error_type: type[ProviderError], *, is_failing: bool) -> SettledCall:
    """How the third of three tries is settled."""
    ruling = rule_error(CALL, uuid4(), failed_call(error_type), RetryPolicy(3, {}), 5, Random(1), is_failing=is_failing)
    assert (ruling.park, ruling.slow_down) == ("", None)
    return ruling.settled


def test_a_failure_while_the_provider_fails_for_everybody_is_no_try() -> None:
    waits = last_try(TryAgain, is_failing=True)
    assert (waits.item_state, waits.attempts) == (ItemState.WAITING, 2) and waits.wait_seconds
    assert last_try(TryAgain, is_failing=False).item_state == ItemState.FAILED


@pytest.mark.parametrize("is_failing", [True, False])
def test_that_nobody_can_be_reached_is_never_a_try_and_pauses_no_run(is_failing: bool) -> None:
    waits = last_try(Unreachable, is_failing=is_failing)
    assert (waits.item_state, waits.attempts) == (ItemState.WAITING, 2) and waits.wait_seconds
