"""Questions about usage: what an address asks, and what of it cannot be read."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.usage_question import UsageQuestion, parse_question
from services.errors import BadInput

TODAY = date(2026, 3, 20)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, date(2026, 3, 14), TODAY),
        ({"span": "today"}, TODAY, TODAY),
        ({"span": "month"}, date(2026, 3, 1), TODAY),
        ({"span": "unheard-of"}, date(2026, 3, 14), TODAY),
        ({"from": "2026-01-31"}, date(2026, 1, 31), TODAY),
        ({"from": "2026-01-01", "until": "2026-01-31", "span": "today"}, date(2026, 1, 1), date(2026, 1, 31)),
    ],
)
def test_days_are_those_asked_for_and_both_ends_count(query: dict[str, str], first: date, last: date) -> None:
    assert parse_question(query, TODAY) == UsageQuestion(first, last)


@given(st.sampled_from([("today", 1), ("7", 7), ("30", 30), ("all", 366)]), st.dates(date(2000, 1, 1)))
def test_a_span_ends_today_and_has_as_many_days_as_it_says(span: tuple[str, int], today: date) -> None:
    question = parse_question({"span": span[0]}, today)
    assert question.last_day == today
    assert question.last_day - question.first_day == timedelta(days=span[1] - 1)


def test_people_providers_and_runs_are_read_and_blank_ones_mean_all() -> None:
    some = UUID(int=7)
    question = parse_question({"user": str(some), "provider": "openai", "run": ""}, TODAY)
    assert (question.user_id, question.provider, question.run_id) == (some, "openai", None)


@pytest.mark.parametrize("query", [{"from": "31.01.2026"}, {"user": "rita"}, {"run": "12"}])
def test_what_cannot_be_read_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        parse_question(query, TODAY)
