"""Quotas as rules: whose day it is, when it turns, what is allowed by default, and what a refusal advises."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.quotas import (
    BUDGET,
    PROVIDER_DAYS,
    QUOTAS,
    Meter,
    Quota,
    What,
    alert_words,
    amount_of,
    cap_of,
    left_words,
    month_start,
    pause_words,
    period_of,
    read_cap,
    refusal,
    resets_at,
)
from services.domain.runs import RunKind

ANA = UUID(int=1)
CANDIDATES = What("openai", Meter.CANDIDATES)
ZONES = ["UTC", "Europe/Berlin", "Asia/Jerusalem", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kathmandu"]
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


def quota(what: What, cap: int | Decimal | None, used: int | Decimal = 0, whose: str = "Ana", held: int = 0) -> Quota:
    resets = datetime(2026, 11, 23, tzinfo=UTC)
    return Quota(ANA, whose, what, None if cap is None else Decimal(cap), Decimal(used), Decimal(held), resets)


@given(now=moments, zone=st.sampled_from(ZONES), what=st.sampled_from(QUOTAS))
def test_a_period_lasts_until_the_moment_it_resets_and_the_next_begins_there(
    now: datetime, zone: str, what: What
) -> None:
    turn = resets_at(what, now, zone)
    assert now < turn <= now + timedelta(days=32)
    assert period_of(what, turn - timedelta(microseconds=1), zone) == period_of(what, now, zone)
    assert period_of(what, turn, zone) > period_of(what, now, zone)


def test_the_month_is_that_of_the_organizations_clock() -> None:
    new_year = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert str(month_start(new_year, "UTC")) == "2026-12-01"
    assert str(month_start(new_year, "Europe/Berlin")) == "2027-01-01"
    assert resets_at(BUDGET, new_year, "Europe/Berlin") == datetime(2027, 1, 31, 23, tzinfo=UTC)


def test_every_provider_with_a_quota_has_a_day_and_the_defaults_stand() -> None:
    assert {what.provider for what in QUOTAS if what != BUDGET} == set(PROVIDER_DAYS)
    assert all(ZoneInfo(zone) for zone in PROVIDER_DAYS.values())
    user = {what: cap_of(what, {}, is_user=True, is_demo=False) for what in QUOTAS}
    whole = {what: cap_of(what, {}, is_user=False, is_demo=False) for what in QUOTAS}
    assert {what: cap for what, cap in user.items() if cap is not None} == {
        CANDIDATES: 5000,
        What("salesql", Meter.CALLS): 1000,
        What("crustdata", Meter.CANDIDATES): 500,
    }
    assert {what: cap for what, cap in whole.items() if cap is not None} == {What("salesql", Meter.CALLS): 5000}


def test_a_choice_beats_the_default_also_when_it_is_no_limit() -> None:
    assert cap_of(CANDIDATES, {CANDIDATES: None}, is_user=True, is_demo=False) is None
    assert cap_of(CANDIDATES, {CANDIDATES: Decimal(3)}, is_user=True, is_demo=True) == 3
    assert cap_of(CANDIDATES, {}, is_user=True, is_demo=True) is None


@given(
    cap=st.integers(0, 5000),
    used=st.integers(0, 5000),
    people=st.integers(1, 6000),
    budget=st.none() | st.integers(0, 3000),
    each=st.integers(0, 3),
)
def test_what_a_refusal_advises_is_accepted_and_one_more_is_not(
    cap: int, used: int, people: int, budget: int | None, each: int
) -> None:
    def answer(count: int) -> str:
        return refusal(quotas, RunKind.SCREENING, count, Decimal(count * each), "UTC", reader=ANA)

    quotas = [quota(CANDIDATES, cap, used), quota(BUDGET, budget, whose="")]
    words = answer(people)
    advised = re.search(r"choose at most ([\d,]+) (?:person|people)", words)
    if advised is None:
        assert not words or "Nothing is left today" in words or "nobody fits in it" in words
        return
    most = int(advised[1].replace(",", ""))
    assert 0 < most < people
    # Within a quota the advice may still pass the budget, which then says so itself.
    assert answer(most) == "" or "passes the" in answer(most)
    assert answer(most + 1) != ""


def test_a_refusal_counts_what_is_reserved_by_others() -> None:
    words = refusal([quota(CANDIDATES, 100, 40, held=50)], RunKind.SCREENING, 11, None, "UTC", reader=ANA)
    assert words.startswith("10 left today: choose at most 10 people.")
    assert "40 candidates used and 50 candidates reserved by calls under way" in words


def test_words_name_the_quota_what_is_used_when_it_resets_and_who_can_raise_it() -> None:
    words = pause_words(quota(CANDIDATES, 5000, 5000), "Europe/Berlin", reader=ANA)
    assert words == (
        "Your quota of 5,000 candidates a day with OpenAI: 5,000 candidates used. It begins anew on 23 Nov 2026 01:00"
        " (Europe/Berlin). A manager or an admin of the organization can raise it. The run goes on by itself then, or"
        " resume it when it has been raised."
    )
    budget = pause_words(quota(BUDGET, 200, Decimal("199.5"), whose=""), "UTC")
    assert budget.startswith("The organization's budget of $200.00 a month: $199.50 used.")
    assert "goes on by itself" not in budget
    assert alert_words(quota(CANDIDATES, 10, 8), "UTC").startswith(
        "Ana's quota of 10 candidates a day with OpenAI is nearly used up. 8 candidates used. It begins anew"
    )


@pytest.mark.parametrize(
    ("what", "cap", "used", "whose", "words"),
    [
        (CANDIDATES, 5000, 3760, "Ana", "1,240 of 5,000 candidates left today"),
        (CANDIDATES, 1, 0, "", "1 of 1 candidate left today for the organization"),
        (BUDGET, 200, Decimal("150.5"), "", "$49.50 of $200.00 left this month of the organization's budget"),
        (CANDIDATES, None, 3, "Ana", "no limit"),
        (CANDIDATES, 10, 12, "Ana", "0 of 10 candidates left today"),
    ],
)
def test_what_is_left_is_said_in_a_few_words(
    what: What, cap: int | None, used: int | Decimal, whose: str, words: str
) -> None:
    assert left_words(quota(what, cap, used, whose)) == words


def test_an_amount_is_said_with_its_unit() -> None:
    assert amount_of(Meter.CALLS, Decimal("1.0000000000")) == "1 call"
    assert amount_of(Meter.CREDITS, Decimal(1000)) == "1,000 credits"


def test_a_cap_is_whole_unless_it_is_money() -> None:
    assert read_cap("1,500", Meter.CALLS) == 1500 and read_cap(" None ", Meter.CALLS) is None
    assert read_cap("$12.50", Meter.USD) == Decimal("12.50")
    for text in ("1.5", "-1", "x", "1e99"):
        with pytest.raises(ValueError, match=r"."):
            read_cap(text, Meter.CALLS)
