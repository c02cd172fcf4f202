"""People's names: how they are folded for sorting, compared, taken apart and put together."""

import unicodedata
from dataclasses import dataclass
from typing import Final

# Marks that decorate a letter without making it another one: Latin, Greek and Cyrillic accents, Hebrew
# points, Arabic vowel signs. Marks of other scripts carry vowels and stay.
_ACCENT_RANGES: Final = (
    (0x0300, 0x036F),
    (0x0591, 0x05BD),
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
)
# Letters that Unicode does not take apart into a plain letter and an accent.
_UNDECOMPOSED: Final = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "ħ": "h",
}
_FOLDED_LETTERS: Final[dict[int, str | None]] = {
    **{code: None for first, last in _ACCENT_RANGES for code in range(first, last + 1)},
    **{ord(letter): plain for letter, plain in _UNDECOMPOSED.items()},
}
_HYPHENS: Final = frozenset("-‐‑‒–—―−־﹘﹣－")


def fold(text: str) -> str:
    """The text without case and accents: stored for sorting, compared when spelling must not matter.

    Made by code points alone, so that every database sorts it the same way (docs/rules/identity.md, Names).
    """
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", decomposed.translate(_FOLDED_LETTERS))


def name_key(name: str) -> str:
    """What two spellings of one full name have in common; empty for a name without letters or digits.

    docs/rules/identity.md, Names.
    """
    kept: list[str] = []
    for character in fold(name):
        if character in _HYPHENS or character.isspace():
            kept.append(" ")
        elif character.isalnum() or unicodedata.category(character) in ("Mn", "Mc"):
            kept.append(character)
    # Spaces collapse last: an emoji between two spaces would otherwise leave two of them behind.
    return " ".join("".join(kept).split())


def same_full_name(one: str, other: str) -> bool:
    """Whether two names are equal but for spelling; a first name alone is never enough."""
    key = name_key(one)
    return " " in key and key == name_key(other)


@dataclass(frozen=True)
class PersonName:
    """A name as a whole and in its two parts; unknown parts are empty."""

    full: str = ""
    first: str = ""
    last: str = ""


def complete_name(full: str, first: str, last: str) -> PersonName:
    """Fill in what is missing: the whole from its parts, or the parts from the whole at its first space."""
    if not full:
        return PersonName(f"{first} {last}".strip(), first, last)
    if first and last:
        return PersonName(full, first, last)
    if first:
        rest = full.removeprefix(first)
        return PersonName(full, first, rest.strip() if rest.startswith(" ") else "")
    if last:
        rest = full.removesuffix(last)
        return PersonName(full, rest.strip() if rest.endswith(" ") else "", last)
    first, _, last = full.partition(" ")
    return PersonName(full, first, last.strip())
