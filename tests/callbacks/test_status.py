"""The status page: who sees it, and whom the menu leads there."""

from dataclasses import replace
from typing import Any

import psycopg
from dash import Dash

from pages.parts.shell import person_menu
from tests.callbacks.posting import post_callback
from tests.fixtures.app import client_of
from tests.fixtures.postgres import Team

TICK = "status-tick.n_intervals"


def asked_by(app: Dash, team: Team, who: str) -> str:
    return post_callback(app, client_of(app, getattr(team, who)), "status-report.children", {TICK: 1}, TICK)


def test_admins_and_operators_see_it_and_nobody_else(module_app: Dash, module_team: Team) -> None:
    seen = asked_by(module_app, module_team, "admin")
    assert "Limiter's store" in seen and "Of your organization." in seen
    for who in ("recruiter", "manager"):
        refused = asked_by(module_app, module_team, who)
        assert "for its operators and the admins" in refused and "Limiter's store" not in refused
        assert '"disabled": true' in refused, "it need not ask again"


def test_an_operator_sees_the_whole_queue(module_app: Dash, module_team: Team, module_urls: Any) -> None:
    with psycopg.connect(module_urls.superuser, autocommit=True) as connection:
        connection.execute("UPDATE users SET is_operator = true WHERE id = %s", [module_team.colleague.user_id])
    assert "Of the whole installation." in asked_by(module_app, module_team, "colleague")


def test_the_menu_leads_there_whoever_may_go(team: Team) -> None:
    for actor, leads in ((team.admin, True), (team.manager, False), (replace(team.recruiter, is_operator=True), True)):
        assert ("/status" in str(person_menu(actor, "Northwind", ""))) is leads
