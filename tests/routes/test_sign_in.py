"""Signing in over HTTP."""

from tests.fixtures.app import RunningApp


def test_signed_in_person_gets_home(running_app: RunningApp, sign_in, team) -> None:
    caller = sign_in(team.recruiter)
    layout = caller.get(f"{running_app.url}/_dash-layout")
    assert layout.status_code == 200
    assert team.recruiter.email in layout.text
