"""Uploads over HTTP: the guard first, the size before the bytes, words when refused."""

from collections.abc import Callable

import requests

from services.domain.actors import Actor
from tests.fixtures.app import Caller, RunningApp
from tests.fixtures.files import GEM
from tests.fixtures.postgres import Team


def upload(caller: Caller, body: bytes, **headers: str) -> requests.Response:
    sent = {"X-CSRFToken": caller.token(), "X-File-Name": "sp%C3%A4t.csv", "Content-Type": "application/octet-stream"}
    return caller.post(f"{caller.base}/uploads/", data=body, headers=sent | headers)


def test_an_upload_is_for_signed_in_people_of_one_organization(
    running_app: RunningApp, sign_in: Callable[[Actor], Caller], team: Team, rivals: Team
) -> None:
    stranger = requests.post(f"{running_app.url}/uploads/", data=GEM.encode())
    assert (stranger.status_code, list(stranger.json())) == (401, ["error"])

    caller = sign_in(team.recruiter)
    forged = upload(caller, GEM.encode(), **{"X-CSRFToken": "forged"})
    assert forged.status_code == 400
    workbook = upload(caller, b"PK\x03\x04")
    assert (workbook.status_code, "Excel workbook" in workbook.json()["error"]) == (400, True)
    assert list((running_app.home / "files" / "uploads").iterdir()) == []

    sent = upload(caller, GEM.encode())
    assert sent.status_code == 201
    import_id = sent.json()["import_id"]
    rejected = f"/uploads/{import_id}/rejected.csv"
    found = caller.get(f"{caller.base}{rejected}")
    assert found.status_code == 200 and "Rejected rows of sp" in found.headers["Content-Disposition"]
    thief = sign_in(rivals.admin)
    assert thief.get(f"{thief.base}{rejected}").status_code == 404
    assert requests.get(f"{running_app.url}{rejected}").status_code == 401


def test_what_is_announced_to_be_too_large_is_refused_unread(
    running_app: RunningApp, sign_in: Callable[[Actor], Caller], team: Team
) -> None:
    caller = sign_in(team.recruiter)
    # The body never comes: only a server that looks at the announced size first can answer.
    refused = upload(caller, b"", **{"Content-Length": "20000001"})
    assert (refused.status_code, "larger than 20 MB" in refused.json()["error"]) == (413, True)
