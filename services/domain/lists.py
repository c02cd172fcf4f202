"""Names of lists: what people may call one."""

from pathlib import PurePath
from typing import Final

from services.errors import BadInput

LONGEST_NAME: Final = 120


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
