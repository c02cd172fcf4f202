"""Accounts: signing in and out, sessions, one-time links, and what people may change about themselves.

docs/security.md says what is promised and against whom.
"""

import hashlib
import math
import re
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.db import accounts as rows
from services.db.accounts import LinkHolder, SessionUser
from services.db.pool import Database
from services.domain.actors import Actor, Role
from services.errors import BadInput, Busy, NotAllowed, NotFound

LinkPurpose = Literal["invite", "reset"]
Theme = Literal["light", "dark"]

WRONG_SIGN_IN: Final = "This e-mail address and password do not belong together."
LINK_IS_SPENT: Final = "This link was used, has expired or was replaced. Please ask an admin for a new one."
FREE_ATTEMPTS: Final = 5
FIRST_LOCK_SECONDS: Final = 60
LONGEST_LOCK_SECONDS: Final = 900
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
EMAIL: Final = re.compile(r"^[^\s@<>\"(),:;\\]{1,64}@[^\s@<>\"(),:;\\]+\.[^\s@.<>\"(),:;\\]{2,}$")

# The memory and time cost of OWASP's password storage advice. The library's default of 64 MiB for each of
# eight threads would be more than all else a web worker holds.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Who acts where the command line only reads: no user has this id.
NOBODY: Final = UUID(int=0)
# Verified when there is no account, so that a stranger cannot tell by the clock; nobody has this password.
NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$HZUqf57IBabvr1zJHKMLvg$XciHDyYhgbib+vEd1w/nBWm4dpFALP9h2kjJEoLiE5w"
)


class TooManyAttempts(Busy):
    """Sign-in is closed to this address or account for a while."""

    status = 429

    def __init__(self, wait_seconds: float) -> None:
        minutes = max(1, math.ceil(wait_seconds / 60))
        super().__init__(
            f"Too many attempts to sign in. Please try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after=wait_seconds,
        )


class Turn(Protocol):
    """One attempt at the door; given back when the password was right, so that only failures count."""

    def give_back(self) -> None: ...


class Door(Protocol):
    """Limits how often one network address may fail to sign in."""

    def knock(self, address: str) -> AbstractContextManager[Turn]:
        """Take a turn. Raises TooManyAttempts."""
        ...


@dataclass(frozen=True)
class Person:
    """Who is behind a request, with what the shell of every page shows of them."""

    actor: Actor
    org_name: str
    theme: Theme | None


@dataclass(frozen=True)
class Accounts:
    """Use cases around one's own account; what admins do to others is services.admin."""

    db: Database
    door: Door
    idle_seconds: float
    hasher: PasswordHasher = field(default=HASHER, repr=False)

    def sign_in(self, email: str, password: str, address: str) -> str:
        """Check a password and open a session; returns the secret for the cookie.

        Raises BadInput if the two do not belong together, TooManyAttempts before looking at the password.
        """
        with self.door.knock(address) as turn:
            secret = self.check_and_open(email.strip().lower(), password)
            turn.give_back()
        return secret

    def check_and_open(self, typed: str, password: str) -> str:
        """Open a session if the account is not locked and the password is right; returns its secret."""
        email_hash = sha256(typed)
        with self.db.as_engine() as tx:
            wait = rows.count_sign_in(tx, email_hash, FREE_ATTEMPTS, FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS)
        if wait:
            raise TooManyAttempts(wait)
        with self.db.as_engine() as tx:
            account = rows.account_for_sign_in(tx, typed)
        # Outside of any transaction: hashing takes tens of milliseconds, which no connection should wait for.
        known_hash = account.password_hash if account else None
        is_right = self.verify(known_hash or NOBODYS_HASH, password)
        if account is None or known_hash is None or not is_right or not account.is_active:
            raise BadInput(WRONG_SIGN_IN)
        secret = new_secret()
        with self.db.as_engine() as tx:
            rows.open_session(tx, account.id, sha256(secret), email_hash)
        return secret

    def verify(self, password_hash: str, password: str) -> bool:
        try:
            return self.hasher.verify(password_hash, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return False

    def who_is(self, secret: str, is_active: bool) -> Person | None:
        """The person a session's secret stands for, None once it has ended; read anew for each request.

        `is_active` keeps the session from idling out; a page that only refreshes itself is not.
        """
        with self.db.as_engine() as tx:
            user = rows.live_session(tx, sha256(secret), self.idle_seconds, is_active)
        return person_of(user) if user else None

    def sign_out(self, secret: str) -> None:
        with self.db.as_engine() as tx:
            rows.end_session(tx, sha256(secret))

    def sign_out_everywhere(self, actor: Actor) -> None:
        with self.db.act_as(actor) as tx:
            rows.bump_session_version(tx, actor.user_id)
            rows.insert_audit_event(tx, "signed_out_everywhere", f"user:{actor.user_id}")

    def change_password(self, actor: Actor, current: str, new: str) -> str:
        """Set a new password, end every session, and open one for this browser; returns its secret."""
        email_hash = sha256(actor.email)
        with self.db.as_engine() as tx:
            wait = rows.count_sign_in(tx, email_hash, FREE_ATTEMPTS, FIRST_LOCK_SECONDS, LONGEST_LOCK_SECONDS)
        if wait:
            raise TooManyAttempts(wait)
        with self.db.as_engine() as tx:
            account = rows.account_for_sign_in(tx, actor.email)
        if account is None or not self.verify(account.password_hash or NOBODYS_HASH, current):
            raise BadInput("The current password is not right.", field="current")
        password_hash = self.hasher.hash(parse_password(new, actor.email))
        with self.db.act_as(actor) as tx:
            rows.set_password(tx, actor.user_id, password_hash)
            rows.insert_audit_event(tx, "password_changed", f"user:{actor.user_id}")
        secret = new_secret()
        with self.db.as_engine() as tx:
            rows.open_session(tx, actor.user_id, sha256(secret), email_hash)
        return secret

    def open_sessions(self, actor: Actor) -> int:
        """In how many browsers this user is signed in."""
        with self.db.act_as(actor) as tx:
            return rows.count_sessions(tx, actor.user_id, self.idle_seconds)

    def save_theme(self, actor: Actor, theme: Theme) -> None:
        with self.db.act_as(actor) as tx:
            rows.merge_preferences(tx, actor.user_id, {"theme": theme})

    def link_holder(self, secret: str, purpose: LinkPurpose) -> LinkHolder:
        """For whom a one-time link is; looking does not use it up. Raises NotFound."""
        with self.db.as_engine() as tx:
            holder = rows.open_link(tx, sha256(secret), purpose)
        if holder is None:
            raise NotFound(LINK_IS_SPENT)
        return holder

    def redeem_link(self, secret: str, purpose: LinkPurpose, password: str) -> None:
        """Use a one-time link up and set the password; every session of the user ends."""
        holder = self.link_holder(secret, purpose)
        password_hash = self.hasher.hash(parse_password(password, holder.email))
        with self.db.as_engine() as tx:
            user_id = rows.redeem_link(tx, sha256(secret), purpose, password_hash)
        if user_id is None:
            raise NotFound(LINK_IS_SPENT)

    def actor_called(self, email: str) -> Actor:
        """The user who acts on the command line. Raises NotFound."""
        with self.db.as_engine() as tx:
            user = rows.active_user(tx, email.strip().lower())
        if user is None:
            raise NotFound(f"No active user has the e-mail address {email}.")
        return person_of(user).actor

    def actor_of_run(self, run_id: UUID) -> Actor:
        """Whoever started a run, for commands that name nobody. Raises NotFound."""
        with self.db.as_engine() as tx:
            email = rows.starter_of_run(tx, run_id)
        if email is None:
            raise NotFound("No run has this number.")
        return self.actor_called(email)

    def readers(self, name: str | None = None) -> list[Actor]:
        """For the command line: who may read all of an organization, or of each one, without being a user of it.

        Raises NotFound if a name is given and nobody has it.
        """
        with self.db.as_engine() as tx:
            found = rows.all_organizations(tx)
        chosen = [(org_id, known) for org_id, known in found if name is None or known == name]
        if name is not None and not chosen:
            raise NotFound(f"No organization is called “{name}”.")
        return [Actor(NOBODY, org_id, Role.ADMIN, known) for org_id, known in chosen]

    def ensure_organization(self, name: str, is_demo: bool = False) -> UUID:
        """The organization of this name, made if there is none."""
        name = parse_name(name, "organization")
        with self.db.as_engine() as tx:
            return rows.find_organization(tx, name) or rows.create_organization(tx, name, is_demo)

    def add_user(
        self, org_id: UUID, email: str, name: str, role: Role, password: str, *, is_operator: bool = False
    ) -> UUID:
        """Make a user with a password, from the command line. Raises BadInput and Conflict."""
        email = parse_email(email)
        password_hash = self.hasher.hash(parse_password(password, email))
        with self.db.as_engine() as tx:
            return rows.create_user(tx, org_id, email, parse_name(name, "name"), role, is_operator, password_hash)

    def database_answers(self) -> None:
        """Raises Busy if the database does not answer."""
        with self.db.as_engine() as tx:
            rows.active_user(tx, "")


def person_of(user: SessionUser) -> Person:
    actor = Actor(user.user_id, user.org_id, Role(user.role), user.name, user.email, user.is_operator)
    theme = user.preferences.get("theme")
    return Person(actor, user.org_name, theme if theme in ("light", "dark") else None)


def require_admin(actor: Actor) -> None:
    if not actor.may_administer:
        raise NotAllowed("Only an admin of the organization can do this.")


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def parse_email(text: str) -> str:
    """An e-mail address as accounts keep it, in lower case. Raises BadInput."""
    email = text.strip().lower()
    if len(email) > 254 or not EMAIL.match(email):
        raise BadInput("This does not look like an e-mail address.", field="email")
    return email


def parse_name(text: str, field_name: str) -> str:
    """A name on one line. Raises BadInput."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise BadInput("A name has between 1 and 120 characters.", field=field_name)
    return name


def parse_password(text: str, email: str) -> str:
    """A password long enough to resist guessing. Raises BadInput.

    Length decides, not symbols: rules about symbols give passwords that people write down.
    """
    if len(text) < SHORTEST_PASSWORD:
        raise BadInput(f"A password needs at least {SHORTEST_PASSWORD} characters.", field="password")
    if len(text) > LONGEST_PASSWORD:
        raise BadInput(f"A password has at most {LONGEST_PASSWORD} characters.", field="password")
    if "\0" in text:
        raise BadInput("A password cannot hold this character.", field="password")
    if len(set(text.lower())) < 5 or text.lower() in (email, email.partition("@")[0]):
        raise BadInput("This password is too easy to guess. Three or four words do well.", field="password")
    return text
