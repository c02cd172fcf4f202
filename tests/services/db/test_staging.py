"""Staging: texts arrive as they are, and the work grows with the file whatever the planner believes."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from services.db import lists
from services.db.candidate_rows import candidate_row
from services.db.pool import Database
from services.db.staging import IMPORT_ROLE, StagedRow, Staging
from services.domain.dates import month_number
from services.domain.headers import map_headers
from services.domain.profiles import Profile
from services.imports import Folding, Imports, RowReader
from tests.fixtures.files import csv_text
from tests.fixtures.postgres import Team
from tests.services.test_imports import upload

Superuser = psycopg.Connection[tuple[object, ...]]
IN = "https://www.linkedin.com/in/"
NOW = month_number(2026, 1)
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20), max_size=3)


@pytest.fixture
def staging(database: Database, team: Team) -> Iterator[Staging]:
    with database.transaction(IMPORT_ROLE, team.org_id, team.recruiter.user_id) as tx:
        opened = Staging(tx, uuid4())
        opened.open()
        yield opened
        opened.close()


def staged(number: int, url: str, *, with_words: bool = True, **parts: Any) -> StagedRow:
    candidate = candidate_row(Profile(full_name="Mira Oban", title="Luthier"), 1, NOW, with_words=with_words)
    values = {"urls": (url,), "emails": (), "extra": {}, "sources": {}} | parts
    return StagedRow(row_number=number, url=url, candidate=candidate, **values)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(urls=TEXTS, emails=TEXTS, extra=st.dictionaries(st.sampled_from(['a"b', "c\\d", "é{}"]), TEXTS.map("".join)))
def test_any_text_is_staged_as_it_is(staging: Staging, urls: list[str], emails: list[str], extra: dict) -> None:
    staging.add([staged(1, "u", urls=tuple(urls), emails=tuple(emails), extra=extra)])
    read = sql.SQL("DELETE FROM {} RETURNING urls, emails, extra").format(staging.table("rows"))
    assert staging.tx.execute(read).fetchall() == [(urls, emails, extra)]


def test_a_row_staged_without_words_about_a_stranger_is_stored_with_words(
    staging: Staging, team: Team, superuser: Superuser
) -> None:
    """Somebody was known when the row was read, and was erased before the merge."""
    staging.add([staged(1, IN + "mira", with_words=False), staged(2, IN + "noa")])
    staging.group()
    reader = RowReader(map_headers(["linkedin_url"]), 1, NOW)
    counts = staging.merge_range(0, 3, lists.find_or_insert(staging.tx, "Makers"), Folding(reader).fold)
    stored = staging.tx.execute("SELECT words::text FROM candidates ORDER BY profile_url").fetchall()
    assert (counts.added, len(stored)) == (2, 2)
    assert stored[0] == stored[1]
    assert "luthier" in stored[0][0]


@pytest.mark.parametrize("statement", ["place_rows", "settle_repeats", "update_candidates", "note_possible_duplicates"])
def test_the_work_grows_with_the_file_even_if_the_planner_expects_an_empty_organization(
    imports: Imports,
    team: Team,
    rivals: Team,
    superuser: Superuser,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
) -> None:
    """Of an organization that came since the last ANALYZE the planner expects one row."""
    rows = 300
    upload(imports, rivals.recruiter, people(rows, "Weaver"))
    superuser.execute("ANALYZE")
    upload(imports, team.recruiter, people(rows, "Luthier"))
    touched: list[int] = []
    run = Staging.run

    def watched(self: Staging, name: str, **values: Any) -> int:
        if name != statement:
            return run(self, name, **values)
        explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + self.statement(name)
        plan = self.tx.execute(explain, values or None).fetchone()
        assert plan is not None
        touched.append(rows_touched(plan[0][0]["Plan"]))
        return 0

    monkeypatch.setattr(Staging, "run", watched)
    upload(imports, team.recruiter, people(rows, "Luthier" if statement == "settle_repeats" else "Cooper"))
    assert 0 < touched[0] < 40 * rows


def people(rows: int, title: str) -> str:
    return csv_text([{"linkedin_url": f"{IN}p-{number}", "title": title} for number in range(rows)])


def rows_touched(node: dict[str, Any]) -> int:
    """The rows that all parts of a plan returned or threw away, over all of its loops."""
    removed = sum(count for key, count in node.items() if key.startswith("Rows Removed"))
    below = sum(rows_touched(child) for child in node.get("Plans", ()))
    return int((node["Actual Rows"] + removed) * node["Actual Loops"]) + below
