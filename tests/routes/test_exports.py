"""Downloads over HTTP: streamed, named, only for those who may, and never half a file that looks whole."""

import csv
import io
from collections.abc import Callable
from urllib.parse import quote, unquote

import psycopg
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from routes.exports import attachment, parse_ids, parse_view
from services.domain.actors import Actor
from services.errors import BadInput
from tests.fixtures.app import Caller, RunningApp
from tests.fixtures.postgres import Team, Urls
from tests.services.test_exports import add_candidate, add_crowd

Superuser = psycopg.Connection[tuple[object, ...]]


@given(st.text(max_size=80))
def test_any_name_makes_one_harmless_header(name: str) -> None:
    header = attachment(f"{name}.csv")
    assert header.isascii() and header.isprintable()
    plain, _, encoded = header.removeprefix('attachment; filename="').partition("\"; filename*=UTF-8''")
    assert plain and not set(plain) & set('"\\/') and '"' not in encoded and ";" not in encoded
    assert unquote(encoded).endswith(".csv")


def test_the_real_name_travels_beside_plain_letters() -> None:
    assert attachment("Café.csv") == "attachment; filename=\"Cafe.csv\"; filename*=UTF-8''Caf%C3%A9.csv"


@pytest.mark.parametrize("text", ["1,x", "-1", "1;2", "9" * 30, "９"])
def test_people_named_in_a_wrong_way_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_ids(text)


def test_a_view_that_the_page_would_widen_is_refused() -> None:
    with pytest.raises(BadInput, match="Nothing was exported"):
        parse_view("months_from=many")


def test_downloads_over_http(
    running_app: RunningApp,
    sign_in: Callable[[Actor], Caller],
    team: Team,
    rivals: Team,
    superuser: Superuser,
    urls: Urls,
) -> None:
    """One start of the real server serves several sentences: it is the slow part."""
    address = f"{running_app.url}/exports/candidates.csv"
    list_id = add_crowd(superuser, team, 1_200)
    superuser.execute("UPDATE lists SET name = %s WHERE id = %s", ["רשימה", list_id])
    superuser.execute("UPDATE candidates SET headline = '=1+1'")

    assert requests.get(address, params={"list": str(list_id)}, timeout=30).status_code == 401

    recruiter = sign_in(team.recruiter)
    answer = recruiter.get(address, params={"list": str(list_id)}, headers={"Accept-Encoding": "br, gzip"})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Transfer-Encoding"] == "chunked" and "Content-Encoding" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"filename*=UTF-8''{quote('רשימה')}" in answer.headers["Content-Disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert len(rows) == 1_200 and {row["headline"] for row in rows} == {"'=1+1"}

    someone = add_candidate(superuser, team, "long-choice")
    many = ",".join([str(someone), *map(str, range(2**40, 2**40 + 2_000))])
    form = {"ids": many, "csrf_token": recruiter.token()}
    chosen = recruiter.post(address, data=form)
    assert chosen.status_code == 200 and chosen.text.count("\n") == 2, chosen.text[:300]

    for query, status in (
        ({"list": "nonsense"}, 400),
        ({}, 400),
        ({"view": "q=python+AND"}, 400),
        ({"list": "00000000-0000-0000-0000-000000000001"}, 404),
    ):
        refused = recruiter.get(address, params=query)
        assert refused.status_code == status and refused.json()["error"], refused.text[:300]

    usage = recruiter.get(f"{running_app.url}/exports/usage.csv", params={"span": "30"})
    assert usage.status_code == 200 and usage.content.decode("utf-8-sig").startswith("day,user_name,provider")
    backwards = recruiter.get(
        f"{running_app.url}/exports/usage.csv", params={"from": "2026-02-02", "until": "2026-02-01"}
    )
    assert backwards.status_code == 400
    colleague = recruiter.get(f"{running_app.url}/exports/usage.csv", params={"user": str(team.colleague.user_id)})
    assert colleague.status_code == 403

    rival = sign_in(rivals.admin)
    assert rival.get(address, params={"list": str(list_id)}).status_code == 404
    assert rival.get(address, params={"ids": str(someone)}).text.count("\n") == 1

    noted = superuser.execute(
        "SELECT object, detail FROM audit_events WHERE action = 'exported' AND org_id = %s ORDER BY id", [team.org_id]
    ).fetchall()
    assert [(what, detail.get("people")) for what, detail in noted] == [  # type: ignore[attr-defined]  # JSON
        (f"list:{list_id}", 1_200),
        ("candidates", 1),
        ("usage", None),
    ]

    # A table goes away while a download runs: the connection breaks off, the file does not end as if whole.
    with psycopg.connect(urls.superuser) as saboteur:
        saboteur.execute("ALTER TABLE candidate_profiles RENAME TO hidden")
        with recruiter.get(address, params={"list": str(list_id)}, stream=True) as broken:
            assert broken.status_code == 200
            saboteur.commit()
            with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
                _ = broken.content
        saboteur.execute("ALTER TABLE hidden RENAME TO candidate_profiles")
