"""What a run says when it pauses: why, who can mend it, and by which setting."""

from decimal import Decimal
from random import Random
from uuid import uuid4

import pytest

from services.providers.errors import NoCredit, NotAuthorised, ProviderError, TooManyRequests, Unreachable
from services.runs.kinds import ClaimedItem, Prepared
from services.runs.outcomes import RetryPolicy, rule_error
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
        (Unreachable("openai", "screen", "unreachable", "Cannot be reached."), ("operator", "OPENAI_BASE_URL")),
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
