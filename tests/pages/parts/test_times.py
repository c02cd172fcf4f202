"""Times are shown by the clock of the organization."""

from datetime import UTC, datetime

import pytest

from pages.parts.times import day_words, show_when, zone_note

AT = datetime(2026, 3, 9, 22, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "09 Mar 2026 22:30"),
        ("Asia/Jerusalem", "10 Mar 2026 00:30"),
        ("America/New_York", "09 Mar 2026 18:30"),
    ],
)
def test_a_moment_is_shown_by_the_clock_of_its_zone_and_means_the_same(zone: str, words: str) -> None:
    shown = show_when(AT, zone)
    assert shown.children == words and datetime.fromisoformat(shown.dateTime) == AT


def test_seconds_are_shown_where_lines_follow_each_other_closely() -> None:
    assert show_when(AT, "UTC", seconds=True).children == "09 Mar 2026 22:30:05"


def test_what_has_not_come_yet_has_no_time() -> None:
    assert show_when(None, "UTC") == ""


def test_the_zone_is_named_as_people_write_it() -> None:
    assert "America/New York" in zone_note("America/New_York").children


def test_a_day_is_the_one_it_was_there() -> None:
    assert (day_words(AT, "UTC"), day_words(AT, "Asia/Jerusalem")) == ("09 Mar 2026", "10 Mar 2026")
