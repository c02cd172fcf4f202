"""What a run is called."""

import pytest

from services.domain.runs import RunKind, run_name


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
