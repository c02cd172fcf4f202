"""The import pages as they are answered: whose clock their times go by."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import psycopg
import pytest
from dash import Dash

from pages import ids
from services.wiring import current
from tests.callbacks.posting import post_callback
from tests.fixtures.app import client_of
from tests.fixtures.postgres import Team

FILE = b"LinkedIn URL,Full name\nhttps://www.linkedin.com/in/mira-oban,Mira Oban\n"


@pytest.fixture
def far_east(superuser: psycopg.Connection[Any]) -> None:
    superuser.execute('UPDATE organizations SET settings = \'{"time_zone": "Pacific/Kiritimati"}\'')


def test_import_pages_go_by_the_clock_of_the_organization(
    local_app: Dash, with_passwords: None, far_east: None, team: Team, superuser: psycopg.Connection[Any]
) -> None:
    imports = current().imports
    import_id = imports.receive(team.recruiter, "june.csv", BytesIO(FILE), None)
    superuser.execute("UPDATE imports SET created_at = %s", [datetime(2026, 3, 9, 22, 30, tzinfo=UTC)])
    client = client_of(local_app, team.recruiter)
    opened = {f"{ids.IMPORT_OPEN}.data": {"import_id": str(import_id)}}
    arrived = {f"{ids.IMPORTS_DROP}.id": ids.IMPORTS_DROP}
    shown = [
        post_callback(local_app, client, f"{ids.IMPORTS_LIMIT}.children", arrived, f"{ids.IMPORTS_DROP}.id"),
        post_callback(local_app, client, f"{ids.IMPORT_BODY}.children", opened, f"{ids.IMPORT_OPEN}.data"),
    ]
    imports.run(team.recruiter, import_id, "June", imports.preview(team.recruiter, import_id).mapping)
    superuser.execute("UPDATE imports SET finished_at = created_at")
    shown.append(post_callback(local_app, client, f"{ids.IMPORT_BODY}.children", opened, f"{ids.IMPORT_OPEN}.data"))
    for words in shown:
        assert "10 Mar 2026 12:30" in words and "22:30" not in words.replace("T22:30", "")
        assert words.count("Pacific/Kiritimati") == 1, "the zone is named once"
