"""Lists as people see them, and what one may be called."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Final
from uuid import UUID

from services.errors import BadInput

LONGEST_NAME: Final = 120


@dataclass(frozen=True)
class ListSummary:
    """One list with the number of its members."""

    id: UUID
    name: str
    created_by_name: str
    created_at: datetime
    archived_at: datetime | None
    members: int


def list_name(typed: str) -> str:
    """The name as it is stored. Raises BadInput."""
    name = " ".join(typed.split())
    if not name or not name.isprintable():
        raise BadInput("A list needs a name.", "list_name")
    if len(name) > LONGEST_NAME:
        raise BadInput(f"A list's name has at most {LONGEST_NAME} characters; this one has {len(name)}.", "list_name")
    return name


def name_from_file(file_name: str) -> str:
    """A name to offer for a list that a file fills."""
    stem = PurePath(file_name).stem.replace("_", " ")
    return " ".join(stem.split())[:LONGEST_NAME].strip() or "Imported candidates"
