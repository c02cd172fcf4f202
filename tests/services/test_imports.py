"""Imports: people arrive once, counts add up, and a failed import leaves nothing."""

import csv
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pages.parts.import_parts import column_samples
from services.db.candidate_rows import candidate_row
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.dates import month_number
from services.domain.headers import HeaderMapping, Target, map_headers
from services.domain.profiles import Profile, Role
from services.domain.queries import parse_query, to_tsquery
from services.errors import AppError, BadInput, Conflict, NotFound
from services.imports import ImportResult, Imports
from tests.fixtures import files
from tests.fixtures.files import csv_text
from tests.fixtures.postgres import Team

Superuser = psycopg.Connection[tuple[object, ...]]
IN = "https://www.linkedin.com/in/"

# Everything an import may change about people, without ids and times.
EVERYTHING = """
SELECT c.profile_url, c.full_name, c.title, c.company, c.email, c.words::text, c.updated_at, p.profile::text,
       p.extra::text, p.snapshot_hash,
       ARRAY(SELECT a.url FROM candidate_aliases a WHERE a.candidate_id = c.id ORDER BY 1),
       ARRAY(SELECT e.email FROM candidate_emails e WHERE e.candidate_id = c.id ORDER BY 1),
       ARRAY(SELECT m.list_id::text FROM list_members m WHERE m.candidate_id = c.id ORDER BY 1)
  FROM candidates c LEFT JOIN candidate_profiles p ON p.candidate_id = c.id
 WHERE c.org_id = %s ORDER BY c.profile_url
"""


def upload(imports: Imports, actor: Actor, text: str | bytes, name: str = "people.csv") -> ImportResult:
    """What a person does: upload, accept the proposed columns, import into a list named like the file."""
    body = text.encode() if isinstance(text, str) else text
    import_id = imports.receive(actor, name, io.BytesIO(body), len(body))
    preview = imports.preview(actor, import_id)
    return imports.run(actor, import_id, preview.suggested_list, preview.mapping)


def reconciled(result: ImportResult) -> tuple[int, int, int, int, int]:
    assert result.rows == result.added + result.updated + result.merged + result.rejected
    return result.rows, result.added, result.updated, result.merged, result.rejected


def people(superuser: Superuser, team: Team) -> dict[str, dict[str, object]]:
    columns = "profile_url, full_name, title, company, location, school, email, role_start, company_start"
    rows = superuser.execute(f"SELECT {columns} FROM candidates WHERE org_id = %s", [team.org_id]).fetchall()
    names = columns.split(", ")
    return {str(row[0]).removeprefix(IN): dict(zip(names, row, strict=True)) for row in rows}


def partition(superuser: Superuser, team: Team) -> set[frozenset[str]]:
    """The people of an organization, each as the set of their addresses."""
    rows = superuser.execute(
        "SELECT array_agg(url) FROM candidate_aliases WHERE org_id = %s GROUP BY candidate_id", [team.org_id]
    ).fetchall()
    return {frozenset(str(url).removeprefix(IN) for url in urls) for (urls,) in rows}  # type: ignore[attr-defined]


def clear(superuser: Superuser) -> None:
    for table in ("candidates", "list_members", "imports", "lists"):
        superuser.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("text", "counts", "slug", "facts"),
    [
        (
            files.PHANTOMBUSTER,
            (2, 1, 0, 0, 1),
            "mira-oban",
            {
                "full_name": "Mira Oban",
                "title": "Platform Engineer",
                "company": "Bluefern",
                "location": "Haifa, Israel",
            },
        ),
        (
            files.GEM,
            (1, 1, 0, 0, 0),
            "noa-tal",
            {"full_name": "Noa Tal", "title": "Staff Engineer", "school": "Technion", "email": "noa@tal.example"},
        ),
        (files.CONNECTIONS, (2, 1, 0, 0, 1), "dana-levi", {"full_name": "Dana Levi", "title": "Data Engineer"}),
        (files.GENERIC, (2, 1, 0, 0, 1), "omer-bar", {"full_name": "Omer Bar", "email": "omer@bar.example"}),
        (
            files.OWN_EXPORT,
            (1, 1, 0, 0, 0),
            "%D7%9E%D7%99%D7%A8%D7%94",
            {"full_name": "Lior Gal", "title": "=SUM(1)", "company": "Bluefern", "school": "Technion"},
        ),
        (
            files.WIDE,
            (1, 1, 0, 0, 0),
            "adi-ron",
            {"title": "Team Lead", "company": "Bluefern", "role_start": 2023 * 12 + 12, "school": "Technion"},
        ),
    ],
    ids=["phantombuster", "gem", "connections", "generic", "own export", "wide"],
)
def test_each_dialect_arrives_as_people(
    imports: Imports, team: Team, superuser: Superuser, text: str, counts: tuple[int, ...], slug: str, facts: dict
) -> None:
    assert reconciled(upload(imports, team.recruiter, text)) == counts
    found = people(superuser, team)
    assert list(found) == [slug]
    assert {name: found[slug][name] for name in facts} == facts


def test_supplied_durations_become_starts(imports: Imports, team: Team, superuser: Superuser) -> None:
    upload(imports, team.recruiter, files.PHANTOMBUSTER)
    mira = people(superuser, team)["mira-oban"]
    now = month_number(2026, 1)
    assert (mira["role_start"], mira["company_start"]) == (now - 14, now - 36)


def test_all_emails_are_kept_aside_and_the_opaque_id_is_an_alias(
    imports: Imports, team: Team, superuser: Superuser
) -> None:
    upload(imports, team.recruiter, files.GEM)
    upload(imports, team.recruiter, files.PHANTOMBUSTER)
    emails = superuser.execute("SELECT email FROM candidate_emails ORDER BY email").fetchall()
    assert emails == [("noa.tal@quillmark.example",), ("noa@tal.example",)]
    assert frozenset({"mira-oban", "ACoAABq7TzUBkLmN_0pQrStUvW"}) in partition(superuser, team)


def test_rejected_rows_are_kept_with_number_column_and_reason(imports: Imports, team: Team) -> None:
    result = upload(imports, team.recruiter, files.CONNECTIONS)
    rejects = imports.rejects(team.recruiter, result.import_id)
    # Two records of notes, a blank line, the header, one good row: the sixth row of the sheet.
    assert [(reject.row_number, reject.excerpt) for reject in rejects] == [(6, "Hidden · Person · 02 Sep 2025")]
    assert rejects[0].reason == "This row has no profile address, so nobody can tell whose it is."
    assert result.rejects == tuple(rejects)


def test_the_rejected_rows_download_opens_in_a_spreadsheet(imports: Imports, team: Team) -> None:
    text = csv_text(
        [{"linkedin_url": "linkedin.com/in/good-one", "name": "Good"}, {"linkedin_url": "", "name": "=HYPERLINK(1)"}]
    )
    result = upload(imports, team.recruiter, text)
    written = "".join(imports.rejects_csv(team.recruiter, result.import_id))
    assert written.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(written[1:])))[1] == [
        "3",
        "linkedin_url",
        "This row has no profile address, so nobody can tell whose it is.",
        "'=HYPERLINK(1)",
    ]


def test_the_same_file_twice_changes_nothing(imports: Imports, team: Team, superuser: Superuser) -> None:
    text = csv_text(
        [
            {"linkedin_url": "linkedin.com/in/a-one", "url": "linkedin.com/in/a-old", "name": "A One", "email": ""},
            {"linkedin_url": "linkedin.com/in/a-old", "url": "", "name": "Other Spelling", "email": "a@one.example"},
            {"linkedin_url": "linkedin.com/in/b-two", "url": "", "name": "B Two", "email": "b@two.example"},
        ]
    )
    assert reconciled(upload(imports, team.recruiter, text)) == (3, 2, 0, 1, 0)
    before = superuser.execute(EVERYTHING, [team.org_id]).fetchall()
    assert reconciled(upload(imports, team.recruiter, text)) == (3, 0, 0, 3, 0)
    assert superuser.execute(EVERYTHING, [team.org_id]).fetchall() == before


def test_a_known_person_is_found_by_any_address_and_updated(imports: Imports, team: Team, superuser: Superuser) -> None:
    upload(imports, team.recruiter, files.PHANTOMBUSTER)
    text = csv_text(
        [
            {
                "linkedin_url": "https://www.linkedin.com/in/mira-oban-phd",
                "linkedInProfile": "https://www.linkedin.com/in/ACoAABq7TzUBkLmN_0pQrStUvW",
                "name": "Mira Oban",
                "email": "mira@oban.example",
                "title": "",
            }
        ]
    )
    assert reconciled(upload(imports, team.recruiter, text)) == (1, 0, 1, 0, 0)
    mira = people(superuser, team)["mira-oban"]
    assert (mira["email"], mira["title"]) == ("mira@oban.example", "Platform Engineer")
    assert partition(superuser, team) == {frozenset({"mira-oban", "mira-oban-phd", "ACoAABq7TzUBkLmN_0pQrStUvW"})}


def test_an_email_is_never_erased_or_replaced(imports: Imports, team: Team, superuser: Superuser) -> None:
    for email in ("first@mail.example", "", "second@mail.example"):
        upload(imports, team.recruiter, csv_text([{"linkedin_url": "linkedin.com/in/noa-tal", "email": email}]))
    assert people(superuser, team)["noa-tal"]["email"] == "first@mail.example"
    assert superuser.execute("SELECT count(*) FROM candidate_emails").fetchone() == (2,)


def test_two_known_people_are_never_joined_by_a_row_that_names_both(
    imports: Imports, team: Team, superuser: Superuser
) -> None:
    upload(imports, team.recruiter, "linkedin_url,name\nlinkedin.com/in/one,One\nlinkedin.com/in/two,Two\n")
    result = upload(
        imports, team.recruiter, "linkedin_url,url,title\nlinkedin.com/in/two,linkedin.com/in/one,Engineer\n"
    )
    assert reconciled(result) == (1, 0, 1, 0, 0)
    assert partition(superuser, team) == {frozenset({"one"}), frozenset({"two"})}
    assert {slug: person["title"] for slug, person in people(superuser, team).items()} == {
        "one": "",
        "two": "Engineer",
    }
    pairs = imports.possible_duplicates(team.recruiter, result.import_id)
    assert [(pair.full_name, pair.other_name, pair.row_number) for pair in pairs] == [("One", "Two", 2)]


def test_a_long_chain_of_shared_addresses_is_one_person(imports: Imports, team: Team, superuser: Superuser) -> None:
    length = 400
    rows = [
        {"linkedin_url": f"linkedin.com/in/p-{n:05}", "url": f"linkedin.com/in/p-{n + 1:05}"} for n in range(length)
    ]
    rows = rows[::2] + rows[1::2][::-1]
    assert reconciled(upload(imports, team.recruiter, csv_text(rows))) == (length, 1, 0, length - 1, 0)
    assert len(partition(superuser, team)) == 1


def test_what_a_provider_told_is_only_completed_by_a_file(
    imports: Imports, database: Database, team: Team, superuser: Superuser
) -> None:
    upload(imports, team.recruiter, "linkedin_url,name\nlinkedin.com/in/noa-tal,Noa Tal\n")
    row = candidate_row(
        Profile(full_name="Noa Tal", headline="Lead", roles=(Role("Lead", "Bluefern", "2024-01"),)),
        1,
        month_number(2026, 1),
    )
    superuser.execute(
        "UPDATE candidates SET title = 'Lead', headline = 'Lead', enrichment = 'enriched', enriched_at = now()"
    )
    superuser.execute(
        "UPDATE candidate_profiles SET profile = %s, snapshot_hash = %s", [row.profile, row.snapshot_hash]
    )
    text = csv_text(
        [
            {
                "linkedin_url": "linkedin.com/in/noa-tal",
                "name": "N. T.",
                "headline": "Stale",
                "title": "Junior",
                "location": "Haifa",
            }
        ]
    )
    assert reconciled(upload(imports, team.recruiter, text)) == (1, 0, 1, 0, 0)
    noa = people(superuser, team)["noa-tal"]
    assert (noa["full_name"], noa["title"], noa["location"]) == ("Noa Tal", "Lead", "Haifa")


def test_people_are_found_by_their_words_within_their_organization(
    imports: Imports, team: Team, rivals: Team, superuser: Superuser
) -> None:
    upload(imports, team.recruiter, files.WIDE)
    upload(imports, rivals.recruiter, files.WIDE)
    number = superuser.execute("SELECT number FROM organizations WHERE id = %s", [team.org_id]).fetchone()
    assert number
    query = to_tsquery(parse_query('"team lead" AND .NET AND c++ AND quillmark'))  # type: ignore[arg-type]
    rows = superuser.execute(
        "SELECT org_id FROM candidates WHERE words @@ (%s::tsquery && %s::tsquery)", [query, f"'org:{number[0]}'"]
    ).fetchall()
    assert rows == [(team.org_id,)]


def test_the_same_address_in_two_organizations_is_two_people(
    imports: Imports, team: Team, rivals: Team, superuser: Superuser
) -> None:
    ours = upload(imports, team.recruiter, files.GEM)
    before = superuser.execute(EVERYTHING, [team.org_id]).fetchall()
    theirs = upload(imports, rivals.recruiter, files.GEM.replace("Staff Engineer", "Baker"))
    assert reconciled(ours) == reconciled(theirs) == (1, 1, 0, 0, 0)
    assert superuser.execute(EVERYTHING, [team.org_id]).fetchall() == before
    assert people(superuser, rivals)["noa-tal"]["title"] == "Baker"


def test_another_organization_cannot_see_or_touch_an_import(
    imports: Imports, team: Team, rivals: Team, superuser: Superuser
) -> None:
    waiting = imports.receive(team.recruiter, "x.csv", io.BytesIO(files.GEM.encode()), None)
    mapping = imports.preview(team.recruiter, waiting).mapping
    done = upload(imports, team.recruiter, files.CONNECTIONS).import_id
    attempts: list[Callable[[], object]] = [
        lambda: imports.preview(rivals.recruiter, waiting),
        lambda: imports.run(rivals.recruiter, waiting, "Stolen", mapping),
        lambda: imports.find(rivals.recruiter, done),
        lambda: imports.rejects(rivals.recruiter, done),
        lambda: imports.possible_duplicates(rivals.recruiter, done),
        lambda: list(imports.rejects_csv(rivals.recruiter, done)),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()
    imports.discard(rivals.recruiter, waiting)
    assert imports.recent(rivals.recruiter) == []
    assert imports.find(team.recruiter, waiting).state == "uploaded"
    assert superuser.execute("SELECT count(*) FROM lists WHERE org_id = %s", [rivals.org_id]).fetchone() == (0,)


def test_the_role_of_requests_cannot_reach_staged_rows(database: Database, team: Team) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.recruiter) as tx:
        tx.execute("SELECT * FROM staging.rows")


def test_an_import_ends_without_tables_and_without_its_file(imports: Imports, team: Team, superuser: Superuser) -> None:
    upload(imports, team.recruiter, files.GEM)
    assert list(imports.uploads.iterdir()) == []
    tables = superuser.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'staging'::regnamespace AND relkind = 'r'"
    )
    assert {name for (name,) in tables} == {"rows", "links", "places", "heads"}


def test_uploads_are_private(imports: Imports, team: Team) -> None:
    imports.receive(team.recruiter, "../../etc/people.csv", io.BytesIO(files.GEM.encode()), None)
    (path,) = imports.uploads.iterdir()
    assert (imports.uploads.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert imports.recent(team.recruiter)[0].file_name == "people.csv"


def rejecting(body: bytes) -> Callable[[Imports, Actor], object]:
    return lambda imports, actor: imports.receive(actor, "f.csv", io.BytesIO(body), len(body))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "empty"),
        (b"\n , ,\n", "empty"),
        (b"linkedin_url,name\n", "no rows"),
        (b"linkedin_url,name\n,\n", "no rows"),
        (b"PK\x03\x04\x14\x00", "Excel workbook"),
        (b"%PDF-1.7", "PDF"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b'{"people": []}', "JSON"),
        (b"<html><body>", "web page"),
        ("linkedin_url,name\nlinkedin.com/in/x,Andr\u00e9\n".encode("latin-1"), "line 2.*another encoding"),
        ("linkedin_url,name\nlinkedin.com/in/x,X\n".encode("utf-16-le"), "UTF-16"),
        (b"linkedin_url,na\0me\nlinkedin.com/in/x,X\n", "NUL"),
        (b"https://www.linkedin.com/in/mira-oban,Mira\n", "first row holds a person"),
    ],
)
def test_what_is_not_a_table_of_text_is_refused_with_a_sentence(
    imports: Imports, team: Team, body: bytes, sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        imports.receive(team.recruiter, "people.csv", io.BytesIO(body), len(body))
    assert list(imports.uploads.iterdir()) == []
    assert imports.recent(team.recruiter) == []


def test_utf_16_with_its_mark_is_read(imports: Imports, team: Team, superuser: Superuser) -> None:
    upload(imports, team.recruiter, "linkedin_url\tname\nlinkedin.com/in/x\tשרה כהן\n".encode("utf-16"))
    assert people(superuser, team)["x"]["full_name"] == "שרה כהן"


def test_a_damaged_row_is_refused_alone(imports: Imports, team: Team) -> None:
    long = "x" * 3_000_000
    text = (
        "linkedin_url,name,summary\n"
        f"linkedin.com/in/one,One,{long}\n"
        "linkedin.com/in/two,T\0wo,\n"
        "linkedin.com/in/three,Levi, Dana,extra\n"
        "linkedin.com/in/four\n"
    )
    result = upload(imports, team.recruiter, text)
    assert reconciled(result) == (4, 1, 0, 0, 3)
    assert [(reject.row_number, reject.field) for reject in result.rejects] == [(2, "summary"), (3, "name"), (4, "")]
    assert result.rejects[1].excerpt == "linkedin.com/in/two · T␀wo"


def test_a_nul_byte_is_seen_before_the_import_as_it_is_after(imports: Imports, team: Team) -> None:
    body = b"linkedin_url,name\nlinkedin.com/in/two,T\0wo\nlinkedin.com/in/three,Dana\n"
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(body), None)
    preview = imports.preview(team.recruiter, import_id)
    assert preview.columns[1].samples == ("T␀wo", "Dana")
    assert "its row will be rejected" in column_samples(preview, Target.FULL_NAME, 1)
    result = imports.run(team.recruiter, import_id, "June", preview.mapping)
    assert [reject.excerpt for reject in result.rejects] == ["linkedin.com/in/two · T␀wo"]


def test_a_quotation_mark_that_never_closes_is_said_and_imports_nothing(
    imports: Imports, team: Team, superuser: Superuser
) -> None:
    rows = "linkedin.com/in/one,One\n" * 400_000
    body = f'linkedin_url,name\nlinkedin.com/in/first,First\nlinkedin.com/in/open,"{rows}'.encode()
    with pytest.raises(BadInput, match="quotation mark"):
        upload(imports, team.recruiter, body)
    assert people(superuser, team) == {}


def test_an_announced_size_is_refused_before_a_byte_is_read(imports: Imports, team: Team) -> None:
    class Untouchable(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("read")

    with pytest.raises(BadInput, match="larger than 20 MB"):
        imports.receive(team.recruiter, "x.csv", Untouchable(), 20_000_001)  # type: ignore[arg-type]


def test_an_unannounced_size_is_refused_on_the_way(imports: Imports, team: Team) -> None:
    with pytest.raises(BadInput, match="larger than 20 MB"):
        imports.receive(team.recruiter, "x.csv", io.BytesIO(b"a" * 20_000_001), None)
    assert list(imports.uploads.iterdir()) == []


def test_without_a_usable_row_nothing_happens_and_the_upload_waits(
    imports: Imports, team: Team, superuser: Superuser
) -> None:
    text = "linkedin_url,name\nhttps://example.com/x,X\n,Y\n"
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(text.encode()), None)
    preview = imports.preview(team.recruiter, import_id)
    with pytest.raises(BadInput, match="None of the 2 rows"):
        imports.run(team.recruiter, import_id, "X", preview.mapping)
    assert imports.find(team.recruiter, import_id).state == "uploaded"
    assert superuser.execute("SELECT count(*) FROM lists").fetchone() == (0,)


def test_without_an_address_column_a_person_chooses_one(imports: Imports, team: Team, superuser: Superuser) -> None:
    text = "who,where to find\nNoa Tal,linkedin.com/in/noa-tal\n"
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(text.encode()), None)
    preview = imports.preview(team.recruiter, import_id)
    assert [column.samples for column in preview.columns] == [("Noa Tal",), ("linkedin.com/in/noa-tal",)]
    with pytest.raises(BadInput, match="Profile address"):
        imports.run(team.recruiter, import_id, "X", preview.mapping)
    from services.domain.headers import Target

    corrected = preview.mapping.corrected({1: Target.PROFILE_URL, 0: Target.FULL_NAME})
    imports.run(team.recruiter, import_id, "X", corrected)
    assert people(superuser, team)["noa-tal"]["full_name"] == "Noa Tal"
    assert HeaderMapping.from_dict(imports.find(team.recruiter, import_id).mapping) == corrected


def test_columns_chosen_for_another_file_are_refused(imports: Imports, team: Team) -> None:
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(files.GEM.encode()), None)
    with pytest.raises(BadInput, match="another file"):
        imports.run(team.recruiter, import_id, "X", map_headers(["linkedin_url", "name"]))


def test_a_finished_import_cannot_run_again(imports: Imports, team: Team) -> None:
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(files.GEM.encode()), None)
    mapping = imports.preview(team.recruiter, import_id).mapping
    imports.run(team.recruiter, import_id, "X", mapping)
    with pytest.raises(Conflict, match="imported already"):
        imports.run(team.recruiter, import_id, "X", mapping)


def test_the_same_file_is_recognised_before_it_is_imported_again(imports: Imports, team: Team, rivals: Team) -> None:
    first = upload(imports, team.recruiter, files.GEM)
    again = imports.receive(team.colleague, "renamed.csv", io.BytesIO(files.GEM.encode()), None)
    elsewhere = imports.receive(rivals.recruiter, "renamed.csv", io.BytesIO(files.GEM.encode()), None)
    before = imports.preview(team.colleague, again).before
    assert before and before.id == first.import_id and before.user_name == team.recruiter.name
    assert imports.preview(rivals.recruiter, elsewhere).before is None


def test_an_import_joins_an_existing_list_of_that_name(imports: Imports, team: Team, superuser: Superuser) -> None:
    one = upload(imports, team.recruiter, files.GEM, "Backend people.csv")
    two = upload(imports, team.colleague, files.WIDE, "backend people.csv")
    assert one.list_id == two.list_id
    assert superuser.execute("SELECT count(*) FROM list_members").fetchone() == (2,)


def test_a_file_of_the_machine_is_imported_in_one_step(imports: Imports, team: Team, tmp_path: Path) -> None:
    path = tmp_path / "gem.csv"
    path.write_text(files.GEM)
    result = imports.import_file(team.recruiter, path, "Gem")
    assert reconciled(result) == (1, 1, 0, 0, 0)
    assert path.exists()
    assert imports.find(team.recruiter, result.import_id).state == "done"


def test_where_each_person_came_from_is_noted(imports: Imports, team: Team, superuser: Superuser) -> None:
    results = [upload(imports, team.recruiter, files.CONNECTIONS) for _ in range(2)]
    noted = superuser.execute("SELECT import_id, row_number FROM candidate_sources ORDER BY at").fetchall()
    assert noted == [(result.import_id, 5) for result in results]


def test_what_a_row_left_out_is_counted(imports: Imports, team: Team) -> None:
    text = "linkedin_url,email\nlinkedin.com/in/a,not-one\nlinkedin.com/in/b,b@b.example\nlinkedin.com/in/c,nor this\n"
    record = imports.find(team.recruiter, upload(imports, team.recruiter, text).import_id)
    assert {(note["note"], note["field"], note["rows"], note["first_row"]) for note in record.notes} == {
        ("bad_email", "email", 2, 2)
    }


def test_a_kill_in_the_middle_leaves_nothing(
    imports: Imports, team: Team, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(files.GEM.encode()), None)
    mapping = imports.preview(team.recruiter, import_id).mapping
    finish = imports_db().finish_import

    def killed(*args: object, **facts: object) -> None:
        finish(*args, **facts)  # type: ignore[arg-type]
        superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sourcingx_login'")

    monkeypatch.setattr(imports_db(), "finish_import", killed)
    with pytest.raises(AppError):
        imports.run(team.recruiter, import_id, "X", mapping)
    monkeypatch.undo()
    left = superuser.execute(
        "SELECT (SELECT count(*) FROM candidates), (SELECT count(*) FROM lists), (SELECT count(*) FROM pg_class"
        " WHERE relnamespace = 'staging'::regnamespace AND relname LIKE 'import%')"
    ).fetchone()
    assert left == (0, 0, 0)
    assert reconciled(imports.run(team.recruiter, import_id, "X", mapping)) == (1, 1, 0, 0, 0)


def imports_db():
    from services.db import imports as module

    return module


def test_overlapping_imports_of_two_people_at_once_add_everybody_once(
    imports: Imports, team: Team, superuser: Superuser
) -> None:
    numbers = list(range(300))
    one = csv_text([{"linkedin_url": f"linkedin.com/in/p-{n}", "name": f"P {n}"} for n in numbers[:200]])
    two = csv_text([{"linkedin_url": f"linkedin.com/in/p-{n}", "title": f"T {n}"} for n in reversed(numbers[100:])])
    results: list[ImportResult] = []
    failures: list[BaseException] = []

    def work(actor: Actor, text: str) -> None:
        try:
            for _ in range(3):
                results.append(upload(imports, actor, text, f"{actor.name}.csv"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=args) for args in ((team.recruiter, one), (team.colleague, two))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(people(superuser, team)) == 300
    assert sum(result.added for result in results) == 300
    for result in results:
        reconciled(result)


def test_import_pressed_twice_at_once_runs_once(imports: Imports, team: Team) -> None:
    import_id = imports.receive(team.recruiter, "x.csv", io.BytesIO(files.GEM.encode()), None)
    mapping = imports.preview(team.recruiter, import_id).mapping
    outcomes: list[object] = []

    def press() -> None:
        try:
            outcomes.append(imports.run(team.recruiter, import_id, "X", mapping))
        except AppError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Counter(isinstance(outcome, ImportResult) for outcome in outcomes) == {True: 1, False: 1}


SLUGS = st.sampled_from(["ann", "bob-1", "cleo", "dan", "eve-22"])
ADDRESSES = st.one_of(
    SLUGS.map(lambda slug: f"linkedin.com/in/{slug}"),
    SLUGS.map(lambda slug: f"http://il.linkedin.com/in/{slug.upper()}/?trk=x"),
    st.sampled_from(["", "https://www.linkedin.com/in/ACoAABq7TzUBkLmN_0pQrStUvW", "example.com"]),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "linkedin_url": ADDRESSES,
            "url": ADDRESSES,
            "name": st.sampled_from(["", "Ann Lee", "Bob"]),
            "title": st.sampled_from(["", "Baker", "Cook"]),
            "email": st.sampled_from(["", "x@mail.example", "y@mail.example"]),
            "skills": st.sampled_from(["", "C++", "Go, C++"]),
        }
    ),
    min_size=1,
    max_size=8,
)
# Each example is two imports; shrinking one that fails would take minutes.
SLOW = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def import_rows(imports: Imports, team: Team, rows: Iterable[dict[str, str]]) -> ImportResult | None:
    try:
        return upload(imports, team.recruiter, csv_text(list(rows)))
    except BadInput as refused:
        words = ("None of the", "The only row there is cannot be used", "no rows")
        assert any(part in refused.message for part in words)
        return None


@SLOW
@given(ROWS, ROWS)
def test_counts_reconcile_and_a_repeat_changes_nothing(
    imports: Imports, team: Team, superuser: Superuser, earlier: list[dict[str, str]], rows: list[dict[str, str]]
) -> None:
    clear(superuser)
    import_rows(imports, team, earlier)
    before = superuser.execute("SELECT count(*) FROM candidates").fetchone()
    first = import_rows(imports, team, rows)
    if first is None:
        assert superuser.execute("SELECT count(*) FROM candidates").fetchone() == before
        return
    reconciled(first)
    assert superuser.execute("SELECT count(*) FROM candidates").fetchone() == (before[0] + first.added,)  # type: ignore
    stored = superuser.execute(EVERYTHING, [team.org_id]).fetchall()
    second = import_rows(imports, team, rows)
    assert second is not None
    assert reconciled(second) == (first.rows, 0, 0, first.rows - first.rejected, first.rejected)
    assert superuser.execute(EVERYTHING, [team.org_id]).fetchall() == stored
    orphans = superuser.execute(
        "SELECT profile_url FROM candidates c WHERE NOT EXISTS (SELECT 1 FROM candidate_aliases a"
        " WHERE a.candidate_id = c.id AND a.url = c.profile_url)"
    ).fetchall()
    assert orphans == []


@SLOW
@given(ROWS.flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_order_of_rows_does_not_change_who_is_who(
    imports: Imports, team: Team, superuser: Superuser, orders: tuple[list[dict[str, str]], list[dict[str, str]]]
) -> None:
    outcomes = []
    for rows in orders:
        clear(superuser)
        import_rows(imports, team, rows)
        addresses = superuser.execute("SELECT profile_url FROM candidates ORDER BY profile_url").fetchall()
        outcomes.append((partition(superuser, team), addresses))
    assert outcomes[0] == outcomes[1]
