"""Quotas under Usage, over the real dispatch of Dash: who sees whose, who sets them, and what is refused in words."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from dash import Dash
from flask.testing import FlaskClient

from pages import ids
from services.domain.actors import Actor
from services.quotas import BAD_CAP, NO_SUCH, NOBODY, NOT_YOURS
from tests.fixtures.app import client_of, csrf_headers
from tests.fixtures.postgres import Team

BUDGET, CANDIDATES = ":usd", "openai:candidates"

pytestmark = pytest.mark.usefixtures("with_passwords")


class QuotaCard:
    """The card with the quotas, as one person has it before them."""

    def __init__(self, app: Dash, actor: Actor) -> None:
        self.client: FlaskClient = client_of(app, actor)

    def post(self, output: str, inputs: list[Any], state: list[Any], changed: str) -> Any:
        where = dict(zip(("id", "property"), output.split("."), strict=True))
        body = {"output": output, "outputs": where, "inputs": inputs, "state": state, "changedPropIds": [changed]}
        answer = self.client.post("/_dash-update-component", json=body, headers=csrf_headers(self.client))
        assert answer.status_code < 500, answer.text
        return answer

    def shown(self) -> str:
        """What stands in the card."""
        page = {"id": ids.QUOTAS, "property": "id", "value": ids.QUOTAS}
        return json.dumps(self.post(f"{ids.QUOTAS}.children", [page], [], f"{ids.QUOTAS}.id").json["response"])

    def set(self, holder: Any, what: Any, cap: Any) -> Any:
        """Choose, type and press the button."""
        state = [
            {"id": box, "property": "value", "value": value}
            for box, value in ((ids.QUOTA_HOLDER, holder), (ids.QUOTA_WHAT, what), (ids.QUOTA_CAP, cap))
        ]
        pressed = {"id": ids.QUOTA_SAVE, "property": "n_clicks", "value": 1}
        return self.post(f"{ids.QUOTA_TABLE}.children", [pressed], state, f"{ids.QUOTA_SAVE}.n_clicks")


def notice(answer: Any) -> tuple[str, str]:
    told = answer.json["sideUpdate"][ids.NOTICE]["data"]
    return told["words"], told["tone"]


def caps_of(superuser: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return superuser.execute("SELECT holder, provider, meter, cap FROM quotas ORDER BY provider").fetchall()


def test_a_recruiter_sees_their_own_and_the_organizations_without_the_form(local_app: Dash, team: Team) -> None:
    mine = QuotaCard(local_app, team.recruiter).shown()
    assert '"You"' in mine and '"The organization"' in mine and "5,000 candidates" in mine
    assert not any(words in mine for words in (team.colleague.name, team.manager.name, ids.QUOTA_SAVE))


def test_a_manager_sees_everybodys_and_sets_one_which_its_owner_then_sees(
    local_app: Dash, team: Team, superuser: psycopg.Connection[Any]
) -> None:
    card = QuotaCard(local_app, team.manager)
    before = card.shown()
    assert all(words in before for words in (team.recruiter.name, team.colleague.name, ids.QUOTA_SAVE))
    answer = card.set(str(team.recruiter.user_id), CANDIDATES, " 12 ")
    assert notice(answer) == (
        f"{team.recruiter.name}, OpenAI candidates a day: at most 12 candidates from now on.",
        "success",
    )
    assert "12 candidates" in json.dumps(answer.json["response"])
    assert caps_of(superuser) == [(team.recruiter.user_id, "openai", "candidates", 12)]
    assert "12 candidates" in QuotaCard(local_app, team.recruiter).shown()
    assert "12 candidates" not in QuotaCard(local_app, team.colleague).shown()


def test_the_form_stays_as_it_was_filled_in(local_app: Dash, team: Team) -> None:
    """One that went back to its first choices would take the next limit from the organization's money."""
    answer = QuotaCard(local_app, team.manager).set(str(team.recruiter.user_id), CANDIDATES, "12")
    answered = json.dumps(answer.json["response"])
    assert "12 candidates" in answered
    assert not any(box in answered for box in (ids.QUOTA_HOLDER, ids.QUOTA_WHAT, ids.QUOTA_CAP, ids.QUOTA_SAVE))


def test_the_budget_of_the_organization_is_set_and_taken_away_again(
    local_app: Dash, team: Team, superuser: psycopg.Connection[Any]
) -> None:
    card = QuotaCard(local_app, team.admin)
    assert notice(card.set(str(team.org_id), BUDGET, "99.50"))[1] == "success"
    assert "Money a month" in card.shown() and "$99.50" in card.shown()
    assert notice(card.set(str(team.org_id), BUDGET, "99.50")) == (
        "The organization, Money a month: at most $99.50, as before.",
        "info",
    )
    assert notice(card.set(str(team.org_id), BUDGET, "none")) == (
        "The organization, Money a month: no limit from now on.",
        "success",
    )
    assert "$99.50" not in card.shown()
    assert caps_of(superuser) == [(team.org_id, "", "usd", None)]


@pytest.mark.parametrize(
    ("what", "cap", "words"),
    [
        (CANDIDATES, "", BAD_CAP),
        (CANDIDATES, "ten", BAD_CAP),
        (CANDIDATES, "-1", BAD_CAP),
        (CANDIDATES, "1.5", BAD_CAP),
        (BUDGET, "1.234", BAD_CAP),
        (BUDGET, "9" * 20, BAD_CAP),
        ("openai:money", "1", NO_SUCH),
        ("", "1", NO_SUCH),
        (None, "1", NO_SUCH),
    ],
)
def test_what_is_no_limit_is_refused_in_words_and_nothing_is_kept(
    local_app: Dash, team: Team, superuser: psycopg.Connection[Any], what: str | None, cap: str, words: str
) -> None:
    answer = QuotaCard(local_app, team.manager).set(str(team.recruiter.user_id), what, cap)
    assert notice(answer) == (words, "danger")
    assert caps_of(superuser) == []


def test_only_those_of_ones_own_organization_have_quotas_to_set(
    local_app: Dash, team: Team, rivals: Team, superuser: psycopg.Connection[Any]
) -> None:
    card = QuotaCard(local_app, team.admin)
    assert str(team.recruiter.user_id) in card.shown() and str(rivals.recruiter.user_id) not in card.shown()
    for stranger in (str(rivals.recruiter.user_id), str(rivals.org_id), str(uuid4()), "nobody", "", None):
        assert notice(card.set(stranger, CANDIDATES, "1")) == (NOBODY, "danger"), stranger
    assert caps_of(superuser) == []


def test_a_recruiter_who_forges_the_form_sets_nothing(
    local_app: Dash, team: Team, superuser: psycopg.Connection[Any]
) -> None:
    card = QuotaCard(local_app, team.recruiter)
    for holder in (team.recruiter.user_id, team.org_id):
        assert notice(card.set(str(holder), BUDGET, "1000000")) == (NOT_YOURS, "danger")
    assert caps_of(superuser) == []


@pytest.mark.parametrize("odd", [7, True, ["1"], {"a": "b"}])
def test_values_no_form_sends_are_no_incident(local_app: Dash, team: Team, odd: Any) -> None:
    card = QuotaCard(local_app, team.admin)
    for answer in (card.set(odd, BUDGET, "1"), card.set(str(team.org_id), odd, "1"), card.set("", BUDGET, odd)):
        assert answer.status_code < 500 and "incident" not in answer.text
