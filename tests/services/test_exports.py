"""Exports: the same people in the same order as on the page, in a file that no spreadsheet runs, in little memory."""

import csv
import io
import tracemalloc
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from services.candidates import Candidates, stored_filters
from services.clock import HeldClock
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.candidate_view import Filters, View
from services.domain.headers import Ignored, map_headers
from services.domain.spreadsheets import BYTE_ORDER_MARK, EXPORT_COLUMNS
from services.errors import BadInput, Busy, NotFound
from services.exports import VERDICT_COLUMNS, ExportOrder, Exports, check
from tests.fixtures.postgres import Team, Urls
from tests.services.test_screening import Office

Superuser = psycopg.Connection[tuple[object, ...]]
NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def exports(database: Database) -> Exports:
    return Exports(database, HeldClock(NOW), stored_filters)


@pytest.fixture
def office(database: Database, team: Team, superuser: Superuser) -> Office:
    return Office(database, team, superuser)


def table(exports: Exports, actor: Actor, order: ExportOrder) -> list[dict[str, str]]:
    """The exported file as a spreadsheet would read it."""
    export = exports.candidates(actor, order)
    text = "".join(export.pieces)
    assert text.startswith(BYTE_ORDER_MARK)
    rows = list(csv.DictReader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))
    assert len(rows) == export.people
    return rows


def add_candidate(
    superuser: Superuser, team: Team, slug: str, extra: dict[str, str] | None = None, **columns: object
) -> int:
    columns = {"org_id": team.org_id, "profile_url": f"https://www.linkedin.com/in/{slug}", **columns}
    row = superuser.execute(
        psycopg.sql.SQL("INSERT INTO candidates ({}) VALUES ({}) RETURNING id").format(
            psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns)),
            psycopg.sql.SQL(", ").join(psycopg.sql.Placeholder() * len(columns)),
        ),
        list(columns.values()),
    ).fetchone()
    assert row is not None and isinstance(row[0], int)
    profile = {"summary": "Builds things", "skills": ["C++", "Go"]}
    superuser.execute(
        "INSERT INTO candidate_profiles (candidate_id, org_id, profile, snapshot_hash, extra)"
        " VALUES (%s, %s, %s, '', %s)",
        [row[0], team.org_id, Jsonb(profile), Jsonb(extra or {})],
    )
    return row[0]


def test_columns_stand_in_reading_order_and_unknown_is_blank(
    exports: Exports, team: Team, superuser: Superuser
) -> None:
    someone = add_candidate(
        superuser, team, "mira-oban", full_name="Mira Oban", title="Engineer", role_start=NOW.year * 12 + NOW.month - 14
    )
    [row] = table(exports, team.recruiter, ExportOrder(candidate_ids=(someone,)))
    shown = [column for column in row if column in EXPORT_COLUMNS]
    assert list(row)[: len(shown)] == [column for column in EXPORT_COLUMNS if column in row]
    assert row["name"] == "Mira Oban" and row["current_title"] == "Engineer"
    assert row["skills"] == "C++; Go" and row["summary"] == "Builds things"
    assert row["current_months_in_role"] == "14" and row["current_months_at_company"] == ""
    assert "score" not in row and "verdict" not in row


def test_no_cell_runs_and_every_text_survives_its_quoting(exports: Exports, team: Team, superuser: Superuser) -> None:
    ids = [
        add_candidate(superuser, team, "a", full_name='=HYPERLINK("http://evil.example")'),
        add_candidate(superuser, team, "b", full_name='דנה "D", לוי', headline="two\nlines"),
        add_candidate(superuser, team, "c", headline="+1", extra={"Phone": "@SUM(A1)"}),
    ]
    rows = table(exports, team.recruiter, ExportOrder(candidate_ids=tuple(ids)))
    assert rows[0]["name"] == '\'=HYPERLINK("http://evil.example")'
    assert (rows[1]["name"], rows[1]["headline"]) == ('דנה "D", לוי', "two\nlines")
    assert (rows[2]["headline"], rows[2]["Phone"]) == ("'+1", "'@SUM(A1)")


def test_what_imports_said_besides_comes_last_and_internal_columns_never(
    exports: Exports, team: Team, superuser: Superuser
) -> None:
    ids = [
        add_candidate(superuser, team, "a", extra={"Notice period": "one month", "_row": "7", "Verdict": "their own"}),
        add_candidate(superuser, team, "b", extra={"agency": "Acme"}),
    ]
    rows = table(exports, team.recruiter, ExportOrder(candidate_ids=tuple(ids)))
    assert list(rows[0])[-2:] == ["agency", "Notice period"]
    assert [(row["agency"], row["Notice period"]) for row in rows] == [("", "one month"), ("Acme", "")]
    assert not {"_row", "Verdict"} & set(rows[0])


def test_results_are_exported_as_the_page_shows_them(exports: Exports, office: Office, superuser: Superuser) -> None:
    actor, list_id = office.team.recruiter, office.make_list(office.team, 7)
    started = office.screening.start(actor, office.order(list_id=list_id))
    judged = office.judge(started.run_id, ["MAYBE", "GO", "NO GO", "GO"])
    superuser.execute("UPDATE run_items SET state = 'claimed' WHERE run_id = %s AND position > 4", [started.run_id])
    superuser.execute(
        "UPDATE run_items SET state = 'failed', reason = 'OpenAI did not answer in time.'"
        " WHERE run_id = %s AND position = 5",
        [started.run_id],
    )
    office.screening.decide(actor, judged[2], "GO", "Spoken to the candidate")
    undone = office.screening.decide(actor, judged[1], "NO GO", "Wrong click")
    office.screening.undo(actor, [undone])

    position = office.saved.position_id
    rows = table(exports, actor, ExportOrder(list_id=list_id, position_id=position))
    shown = office.screening.results(actor, position, list_id).rows
    assert [row["linkedin_url"] for row in rows] == [row.profile_url for row in shown]
    assert [row["standing"] for row in rows] == [row.standing for row in shown]
    assert [row["verdict"] for row in rows] == ["GO", "GO", "GO", "MAYBE", "", "", ""]
    overridden = next(row for row in rows if row["override_reason"])
    assert (overridden["verdict"], overridden["model_verdict"]) == ("GO", "NO GO")
    assert overridden["override_by"] == actor.name
    assert [row["failure"] for row in rows if row["standing"] == "failed"] == ["OpenAI did not answer in time."]

    everywhere = table(exports, actor, ExportOrder(position_id=position))
    assert [row["linkedin_url"] for row in everywhere] == [
        row.profile_url for row in office.screening.results(actor, position).rows
    ]
    for standings in (("GO",), ("failed", "MAYBE"), ("none", "waiting")):
        chosen = table(exports, actor, ExportOrder(list_id=list_id, position_id=position, standings=standings))
        page = office.screening.results(actor, position, list_id, standings).rows
        assert [row["linkedin_url"] for row in chosen] == [row.profile_url for row in page]


def test_chosen_people_come_in_the_order_chosen_with_their_verdicts(exports: Exports, office: Office) -> None:
    actor = office.team.recruiter
    started = office.screening.start(actor, office.order())
    office.judge(started.run_id, ["GO"])
    with office.screening.db.act_as(actor) as tx:
        ids = [int(row[0]) for row in tx.execute("SELECT candidate_id FROM run_items ORDER BY position").fetchall()]
    order = ExportOrder(candidate_ids=(ids[2], ids[0], ids[2]), position_id=office.saved.position_id)
    assert [row["verdict"] for row in table(exports, actor, order)] == ["", "GO"]


def test_a_view_is_exported_whole_and_as_it_is_sorted(
    exports: Exports, database: Database, team: Team, superuser: Superuser
) -> None:
    for number in range(30):
        add_candidate(
            superuser,
            team,
            f"p-{number}",
            name_key=f"k{number * 7 % 30:02}",
            title_key="engineer" if number % 3 else "",
        )
    view = View(filters=Filters(titles=("Engineer",)), descending=True)
    rows = table(exports, team.recruiter, ExportOrder(view=view))
    block = Candidates(database, HeldClock(NOW)).block(team.recruiter, view, 0, 100)
    with database.act_as(team.recruiter) as tx:
        urls = dict(tx.execute("SELECT id, profile_url FROM candidates").fetchall())
    assert len(rows) == 20
    assert [row["linkedin_url"] for row in rows] == [urls[row.id] for row in block.rows]


def test_another_organization_gets_nothing_whatever_it_asks_for(
    exports: Exports, office: Office, rivals: Team, superuser: Superuser
) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    office.judge(started.run_id, ["GO"])
    ids = tuple(row[0] for row in superuser.execute("SELECT id FROM candidates").fetchall() if isinstance(row[0], int))
    assert ids
    assert table(exports, rivals.admin, ExportOrder(candidate_ids=ids)) == []
    assert table(exports, rivals.admin, ExportOrder(view=View())) == []
    for order in (
        ExportOrder(list_id=office.list_id),
        ExportOrder(position_id=office.saved.position_id),
        ExportOrder(candidate_ids=ids, position_id=office.saved.position_id),
    ):
        with pytest.raises(NotFound):
            exports.candidates(rivals.admin, order)
    by_list = ExportOrder(view=View(filters=Filters(list_id=office.list_id)))
    assert table(exports, rivals.admin, by_list) == []


def test_every_export_is_noted_with_who_and_how_many(exports: Exports, office: Office, superuser: Superuser) -> None:
    exports.candidates(office.team.colleague, ExportOrder(list_id=office.list_id)).close()
    noted = superuser.execute("SELECT user_id, action, object, detail ->> 'people' FROM audit_events").fetchall()
    assert noted == [(office.team.colleague.user_id, "exported", f"list:{office.list_id}", "3")]


@pytest.mark.parametrize(
    "order",
    [
        ExportOrder(),
        ExportOrder(list_id=UUID(int=1), candidate_ids=(1,)),
        ExportOrder(list_id=UUID(int=1), view=View()),
        ExportOrder(list_id=UUID(int=1), standings=("GO",)),
        ExportOrder(position_id=UUID(int=1), standings=("PERHAPS",)),
    ],
)
def test_an_order_that_contradicts_itself_is_explained(order: ExportOrder) -> None:
    with pytest.raises(BadInput):
        check(order)


def test_an_invalid_search_is_refused_before_a_file_begins(exports: Exports, team: Team) -> None:
    with pytest.raises(BadInput, match="search"):
        exports.candidates(team.recruiter, ExportOrder(view=View(text="python AND")))


def test_columns_about_verdicts_are_not_read_back_by_an_import() -> None:
    mapping = map_headers(["linkedin_url", *VERDICT_COLUMNS])
    about = {mapping.headers[column.index] for column in mapping.ignored if column.reason is Ignored.ABOUT_A_VERDICT}
    assert about == set(VERDICT_COLUMNS) - {"profile_summary"}


def add_crowd(superuser: Superuser, team: Team, people: int) -> UUID:
    list_id = uuid4()
    superuser.execute(
        "INSERT INTO lists (id, org_id, name, created_by) VALUES (%s, %s, %s, %s)",
        [list_id, team.org_id, str(list_id), team.recruiter.user_id],
    )
    superuser.execute(
        "WITH c AS (INSERT INTO candidates (org_id, profile_url, full_name, headline)"
        " SELECT %(org)s, 'https://www.linkedin.com/in/' || gen_random_uuid(), 'Person ' || g, repeat('x', 200)"
        " FROM generate_series(1, %(people)s) g RETURNING id)"
        " INSERT INTO list_members (list_id, candidate_id, org_id) SELECT %(list)s, id, %(org)s FROM c",
        {"org": team.org_id, "people": people, "list": list_id},
    )
    return list_id


def peak_memory(exports: Exports, actor: Actor, list_id: UUID) -> tuple[int, int]:
    """Rows written, and the most bytes that Python held meanwhile."""
    tracemalloc.start()
    export = exports.candidates(actor, ExportOrder(list_id=list_id))
    lines = sum(piece.count("\n") for piece in export.pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return lines - 1, peak


def test_memory_does_not_grow_with_the_export(exports: Exports, team: Team, superuser: Superuser) -> None:
    small, large = add_crowd(superuser, team, 1_000), add_crowd(superuser, team, 4_000)
    rows, few = peak_memory(exports, team.recruiter, small)
    assert rows == 1_000
    rows, many = peak_memory(exports, team.recruiter, large)
    assert rows == 4_000
    assert many < few * 1.25


@dataclass
class ReleasingClock(HeldClock):
    """A clock on which somebody lets go of a lock while others wait."""

    holder: Superuser | None = field(default=None)
    waits: int = 0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.waits += 1
        if self.holder is not None and self.waits == 2:
            self.holder.rollback()


def test_a_download_waits_for_a_database_that_does_not_answer(
    urls: Urls, team: Team, superuser: Superuser, rivals: Team
) -> None:
    list_id = add_crowd(superuser, team, 1_200)
    database = Database(urls.login, lock_seconds=0.1)
    with psycopg.connect(urls.superuser) as holder:
        clock = ReleasingClock(NOW, holder=holder)
        export = Exports(database, clock, stored_filters).candidates(team.recruiter, ExportOrder(list_id=list_id))
        pieces = export.pieces
        text = [next(pieces), next(pieces), next(pieces)]
        holder.execute("LOCK TABLE candidates IN ACCESS EXCLUSIVE MODE")
        text += list(pieces)
        assert clock.waits == 2
        assert "".join(text).count("\n") == 1_201

        clock.waits = 3
        export = Exports(database, clock, stored_filters).candidates(team.recruiter, ExportOrder(list_id=list_id))
        next(export.pieces)
        holder.execute("LOCK TABLE candidate_profiles IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Busy):
            list(export.pieces)
    database.close()


def test_days_are_those_of_the_organizations_time_zone(exports: Exports, team: Team, superuser: Superuser) -> None:
    superuser.execute('UPDATE organizations SET settings = \'{"time_zone": "Pacific/Kiritimati"}\'')
    late = datetime(2026, 3, 9, 22, 30, tzinfo=UTC)
    someone = add_candidate(superuser, team, "mira-oban", created_at=late, updated_at=late)
    order = ExportOrder(candidate_ids=(someone,))
    [row] = table(exports, team.recruiter, order)
    assert (row["added_on"], row["updated_on"]) == ("2026-03-10", "2026-03-10")
    export = exports.candidates(team.recruiter, order)
    export.close()
    assert export.name == "Candidates – 2026-03-21"
