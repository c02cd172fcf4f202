"""What a browser sent, read as what it should be: anything can arrive, and what is wrong gets words for a person."""

from decimal import Decimal
from uuid import UUID

from services.domain.money import read_usd
from services.errors import BadInput, NotFound

LONGEST_NUMBER = 15


def parse_id(value: object, gone: str) -> UUID:
    """The id written in its one usual form (either case). Raises NotFound(gone) for anything else."""
    try:
        found = UUID(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != str(value).lower():
        raise NotFound(gone)
    return found


def whole_number(value: object) -> int | None:
    """The number from 0 on that was typed or sent, without sign, mark or blank; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < 10**LONGEST_NUMBER else None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NUMBER:
        return None
    return int(value) if value.isascii() and value.isdigit() else None


def parse_number(value: object, gone: str) -> int:
    """The number that names a row. Raises NotFound(gone) for anything else."""
    number = whole_number(value)
    if number is None:
        raise NotFound(gone)
    return number


def parse_cap(text: object) -> Decimal | None:
    """The most a run may cost in USD; None where nothing was typed. Raises BadInput."""
    try:
        return read_usd(text_of(text), most=1_000_000, places=6)
    except ValueError:
        raise BadInput("The cap is an amount in USD up to a million, like 2.50.", "cap") from None


def texts_of(value: object) -> dict[str, str]:
    """The query that an address or a store holds; whatever in it is no text is left out."""
    pairs = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def text_of(value: object) -> str:
    """The text that was typed; nothing for anything that is no text."""
    return value if isinstance(value, str) else ""
