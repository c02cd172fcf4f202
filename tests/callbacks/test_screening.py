"""The screening page as it is answered: the price, and what holds the start back."""

import json
from typing import Any

import psycopg
import pytest
from dash import Dash

from pages import ids
from services.db.pool import Database
from tests.callbacks.posting import post_callback
from tests.fixtures.app import client_of
from tests.fixtures.postgres import Team
from tests.services.test_screening import Office


@pytest.mark.parametrize(("cap", "is_held_back"), [("0", True), ("0.00", True), ("5", False), ("", False)])
def test_a_cap_that_the_price_passes_is_said_before_start_is_pressed(
    local_app: Dash,
    with_passwords: None,
    database: Database,
    team: Team,
    superuser: psycopg.Connection[Any],
    cap: str,
    is_held_back: bool,
) -> None:
    office = Office(database, team, superuser)
    view = {"position": str(office.saved.position_id), "list": str(office.list_id)}
    values = {
        f"{ids.SCREENING_WHICH}.value": "missing",
        f"{ids.SCREENING_MOST}.value": "",
        f"{ids.SCREENING_EXTRAS}.value": True,
        f"{ids.SCREENING_CAP}.value": cap,
        f"{ids.SCREENING_VIEW}.data": view,
    }
    client = client_of(local_app, team.recruiter)
    answer = post_callback(local_app, client, f"{ids.SCREENING_QUOTE}.children", values, f"{ids.SCREENING_CAP}.value")
    shown = json.loads(answer)["response"]
    assert "3 people" in json.dumps(shown[ids.SCREENING_QUOTE]), "the price stays in view"
    assert shown[ids.SCREENING_START]["disabled"] is is_held_back
    assert ("passes the cap of $0" in json.dumps(shown[ids.SCREENING_QUOTE])) is is_held_back
