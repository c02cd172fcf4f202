"""A scratch database of a million invented people, made once and kept for the next measurement."""

import random
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from services.db.embedded import Access, EmbeddedPostgres
from services.db.migrate import upgrade
from services.db.pool import Database
from services.domain.actors import Actor, Role
from services.domain.candidate_words import candidate_vector
from services.domain.names import fold
from services.domain.queries import to_tsvector

LARGE, SMALL = 1_000_000, 2_000
# Raised when what is filled in changes, so that an older filling is not measured by mistake.
EDITION = 1

SKILLS = (
    "Python,Java,C++,C#,.NET,Node.js,React,TypeScript,Go,Rust,Kubernetes,Docker,AWS,Azure,Terraform,PostgreSQL,"
    "Kafka,Spark,Airflow,PyTorch,Machine Learning,Computer Vision,NLP,Linux,Embedded,Verilog,FPGA,RTOS,Bluetooth,"
    "Figma,UX Research,Product Strategy,Roadmaps,SQL,Tableau,Excel,Salesforce,Negotiation,Recruiting,Payroll,GDPR,"
    "ISO 27001,Penetration Testing,SIEM,Cryptography,Solidity,Unity,Unreal,Swift,Kotlin,Flutter,PHP,Laravel,Ruby,"
    "Rails,Scala,Haskell,Elixir,Erlang,MATLAB,Simulink,AutoCAD,SolidWorks,Photonics,VHDL,Ansible,Jenkins,Grafana"
).split(",")
LEVELS = "Junior,Senior,Lead,Principal,Staff,,Head of,Director of,Associate,Chief".split(",")
FIELDS = (
    "Backend,Frontend,Data,Machine Learning,Security,Platform,Embedded,Mobile,Product,Sales,Marketing,People,Finance,"
    "Quality,Hardware,Network,Cloud,Research,Support,Design"
).split(",")
KINDS = "Engineer,Developer,Manager,Analyst,Architect,Scientist,Specialist,Consultant".split(",")
COMPANY_ENDINGS = "Robotics,Labs,Systems,Analytics,Health,Mobility,Optics,Energy,Foods,Cloud".split(",")
PLACES = "Harbourton,Eastvale,Millbrook,Norport,Quarry Hill,Southwick,Lakemere,Fernbridge,Oakshire,Pinecliff".split(",")
COUNTRIES = "Norland,Ostrava Bay,Westmark,Isle of Fen,Sunder".split(",")
SYLLABLES = (
    "ba be bi bo da de di do ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se ta te va ve".split()
)

# `{n}` rows of one organization. Each part of a person is drawn from its own vocabulary, mostly its first
# entries, as in life; the vectors are concatenated, which moves positions on.
FILL = """
INSERT INTO candidates (org_id, profile_url, full_name, first_name, last_name, headline, title, company, location,
       school, email, email_source, name_key, title_key, company_key, location_key, industry_months,
       enrichment, enriched_at, source, words, created_at, updated_at)
SELECT %(org)s, 'https://www.linkedin.com/in/p' || %(org_number)s || '-' || nr,
       f.text || ' ' || l.text, f.text, l.text, t.text || ' at ' || c.text, t.text, c.text, p.text,
       'University of ' || p.text,
       CASE WHEN nr %% 5 = 0 THEN 'p' || nr || '@mail.example' ELSE '' END,
       CASE WHEN nr %% 5 = 0 THEN 'csv' ELSE '' END,
       f.key || ' ' || l.key, t.key, c.key, p.key,
       CASE WHEN nr %% 17 > 0 THEN (300 * power(r.e, 1.5))::int END,
       CASE WHEN nr %% 100 < 60 THEN 'none' WHEN nr %% 100 < 96 THEN 'enriched' WHEN nr %% 100 < 99 THEN 'not_found'
            ELSE 'failed' END,
       CASE WHEN nr %% 100 BETWEEN 60 AND 95 THEN now() - r.f * interval '500 days' END,
       (ARRAY['csv', 'csv', 'csv', 'crustdata', 'phantombuster'])[1 + nr %% 5],
       %(scope)s::tsvector || f.words || l.words || t.words || c.words || p.words || s.words || h.words,
       now() - r.g * interval '700 days', now() - r.g * r.h * interval '700 days'
  FROM generate_series(1, %(n)s) AS people (nr)
  CROSS JOIN LATERAL (SELECT nr AS seed, random() a, random() b, random() c, random() d, random() e, random() f,
                             random() g, random() h, random() i, random() j) r
  JOIN vocabulary f ON f.kind = 'first' AND f.n = floor(r.a * %(first)s)::int
  JOIN vocabulary l ON l.kind = 'last' AND l.n = floor(r.b * %(last)s)::int
  JOIN vocabulary t ON t.kind = 'title' AND t.n = floor(r.c * r.c * %(title)s)::int
  JOIN vocabulary c ON c.kind = 'company' AND c.n = floor(power(r.d, 3) * %(company)s)::int
  JOIN vocabulary p ON p.kind = 'location' AND p.n = floor(r.h * r.h * %(location)s)::int
  JOIN vocabulary s ON s.kind = 'skills' AND s.n = floor(r.i * %(skills)s)::int
  JOIN vocabulary h ON h.kind = 'history' AND h.n = floor(r.j * %(history)s)::int
"""


@dataclass(frozen=True)
class BenchPeople:
    """The filled database, and one actor in each of its organizations."""

    access: Access
    large: Actor
    small: Actor
    long_list: UUID
    short_list: UUID

    @property
    def superuser_url(self) -> str:
        return self.access.url("postgres", self.access.superuser_password, "sourcingx")

    def database(self) -> Database:
        return Database(self.access.login_url, prepare_threshold=5)


def open_people(home: Path, size: int = LARGE) -> tuple[EmbeddedPostgres, BenchPeople]:
    """Start the scratch cluster under `home`; fill it first if it was never filled in this edition."""
    postgres = EmbeddedPostgres(home)
    access = postgres.ensure_running()
    upgrade(access.owner_url)
    url = access.url("postgres", access.superuser_password, "sourcingx")
    with psycopg.connect(url, autocommit=True) as connection:
        wanted = f"{EDITION}:{size}"
        connection.execute("CREATE TABLE IF NOT EXISTS bench_filled (what text PRIMARY KEY)")
        if connection.execute("SELECT 1 FROM bench_filled WHERE what = %s", [wanted]).fetchone() is None:
            fill(connection, size)
        return postgres, read_people(connection, access)


def read_people(connection: psycopg.Connection[tuple[object, ...]], access: Access) -> BenchPeople:
    actors = [
        Actor(user_id, org_id, Role.ADMIN)
        for user_id, org_id in connection.execute(
            "SELECT u.id, o.id FROM organizations o JOIN users u ON u.org_id = o.id ORDER BY o.number"
        ).fetchall()
        if isinstance(user_id, UUID) and isinstance(org_id, UUID)
    ]
    lists = [row[0] for row in connection.execute("SELECT id FROM lists ORDER BY name").fetchall()]
    assert isinstance(lists[0], UUID) and isinstance(lists[1], UUID)
    return BenchPeople(access, actors[0], actors[1], lists[0], lists[1])


def fill(connection: psycopg.Connection[tuple[object, ...]], size: int) -> None:
    """Insert everybody without indexes and build those afterwards, as any large load does."""
    with connection.transaction():
        connection.execute("TRUNCATE bench_filled, organizations CASCADE")
        connection.execute("DROP TABLE IF EXISTS vocabulary")
        connection.execute(
            "CREATE UNLOGGED TABLE vocabulary"
            " (kind text, n int, text text, key text, words tsvector, PRIMARY KEY (kind, n))"
        )
        counts = write_vocabulary(connection)
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE tablename = 'candidates' AND indexname LIKE 'candidates\\_%%' AND indexname NOT LIKE '%%key'"
            "   AND indexdef LIKE 'CREATE INDEX%%'",
            [],
        ).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(str(name))))
        connection.execute("SELECT setseed(0.25)")
        for name, people in (("Bench Large", size), ("Bench Small", SMALL)):
            insert_people(connection, name, people, counts)
        for _, definition in indexes:
            connection.execute(str(definition).encode())
        for name, share in (("Long list", 20), ("Short list", 2000)):
            connection.execute(
                "WITH made AS (INSERT INTO lists (org_id, name, created_by) SELECT org_id, %s, id FROM users"
                "              WHERE email = 'large@bench.example' RETURNING id, org_id)"
                " INSERT INTO list_members (list_id, candidate_id, org_id) SELECT made.id, c.id, c.org_id"
                " FROM made JOIN candidates c USING (org_id) WHERE c.id %% %s = 0",
                [name, share],
            )
        connection.execute("INSERT INTO bench_filled VALUES (%s)", [f"{EDITION}:{size}"])
    connection.execute("VACUUM (ANALYZE, FREEZE) candidates")
    connection.execute("VACUUM (ANALYZE) list_members")


def insert_people(
    connection: psycopg.Connection[tuple[object, ...]], name: str, people: int, counts: dict[str, int]
) -> None:
    row = connection.execute("INSERT INTO organizations (name) VALUES (%s) RETURNING id, number", [name]).fetchone()
    assert row is not None
    connection.execute(
        "INSERT INTO users (org_id, email, name, role) VALUES (%s, %s, %s, 'admin')",
        [row[0], f"{name.split()[1].lower()}@bench.example", name],
    )
    connection.execute(FILL, {"org": row[0], "org_number": row[1], "scope": f"'org:{row[1]}'", "n": people, **counts})


def write_vocabulary(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    """Write what people are put together from; returns how many entries each kind has."""
    rng = random.Random(7)
    titles = [" ".join((level, field, kind)).strip() for level in LEVELS for field in FIELDS for kind in KINDS]
    rng.shuffle(titles)
    companies = [f"{invented(rng, 3)} {rng.choice(COMPANY_ENDINGS)}" for _ in range(20_000)]
    vocabularies = {
        "first": [invented(rng, 2) for _ in range(2_000)],
        "last": [invented(rng, 3) for _ in range(8_000)],
        "title": titles,
        "company": companies,
        "location": [f"{place}, {country}" for place in PLACES for country in COUNTRIES],
        "skills": [", ".join(popular(rng, SKILLS, 12)) for _ in range(5_000)],
        "history": [history(rng, titles, companies) for _ in range(20_000)],
    }
    with connection.cursor().copy("COPY vocabulary (kind, n, text, key, words) FROM STDIN") as copy:
        for kind, texts in vocabularies.items():
            for number, text in enumerate(texts):
                copy.write_row((kind, number, text, fold(text), words(kind, text)))
    connection.execute("ANALYZE vocabulary")
    return {kind: len(texts) for kind, texts in vocabularies.items()}


def words(kind: str, text: str) -> str:
    column = "name" if kind in ("first", "last") else kind
    if column not in ("name", "title", "company", "location"):
        return to_tsvector([text])
    columns = dict.fromkeys(("name", "title", "company", "location"), "") | {column: text}
    return candidate_vector(0, texts=[text], **columns).removeprefix("'org:0' ")


def invented(rng: random.Random, syllables: int) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(syllables)).capitalize()


def popular(rng: random.Random, entries: list[str], count: int) -> list[str]:
    """Some of the entries, the first ones far more often than the last."""
    return list(dict.fromkeys(entries[int(len(entries) * rng.random() ** 2)] for _ in range(count)))


def history(rng: random.Random, titles: list[str], companies: list[str]) -> str:
    jobs = [
        f"{rng.choice(titles)} {rng.choice(companies)} {' '.join(invented(rng, 2) for _ in range(8))}" for _ in range(4)
    ]
    return "; ".join([*jobs, f"University of {rng.choice(PLACES)}"])
