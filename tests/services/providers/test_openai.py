"""The OpenAI client against the simulated service over HTTP: every way a call can end has exactly one meaning."""

import asyncio
import socket
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers.errors import (
    BadRequest,
    NoCredit,
    NotAuthorised,
    ProviderError,
    TooManyRequests,
    TryAgain,
    UnknownOutcome,
    Unreachable,
)
from services.providers.openai import (
    Completion,
    LimitNews,
    OpenAIChat,
    read_duration,
    read_retry_after,
    request_body,
)
from services.simulators import Simulators
from services.simulators.faults import LOST_ANSWERS, SPOILT_ANSWERS
from services.simulators.openai.app import CONTENT_FAULTS
from services.simulators.openai.errors import ERRORS
from tests.services.advice import reads_as_advice

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["note"],
    "properties": {"note": {"type": "string"}},
}
KEY = "simulated-key-for-tests"
MODEL = "gpt-6-luna"


def ask(simulators: Simulators, call_id: UUID | None = None, answer_seconds: float = 5.0, **more: object) -> Completion:
    async def once() -> Completion:
        chat = OpenAIChat(KEY, str(more.pop("base_url", simulators.openai_url)), answer_seconds, **more)
        try:
            return await chat.complete(
                operation="screen",
                model=MODEL,
                messages=[{"role": "user", "content": "Say something short."}],
                schema_name="note",
                schema=SCHEMA,
                max_output_tokens=200,
                call_id=call_id or uuid4(),
            )
        finally:
            await chat.close()

    return asyncio.run(once())


def test_an_answer_comes_with_its_usage_and_bears_our_id_in_their_ledger(simulators: Simulators) -> None:
    call_id = uuid4()
    completion = ask(simulators, call_id)
    (line,) = simulators.ledger("openai")
    assert line["attempt_id"] == str(call_id)
    assert completion.problem_code == "" and completion.content.startswith("{")
    assert (completion.tokens_in, completion.tokens_cached, completion.tokens_out) == (
        line["prompt_tokens"],
        line["cached_tokens"],
        line["completion_tokens"],
    )
    assert completion.request_id == line["request_id"]


def test_what_the_headers_say_of_the_limits_is_handed_on(simulators: Simulators) -> None:
    simulators.limits(openai_rpm=60)
    heard: list[LimitNews] = []
    ask(simulators, learn=heard.extend)
    requests = next(news for news in heard if news.limit == "requests")
    assert (requests.allowed, requests.remaining) == (60, 59)
    assert {news.limit for news in heard} == {"requests", "tokens"}


MEANINGS: dict[str, type[ProviderError]] = {
    "bad_request": BadRequest,
    "context_length_exceeded": BadRequest,
    "bad_schema": BadRequest,
    "request_too_large": BadRequest,
    "unprocessable": BadRequest,
    "invalid_api_key": NotAuthorised,
    "permission_denied": NotAuthorised,
    "model_not_found": NotAuthorised,
    "request_timeout": UnknownOutcome,
    "conflict": TryAgain,
    "rate_limit_requests": TooManyRequests,
    "rate_limit_tokens": TooManyRequests,
    "rate_limit_error": TooManyRequests,
    "slow_down": TooManyRequests,
    "insufficient_quota": NoCredit,
    "credit_balance_exhausted": NoCredit,
    "organization_spend_limit_exceeded": NoCredit,
    "project_spend_limit_exceeded": NoCredit,
    "organization_usage_limit_exceeded": NoCredit,
    "server_error": TryAgain,
    "overloaded": TryAgain,
}


def test_every_refusal_the_service_knows_has_a_meaning() -> None:
    assert set(MEANINGS) == set(ERRORS)


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_a_refusal_means_one_thing_and_is_asked_once(kind: str, simulators: Simulators) -> None:
    simulators.faults({"provider": "openai", "outcome": kind})
    with pytest.raises(ProviderError) as caught:
        ask(simulators)
    assert type(caught.value) is MEANINGS[kind]
    if isinstance(caught.value, BadRequest) or type(caught.value) is TryAgain:
        assert reads_as_advice(caught.value.message), caught.value.message
        assert caught.value.detail["status"] >= 400, "what an operator needs stays"
    assert len(simulators.ledger("openai")) == 1
    assert KEY not in str(caught.value) and KEY not in repr(caught.value)


@pytest.mark.parametrize("kind", sorted({*LOST_ANSWERS, *SPOILT_ANSWERS}))
def test_a_lost_or_spoilt_answer_is_of_unknown_outcome_and_is_asked_once(kind: str, simulators: Simulators) -> None:
    simulators.faults({"provider": "openai", "outcome": {"kind": kind, "seconds": 30}})
    with pytest.raises(UnknownOutcome):
        ask(simulators, answer_seconds=0.6)
    assert len(simulators.ledger("openai")) == 1


PROBLEMS = {
    "refusal": "model_refused",
    "length": "cut_short",
    "content_filter": "content_filter",
    "empty_choices": "empty_answer",
    "empty_content": "empty_answer",
}


@pytest.mark.parametrize("kind", sorted(CONTENT_FAULTS))
def test_a_billed_answer_keeps_its_tokens_whatever_is_in_it(kind: str, simulators: Simulators) -> None:
    simulators.faults({"provider": "openai", "outcome": kind})
    completion = ask(simulators)
    (line,) = simulators.ledger("openai")
    assert line["charged"] and completion.tokens_in == line["prompt_tokens"]
    assert completion.problem_code == PROBLEMS.get(kind, "")


def test_a_port_nobody_listens_on_is_unreachable_and_certainly_free(simulators: Simulators) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable):
        ask(simulators, base_url=f"http://127.0.0.1:{port}/v1")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "2", "retry-after-ms": "150"}, 0.15),
        ({"retry-after": "Mon, 05 Jan 2026 09:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 05 Jan 2026 08:00:00 GMT"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "86400"}, 86400.0),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) == seconds


@given(st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_are_read_to_the_millisecond(minutes: int, seconds: int, milliseconds: int) -> None:
    read = read_duration(f"{minutes}m{seconds}s{milliseconds}ms")
    assert read == pytest.approx(minutes * 60 + seconds + milliseconds / 1000)


@given(st.text(max_size=12))
def test_what_is_no_duration_is_not_read_as_one(text: str) -> None:
    read = read_duration(text)
    assert read is None or (read >= 0 and text.strip()[-1] in "smhd")


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=30)))
def test_no_header_breaks_the_reading_of_retry_after(headers: dict[str, str]) -> None:
    read = read_retry_after(headers, datetime(2026, 1, 5, tzinfo=UTC))
    assert read is None or read > 0


def test_only_models_that_reason_are_told_not_to() -> None:
    assert request_body("gpt-6-luna", [], "n", {}, 5)["reasoning_effort"] == "none"
    assert "reasoning_effort" not in request_body("gpt-4o-mini", [], "n", {}, 5)


def test_the_key_shows_in_no_representation() -> None:
    assert KEY not in repr(OpenAIChat(KEY, "http://127.0.0.1/v1"))


def test_importing_the_module_does_not_import_the_sdk() -> None:
    code = "import sys, services.providers.openai; raise SystemExit('openai' in sys.modules or 'httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
