"""The port as a client meets it: endings of replies, keys, control side, ledger."""

import http.client
import json
import secrets
import socket
import time
from urllib.parse import urlsplit

import pytest

from services.simulators.hosting import ControlRefused

CHAT = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "hello"}]}


def connection(simulators, timeout=5.0):
    parts = urlsplit(simulators.url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)


def chat(simulators, *, key="simulated", body=CHAT, timeout=5.0, headers=None):
    """One call on a fresh connection: status, headers, body bytes."""
    line = connection(simulators, timeout)
    try:
        sent = body if isinstance(body, bytes) else json.dumps(body)
        line.request(
            "POST",
            "/openai/v1/chat/completions",
            sent,
            {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})},
        )
        reply = line.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
    finally:
        line.close()


def order(simulators, outcome, provider="openai"):
    simulators.faults({"provider": provider, "outcome": outcome})


def only_call(simulators):
    (call,) = simulators.ledger("openai")
    return call


@pytest.mark.parametrize("kind", ["reset", "drop_before_head", "drop_before_body", "drop_inside_body"])
def test_a_lost_answer_never_arrives_whole_and_is_on_the_ledger_as_charged(simulators, kind):
    order(simulators, kind)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        chat(simulators)
    call = only_call(simulators)
    assert call["charged"] and call["cost_nano_usd"] > 0 and call["outcome"] == kind
    assert call["status"] == (200 if "body" in kind else 0)


def test_a_drop_inside_the_body_delivers_the_first_half(simulators):
    order(simulators, "drop_inside_body")
    with pytest.raises(http.client.IncompleteRead) as caught:
        chat(simulators)
    assert 0 < len(caught.value.partial) < caught.value.expected + len(caught.value.partial)


def test_a_hang_stays_silent_and_is_charged_before_anybody_gives_up(simulators):
    order(simulators, "hang")
    with pytest.raises(TimeoutError):
        chat(simulators, timeout=0.2)
    assert only_call(simulators)["charged"]


def test_a_hang_of_a_given_length_ends_without_an_answer(simulators):
    order(simulators, {"kind": "hang", "seconds": 0.1})
    with pytest.raises(http.client.RemoteDisconnected):
        chat(simulators)


def test_a_late_answer_arrives_after_the_given_seconds(simulators):
    order(simulators, {"kind": "late", "seconds": 0.3})
    started = time.monotonic()
    assert chat(simulators)[0] == 200
    assert time.monotonic() - started >= 0.3


def test_a_dripping_body_arrives_whole_and_slowly(simulators):
    order(simulators, {"kind": "drip", "seconds": 0.3})
    started = time.monotonic()
    status, _, body = chat(simulators)
    assert status == 200 and json.loads(body)["choices"]
    assert time.monotonic() - started >= 0.2


def test_spoilt_bodies_come_with_status_200(simulators):
    simulators.faults(
        {"provider": "openai", "script": ["html", "broken_json", "empty_body", "null_body", "error_in_200"]}
    )
    html, broken, empty, null, error = (chat(simulators) for _ in range(5))
    assert {reply[0] for reply in (html, broken, empty, null, error)} == {200}
    assert html[1]["Content-Type"].startswith("text/html") and b"<html" in html[2]
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken[2])
    assert (empty[2], null[2]) == (b"", b"null")
    assert "error" in json.loads(error[2])
    assert all(call["charged"] for call in simulators.ledger("openai"))


def test_an_error_can_be_charged_and_a_lost_answer_free_when_ordered(simulators):
    simulators.faults(
        {
            "provider": "openai",
            "script": [
                {"kind": "status", "status": 502, "charged": True},
                {"kind": "html", "charged": False},
                "server_error",
            ],
        }
    )
    assert [chat(simulators)[0] for _ in range(3)] == [502, 200, 500]
    assert [call["charged"] for call in simulators.ledger("openai")] == [True, False, False]


def test_a_missing_an_expired_and_a_real_looking_key_are_refused(simulators):
    assert chat(simulators, key=None)[0] == 401
    status, _, body = chat(simulators, key="sk-proj-" + secrets.token_hex(30))
    assert status == 401 and b"simulator" in body
    assert chat(simulators, key="whatever")[0] == 200
    simulators.faults(switches={"openai": {"keys": "expired"}})
    assert chat(simulators, key="whatever")[0] == 401
    simulators.faults(switches={"openai": {"keys": "any"}})
    assert chat(simulators, key="whatever")[0] == 200
    assert "whatever" not in json.dumps(simulators.ledger())


def test_an_unknown_provider_says_that_it_is_not_simulated_yet(simulators):
    line = connection(simulators)
    line.request("GET", "/salesql/v1/allowance")
    reply = line.getresponse()
    assert reply.status == 404 and "not simulated yet" in json.load(reply)["error"]
    line.close()


def test_one_connection_serves_many_requests_even_when_sent_at_once(simulators):
    parts = urlsplit(simulators.url)
    one = b"GET /_sim/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as line:
        line.sendall(one * 3)
        received = b""
        while received.count(b'"status":"ok"') < 3:
            received += line.recv(4096)
    assert received.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /x HTTP/1.1\r\nContent-Length: -3\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
        (b"GET /x HTTP/1.1\r\nX: " + b"a" * 70_000, 431),
    ],
)
def test_what_is_no_request_is_refused(simulators, raw, status):
    parts = urlsplit(simulators.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as line:
        line.sendall(raw)
        assert line.recv(4096).startswith(f"HTTP/1.1 {status} ".encode())


def test_the_ledger_tells_who_when_what_and_which_attempt(simulators):
    before = time.time()
    chat(simulators, headers={"x-client-request-id": "attempt-7"})
    call = only_call(simulators)
    assert call["attempt_id"] == "attempt-7"
    assert call["route"] == "chat/completions" and call["status"] == 200
    assert before - 0.01 <= call["wall"] <= time.time()
    assert call["facts"]["model"] == "gpt-6-luna"
    assert simulators.ledger("openai", since=call["seq"]) == []
    assert simulators.totals()["openai"]["calls"] == 1


def test_a_wrong_order_is_answered_with_a_sentence(simulators):
    with pytest.raises(ControlRefused, match="unknown outcome"):
        simulators.faults({"provider": "openai", "outcome": "flood"})
    with pytest.raises(ControlRefused, match="unknown limit"):
        simulators.limits(openai_rph=3)
    with pytest.raises(ControlRefused, match="keys"):
        simulators.faults(switches={"openai": {"keys": "stolen"}})


def test_a_reset_forgets_calls_faults_limits_and_switches(simulators):
    simulators.limits(openai_rpm=1)
    order(simulators, "server_error")
    simulators.faults(switches={"openai": {"keys": "expired"}})
    chat(simulators)
    simulators.reset()
    assert simulators.ledger() == [] and simulators.excess()["windows"] == []
    assert [chat(simulators)[0] for _ in range(2)] == [200, 200]


def test_arrivals_over_a_limit_are_refused_and_the_judge_says_so(simulators):
    simulators.limits(openai_rpm=3)
    replies = [chat(simulators) for _ in range(5)]
    assert [status for status, _, _ in replies] == [200, 200, 200, 429, 429]
    excess = simulators.excess("openai")
    calls = next(window for window in excess["windows"] if window["limit"] == "openai.rpm")
    assert excess["exceeded"] and calls["worst"] == 5 and calls["excess_arrivals"] == 2


def test_a_scaled_window_lets_calls_in_again_when_it_has_passed(simulators):
    simulators.limits(openai_rpm={"value": 1, "seconds": 0.3})
    assert chat(simulators)[0] == 200
    refused = chat(simulators)
    assert refused[0] == 429
    deadline = time.monotonic() + 3
    while chat(simulators)[0] == 429:
        assert time.monotonic() < deadline


def test_people_come_as_rows_and_whole(simulators):
    rows = simulators.people(10, 5)
    assert [row["index"] for row in rows] == [10, 11, 12, 13, 14]
    assert set(rows[0]) == {"index", "linkedin_url", "first_name", "last_name", "title", "company", "location", "email"}
    whole = simulators.people(10, 1, full=True)[0]
    assert rows[0]["linkedin_url"].endswith(whole["slug"]) and whole["jobs"]
    assert simulators.people(1999, 5)[0]["index"] == 1999 and len(simulators.people(1999, 5)) == 1
