"""Dates as sources write them, and durations as people read them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.dates import (
    Month,
    means_ongoing,
    month_number,
    month_of,
    months_between,
    parse_month,
    show_month,
    show_months,
)

MONTHS = st.integers(1950 * 12 + 1, 2060 * 12).map(Month)


@pytest.mark.parametrize(
    "text",
    [
        "2021-03",
        "2021-03-09",
        "2021-03-01T00:00:00",
        "2021-03-01T00:00:00+00:00",
        "2021-03-01T23:59:59.123Z",
        "2021-03-01 10:00",
        "2021-03-01 10:00:00 UTC",
        "Mar 2021",
        "mar 2021",
        "March 2021",
        "1 Mar 2021",
        "09 Mar 2021",
        "  Mar 2021  ",
    ],
)
def test_every_accepted_spelling_of_march_2021_is_one_month(text):
    assert parse_month(text) == month_number(2021, 3)


def test_a_year_alone_is_its_january():
    assert parse_month("2021") == month_number(2021, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "unclear",
        "2021-13",
        "2021-00",
        "2021-3",
        "2021-03-32",
        "1821",
        "21",
        "Foo 2021",
        "Mar",
        "Mar 21",
        "2021-03-01junk",
        "٢٠٢١",
        "2021-03-01T",
        "40 Mar 2021",
        "Mar 2021\n2022",
    ],
)
def test_what_is_not_a_date_is_unknown(text):
    assert parse_month(text) is None


@pytest.mark.parametrize("text", ["", "  ", "null", "None", "Present", "CURRENT", "now", "nan"])
def test_an_open_end_means_ongoing(text):
    assert means_ongoing(text)


@pytest.mark.parametrize("text", ["unclear", "2021", "presently unknown"])
def test_a_filled_end_does_not_mean_ongoing(text):
    assert not means_ongoing(text)


@pytest.mark.parametrize(
    ("months", "shown"), [(0, "0m"), (7, "7m"), (11, "11m"), (12, "1y 0m"), (27, "2y 3m"), (72, "6y 0m")]
)
def test_durations_are_shown_in_years_and_months(months, shown):
    assert show_months(months) == shown


def test_the_month_of_a_day_ignores_the_day():
    assert month_of(date(2025, 9, 10)) == parse_month("2025-09")


@given(MONTHS)
def test_a_shown_month_is_read_back(month):
    assert parse_month(show_month(month)) == month


@given(MONTHS, MONTHS)
def test_months_between_are_never_negative_and_add_up(one, other):
    earlier, later = sorted((one, other))
    assert months_between(earlier, later) == later - earlier
    assert months_between(later, earlier) == 0


@given(st.text(max_size=40))
def test_any_text_is_read_or_unknown(text):
    month = parse_month(text)
    assert month is None or 1900 * 12 < month <= 2100 * 12 + 12
