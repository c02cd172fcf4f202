"""SQL of accounts: sign-in and sessions over all organizations, members and their history within one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.db.pool import Tx, translate
from services.db.sql import queries
from services.errors import AppError, Conflict

Q = queries("accounts")

MEANINGS: dict[str, AppError] = {
    "user_email_taken": Conflict("Somebody with this e-mail address already has an account."),
    "organization_name_taken": Conflict("Another organization already has this name."),
    "last_admin": Conflict("An organization needs an active admin. Make somebody else an admin first."),
}


@dataclass(frozen=True)
class AccountForSignIn:
    """What is needed to check a password; no hash yet if the invitation was not accepted."""

    id: UUID
    password_hash: str | None
    is_active: bool


@dataclass(frozen=True)
class SessionUser:
    """The person behind a request, as the database knows them at this moment."""

    user_id: UUID
    org_id: UUID
    org_name: str
    role: str
    name: str
    email: str
    is_operator: bool
    preferences: Mapping[str, Any]


@dataclass(frozen=True)
class LinkHolder:
    """For whom a one-time link was made."""

    user_id: UUID
    name: str
    email: str
    org_name: str


@dataclass(frozen=True)
class Member:
    """One user as the organization's admins see them."""

    id: UUID
    name: str
    email: str
    role: str
    is_active: bool
    last_seen_at: datetime | None
    created_at: datetime
    is_invited: bool


@dataclass(frozen=True)
class AuditEvent:
    """What somebody did, with the names of today beside the ids of then."""

    id: int
    at: datetime
    action: str
    object: str
    detail: Mapping[str, Any]
    who: str
    whom: str


def count_sign_in(tx: Tx, email_hash: bytes, free: int, lock_seconds: int, longest_seconds: int) -> int:
    """Count an attempt; returns the seconds until the next is looked at, 0 if this one is."""
    row = tx.execute(
        Q["count_sign_in"],
        {"email_hash": email_hash, "free": free, "lock_seconds": lock_seconds, "longest_seconds": longest_seconds},
    ).fetchone()
    return int(row[0]) if row else 0


def account_for_sign_in(tx: Tx, email: str) -> AccountForSignIn | None:
    with tx.cursor(row_factory=class_row(AccountForSignIn)) as cur:
        return cur.execute(Q["account_for_sign_in"], {"email": email}).fetchone()


def open_session(tx: Tx, user_id: UUID, secret_hash: bytes, email_hash: bytes) -> None:
    tx.execute(Q["open_session"], {"user_id": user_id, "secret_hash": secret_hash, "email_hash": email_hash})


def live_session(tx: Tx, secret_hash: bytes, idle_seconds: float, active: bool) -> SessionUser | None:
    with tx.cursor(row_factory=class_row(SessionUser)) as cur:
        return cur.execute(
            Q["live_session"], {"secret_hash": secret_hash, "idle_seconds": idle_seconds, "active": active}
        ).fetchone()


def end_session(tx: Tx, secret_hash: bytes) -> None:
    tx.execute(Q["end_session"], {"secret_hash": secret_hash})


def open_link(tx: Tx, secret_hash: bytes, purpose: str) -> LinkHolder | None:
    with tx.cursor(row_factory=class_row(LinkHolder)) as cur:
        return cur.execute(Q["open_link"], {"secret_hash": secret_hash, "purpose": purpose}).fetchone()


def redeem_link(tx: Tx, secret_hash: bytes, purpose: str, password_hash: str) -> UUID | None:
    row = tx.execute(
        Q["redeem_link"], {"secret_hash": secret_hash, "purpose": purpose, "password_hash": password_hash}
    ).fetchone()
    return row[0] if row else None


def create_organization(tx: Tx, name: str, is_demo: bool) -> UUID:
    return made_id(tx, "create_organization", {"name": name, "is_demo": is_demo})


def find_organization(tx: Tx, name: str) -> UUID | None:
    row = tx.execute(Q["find_organization"], {"name": name}).fetchone()
    return row[0] if row else None


def create_user(tx: Tx, org_id: UUID, email: str, name: str, role: str, is_operator: bool, password_hash: str) -> UUID:
    return made_id(
        tx,
        "create_user",
        {
            "org_id": org_id,
            "email": email,
            "name": name,
            "role": role,
            "is_operator": is_operator,
            "password_hash": password_hash,
        },
    )


def active_user(tx: Tx, email: str) -> SessionUser | None:
    with tx.cursor(row_factory=class_row(SessionUser)) as cur:
        return cur.execute(Q["active_user"], {"email": email}).fetchone()


def starter_of_run(tx: Tx, run_id: UUID) -> str | None:
    row = tx.execute(Q["starter_of_run"], {"run_id": run_id}).fetchone()
    return row[0] if row else None


def all_organizations(tx: Tx) -> list[tuple[UUID, str]]:
    return [(row[0], row[1]) for row in tx.execute(Q["all_organizations"]).fetchall()]


def set_password(tx: Tx, user_id: UUID, password_hash: str) -> None:
    tx.execute(Q["set_password"], {"user_id": user_id, "password_hash": password_hash})


def bump_session_version(tx: Tx, user_id: UUID) -> None:
    tx.execute(Q["bump_session_version"], {"user_id": user_id})


def merge_preferences(tx: Tx, user_id: UUID, preferences: Mapping[str, Any]) -> None:
    tx.execute(Q["merge_preferences"], {"user_id": user_id, "preferences": Jsonb(dict(preferences))})


def count_sessions(tx: Tx, user_id: UUID, idle_seconds: float) -> int:
    row = tx.execute(Q["count_sessions"], {"user_id": user_id, "idle_seconds": idle_seconds}).fetchone()
    return int(row[0]) if row else 0


def list_members(tx: Tx, limit: int, offset: int = 0) -> list[Member]:
    with tx.cursor(row_factory=class_row(Member)) as cur:
        return cur.execute(Q["list_members"], {"limit": limit, "offset": offset}).fetchall()


def names_of(tx: Tx, user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names of those who may sign in; nobody else is in it."""
    return dict(tx.execute(Q["names_of"], {"user_ids": list(user_ids)}).fetchall())


def find_member(tx: Tx, user_id: UUID) -> Member | None:
    with tx.cursor(row_factory=class_row(Member)) as cur:
        return cur.execute(Q["find_member"], {"user_id": user_id}).fetchone()


def insert_member(tx: Tx, email: str, name: str, role: str) -> UUID:
    """Raises Conflict if the address has an account, in whichever organization."""
    return made_id(tx, "insert_member", {"email": email, "name": name, "role": role})


def set_role(tx: Tx, user_id: UUID, role: str) -> None:
    """Raises Conflict if the organization would be left without an admin."""
    changed(tx, "set_role", {"user_id": user_id, "role": role})


def set_active(tx: Tx, user_id: UUID, is_active: bool) -> None:
    """Raises Conflict if the organization would be left without an admin."""
    changed(tx, "set_active", {"user_id": user_id, "is_active": is_active})


def withdraw_links(tx: Tx, user_id: UUID) -> None:
    tx.execute(Q["withdraw_links"], {"user_id": user_id})


def insert_link(tx: Tx, secret_hash: bytes, user_id: UUID, purpose: str, hours: int) -> None:
    tx.execute(Q["insert_link"], {"secret_hash": secret_hash, "user_id": user_id, "purpose": purpose, "hours": hours})


def organization(tx: Tx) -> tuple[str, Mapping[str, Any]]:
    """The name and the settings of this transaction's organization."""
    row = tx.execute(Q["organization"]).fetchone()
    return (row[0], row[1]) if row else ("", {})


def update_organization(tx: Tx, name: str, settings: Mapping[str, Any]) -> None:
    """Raises Conflict if another organization has this name."""
    changed(tx, "update_organization", {"name": name, "settings": Jsonb(dict(settings))})


def insert_audit_event(tx: Tx, action: str, about: str = "", detail: Mapping[str, Any] | None = None) -> None:
    """Note what the transaction's user did; ids and facts, never passwords or profile text."""
    tx.execute(Q["insert_audit_event"], {"action": action, "object": about, "detail": Jsonb(dict(detail or {}))})


def list_audit_events(tx: Tx, before: int, limit: int) -> list[AuditEvent]:
    with tx.cursor(row_factory=class_row(AuditEvent)) as cur:
        return cur.execute(Q["list_audit_events"], {"before": before, "limit": limit}).fetchall()


def made_id(tx: Tx, query: str, values: Mapping[str, Any]) -> UUID:
    try:
        row = tx.execute(Q[query], values).fetchone()
    except psycopg.IntegrityError as error:
        raise translate(error, MEANINGS) from error
    if row is None or not isinstance(row[0], UUID):
        raise LookupError(f"{query} gave no id")
    return row[0]


def changed(tx: Tx, query: str, values: Mapping[str, Any]) -> None:
    try:
        tx.execute(Q[query], values)
    except psycopg.IntegrityError as error:
        raise translate(error, MEANINGS) from error
