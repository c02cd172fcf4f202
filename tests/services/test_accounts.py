"""Accounts against a real database: sign-in, sessions, links, and what one may change about oneself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from services.accounts import (
    FREE_ATTEMPTS,
    NOBODYS_HASH,
    Accounts,
    TooManyAttempts,
    parse_email,
    parse_password,
    sha256,
)
from services.admin import Admin
from services.db.pool import Database
from services.domain.actors import Role
from services.errors import BadInput, Conflict, NotFound
from tests.fixtures.app import PASSWORD
from tests.fixtures.postgres import Team

HERE = "192.0.2.7"
Superuser = psycopg.Connection[tuple[object, ...]]


@dataclass
class CountingDoor:
    """A door that lets everybody in and remembers which turns were given back."""

    kept: int = 0
    given_back: int = 0

    @contextmanager
    def knock(self, address: str) -> Iterator["CountingDoor"]:
        self.kept += 1
        yield self

    def give_back(self) -> None:
        self.kept -= 1
        self.given_back += 1


@dataclass
class CountingHasher:
    """The real hasher, which notes what it was asked to verify."""

    real: PasswordHasher = field(default_factory=lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    verified: list[str] = field(default_factory=list)

    def verify(self, password_hash: str, password: str) -> bool:
        self.verified.append(password_hash)
        return self.real.verify(password_hash, password)

    def hash(self, password: str) -> str:
        return self.real.hash(password)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
def door() -> CountingDoor:
    return CountingDoor()


@pytest.fixture
def accounts(database: Database, door: CountingDoor, hasher: CountingHasher) -> Accounts:
    return Accounts(database, door, idle_seconds=3600, hasher=hasher)  # type: ignore[arg-type]  # same methods


@pytest.fixture
def known(superuser: Superuser, team: Team, rivals: Team, hasher: CountingHasher) -> Team:
    superuser.execute("UPDATE users SET password_hash = %s", [hasher.hash(PASSWORD)])
    return team


def is_live(accounts: Accounts, secret: str) -> bool:
    return accounts.who_is(secret, is_active=False) is not None


def test_right_password_opens_a_session_of_that_person(accounts: Accounts, known: Team) -> None:
    secret = accounts.sign_in(f"  {known.recruiter.email.upper()} ", PASSWORD, HERE)
    person = accounts.who_is(secret, is_active=True)
    assert person is not None and person.actor == known.recruiter and person.org_name == "Northwind Talent"


def test_only_failures_count_at_the_door(accounts: Accounts, known: Team, door: CountingDoor) -> None:
    accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    with pytest.raises(BadInput):
        accounts.sign_in(known.recruiter.email, "wrong", HERE)
    assert (door.kept, door.given_back) == (1, 1)


def test_wrong_password_unknown_account_uninvited_and_deactivated_look_and_cost_the_same(
    accounts: Accounts, known: Team, hasher: CountingHasher, superuser: Superuser
) -> None:
    superuser.execute("UPDATE users SET is_active = false WHERE id = %s", [known.colleague.user_id])
    superuser.execute("UPDATE users SET password_hash = NULL WHERE id = %s", [known.manager.user_id])
    words = set()
    for email, password in [
        (known.recruiter.email, "wrong"),
        ("nobody@northwind.example", PASSWORD),
        (known.colleague.email, PASSWORD),
        (known.manager.email, PASSWORD),
    ]:
        hasher.verified.clear()
        with pytest.raises(BadInput) as refused:
            accounts.sign_in(email, password, HERE)
        words.add(refused.value.message)
        assert len(hasher.verified) == 1
    assert len(words) == 1


def test_hash_of_nobody_costs_what_a_real_one_costs() -> None:
    from argon2 import extract_parameters

    from services.accounts import HASHER

    nobody, real = extract_parameters(NOBODYS_HASH), extract_parameters(HASHER.hash("x"))
    assert (nobody.time_cost, nobody.memory_cost, nobody.parallelism) == (
        real.time_cost,
        real.memory_cost,
        real.parallelism,
    )


@pytest.mark.parametrize("email", ["ana@northwind.example", "nobody@northwind.example"])
def test_account_locks_after_failures_whether_or_not_it_exists(
    accounts: Accounts, known: Team, superuser: Superuser, email: str
) -> None:
    for _ in range(FREE_ATTEMPTS):
        with pytest.raises(BadInput):
            accounts.sign_in(email, "wrong", HERE)
    with pytest.raises(TooManyAttempts) as locked:
        accounts.sign_in(email, PASSWORD, HERE)
    assert 0 < locked.value.retry_after <= 60
    superuser.execute("UPDATE sign_in_attempts SET locked_until = now() - interval '1 second'")
    with pytest.raises(BadInput):
        accounts.sign_in(email, "wrong again", HERE)
    with pytest.raises(TooManyAttempts) as longer:
        accounts.sign_in(email, PASSWORD, HERE)
    assert 60 < longer.value.retry_after <= 120


def test_success_forgets_the_failures_before_it(accounts: Accounts, known: Team, superuser: Superuser) -> None:
    for _ in range(FREE_ATTEMPTS - 1):
        with pytest.raises(BadInput):
            accounts.sign_in(known.recruiter.email, "wrong", HERE)
    accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    assert superuser.execute("SELECT count(*) FROM sign_in_attempts").fetchone() == (0,)


def test_password_changed_ends_every_other_session(accounts: Accounts, known: Team) -> None:
    old = [accounts.sign_in(known.recruiter.email, PASSWORD, HERE) for _ in range(2)]
    assert accounts.open_sessions(known.recruiter) == 2
    new = accounts.change_password(known.recruiter, PASSWORD, "four quite new words")
    assert [is_live(accounts, secret) for secret in [*old, new]] == [False, False, True]
    accounts.sign_in(known.recruiter.email, "four quite new words", HERE)


def test_password_is_not_changed_without_the_current_one(accounts: Accounts, known: Team) -> None:
    with pytest.raises(BadInput, match="current"):
        accounts.change_password(known.recruiter, "wrong", "four quite new words")
    accounts.sign_in(known.recruiter.email, PASSWORD, HERE)


def test_signing_out_ends_one_session_and_everywhere_ends_all(accounts: Accounts, known: Team) -> None:
    first, second = (accounts.sign_in(known.recruiter.email, PASSWORD, HERE) for _ in range(2))
    other = accounts.sign_in(known.colleague.email, PASSWORD, HERE)
    accounts.sign_out(first)
    assert not is_live(accounts, first) and is_live(accounts, second)
    accounts.sign_out_everywhere(known.recruiter)
    assert not is_live(accounts, second) and is_live(accounts, other)


def test_deactivated_person_is_nobody_at_once(accounts: Accounts, known: Team, database: Database) -> None:
    secret = accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    admin = Admin(database)
    admin.deactivate(known.admin, known.recruiter.user_id)
    assert not is_live(accounts, secret)
    admin.reactivate(known.admin, known.recruiter.user_id)
    assert not is_live(accounts, secret), "a session from before must not come back to life"


def test_session_idles_out_and_only_activity_prevents_it(accounts: Accounts, known: Team, superuser: Superuser) -> None:
    secret = accounts.sign_in(known.recruiter.email, PASSWORD, HERE)

    def age(minutes: int) -> None:
        superuser.execute("UPDATE sessions SET active_at = active_at - make_interval(mins => %s)", [minutes])

    age(50)
    assert accounts.who_is(secret, is_active=False) is not None
    age(9)
    assert accounts.who_is(secret, is_active=True) is not None
    age(50)
    assert is_live(accounts, secret), "the activity before counts"
    age(11)
    assert not is_live(accounts, secret)


def test_secret_itself_is_kept_nowhere(accounts: Accounts, known: Team, superuser: Superuser) -> None:
    secret = accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    assert superuser.execute("SELECT secret_hash FROM sessions").fetchall() == [(sha256(secret),)]


def test_link_works_once_and_ends_what_was_before(accounts: Accounts, known: Team, database: Database) -> None:
    secret = accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    admin = Admin(database)
    replaced = admin.renew_link(known.admin, known.recruiter.user_id)
    link = admin.renew_link(known.admin, known.recruiter.user_id)
    assert link.purpose == "reset"
    assert accounts.link_holder(link.secret, "reset").email == known.recruiter.email
    for spent, purpose in [(replaced.secret, "reset"), (link.secret, "invite"), ("made up", "reset")]:
        with pytest.raises(NotFound):
            accounts.redeem_link(spent, purpose, "four quite new words")
    with pytest.raises(BadInput):
        accounts.redeem_link(link.secret, "reset", "short")
    accounts.redeem_link(link.secret, "reset", "four quite new words")
    with pytest.raises(NotFound):
        accounts.redeem_link(link.secret, "reset", "five other very new words")
    assert not is_live(accounts, secret)
    accounts.sign_in(known.recruiter.email, "four quite new words", HERE)


def test_link_expires(accounts: Accounts, known: Team, database: Database, superuser: Superuser) -> None:
    link = Admin(database).invite(known.admin, "new@northwind.example", "New Person", Role.RECRUITER)
    superuser.execute("UPDATE one_time_links SET expires_at = now()")
    with pytest.raises(NotFound):
        accounts.redeem_link(link.secret, "invite", "four quite new words")


def test_app_role_cannot_read_hashes(database: Database, known: Team) -> None:
    for column, table in [("password_hash", "users"), ("secret_hash", "one_time_links"), ("secret_hash", "sessions")]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.act_as(known.admin) as tx:
            tx.execute(f"SELECT {column} FROM {table}".encode())


def test_session_of_one_organization_is_invisible_to_another(
    accounts: Accounts, known: Team, rivals: Team, database: Database
) -> None:
    accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    with database.act_as(rivals.admin) as tx:
        assert tx.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_theme_is_kept_with_the_account(accounts: Accounts, known: Team) -> None:
    secret = accounts.sign_in(known.recruiter.email, PASSWORD, HERE)
    accounts.save_theme(known.recruiter, "dark")
    person = accounts.who_is(secret, is_active=True)
    assert person is not None and person.theme == "dark"


def test_command_line_makes_organizations_and_users(accounts: Accounts) -> None:
    org_id = accounts.ensure_organization("Lighthouse People")
    assert accounts.ensure_organization("Lighthouse People") == org_id
    user_id = accounts.add_user(org_id, "Op@Lighthouse.example", "Op Erator", Role.ADMIN, PASSWORD, is_operator=True)
    actor = accounts.actor_called("op@lighthouse.example")
    assert (actor.user_id, actor.org_id, actor.is_operator) == (user_id, org_id, True)
    with pytest.raises(Conflict):
        accounts.add_user(org_id, "op@lighthouse.example", "Twin", Role.RECRUITER, PASSWORD)
    with pytest.raises(NotFound):
        accounts.actor_called("nobody@lighthouse.example")
    assert isinstance(user_id, UUID)


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "person@northwind.example", "x" * 257, "twelve\0chars long"]
)
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(BadInput):
        parse_password(password, "person@northwind.example")


@given(st.text(max_size=80))
def test_whatever_is_typed_an_accepted_address_is_one_plain_word(text: str) -> None:
    try:
        email = parse_email(text)
    except BadInput:
        return
    assert email == email.lower() and email.count("@") == 1 and len(email.split()) == 1
