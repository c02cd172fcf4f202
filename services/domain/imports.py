"""Imports as people see them: what was uploaded, how its columns were understood, and what became of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.domain.headers import HeaderMapping, Target
from services.errors import BadInput


@dataclass(frozen=True)
class ImportRecord:
    """One import; `rows` = `added` + `updated` + `merged` + `rejected` once it is done."""

    id: UUID
    user_id: UUID
    user_name: str
    list_id: UUID | None
    list_name: str
    file_name: str
    file_bytes: int
    file_sha256: bytes
    stored_as: str | None
    mapping: dict[str, Any]
    state: str
    rows: int
    added: int
    updated: int
    merged: int
    rejected: int
    notes: list[dict[str, Any]]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Reject:
    """A row that was not imported: its number in the file, the header of the trouble, and why."""

    row_number: int
    field: str
    reason: str
    excerpt: str


@dataclass(frozen=True)
class PossibleDuplicate:
    """Two candidates whom one row named at once."""

    row_number: int | None
    candidate_id: int
    full_name: str
    profile_url: str
    other_id: int
    other_name: str
    other_url: str


# What stands for a NUL byte wherever a cell is shown.
NUL_SIGN = "␀"


@dataclass(frozen=True)
class Column:
    """One column of a file with some of its filled cells."""

    index: int
    header: str
    samples: tuple[str, ...]


@dataclass(frozen=True)
class ImportPreview:
    """An uploaded file before it is imported; `before` is the last import of the very same file."""

    record: ImportRecord
    columns: tuple[Column, ...]
    mapping: HeaderMapping
    suggested_list: str
    before: ImportRecord | None


# A person may point these anywhere; columns of the n-th job, school or skill say by their number what they are.
CHOICES = tuple(target for target in Target if not target.is_numbered)


def first_column(mapping: HeaderMapping, target: Target) -> int | None:
    """The column that is asked first for a target."""
    return next((column.index for column in mapping.mapped if column.target is target), None)


def chosen_mapping(mapping: HeaderMapping, chosen: Mapping[Target, int | None]) -> HeaderMapping:
    """The mapping after a person chose one column, or none, for some targets.

    A target left as it was keeps its further columns; a changed one is fed by the chosen column alone.
    Raises BadInput if one column was chosen for two targets, or does not exist.
    """
    users: dict[int, Target] = {}
    for target, index in chosen.items():
        if index is None:
            continue
        if not 0 <= index < len(mapping.headers):
            raise BadInput("One of the columns chosen does not exist in this file.")
        if index in users:
            raise BadInput(
                f"The column “{mapping.headers[index]}” is chosen for “{users[index].label}” and for"
                f" “{target.label}”. Choose another one for one of them."
            )
        users[index] = target
    changes: dict[int, Target | None] = {}
    for target, index in chosen.items():
        if index != first_column(mapping, target):
            changes |= {c.index: None for c in mapping.mapped if c.target is target and c.index not in users}
            if index is not None:
                changes[index] = target
    return mapping.corrected(changes)
