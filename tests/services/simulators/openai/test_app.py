"""The simulated API as the vendor's own SDK meets it."""

import json
import math

import httpx2
import openai
import pytest
from pydantic import BaseModel, ValidationError

from services.simulators.openai.app import duration
from services.simulators.openai.errors import ERRORS

MODEL = "gpt-6-luna"
SAY = [{"role": "user", "content": "Please answer in JSON."}]


class Fit(BaseModel):
    score: int
    tags: list[str]
    note: str | None = None


@pytest.fixture
def client(simulators):
    with openai.OpenAI(api_key="simulated", base_url=simulators.openai_url, max_retries=0, timeout=5) as made:
        yield made


def create(client, **more):
    asked = {"model": MODEL, "messages": SAY, **more}
    return client.chat.completions.create(**asked)


def order(simulators, *script):
    simulators.faults({"provider": "openai", "script": list(script)})


def test_parse_gets_a_typed_answer(client):
    answer = client.chat.completions.parse(model="gpt-4o-mini", messages=SAY, response_format=Fit)
    assert isinstance(answer.choices[0].message.parsed, Fit)
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.choices[0].finish_reason == "stop"


def test_json_object_mode_answers_json_and_needs_the_word(client):
    answer = create(client, response_format={"type": "json_object"})
    assert "criteria" in json.loads(answer.choices[0].message.content)
    with pytest.raises(openai.BadRequestError, match="word 'json'"):
        create(client, messages=[{"role": "user", "content": "hi"}], response_format={"type": "json_object"})


def test_usage_follows_the_length_of_the_text_and_equal_requests_get_equal_answers(client):
    short = create(client).usage.prompt_tokens
    long = create(client, messages=[{"role": "user", "content": "x" * 4000}])
    assert 990 <= long.usage.prompt_tokens <= 1010 and short < 20
    again = create(client, messages=[{"role": "user", "content": "x" * 4000}])
    assert again.choices[0].message.content == long.choices[0].message.content
    assert long.usage.total_tokens == long.usage.prompt_tokens + long.usage.completion_tokens


def test_a_repeated_prefix_is_cached_from_1024_tokens_in_steps_of_128(simulators, client):
    def cached(tail, head="rules " * 1500):
        messages = [{"role": "system", "content": head}, {"role": "user", "content": tail}]
        return create(client, messages=messages).usage.prompt_tokens_details.cached_tokens

    assert cached("one") == 0
    assert cached("two") == 9000 // 4 // 128 * 128
    assert cached("three", head="rules " * 600) == 0
    assert cached("four", head="rules " * 600) == 0
    calls = simulators.ledger("openai")
    assert calls[1]["cost_nano_usd"] < calls[0]["cost_nano_usd"]


def test_the_ledger_charges_what_the_answer_reports_at_the_model_s_price(simulators, client):
    usage = create(client, reasoning_effort="none").usage
    (call,) = simulators.ledger("openai")
    assert (call["prompt_tokens"], call["completion_tokens"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert call["cost_nano_usd"] == usage.prompt_tokens * 100 + usage.completion_tokens * 500


def test_reasoning_costs_tokens_and_forbids_a_temperature(client):
    assert create(client).usage.completion_tokens_details.reasoning_tokens > 0
    quiet = create(client, reasoning_effort="none", temperature=0)
    assert quiet.usage.completion_tokens_details.reasoning_tokens == 0
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, temperature=0)
    assert caught.value.param == "temperature"
    with pytest.raises(openai.BadRequestError):
        create(client, model="gpt-4o-mini", reasoning_effort="low")


def test_an_answer_longer_than_allowed_is_cut(client):
    answer = create(client, reasoning_effort="none", max_completion_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens <= 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"messages": [{"content": "x"}]},
        {"n": 2},
        {"temperature": 3},
        {"response_format": {"type": "xml"}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
            }
        },
        {"response_format": {"type": "json_schema"}},
        {"stream": True},
    ],
)
def test_a_request_that_breaks_a_rule_is_refused_and_free(simulators, client, wrong):
    with pytest.raises(openai.BadRequestError):
        create(client, **wrong)
    assert not simulators.ledger("openai")[0]["charged"]


def test_a_bad_schema_names_its_parameter(client):
    given = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, response_format=given)
    assert caught.value.param == "response_format"


def test_a_prompt_longer_than_the_context_is_refused(client):
    with pytest.raises(openai.BadRequestError) as caught:
        create(client, model="gpt-4o-mini", messages=[{"role": "user", "content": "x" * 600_000}])
    assert caught.value.code == "context_length_exceeded"


def test_unknown_and_ended_models_are_not_found_and_more_can_be_retired(simulators, client):
    for model in ("gpt-none", "gpt-4.1-nano", "text-embedding-3-small"):
        with pytest.raises(openai.NotFoundError) as caught:
            create(client, model=model)
        assert caught.value.code == "model_not_found"
    simulators.faults(switches={"openai": {"retired_models": [MODEL]}})
    with pytest.raises(openai.NotFoundError):
        create(client)
    assert MODEL not in {model.id for model in client.models.list()}


def test_models_say_when_they_end(client):
    listed = {model.id: model for model in client.models.list()}
    assert listed["gpt-4o-mini"].shutdown_date is not None
    assert listed[MODEL].shutdown_date is None
    assert client.models.retrieve("gpt-4o-mini").shutdown_date == listed["gpt-4o-mini"].shutdown_date
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4.1-nano")


def test_rate_headers_count_down_per_model(simulators, client):
    simulators.limits(openai_rpm=10, openai_tpm=50_000)

    def left(model):
        raw = client.chat.completions.with_raw_response.create(model=model, messages=SAY, max_completion_tokens=500)
        head = raw.headers
        assert head["x-ratelimit-limit-requests"] == "10" and head["x-request-id"].startswith("req_")
        assert head["x-ratelimit-reset-requests"].endswith("s") and head["openai-version"] == "2020-10-01"
        assert int(head["openai-processing-ms"]) >= 0 and head["openai-organization"]
        return int(head["x-ratelimit-remaining-requests"]), int(head["x-ratelimit-remaining-tokens"])

    first, second, other = left(MODEL), left(MODEL), left("gpt-4o-mini")
    assert (first[0], second[0], other[0]) == (9, 8, 9)
    assert first[1] - second[1] == 50_000 - first[1] > 500


def test_requests_over_the_limit_get_a_429_with_the_wait(simulators, client):
    simulators.limits(openai_rpm=1)
    create(client)
    with pytest.raises(openai.RateLimitError) as caught:
        create(client)
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "requests")
    assert 55_000 < int(caught.value.response.headers["retry-after-ms"]) <= 60_001
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert not simulators.ledger("openai")[1]["charged"]


def test_tokens_count_with_the_longest_answer_allowed(simulators, client):
    simulators.limits(openai_tpm=1000)
    create(client, max_completion_tokens=900)
    with pytest.raises(openai.RateLimitError) as caught:
        create(client, max_completion_tokens=900)
    assert caught.value.type == "tokens"
    with pytest.raises(openai.RateLimitError, match="Request too large") as caught:
        create(client, max_completion_tokens=2000)
    assert "retry-after" not in caught.value.response.headers


@pytest.mark.parametrize("kind", sorted(ERRORS))
def test_every_error_arrives_with_its_status_type_and_code(simulators, client, kind):
    order(simulators, kind)
    with pytest.raises(openai.APIStatusError) as caught:
        create(client)
    expected = ERRORS[kind]
    seen = caught.value
    assert (seen.status_code, seen.type, seen.code) == (expected.status, expected.type, expected.code)
    assert seen.request_id.startswith("req_") and "retry-after" not in seen.response.headers
    assert not simulators.ledger("openai")[0]["charged"]


def test_retry_hints_are_sent_as_ordered(simulators, client):
    order(
        simulators,
        {"kind": "slow_down", "retry_after": 7},
        {"kind": "slow_down", "retry_after_ms": 250},
        {"kind": "slow_down", "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"},
        {"kind": "overloaded", "retry_after": 300, "headers": {"x-should-retry": "false"}},
    )
    heads = []
    for _ in range(4):
        with pytest.raises(openai.APIStatusError) as caught:
            create(client)
        heads.append(caught.value.response.headers)
    assert heads[0]["retry-after"] == "7" and heads[1]["retry-after-ms"] == "250"
    assert heads[2]["retry-after"].endswith("GMT")
    assert heads[3]["retry-after"] == "300" and heads[3]["x-should-retry"] == "false"


def test_a_request_too_large_can_also_be_a_429(simulators, client):
    order(simulators, {"kind": "request_too_large", "status": 429})
    with pytest.raises(openai.RateLimitError):
        create(client)


def test_a_refusal_has_no_content(simulators, client):
    order(simulators, "refusal")
    message = client.chat.completions.parse(model=MODEL, messages=SAY, response_format=Fit).choices[0].message
    assert message.refusal and message.parsed is None


def test_length_and_content_filter_break_parse(simulators, client):
    order(simulators, "length", "content_filter")
    with pytest.raises(openai.LengthFinishReasonError) as caught:
        client.chat.completions.parse(model=MODEL, messages=SAY, response_format=Fit)
    with pytest.raises(json.JSONDecodeError):
        json.loads(caught.value.completion.choices[0].message.content)
    with pytest.raises(openai.ContentFilterFinishReasonError):
        client.chat.completions.parse(model=MODEL, messages=SAY, response_format=Fit)
    assert all(call["charged"] for call in simulators.ledger("openai"))


@pytest.mark.parametrize("kind", ["schema_violation", "prose", "broken_content"])
def test_content_that_is_not_what_was_asked_is_charged_all_the_same(simulators, client, kind):
    order(simulators, kind)
    with pytest.raises(ValidationError):
        client.chat.completions.parse(model=MODEL, messages=SAY, response_format=Fit)
    assert simulators.ledger("openai")[0]["charged"]


def test_a_schema_violation_is_valid_json(simulators, client):
    order(simulators, "schema_violation")
    given = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": _strict(Fit)}}
    assert set(json.loads(create(client, response_format=given).choices[0].message.content)) != {
        "score",
        "tags",
        "note",
    }


def _strict(model):
    schema = model.model_json_schema()
    schema["properties"]["note"].pop("default")
    return {**schema, "additionalProperties": False, "required": list(schema["properties"])}


def test_empty_choices_and_empty_content(simulators, client):
    order(simulators, "empty_choices", "empty_content")
    assert create(client).choices == []
    assert create(client).choices[0].message.content == ""


def test_a_code_fence_only_in_json_object_mode(simulators, client):
    order(simulators, "code_fence", "code_fence")
    assert create(client, response_format={"type": "json_object"}).choices[0].message.content.startswith("```json")
    assert client.chat.completions.parse(model=MODEL, messages=SAY, response_format=Fit).choices[0].message.parsed


def test_broken_bodies_reach_the_sdk_as_documented(simulators, client):
    order(simulators, "broken_json", "html", "drop_inside_body", "drop_before_head")
    with pytest.raises(json.JSONDecodeError):
        create(client)
    assert isinstance(create(client), str)
    for _ in range(2):
        with pytest.raises(openai.APIConnectionError):
            create(client)
    assert [call["charged"] for call in simulators.ledger("openai")] == [True] * 4


def test_a_hang_is_a_timeout_and_charged_once(simulators, client):
    order(simulators, "hang")
    with pytest.raises(openai.APITimeoutError):
        create(client.with_options(timeout=0.2))
    (call,) = simulators.ledger("openai")
    assert call["charged"] and call["status"] == 0


def test_an_expired_key_is_an_authentication_error(simulators, client):
    simulators.faults(switches={"openai": {"keys": "expired"}})
    with pytest.raises(openai.AuthenticationError) as caught:
        create(client)
    assert caught.value.code == "invalid_api_key"


def test_embeddings_come_as_floats_and_as_base64_and_agree(simulators, client):
    packed = client.embeddings.create(model="text-embedding-3-small", input=["python engineer", "שלום"])
    plain = client.embeddings.create(
        model="text-embedding-3-small", input=["python engineer", "שלום"], encoding_format="float"
    )
    assert [len(item.embedding) for item in packed.data] == [1536, 1536]
    for one, two in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(two.embedding)
        assert math.isclose(sum(value * value for value in one.embedding), 1, rel_tol=1e-5)
    assert packed.usage.prompt_tokens == plain.usage.prompt_tokens > 0
    assert simulators.ledger("openai")[0]["cost_nano_usd"] == packed.usage.prompt_tokens * 20


def test_alike_texts_lie_nearer_than_others(client):
    texts = ["senior python engineer", "python engineer", "pastry chef in Lisbon"]
    a, b, c = (item.embedding for item in client.embeddings.create(model="text-embedding-3-large", input=texts).data)
    assert len(a) == 3072
    assert sum(x * y for x, y in zip(a, b, strict=True)) > 0.5 > sum(x * y for x, y in zip(a, c, strict=True))


def test_dimensions_can_be_fewer_where_the_model_allows_it(client):
    short = client.embeddings.create(model="text-embedding-3-small", input="x", dimensions=256)
    assert len(short.data[0].embedding) == 256
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="text-embedding-ada-002", input="x", dimensions=256)


@pytest.mark.parametrize("wrong", [[], [""], ["x"] * 2049, ["y" * 4 * 8193], ["z" * 4 * 8000] * 38, [3]])
def test_inputs_over_a_limit_are_refused(client, wrong):
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="text-embedding-3-small", input=wrong)


def test_an_embedding_answer_without_data_is_an_error_of_the_sdk(simulators, client):
    order(simulators, "empty_choices")
    with pytest.raises(ValueError, match="No embedding"):
        client.embeddings.create(model="text-embedding-3-small", input="x")


def test_what_is_not_simulated_says_so(simulators):
    reply = httpx2.post(f"{simulators.openai_url}/batches", json={}, headers={"Authorization": "Bearer simulated"})
    assert reply.status_code == 404 and "Not simulated" in reply.json()["error"]["message"]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0ms"), (0.12, "120ms"), (1, "1s"), (17.5, "17.5s"), (360, "6m0s")])
def test_durations_are_written_as_the_headers_do(seconds, text):
    assert duration(seconds) == text
