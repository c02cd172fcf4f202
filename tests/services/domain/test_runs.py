"""What a run is called, and why an item of it brought no result."""

import re
from pathlib import Path

import pytest

from services.domain.runs import RunKind, run_name, show_reason
from services.runs.claims import NOT_PREPARED
from services.runs.journal import NOT_STORED
from services.runs.outcomes import SURPRISED, TOO_LARGE
from services.screening_work import UNUSABLE
from tests.services.advice import reads_as_advice

MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "db" / "migrations"


@pytest.mark.parametrize(
    ("title", "items", "list_name", "is_retry", "name"),
    [
        ("Baker, Harbourton", 120, "June import", False, "Baker, Harbourton: 120 people from “June import”"),
        ("Baker", 1, "June import", False, "Baker: 1 person from “June import”"),
        ("Baker", 1200, None, False, "Baker: 1,200 people chosen by hand"),
        ("Baker", 3, "June import", True, "Baker: 3 people from “June import”, again"),
        ("", 3, None, False, "Screening: 3 people chosen by hand"),
    ],
)
def test_a_run_is_called_by_its_position_its_people_and_where_they_came_from(
    title: str, items: int, list_name: str | None, is_retry: bool, name: str
) -> None:
    assert run_name(RunKind.SCREENING, title, items, list_name, is_retry=is_retry) == name


def test_reasons_that_the_database_writes_are_said_in_words_for_people() -> None:
    sql = "".join(path.read_text() for path in MIGRATIONS.glob("*.sql"))
    written = re.findall(r"'(The job process ended[^']*)'", sql)
    assert len(set(written)) == 3
    for sentence in written:
        assert reads_as_advice(show_reason(sentence)), show_reason(sentence)
    assert show_reason("Anything else.") == "Anything else."


@pytest.mark.parametrize("sentence", [SURPRISED, TOO_LARGE, NOT_STORED, NOT_PREPARED, UNUSABLE])
def test_reasons_of_our_own_say_what_to_do(sentence: str) -> None:
    assert reads_as_advice(sentence)


@pytest.mark.parametrize("sentence", ["“criteria” is missing.", "See the log.", "Failed (status 500). Retry."])
def test_what_only_an_engineer_understands_is_no_advice(sentence: str) -> None:
    assert not reads_as_advice(sentence)
