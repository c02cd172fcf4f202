"""OpenAI: one structured answer a call, over the vendor's SDK with its retries off.

Retries, waiting and money are the run engine's; this module makes one attempt and says exactly how it ended
(docs/providers/openai.md). The SDK is imported when the first call is made: web workers never need it.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

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

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI
    from openai.types.chat import ChatCompletion

PROVIDER = "openai"
CONNECT_SECONDS = 5.0
MOST_CONNECTIONS = 1000
MOST_KEPT_ALIVE = 400
BILLING_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
    }
)
RETRY = "Retry this person."
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
SECONDS_OF = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Learn = Callable[[Sequence["LimitNews"]], None]


@dataclass(frozen=True)
class LimitNews:
    """What the headers of an answer say about one limit; None where they say nothing."""

    limit: str
    allowed: int | None
    remaining: int | None
    reset_seconds: float | None


@dataclass(frozen=True)
class Completion:
    """A billed answer. With `problem_code` set its content is no answer: refused, cut short or empty."""

    content: str
    model: str
    fingerprint: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    latency_ms: int
    request_id: str
    problem_code: str = ""
    problem: str = ""


def learn_nothing(_news: Sequence[LimitNews]) -> None:
    """For callers without a limiter."""


@dataclass
class OpenAIChat:
    """The chat endpoint under one key; one instance an event loop."""

    api_key: str = field(repr=False)
    base_url: str
    answer_seconds: float = 60.0
    learn: Learn = learn_nothing
    client: "AsyncOpenAI | None" = field(default=None, repr=False)

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
    ) -> Completion:
        """Ask once, for JSON under a strict schema, at temperature 0.

        Raises NotAuthorised, NoCredit, BadRequest, TooManyRequests, TryAgain, Unreachable, UnknownOutcome.
        """
        import openai

        client = self.client = self.client or make_client(self.api_key, self.base_url, self.answer_seconds)
        began = monotonic()
        try:
            async with asyncio.timeout(self.answer_seconds):
                response = await client.chat.completions.with_raw_response.create(
                    **request_body(model, messages, schema_name, schema, max_output_tokens),
                    extra_headers={"x-client-request-id": str(call_id)},
                )
                completion = response.parse()
        except openai.APIStatusError as error:
            self.learn(read_limits(error.response.headers))
            raise status_error(operation, error) from error
        except openai.APIConnectionError as error:
            raise connection_error(operation, error) from error
        except TimeoutError as error:
            raise lost(
                operation, "timeout", f"No whole answer came in time; it may have been charged. {RETRY}"
            ) from error
        except (json.JSONDecodeError, UnicodeDecodeError, openai.APIError, ValueError) as error:
            raise lost(
                operation, "unreadable", f"The answer could not be read; it may have been charged. {RETRY}"
            ) from error
        self.learn(read_limits(response.headers))
        request_id = response.headers.get("x-request-id", "")
        return read_completion(operation, completion, request_id, round((monotonic() - began) * 1000))

    async def close(self) -> None:
        if self.client is not None:
            await self.client.close()
            self.client = None


def make_client(api_key: str, base_url: str, answer_seconds: float) -> "AsyncOpenAI":
    """The SDK's client with its own retries off; a pool as large as the largest flight."""
    import httpx2
    import openai

    timeout = httpx2.Timeout(answer_seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
    limits = httpx2.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_KEPT_ALIVE)
    http_client = openai.DefaultAsyncHttpxClient(timeout=timeout, limits=limits)
    return openai.AsyncOpenAI(
        api_key=api_key, base_url=base_url, max_retries=0, timeout=timeout, http_client=http_client
    )


def request_body(
    model: str,
    messages: Sequence[Mapping[str, str]],
    schema_name: str,
    schema: Mapping[str, Any],
    max_output_tokens: int,
) -> dict[str, Any]:
    """What is asked. Models that reason are told not to: only then do they take a temperature."""
    body: dict[str, Any] = {
        "model": model,
        "messages": list(messages),
        "temperature": 0,
        "max_completion_tokens": max_output_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": schema_name, "strict": True, "schema": schema},
        },
    }
    return body if model.startswith("gpt-4") else body | {"reasoning_effort": "none"}


def read_completion(operation: str, completion: Any, request_id: str, latency_ms: int) -> Completion:
    """What came back with status 200. Raises UnknownOutcome when it is no completion at all."""
    from openai.types.chat import ChatCompletion

    if not isinstance(completion, ChatCompletion) or completion.usage is None or not completion.model:
        raise lost(
            operation, "not_an_answer", f"Something other than an answer came; it may have been charged. {RETRY}"
        )
    usage = completion.usage
    details = usage.prompt_tokens_details
    problem_code, problem = problem_of(completion)
    choice = completion.choices[0] if completion.choices else None
    return Completion(
        content="" if choice is None or choice.message is None else choice.message.content or "",
        model=completion.model,
        fingerprint=completion.system_fingerprint or "",
        tokens_in=usage.prompt_tokens or 0,
        tokens_cached=(details.cached_tokens or 0) if details else 0,
        tokens_out=usage.completion_tokens or 0,
        latency_ms=latency_ms,
        request_id=request_id,
        problem_code=problem_code,
        problem=problem,
    )


def problem_of(completion: "ChatCompletion") -> tuple[str, str]:
    """Why a billed answer is none, as a code and a sentence; two empty texts if it is one."""
    choice = completion.choices[0] if completion.choices else None
    if choice is None or choice.message is None:
        return "empty_answer", f"The model gave no answer. {RETRY}"
    if choice.message.refusal:
        return (
            "model_refused",
            f"The model refused to answer about this person. {RETRY} If it refuses again, judge by hand.",
        )
    match choice.finish_reason:
        case "length":
            return (
                "cut_short",
                f"The answer broke off before its end. {RETRY} If it does so again, use fewer criteria.",
            )
        case "content_filter":
            return (
                "content_filter",
                "OpenAI's content filter withheld the answer. Judge this person by hand.",
            )
        case "stop":
            pass
        case _:
            return "no_answer", f"The model did something else than answer. {RETRY}"
    if not (choice.message.content or "").strip():
        return "empty_answer", f"The model gave an empty answer. {RETRY}"
    return "", ""


def status_error(operation: str, error: "APIStatusError") -> ProviderError:
    """What a refusing status means (docs/providers/openai.md, Errors)."""
    status, code, kind = error.status_code, error.code or "", error.type or ""
    where = (PROVIDER, operation)
    request_id = error.request_id or ""
    retry_after = read_retry_after(error.response.headers, datetime.now(UTC))
    # For the operator, in the ledger beside the code; people read the sentence.
    detail = {"status": status, "code": code, "type": kind}
    if status == 429 and (kind == "insufficient_quota" or code in BILLING_CODES):
        return NoCredit(*where, code or kind, "OpenAI says that the account has no credit left.", request_id)
    if status == 429 and code == "request_too_large":
        return BadRequest(
            *where,
            code,
            "This profile and the brief are together longer than OpenAI takes at once. Shorten the brief.",
            request_id,
        )
    if status == 429:
        reason = "OpenAI asks everybody who uses this key to slow down."
        return TooManyRequests(*where, code or "rate_limit", reason, request_id, retry_after=retry_after)
    if status == 401:
        return NotAuthorised(*where, code or "key_refused", "OpenAI refused the key.", request_id)
    if status == 403:
        return NotAuthorised(*where, code or "forbidden", "OpenAI does not permit this key to do that.", request_id)
    if status == 404:
        reason = "OpenAI does not know this model for this key. Choose another in OPENAI_MODEL."
        return NotAuthorised(*where, code or "not_found", reason, request_id)
    if status in (408, 504) or (status >= 500 and not is_api_error(error.body)):
        reason = f"OpenAI broke off before it answered; it may have been charged. {RETRY}"
        return UnknownOutcome(*where, f"status_{status}", reason, request_id, detail)
    if status == 409 or status >= 500:
        reason = f"OpenAI had a fault of its own; nothing was charged. {RETRY}"
        return TryAgain(*where, code or kind or f"status_{status}", reason, request_id, detail, retry_after=retry_after)
    reason = "OpenAI does not accept what is sent about this person. Show this to the operator of this installation."
    return BadRequest(*where, code or kind or f"status_{status}", reason, request_id, detail)


def is_api_error(body: object) -> bool:
    """Whether the API itself speaks (and so did not finish the work), or only a gateway before it."""
    return isinstance(body, Mapping) and bool(body.get("type") or body.get("code"))


def connection_error(operation: str, error: Exception) -> ProviderError:
    """A call without any status: never sent if it never connected, otherwise nobody knows."""
    import httpx2

    never_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    if isinstance(error.__cause__, never_sent):
        return Unreachable(PROVIDER, operation, "unreachable", "OpenAI cannot be reached just now.")
    if isinstance(error.__cause__, httpx2.TimeoutException):
        return lost(operation, "timeout", "No answer came in time")
    return lost(
        operation, "connection_lost", f"The connection broke before the answer came; it may have been charged. {RETRY}"
    )


def lost(operation: str, code: str, what: str) -> UnknownOutcome:
    return UnknownOutcome(PROVIDER, operation, code, f"{what}; it may have been charged. {RETRY}")


def read_limits(headers: Mapping[str, str]) -> list[LimitNews]:
    """The limits that an answer's headers name; none where they name none."""
    news = [
        LimitNews(
            limit,
            read_count(headers.get(f"x-ratelimit-limit-{limit}")),
            read_count(headers.get(f"x-ratelimit-remaining-{limit}")),
            read_duration(headers.get(f"x-ratelimit-reset-{limit}")),
        )
        for limit in ("requests", "tokens")
    ]
    return [one for one in news if one.allowed is not None or one.remaining is not None]


def read_count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def read_duration(text: str | None) -> float | None:
    """Seconds of a duration such as `120ms`, `17.5s` or `6m0s`; None if it is none."""
    text = (text or "").strip()
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * SECONDS_OF[unit] for number, unit in parts)


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait: `retry-after-ms` before `retry-after`, as a number or a date; None if nonsense."""
    milliseconds = read_number(headers.get("retry-after-ms"))
    seconds = milliseconds / 1000 if milliseconds is not None else read_number(headers.get("retry-after"))
    if seconds is None and (text := headers.get("retry-after")):
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, IndexError, TypeError):
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return seconds if seconds is not None and seconds > 0 else None


def read_number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
