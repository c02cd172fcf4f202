"""Weights by which users and organizations share a limited key, in the database."""

from uuid import UUID

from services.db.pool import Tx
from services.db.sql import queries

Q = queries("shares")


def set_share(tx: Tx, org_id: UUID, email: str | None, share: float) -> bool:
    """Whether there was such a user; without an address the organization's own."""
    row = tx.execute(Q["set_share"], {"org_id": org_id, "email": email, "share": share}).fetchone()
    return bool(row and row[0])


def shares_of(tx: Tx, user_id: UUID) -> tuple[float, float]:
    """The user's weight and the organization's; 1 for somebody who is gone."""
    row = tx.execute(Q["shares_of"], {"user_id": user_id}).fetchone()
    return (row[0], row[1]) if row else (1.0, 1.0)
