"""The ledger keeps every call, in order, through pages, restarts and torn last lines."""

import json

from hypothesis import given
from hypothesis import strategies as st

from services.simulators.ledger import Charge, Entry, Ledger


def entry(provider="openai", cost=5, status=200, **facts):
    return Entry(
        provider,
        "r",
        "/p",
        1.5,
        2.5,
        "abc",
        "req_1",
        "attempt-1",
        "hash",
        status,
        "ok",
        Charge(1500, 10, 0, 3, cost),
        facts,
    )


@given(st.lists(st.sampled_from(["openai", "crustdata"]), max_size=40), st.integers(1, 7))
def test_pages_give_every_call_of_a_provider_once_and_in_order(providers, size):
    ledger = Ledger()
    expected = [ledger.append(entry(p)) for p in providers]
    assert expected == list(range(1, len(providers) + 1))
    found, since, more = [], 0, True
    while more:
        lines, since, more = ledger.page("openai", since, size)
        found += [json.loads(line)["seq"] for line in lines]
    assert found == [n for n, p in zip(expected, providers, strict=True) if p == "openai"]
    ledger.close()


def test_a_ledger_in_a_file_is_continued_and_a_torn_line_is_cut(tmp_path):
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path)
    first.append(entry(name="שלום"))
    first.append(entry(cost=7))
    first.close()
    with path.open("ab") as file:
        file.write(b'{"seq":3,"prov')
    second = Ledger(path)
    assert len(second) == 2
    assert second.totals()["openai"]["cost_nano_usd"] == 12
    assert second.append(entry()) == 3
    assert [json.loads(line)["seq"] for line in second.lines(0)] == [1, 2, 3]
    assert json.loads(next(second.lines(0)))["facts"] == {"name": "שלום"}
    second.close()


def test_totals_add_up_what_the_lines_say():
    ledger = Ledger()
    for cost, status in ((5, 200), (6, 200), (0, 429)):
        ledger.append(entry(cost=cost, status=status))
    totals = ledger.totals()["openai"]
    assert (totals["calls"], totals["status 200"], totals["status 429"]) == (3, 2, 1)
    assert totals["credits"] == 4.5
    assert totals["cost_nano_usd"] == 11
    ledger.reset()
    assert ledger.totals() == {} and list(ledger.lines(0)) == []
    ledger.close()
