"""The simulated OpenAI-compatible API: its routes, its limits, its headers and the faults in its answers."""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.simulators.contract import REAL_KEY_WARNING, Answer, Call, KeyProblem, Route
from services.simulators.faults import Distribution
from services.simulators.keys import bearer
from services.simulators.ledger import Charge
from services.simulators.limits import LimitRule, Limits, Refusal, Weight
from services.simulators.openai.embeddings import embed, encoded
from services.simulators.openai.errors import ERRORS, ApiError, bad_request, plain_error
from services.simulators.openai.judge import HONEST, Reading, Temper, Writer, as_messages, write_loose
from services.simulators.openai.models import LISTED, MODELS, Model, ModelKind
from services.simulators.openai.schemas import SchemaReader, SchemaRefused, check_response_format
from services.simulators.openai.tokens import MESSAGE_OVERHEAD, PromptCache, count_tokens
from services.simulators.wire import Request
from services.simulators.world import World

CONTENT_FAULTS = frozenset(
    {
        "refusal",
        "length",
        "content_filter",
        "empty_choices",
        "empty_content",
        "broken_content",
        "schema_violation",
        "prose",
        "code_fence",
        "fabricated_evidence",
        "gullible",
    }
)
EFFORTS: Mapping[str, int] = {
    "none": 0,
    "minimal": 32,
    "low": 96,
    "medium": 320,
    "high": 900,
    "xhigh": 1800,
    "max": 3600,
}
DEFAULT_EFFORT = "medium"

MAX_INPUTS = 2048
MAX_INPUT_TOKENS = 8192
MAX_REQUEST_TOKENS = 300_000
REMEMBERED_SCHEMAS = 256


class OpenAI:
    """One simulated account, any number of keys; limits count per key and model."""

    name = "openai"
    prefix = "/openai/v1"
    fault_kinds = frozenset(ERRORS) | CONTENT_FAULTS
    limit_rules: Mapping[str, LimitRule] = {
        "openai.rpm": LimitRule(5_000),
        "openai.tpm": LimitRule(20_000_000),
        "openai.rpd": LimitRule(None, 86_400),
        "openai.tpd": LimitRule(None, 86_400),
    }
    realistic_latencies: Mapping[str, Distribution] = {
        "chat/completions": Distribution("uniform", low=0.5, high=3.0),
        "embeddings": Distribution("uniform", low=0.1, high=0.8),
    }

    def __init__(self, world: World, limits: Limits) -> None:  # noqa: ARG002 - answers rest on the messages alone
        self._limits = limits
        self._routes = (
            Route("chat/completions", "POST", re.compile("/chat/completions"), self._chat),
            Route("embeddings", "POST", re.compile("/embeddings"), self._embeddings),
            Route("models", "GET", re.compile("/models"), self._models),
            Route("models", "GET", re.compile("/models/([^/]+)"), self._model),
        )
        self.reset()

    @property
    def routes(self) -> Sequence[Route]:
        """Chat, embeddings and models; files and batches join here."""
        return self._routes

    def reset(self) -> None:
        """Forget prompts and switches."""
        self._cache = PromptCache()
        self._shapes: OrderedDict[bytes, SchemaReader | ApiError] = OrderedDict()
        self._retired: frozenset[str] = frozenset()

    def switch(self, name: str, value: object) -> None:
        """`retired_models`: a list of model ids that answer 404 from now on."""
        if name != "retired_models" or not isinstance(value, list):
            raise ValueError('openai has the switches "keys" and "retired_models" (a list of ids)')
        self._retired = frozenset(str(model) for model in value)

    def settled(self, call: Call, answer: Answer) -> None:
        """Nothing is kept: this API cannot be asked about past calls."""

    def key_of(self, request: Request) -> str | None:
        """The bearer key."""
        return bearer(request.headers.get("authorization"))

    def refuse_key(self, call: Call, reason: KeyProblem) -> Answer:  # noqa: ARG002 - the contract's signature
        """401 in all cases."""
        words = {
            KeyProblem.MISSING: "You didn't provide an API key.",
            KeyProblem.EXPIRED: None,
            KeyProblem.LOOKS_REAL: REAL_KEY_WARNING,
        }
        return ERRORS["invalid_api_key"].answer(words[reason])

    def unknown_route(self, call: Call) -> Answer:
        """404 for what this API, or this simulator, does not have."""
        words = f"Not simulated here: {call.request.method} {call.request.path}"
        return plain_error(404, words).answer()

    def fail(self, call: Call) -> Answer | None:
        """The ordered error, with the words of the order."""
        outcome = call.outcome
        if outcome.kind == "status":
            return plain_error(outcome.status or 500, outcome.message or "An ordered error.").answer()
        error = ERRORS.get(outcome.kind)
        if error is None:
            return None
        if outcome.status is not None:
            error = ApiError(outcome.status, error.type, error.code, error.message, error.param)
        return error.answer(outcome.message)

    def weigh(self, call: Call) -> Sequence[Weight]:
        """One request, and the tokens of the prompt plus those the answer may have."""
        if call.request.method != "POST" or not isinstance(call.json, dict):
            return ()
        subject = _subject(call)
        tokens = _asked_tokens(call)
        return (
            Weight("openai.rpm", subject, 1),
            Weight("openai.rpd", subject, 1),
            Weight("openai.tpm", subject, tokens),
            Weight("openai.tpd", subject, tokens),
        )

    def refuse_excess(self, call: Call, refusal: Refusal) -> Answer:
        """429 with the waiting time; without one when the request can never pass."""
        kind = "requests" if refusal.limit in ("openai.rpm", "openai.rpd") else "tokens"
        named = f"{refusal.limit.removeprefix('openai.').upper()} of {_subject(call).rpartition('|')[2]}"
        counted = f"Limit {refusal.allowed:.0f}, Used {refusal.used}, Requested {refusal.asked}"
        if refusal.never:
            return ApiError(429, kind, "rate_limit_exceeded", "").answer(f"Request too large for {named}: {counted}.")
        wait = refusal.wait_seconds
        words = f"Rate limit reached for {named}: {counted}. Please try again in {wait:.3f}s."
        headers = {"retry-after-ms": str(int(wait * 1000) + 1), "retry-after": str(int(wait) + 1)}
        return ERRORS[f"rate_limit_{kind}"].answer(words, headers)

    def common_headers(self, call: Call) -> Mapping[str, str]:
        """Request id, processing time, and what is left of the limits."""
        headers = {
            "x-request-id": call.request_id,
            "openai-version": "2020-10-01",
            "openai-organization": "org-simulated",
            "openai-processing-ms": "1",
        }
        if call.request.method != "POST" or not isinstance(call.json, dict):
            return headers
        subject, now = _subject(call), call.arrived
        for limit, what in (("openai.rpm", "requests"), ("openai.tpm", "tokens")):
            allowed = self._limits.rule(limit).value
            if allowed is not None:
                used = self._limits.used(limit, subject, now)
                headers[f"x-ratelimit-limit-{what}"] = f"{allowed:.0f}"
                headers[f"x-ratelimit-remaining-{what}"] = f"{max(0, allowed - used):.0f}"
                headers[f"x-ratelimit-reset-{what}"] = duration(self._limits.empty_in(limit, subject, now))
        return headers

    async def _models(self, _call: Call) -> Answer:
        return Answer(200, {"object": "list", "data": [_shown(model) for model in LISTED if self._is_alive(model)]})

    async def _model(self, call: Call) -> Answer:
        model = MODELS.get(call.path_values[0])
        if model is None or not self._is_alive(model):
            return _no_model(call.path_values[0]).answer()
        return Answer(200, _shown(model))

    def _is_alive(self, model: Model) -> bool:
        ended = model.shutdown is not None and model.shutdown <= date.today()
        return not ended and model.id not in self._retired and model.answers_as not in self._retired

    def _find_model(self, body: Mapping[str, Any], kind: ModelKind) -> Model | ApiError:
        name = body.get("model")
        if not isinstance(name, str):
            return bad_request("you must provide a model parameter", "model")
        model = MODELS.get(name)
        if model is None or model.kind is not kind or not self._is_alive(model):
            return _no_model(name)
        return model

    async def _chat(self, call: Call) -> Answer:
        body = call.json
        problem = _chat_problem(body)
        if problem is not None:
            return problem.answer()
        shape = self._shape_of(call)
        if isinstance(shape, ApiError):
            return shape.answer()
        model = self._find_model(body, ModelKind.CHAT)
        if isinstance(model, ApiError):
            return model.answer()
        problem = _parameter_problem(body, model)
        if problem is not None:
            return problem.answer()
        messages = as_messages(body["messages"])
        prompt = _prompt_text(call, messages)
        prompt_tokens = _prompt_tokens(call)
        if prompt_tokens > model.context_tokens:
            words = f"This model's maximum context length is {model.context_tokens} tokens; yours has {prompt_tokens}."
            return ERRORS["context_length_exceeded"].answer(words)
        cached = min(self._cache.cached_tokens(f"{call.key_hash} {model.id}", prompt), prompt_tokens)
        content = _content(call, shape, Reading(messages))
        return _completion(call, model, content, prompt_tokens, cached)

    def _shape_of(self, call: Call) -> SchemaReader | ApiError | None:
        """The schema asked for, read once for thousands of equal ones; its refusal; or None without a schema."""
        given = call.json.get("response_format")
        if not isinstance(given, dict) or given.get("type") != "json_schema":
            return None
        digest = hashlib.blake2b(_format_text(call).encode(), digest_size=16).digest()
        if digest not in self._shapes:
            self._shapes[digest] = _read_shape(given)
            if len(self._shapes) > REMEMBERED_SCHEMAS:
                self._shapes.popitem(last=False)
        return self._shapes[digest]

    async def _embeddings(self, call: Call) -> Answer:
        body = call.json
        if not isinstance(body, dict):
            return bad_request("We could not parse the JSON body of your request.").answer()
        model = self._find_model(body, ModelKind.EMBEDDING)
        if isinstance(model, ApiError):
            return model.answer()
        inputs = body.get("input")
        inputs = [inputs] if isinstance(inputs, str) else inputs
        problem = _inputs_problem(inputs) or _dimensions_problem(body, model)
        if problem is not None or not isinstance(inputs, list):
            return (problem or bad_request("'input' is missing", "input")).answer()
        dimensions = body.get("dimensions") or model.dimensions
        as_text = body.get("encoding_format") == "base64"
        data = []
        for index, text in enumerate(inputs):
            vector = embed(text, dimensions)
            data.append(
                {"object": "embedding", "index": index, "embedding": encoded(vector) if as_text else vector.tolist()}
            )
        tokens = sum(count_tokens(text) for text in inputs)
        if call.outcome.kind == "empty_choices":
            data = []
        return Answer(
            200,
            {
                "object": "list",
                "data": data,
                "model": model.answers_as,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            },
            charge=Charge(prompt_tokens=tokens, cost_nano_usd=model.cost_nano_usd(tokens, 0, 0)),
            facts={"model": model.id, "inputs": len(inputs)},
        )


def _subject(call: Call) -> str:
    """Whose limit a call counts against: a key and a model."""
    name = call.json.get("model")
    model = MODELS.get(name) if isinstance(name, str) else None
    return f"{call.key_hash}|{model.id if model else 'unknown'}"


def _format_text(call: Call) -> str:
    """The response format as text, written once a call: it counts as prompt and names the schema."""
    text: str | None = call.memo.get("format")
    if text is None:
        given = call.json.get("response_format")
        text = call.memo["format"] = json.dumps(given) if given else ""
    return text


def _prompt_tokens(call: Call) -> int:
    tokens: int | None = call.memo.get("prompt_tokens")
    if tokens is None:
        messages = as_messages(m for m in call.json.get("messages", ()) if isinstance(m, dict))
        given = _format_text(call)
        tokens = sum(count_tokens(text) + MESSAGE_OVERHEAD for _, text in messages)
        tokens += count_tokens(given) if given else 0
        call.memo["prompt_tokens"] = tokens
    return tokens


def _asked_tokens(call: Call) -> int:
    body = call.json
    if "input" in body:
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        return sum(count_tokens(text) for text in inputs if isinstance(text, str))
    if not isinstance(body.get("messages"), list):
        return 0
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    return _prompt_tokens(call) + (most if isinstance(most, int) and most > 0 else 0)


def _prompt_text(call: Call, messages: Sequence[tuple[str, str]]) -> str:
    """What the prefix cache sees: the format first, then the messages in order."""
    return _format_text(call) + "".join(f"\x00{role}\x00{text}" for role, text in messages)


def _chat_problem(body: Any) -> ApiError | None:
    if not isinstance(body, dict):
        return bad_request("We could not parse the JSON body of your request.")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return bad_request("'messages' must be a list with at least one message.", "messages")
    if not all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in messages):
        return bad_request("Every message needs a role and a content.", "messages")
    if body.get("stream"):
        return bad_request("Streaming is not simulated.", "stream", "unsupported_value")
    if body.get("n", 1) != 1:
        return bad_request("Only n=1 is simulated.", "n", "unsupported_value")
    given = body.get("response_format") or {"type": "text"}
    if not isinstance(given, dict) or given.get("type") not in ("text", "json_object", "json_schema"):
        return bad_request("'response_format.type' is one of text, json_object, json_schema.", "response_format")
    if given["type"] == "json_object" and not any("json" in text.lower() for _, text in as_messages(messages)):
        return bad_request(
            "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'.", "messages"
        )
    return None


def _read_shape(given: Mapping[str, Any]) -> SchemaReader | ApiError:
    try:
        check_response_format(given)
    except SchemaRefused as refused:
        return bad_request(str(refused), "response_format")
    return SchemaReader(given["json_schema"]["schema"])


def _parameter_problem(body: Mapping[str, Any], model: Model) -> ApiError | None:
    effort = body.get("reasoning_effort")
    if effort is not None and (effort not in EFFORTS or not model.reasons):
        return bad_request(
            f"Unsupported value: 'reasoning_effort' {effort!r}.", "reasoning_effort", "unsupported_value"
        )
    temperature = body.get("temperature")
    if temperature is None:
        return None
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature <= 2:
        return bad_request("'temperature' lies between 0 and 2.", "temperature")
    if model.reasons and (effort or DEFAULT_EFFORT) != "none" and temperature != 1:
        words = "Unsupported value: 'temperature' is only supported with reasoning_effort 'none'."
        return bad_request(words, "temperature", "unsupported_value")
    return None


def _content(call: Call, shape: SchemaReader | None, reading: Reading) -> str:
    """The text of the answer before any fault in its shape."""
    kind = call.outcome.kind
    temper = HONEST
    if kind == "gullible":
        temper = Temper(gullible=True, gullible_quotes_instruction=call.outcome.evidence == "instruction")
    elif kind == "fabricated_evidence":
        temper = Temper(fabricates=True)
    if kind == "prose":
        return "Here is what I think: the candidate looks promising, although some points remain open."
    if shape is not None:
        written = Writer(shape, reading, temper).write()
        if kind == "schema_violation":
            written = {"unexpected": True, **dict(list(written.items())[1:])}
        return json.dumps(written, ensure_ascii=False)
    if (call.json.get("response_format") or {}).get("type") == "json_object":
        loose = write_loose(reading, temper)
        return f"```json\n{loose}\n```" if kind == "code_fence" else loose
    return f"This is a simulated answer to {len(reading.candidate)} characters."


def _completion(call: Call, model: Model, content: str, prompt_tokens: int, cached: int) -> Answer:
    body, kind = call.json, call.outcome.kind
    effort = body.get("reasoning_effort") or (DEFAULT_EFFORT if model.reasons else "none")
    reasoning = EFFORTS[effort]
    refusal: str | None = None
    shown: str | None = content
    finish = "stop"
    if kind == "refusal":
        shown, refusal = None, "I'm sorry, but I can't help with that request."
    elif kind == "empty_content":
        shown = ""
    elif kind == "broken_content":
        shown = content[: len(content) // 2]
    elif kind == "length":
        shown, finish = content[: len(content) // 2], "length"
    elif kind == "content_filter":
        shown, finish = "", "content_filter"
    most = body.get("max_completion_tokens") or body.get("max_tokens")
    if isinstance(most, int) and reasoning + count_tokens(shown or "") > most:
        reasoning = min(reasoning, most)
        shown, finish = (shown or "")[: 4 * (most - reasoning)], "length"
    completion = reasoning + count_tokens(shown or refusal or "")
    choice = {
        "index": 0,
        "finish_reason": finish,
        "logprobs": None,
        "message": {"role": "assistant", "content": shown, "refusal": refusal, "annotations": []},
    }
    cost = model.cost_nano_usd(prompt_tokens, cached, completion)
    return Answer(
        200,
        {
            "id": f"chatcmpl-{call.request_id.removeprefix('req_')}",
            "object": "chat.completion",
            "created": int(call.wall),
            "model": model.answers_as,
            "choices": [] if kind == "empty_choices" else [choice],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion,
                "total_tokens": prompt_tokens + completion,
                "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": reasoning,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            "service_tier": "default",
            "system_fingerprint": "fp_simulated",
        },
        charge=Charge(
            prompt_tokens=prompt_tokens, cached_tokens=cached, completion_tokens=completion, cost_nano_usd=cost
        ),
        facts={"model": model.id},
    )


def _inputs_problem(inputs: Any) -> ApiError | None:
    if not isinstance(inputs, list) or not inputs or not all(isinstance(text, str) for text in inputs):
        return bad_request("'input' is a string or a list of strings.", "input")
    if len(inputs) > MAX_INPUTS:
        return bad_request(f"'input' has at most {MAX_INPUTS} items.", "input")
    if not all(inputs):
        return bad_request("'input' cannot hold an empty string.", "input")
    tokens = [count_tokens(text) for text in inputs]
    if max(tokens) > MAX_INPUT_TOKENS:
        return bad_request(f"An input has at most {MAX_INPUT_TOKENS} tokens; one has {max(tokens)}.", "input")
    if sum(tokens) > MAX_REQUEST_TOKENS:
        return bad_request(f"A request has at most {MAX_REQUEST_TOKENS} tokens; this has {sum(tokens)}.", "input")
    return None


def _dimensions_problem(body: Mapping[str, Any], model: Model) -> ApiError | None:
    dimensions = body.get("dimensions")
    if dimensions is None:
        return None
    if not model.can_shorten:
        return bad_request("This model does not support specifying dimensions.", "dimensions")
    if isinstance(dimensions, bool) or not isinstance(dimensions, int) or not 1 <= dimensions <= model.dimensions:
        return bad_request(f"'dimensions' lies between 1 and {model.dimensions}.", "dimensions")
    return None


def _no_model(name: str) -> ApiError:
    words = f"The model `{name}` does not exist or you do not have access to it."
    return ApiError(404, "invalid_request_error", "model_not_found", words, "model")


def _shown(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "simulated",
        "shutdown_date": model.shutdown.isoformat() if model.shutdown else None,
    }


def duration(seconds: float) -> str:
    """A span as the rate headers write it: `120ms`, `17.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s"
