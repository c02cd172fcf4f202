"""Administration: who may, who never loses the last admin, and nothing of another organization."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin import Admin, OrganizationSettings, parse_cap, parse_settings
from services.db.pool import Database
from services.domain.actors import Actor, Role
from services.errors import BadInput, Conflict, NotAllowed, NotFound
from tests.fixtures.postgres import Team

SETTINGS = OrganizationSettings("Northwind Talent", "Europe/Berlin", Decimal("12.50"), ("Because",))


@pytest.fixture
def admin(database: Database) -> Admin:
    return Admin(database)


def test_only_admins_administer(admin: Admin, team: Team) -> None:
    for outsider in (team.recruiter, team.manager):
        for attempt in (
            lambda me=outsider: admin.members(me),
            lambda me=outsider: admin.invite(me, "a@b.example", "A B", Role.ADMIN),
            lambda me=outsider: admin.set_role(me, me.user_id, Role.ADMIN),
            lambda me=outsider: admin.deactivate(me, team.admin.user_id),
            lambda me=outsider: admin.reactivate(me, team.admin.user_id),
            lambda me=outsider: admin.renew_link(me, team.admin.user_id),
            lambda me=outsider: admin.change_settings(me, SETTINGS),
            lambda me=outsider: admin.history(me),
        ):
            with pytest.raises(NotAllowed):
                attempt()


def test_an_admin_sees_and_changes_only_the_own_organization(admin: Admin, team: Team, rivals: Team) -> None:
    assert {member.id for member in admin.members(team.admin)} == {
        actor.user_id for actor in (team.recruiter, team.colleague, team.manager, team.admin)
    }
    for attempt in (
        lambda: admin.set_role(team.admin, rivals.recruiter.user_id, Role.ADMIN),
        lambda: admin.deactivate(team.admin, rivals.recruiter.user_id),
        lambda: admin.renew_link(team.admin, rivals.recruiter.user_id),
        lambda: admin.renew_link(team.admin, uuid4()),
    ):
        with pytest.raises(NotFound):
            attempt()
    admin.deactivate(rivals.admin, rivals.recruiter.user_id)
    assert [event.action for event in admin.history(team.admin)] == []


def test_invited_person_cannot_be_invited_twice_even_elsewhere(admin: Admin, team: Team, rivals: Team) -> None:
    link = admin.invite(team.admin, " New@Northwind.example ", "New  Person", Role.MANAGER)
    member = next(member for member in admin.members(team.admin) if member.id == link.user_id)
    assert (member.email, member.name, member.role, member.is_invited) == (
        "new@northwind.example",
        "New Person",
        "manager",
        True,
    )
    with pytest.raises(Conflict, match="already"):
        admin.invite(rivals.admin, "new@northwind.example", "New Person", Role.RECRUITER)


def test_last_admin_stays(admin: Admin, team: Team) -> None:
    with pytest.raises(Conflict, match="active admin"):
        admin.set_role(team.admin, team.admin.user_id, Role.RECRUITER)
    with pytest.raises(Conflict, match="active admin"):
        admin.deactivate(team.admin, team.admin.user_id)
    admin.set_role(team.admin, team.manager.user_id, Role.ADMIN)
    admin.deactivate(team.admin, team.admin.user_id)


def test_two_admins_who_demote_each_other_at_once_leave_one(admin: Admin, team: Team) -> None:
    admin.set_role(team.admin, team.manager.user_id, Role.ADMIN)
    other = Actor(team.manager.user_id, team.org_id, Role.ADMIN)

    def demote(by: Actor, whom: Actor) -> bool:
        try:
            return admin.set_role(by, whom.user_id, Role.RECRUITER)
        except Conflict:
            return False

    with ThreadPoolExecutor(2) as pool:
        attempts = [pool.submit(demote, team.admin, other), pool.submit(demote, other, team.admin)]
        assert sorted(attempt.result() for attempt in attempts) == [False, True]


def test_everything_done_is_in_the_history_without_secrets(admin: Admin, team: Team) -> None:
    link = admin.invite(team.admin, "new@northwind.example", "New Person", Role.RECRUITER)
    admin.set_role(team.admin, link.user_id, Role.MANAGER)
    admin.deactivate(team.admin, link.user_id)
    admin.reactivate(team.admin, link.user_id)
    renewed = admin.renew_link(team.admin, link.user_id)
    admin.change_settings(team.admin, SETTINGS)
    events = admin.history(team.admin)
    assert [event.action for event in events] == [
        "settings_changed",
        "password_link_made",
        "reactivated",
        "deactivated",
        "role_changed",
        "invited",
    ]
    assert {event.who for event in events} == {team.admin.name}
    assert all(secret not in str(events) for secret in (link.secret, renewed.secret, "new@northwind.example"))
    assert [event.id for event in admin.history(team.admin, before=events[2].id)] == [e.id for e in events[3:]]


def test_history_cannot_be_rewritten(admin: Admin, team: Team, database: Database) -> None:
    admin.change_settings(team.admin, SETTINGS)
    for words in ("DELETE FROM audit_events", "UPDATE audit_events SET action = 'nothing'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(team.admin) as tx:
            tx.execute(words.encode())


def test_settings_are_kept_per_organization(admin: Admin, team: Team, rivals: Team) -> None:
    before = admin.settings(rivals.recruiter)
    admin.change_settings(team.admin, SETTINGS)
    assert admin.settings(team.recruiter) == SETTINGS
    assert admin.settings(rivals.recruiter) == before
    with pytest.raises(Conflict, match="name"):
        admin.change_settings(rivals.admin, SETTINGS)


@pytest.mark.parametrize(
    ("time_zone", "reasons"),
    [("Mars/Olympus", "a"), ("UTC", " \n "), ("UTC", "x" * 121), ("UTC", "\n".join(map(str, range(10))))],
)
def test_settings_that_cannot_be_used_are_refused(time_zone: str, reasons: str) -> None:
    with pytest.raises(BadInput):
        parse_settings("Northwind", time_zone, "", reasons)


def test_an_organization_has_as_many_reasons_of_its_own_as_there_are_keys(admin: Admin, team: Team) -> None:
    reasons = "\n".join(f"Reason {number}" for number in range(1, 10))
    admin.change_settings(team.admin, parse_settings("Northwind", "UTC", "", f"{reasons}\n Reason 9 \n"))
    assert admin.settings(team.recruiter).override_reasons == tuple(reasons.splitlines())
    with pytest.raises(BadInput, match="1 to 9 reasons"):
        parse_settings("Northwind", "UTC", "", f"{reasons}\nReason 10")


@given(st.one_of(st.text(max_size=20), st.decimals(allow_nan=True).map(str)))
def test_a_cap_is_nothing_or_a_sum_of_whole_cents(text: str) -> None:
    try:
        cap = parse_cap(text)
    except BadInput:
        return
    assert cap is None or (0 < cap <= 100_000 and cap * 100 == int(cap * 100))
