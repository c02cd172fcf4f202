"""Positions as people see them: in a listing, at one version, and through their history."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class PositionRow:
    """A position in a listing, with what its latest version says."""

    id: UUID
    title: str
    created_at: datetime
    archived_at: datetime | None
    created_by_name: str
    version_id: UUID
    number: int
    approved_at: datetime | None
    frozen_at: datetime | None
    criteria: int
    last_run_at: datetime | None


@dataclass(frozen=True)
class VersionRow:
    """One version of a brief; `revision` rises with each change and each approval."""

    id: UUID
    position_id: UUID
    title: str
    archived_at: datetime | None
    number: int
    revision: int
    role_text: str
    must_text: str
    nice_text: str
    exclude_text: str
    edited_by: UUID
    edited_by_name: str
    created_at: datetime
    approved_at: datetime | None
    approved_by_name: str | None
    frozen_at: datetime | None


@dataclass(frozen=True)
class VersionSummary:
    """A version in the history of its position."""

    id: UUID
    number: int
    created_at: datetime
    approved_at: datetime | None
    frozen_at: datetime | None
    edited_by_name: str
