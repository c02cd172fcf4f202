"""What leaves the app for a spreadsheet: which columns in which order, and cells that no spreadsheet executes."""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

# Excel reads a CSV without it in the machine's own code page, which turns Hebrew into noise.
BYTE_ORDER_MARK: Final = "\ufeff"

# In reading order; the names are those that an import understands.
EXPORT_COLUMNS: Final = (
    "first_name",
    "last_name",
    "name",
    "email",
    "all_emails",
    "linkedin_url",
    "location",
    "school",
    "current_title",
    "current_company",
    "headline",
    "score",
    "verdict",
    "summary",
    "reasons",
    "subject",
    "opener",
    "subject_angle",
    "opener_angle",
)
# Here a negative number is how sources say that they do not know.
TENURE_COLUMNS: Final = frozenset({"current_months_in_role", "current_months_at_company"})

_GUARD: Final = "'"
_STARTS_A_FORMULA: Final = frozenset("=+-@")
_ALWAYS_GUARDED: Final = frozenset("\t\r\n")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})

Cell = str | int | float | Decimal | bool | None | Sequence[str]


def ordered_columns(available: Iterable[str]) -> list[str]:
    """The columns to export: the known ones first, the rest as they come, internal ones (`_x`) never."""
    offered = [column for column in dict.fromkeys(available) if not column.startswith("_")]
    known = [column for column in EXPORT_COLUMNS if column in offered]
    return known + [column for column in offered if column not in EXPORT_COLUMNS]


def export_cell(column: str, value: Cell) -> str:
    """One value as the text of its cell: unknown is blank, lists are joined, nothing is a formula.

    Numbers stay numbers, also negative ones; only text is guarded (docs/rules/import.md, Export).
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        is_unknown = math.isnan(value) or (column in TENURE_COLUMNS and value < 0)
        return "" if is_unknown else str(value)
    return safe_text(value if isinstance(value, str) else "; ".join(value))


def safe_text(text: str) -> str:
    """The text without control characters, and guarded if a spreadsheet would take it for a formula."""
    if text.isalnum():
        return text
    cleaned = text if text.isprintable() else "".join(map(_kept, text))
    starts_oddly = text[:1] in _ALWAYS_GUARDED or unicodedata.category(text[0]) == "Cc" if text else False
    return _GUARD + cleaned if starts_oddly or _is_formula(cleaned) else cleaned


def _kept(character: str) -> str:
    if character in "\t\n" or unicodedata.category(character) not in ("Cc", "Cs"):
        return character
    return "\n" if character == "\r" else ""


def _is_formula(text: str) -> bool:
    """Whether the first visible character starts a formula, in plain or full width."""
    for character in text:
        if unicodedata.category(character) not in _INVISIBLE:
            return unicodedata.normalize("NFKC", character) in _STARTS_A_FORMULA
    return False


def unguarded(cell: str) -> str:
    """The text behind a guard: what an import of our own export reads."""
    rest = cell[1:]
    if cell[:1] == _GUARD and (rest[:1] in _ALWAYS_GUARDED or _is_formula(rest)):
        return rest
    return cell
