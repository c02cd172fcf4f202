"""Text from outside made safe to quote: nothing hidden, one line, stated length."""

import unicodedata

CUT_MARK = "[cut]"

# Hebrew and Arabic points, accents and the like stay; what has no shape of its own goes.
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_INVISIBLE_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\u2800"  # fillers and joiners
)


def _is_invisible(character: str) -> bool:
    if unicodedata.category(character) in _INVISIBLE_CATEGORIES:
        return True
    if character in _INVISIBLE_LETTERS:
        return True
    # Variation selectors are marks by category, and can carry a hidden message byte by byte.
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF


def visible_line(text: str, limit: int | None = None) -> str:
    """The text as one line of visible characters, cut at a word before `limit` characters and marked so."""
    if text.isascii() and text.isprintable():
        line = " ".join(text.split())
    else:
        spaced = "".join(" " if character.isspace() else character for character in text)
        shown = "".join(character for character in spaced if not _is_invisible(character))
        line = " ".join(unicodedata.normalize("NFKC", shown).split())
    if limit is None or len(line) <= limit:
        return line
    kept = line[:limit].rsplit(" ", 1)[0]
    return f"{kept} {CUT_MARK}"
