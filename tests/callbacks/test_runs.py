"""The run pages over HTTP: another's, missing and malformed runs look alike, and forged values are no incident."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
from requests import Response

from services.db.pool import Database
from services.domain.actors import Actor
from tests.faults.rig import open_run
from tests.fixtures.app import Caller
from tests.fixtures.postgres import Team

SignIn = Callable[[Actor], Caller]
ODD = ["²", "١٢", "-1", "1e3", "9" * 40, "", None, 7, True, ["1"], {"a": "b"}]


def ask_page(caller: Caller, question: Any) -> Response:
    return caller.callback(
        {
            "output": "run-body.children",
            "outputs": {"id": "run-body", "property": "children"},
            "inputs": [{"id": "run-question", "property": "data", "value": question}],
            "changedPropIds": ["run-question.data"],
        }
    )


def ask_usage(caller: Caller, question: Any) -> Any:
    parts = [{"id": "usage-report", "property": "children"}, {"id": "usage-csv", "property": "href"}]
    return caller.callback(
        {
            "output": "..usage-report.children...usage-csv.href..",
            "outputs": parts,
            "inputs": [{"id": "usage-question", "property": "data", "value": question}],
            "changedPropIds": ["usage-question.data"],
        }
    )


def shown(answer: Response) -> str:
    """What the page would show, without the escapes of the wire."""
    return json.dumps(answer.json())


def test_run_and_usage_pages_answer_strangers_and_forgers_in_words(
    sign_in: SignIn, database: Database, superuser: psycopg.Connection[Any], team: Team, rivals: Team
) -> None:
    """One start of the server serves several sentences: it is the slow part."""
    mine = open_run(database, superuser, team.recruiter, 3).run_id
    theirs = open_run(database, superuser, rivals.recruiter, 3).run_id
    superuser.execute('UPDATE organizations SET settings = \'{"time_zone": "Asia/Jerusalem"}\'')
    caller = sign_in(team.recruiter)

    whole = ask_page(caller, {"run_id": str(mine)})
    assert whole.status_code == 200 and "History" in shown(whole)
    assert shown(whole).count("Asia/Jerusalem") == 1, "the zone is named once"

    nobodys = (str(theirs), str(uuid4()), "nonsense", "", f"{{{mine}}}")
    gone = {shown(ask_page(caller, {"run_id": run_id})) for run_id in nobodys}
    assert len(gone) == 1, "nobody can tell another's run from none"
    [words] = gone
    assert "This run does not exist." in words and '"/runs"' in words
    assert not any(word in words for word in ("History", "Receipt", "People"))

    for odd in ODD:
        for answer in (
            ask_page(caller, {"run_id": str(mine), "after": odd, "state": ""}),
            ask_page(caller, {"run_id": str(mine), "state": odd}),
            ask_page(caller, {"run_id": odd}),
            ask_page(caller, odd),
            ask_usage(caller, {"page": odd}),
            ask_usage(caller, {"from": odd, "until": odd}),
            ask_usage(caller, {"user": odd, "provider": odd, "run": odd}),
            ask_usage(caller, odd),
        ):
            assert answer.status_code < 500 and "incident" not in answer.text, (odd, answer.text[:500])
    assert ask_usage(caller, {"provider": "open\0ai"}).status_code < 500
    assert "incident" not in ask_usage(caller, {"provider": "open\0ai"}).text
