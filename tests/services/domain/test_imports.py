"""Columns chosen by a person: one column feeds one target, untouched targets stay as they were read."""

import pytest

from services.domain.headers import Target, map_headers
from services.domain.imports import chosen_mapping, first_column
from services.errors import BadInput

MAPPING = map_headers(["linkedin_url", "url", "name", "title", "notes"])
AS_READ = {target: first_column(MAPPING, target) for target in (Target.PROFILE_URL, Target.FULL_NAME, Target.TITLE)}


def test_what_was_not_touched_stays_with_its_further_columns() -> None:
    assert chosen_mapping(MAPPING, AS_READ) == MAPPING


def test_a_changed_target_is_fed_by_the_chosen_column_alone() -> None:
    chosen = chosen_mapping(MAPPING, AS_READ | {Target.PROFILE_URL: 1})
    assert [column.index for column in chosen.mapped if column.target is Target.PROFILE_URL] == [1]


def test_a_target_can_be_left_empty_and_its_column_given_to_another() -> None:
    chosen = chosen_mapping(MAPPING, AS_READ | {Target.TITLE: None, Target.HEADLINE: 3, Target.SUMMARY: 4})
    fed = {column.target: column.index for column in chosen.mapped}
    assert (fed.get(Target.TITLE), fed[Target.HEADLINE], fed[Target.SUMMARY]) == (None, 3, 4)


def test_one_column_cannot_feed_two_targets() -> None:
    with pytest.raises(BadInput, match="“name” is chosen for “Full name” and for “Headline”"):
        chosen_mapping(MAPPING, AS_READ | {Target.HEADLINE: 2})


def test_a_column_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput, match="does not exist"):
        chosen_mapping(MAPPING, {Target.TITLE: 5})
