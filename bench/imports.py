"""Imports: a file of new people, the same file again, and the same load written by hand, in one run.

Run with `python -m bench.imports`. By hand means what somebody with psql would write: COPY of rows that are
computed already, then one plain INSERT for each table (docs/decisions/merge.md, What was measured).
"""

import csv
import random
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from bench.people import COUNTRIES, FIELDS, KINDS, LEVELS, PLACES, SKILLS, invented, popular
from services.clock import SystemClock
from services.db.embedded import Access, EmbeddedPostgres
from services.db.migrate import upgrade
from services.db.pool import Database
from services.db.staging import Staging
from services.domain.actors import Actor, Role
from services.domain.delimited import find_dialect, read_rows
from services.domain.headers import map_headers
from services.imports import ROWS_A_CHUNK, Imports, RowReader, Tally
from services.settings import load_settings

SIZES = (20_000, 100_000)
LEAST_NEW, LEAST_REPEATED, MOST_MB = 4_000, 10_000, 200
BLOCK = 1 << 20
HEADERS = (
    "defaultProfileUrl",
    "firstName",
    "lastName",
    "fullName",
    "title",
    "companyName",
    "location",
    "durationInRole",
    "durationInCompany",
    "titleDescription",
    "summary",
    "school",
    "email",
    "skills",
)
BY_HAND = """
CREATE TEMPORARY TABLE made (row_number int PRIMARY KEY, id bigint NOT NULL);
INSERT INTO made SELECT row_number, nextval(pg_get_serial_sequence('candidates', 'id')) FROM hand_rows;
ANALYZE hand_rows, made;
INSERT INTO candidates (id, org_id, profile_url, full_name, first_name, last_name, headline, title, company, location,
                        school, email, email_source, name_key, title_key, company_key, location_key, role_start,
                        company_start, industry_months, source, words)
OVERRIDING SYSTEM VALUE
SELECT m.id, {org}, url, full_name, first_name, last_name, headline, title, company, location, school,
       coalesce(emails[1], ''), 'import', name_key, title_key, company_key, location_key, role_start, company_start,
       industry_months, 'import', words
  FROM hand_rows JOIN made m USING (row_number);
INSERT INTO candidate_profiles (candidate_id, org_id, profile, snapshot_hash, extra, field_sources)
SELECT m.id, {org}, profile, snapshot_hash, extra, sources FROM hand_rows JOIN made m USING (row_number);
INSERT INTO candidate_aliases (org_id, url, candidate_id)
SELECT {org}, unnest(urls), m.id FROM hand_rows JOIN made m USING (row_number);
INSERT INTO candidate_emails (org_id, candidate_id, email, source)
SELECT {org}, m.id, unnest(emails), 'import' FROM hand_rows JOIN made m USING (row_number);
INSERT INTO candidate_sources (org_id, candidate_id, source, row_number)
SELECT {org}, m.id, 'import', row_number FROM hand_rows JOIN made m USING (row_number);
INSERT INTO list_members (org_id, list_id, candidate_id)
SELECT {org}, {list}, m.id FROM hand_rows JOIN made m USING (row_number);
DROP TABLE made, hand_rows;
"""

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Speed:
    """Rows a second of each way, and what this process held in memory at most."""

    rows: int
    new: float
    repeated: float
    by_hand: float
    peak_mb: float

    @property
    def holds(self) -> bool:
        return self.new >= LEAST_NEW and self.repeated >= LEAST_REPEATED and self.peak_mb <= MOST_MB


def main() -> None:
    folder = load_settings().home_path / "bench" / "imports"
    postgres = EmbeddedPostgres(folder)
    access = postgres.ensure_running()
    upgrade(access.owner_url)
    try:
        print(f"{'rows':>8} {'new/s':>8} {'repeated/s':>11} {'by hand/s':>10} {'new/hand':>9} {'peak MB':>8}")
        for rows in SIZES:
            speed = measure(access, folder, rows)
            print(
                f"{speed.rows:8,} {speed.new:8,.0f} {speed.repeated:11,.0f} {speed.by_hand:10,.0f}"
                f" {speed.new / speed.by_hand:9.2f} {speed.peak_mb:8.0f} {'' if speed.holds else 'MISSED'}"
            )
    finally:
        postgres.stop()


def measure(access: Access, folder: Path, rows: int) -> Speed:
    """Ours twice and by hand once, each from an empty table of candidates on."""
    path = folder / "people.csv"
    write_people(path, rows)
    database = Database(access.login_url, prepare_threshold=5)
    imports = Imports(database, SystemClock(), folder / "uploads", upload_limit_bytes=1 << 30)
    with psycopg.connect(access.url("postgres", access.superuser_password, "sourcingx"), autocommit=True) as superuser:
        actor = fresh_organization(superuser)
        try:
            new = seconds(lambda: imports.import_file(actor, path, "Bench"))
            repeated = seconds(lambda: imports.import_file(actor, path, "Bench"))
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        finally:
            database.close()
        actor = fresh_organization(superuser)
        staged = folder / "staged.copy"
        stage_for_hand(superuser, path, staged)
        by_hand = seconds(lambda: load_by_hand(superuser, actor, staged))
    return Speed(rows, rows / new, rows / repeated, rows / by_hand, peak_mb)


def write_people(path: Path, rows: int) -> None:
    """A file in the dialect of a sales search, 14 columns, nobody twice."""
    rng = random.Random(11)
    companies = [f"{invented(rng, 3)} {rng.choice(FIELDS)}" for _ in range(5_000)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        writer.writerows(person(rng, number, companies) for number in range(rows))


def person(rng: random.Random, number: int, companies: Sequence[str]) -> list[str]:
    first, last = invented(rng, 2), invented(rng, 3)
    title = " ".join((rng.choice(LEVELS), rng.choice(FIELDS), rng.choice(KINDS))).strip()
    return [
        f"https://www.linkedin.com/in/{first}-{last}-{number:x}".lower(),
        first,
        last,
        f"{first} {last}",
        title,
        popular(rng, list(companies), 1)[0] if number % 50 else "",
        f"{rng.choice(PLACES)}, {rng.choice(COUNTRIES)}",
        f"{rng.randrange(1, 9)} years {rng.randrange(1, 12)} months in role",
        f"{rng.randrange(9, 15)} years in company",
        f"Works on {rng.choice(SKILLS)} with {' '.join(invented(rng, 2) for _ in range(8))}",
        f"{title} who knows {', '.join(popular(rng, SKILLS, 4))}",
        f"University of {rng.choice(PLACES)}",
        f"p{number}@mail.example" if number % 3 == 0 else "",
        ", ".join(popular(rng, SKILLS, 6)),
    ]


def fresh_organization(superuser: Connection) -> Actor:
    """Nobody and nothing in the database but one organization and its admin."""
    superuser.execute("TRUNCATE organizations CASCADE")
    org = superuser.execute("INSERT INTO organizations (name) VALUES ('Bench') RETURNING id").fetchone()
    assert org is not None and isinstance(org[0], UUID)
    user = superuser.execute(
        "INSERT INTO users (org_id, email, name, role) VALUES (%s, 'bench@bench.example', 'Bench', 'admin')"
        " RETURNING id",
        [org[0]],
    ).fetchone()
    assert user is not None and isinstance(user[0], UUID)
    superuser.execute("CHECKPOINT")
    return Actor(user[0], org[0], Role.ADMIN)


def stage_for_hand(superuser: Connection, path: Path, staged: Path) -> None:
    """Write the computed rows as a COPY file: the load by hand gets for nothing what ours must read."""
    as_of = Imports(Database(""), SystemClock(), path.parent, 0).this_month()
    with path.open("rb") as file, superuser.transaction():
        staging = Staging(superuser, uuid4())
        staging.open()
        dialect = find_dialect(file)
        rows = read_rows(file, dialect)
        reader = RowReader(map_headers(dialect.headers), 1, as_of)
        imports = Imports(Database(""), SystemClock(), path.parent, 0)
        while chunk := list(islice(rows, ROWS_A_CHUNK)):
            imports.stage(staging, reader, chunk, Tally())
        copy_out = sql.SQL("COPY {} TO STDOUT").format(staging.table("rows"))
        with superuser.cursor() as cursor, cursor.copy(copy_out) as copy, staged.open("wb") as out:
            for block in copy:
                out.write(block)
        staging.close()


def load_by_hand(superuser: Connection, actor: Actor, staged: Path) -> None:
    with superuser.transaction():
        made = superuser.execute(
            "INSERT INTO lists (org_id, name, created_by) VALUES (%s, 'Bench', %s) RETURNING id",
            [actor.org_id, actor.user_id],
        ).fetchone()
        assert made is not None
        superuser.execute("CREATE UNLOGGED TABLE hand_rows (LIKE staging.rows)")
        with superuser.cursor() as cursor, cursor.copy("COPY hand_rows FROM STDIN") as copy, staged.open("rb") as file:
            while block := file.read(BLOCK):
                copy.write(block)
        script = sql.SQL(BY_HAND).format(org=sql.Literal(str(actor.org_id)), list=sql.Literal(str(made[0])))
        superuser.execute(script)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
