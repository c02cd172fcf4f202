"""The database as migrated: every query prepares and is used, every door is pinned, every table is guarded."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from services.db.sql import QUERIES, Queries, named_queries, queries

Superuser = psycopg.Connection[tuple[object, ...]]
SERVICES = Path(__file__).resolve().parents[2] / "services"
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
COMMENT = re.compile(r"^\s*--[^\n]*\n", re.MULTILINE)
# What PostgreSQL prepares; the rest of the named statements makes, fills and drops the tables of one import.
PREPARED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES")
NOUNS = sorted(path.stem for path in QUERIES.glob("*.sql"))
# The tables of an import have a name of their own each time; their patterns stand in for them here.
STAGING = {name: sql.SQL(f"staging.{name}") for name in ("rows", "places", "heads")} | {"links": sql.SQL("test_links")}


def statements() -> Iterator[tuple[str, str, str]]:
    for noun in NOUNS:
        for name, text in named_queries(QUERIES / f"{noun}.sql"):
            yield noun, name, text


def numbered(text: str) -> str:
    """The statement with $1, $2 … as psycopg sends it: one number a name."""
    names: dict[str, int] = {}
    found = PLACEHOLDER.sub(lambda match: f"${names.setdefault(match[1], len(names) + 1)}", text)
    return found.replace("%%", "%")


def test_every_named_query_prepares_against_the_migrated_schema(superuser: Superuser) -> None:
    superuser.execute(queries("staging")["create_links"].format(**STAGING))
    broken, prepared = [], 0
    for noun, name, text in statements():
        filled = sql.SQL(text).format(**STAGING).as_string(superuser) if noun == "staging" else text
        if not COMMENT.sub("", filled).lstrip().upper().startswith(PREPARED):
            continue
        try:
            superuser.execute(sql.SQL("PREPARE house AS " + numbered(filled)))
            superuser.execute("DEALLOCATE house")
            prepared += 1
        except psycopg.Error as error:
            broken.append(f"{noun}.{name}: {error}")
    assert broken == []
    assert prepared > 100


@pytest.mark.parametrize("noun", NOUNS)
def test_every_named_query_is_used(noun: str) -> None:
    users = [path.read_text(encoding="utf-8") for path in SERVICES.rglob("*.py")]
    users = [text for text in users if f'queries("{noun}")' in text]
    assert users, f"nobody reads {noun}.sql"
    unused = [name for name in Queries(noun) if not any(f'"{name}"' in text for text in users)]
    assert unused == []


def test_no_name_stands_twice_in_a_query_file() -> None:
    seen = [(noun, name) for noun, name, _ in statements()]
    assert sorted({one for one in seen if seen.count(one) > 1}) == []


def test_every_policy_for_the_app_asks_for_the_organization(superuser: Superuser) -> None:
    rows = superuser.execute(
        "SELECT tablename, coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies"
        " WHERE schemaname = 'public' AND 'sourcingx_app' = ANY (roles)"
    ).fetchall()
    assert len(rows) > 20
    assert [table for table, condition in rows if "current_org()" not in str(condition)] == []


def test_every_door_is_pinned_owned_and_closed_to_the_public(superuser: Superuser) -> None:
    rows = superuser.execute(
        "SELECT p.proname, pg_get_userbyid(p.proowner), coalesce(p.proconfig::text, ''),"
        " has_function_privilege('public', p.oid, 'EXECUTE')"
        " FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"
    ).fetchall()
    assert len(rows) > 15
    for name, owner, settings, is_public in rows:
        assert owner == "sourcingx_definer", name
        assert "search_path=pg_catalog, public" in str(settings).replace('"', ""), name
        assert not is_public, name


def test_the_app_and_the_engine_own_nothing_and_the_engine_reads_no_organizations_table(superuser: Superuser) -> None:
    owned = superuser.execute(
        "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN ('sourcingx_app', 'sourcingx_engine')"
    ).fetchall()
    assert owned == []
    readable = superuser.execute(
        "SELECT c.relname FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND has_table_privilege('sourcingx_engine', c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
    ).fetchall()
    assert readable == []
