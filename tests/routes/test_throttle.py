"""The door for requests over HTTP, with two workers: the limit holds over both, and files are free."""

from pathlib import Path

import requests

from tests.fixtures.app import PASSWORD, post_sign_in, start_app
from tests.fixtures.postgres import Team, Urls

LIMIT = 60


def test_one_person_gone_wild_is_told_to_wait_by_both_workers_and_others_go_on(
    urls: Urls, tmp_path: Path, team: Team, with_passwords: None
) -> None:
    with start_app(urls, tmp_path / "home", tmp_path / "log", REQUESTS_PER_USER=str(LIMIT)) as app:
        wild, calm = requests.Session(), requests.Session()
        for caller, person in ((wild, team.recruiter), (calm, team.colleague)):
            assert post_sign_in(caller, app.url, person.email, PASSWORD).status_code == 303
        # A connection of its own for each request: the kernel spreads them over the workers.
        answers = [wild.get(f"{app.url}/_dash-layout", headers={"Connection": "close"}) for _ in range(LIMIT + 40)]
        assert [one.status_code for one in answers].count(200) == LIMIT
        refused = answers[-1]
        assert refused.status_code == 429 and int(refused.headers["Retry-After"]) >= 1
        assert "Too many requests" in refused.json()["error"]
        page = wild.get(f"{app.url}/", headers={"Accept": "text/html"})
        assert page.status_code == 429 and page.headers["Content-Type"].startswith("text/html")
        assert calm.get(f"{app.url}/_dash-layout").status_code == 200
        assert wild.get(f"{app.url}/healthz").status_code == 200
        assert wild.get(f"{app.url}/assets/fetch.js").status_code == 200


def test_a_stranger_who_hammers_from_one_address_is_told_to_wait(urls: Urls, tmp_path: Path) -> None:
    with start_app(urls, tmp_path / "home", tmp_path / "log", REQUESTS_PER_ADDRESS=str(LIMIT)) as app:
        answers = [requests.get(f"{app.url}/login", timeout=10) for _ in range(LIMIT + 20)]
        assert [one.status_code for one in answers].count(200) == LIMIT
        assert answers[-1].status_code == 429
        assert requests.get(f"{app.url}/healthz", timeout=10).status_code == 200
