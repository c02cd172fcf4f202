"""Company names: when two spellings mean the same employer."""

import re
from typing import Final

from services.domain.names import fold

# Dropped before folding, which would turn them into letters.
_WITHOUT_TRADE_MARKS: Final = {ord(sign): None for sign in "™®©℠"}
_WITHOUT_APOSTROPHES: Final = {ord(sign): None for sign in "'’‘ʼʹ′`´׳＇"}
_NOT_A_WORD: Final = re.compile(r"[\W_]+")

NOISE_WORDS: Final = frozenset(
    {"ltd", "limited", "inc", "incorporated", "corp", "corporation", "llc", "gmbh", "plc"}
    | {"israel", "il", "com", "io"}
    | {"technologies", "technology", "tech", "software", "solutions", "group"}
)
GENERIC_WORDS: Final = NOISE_WORDS | {
    *("bank", "data", "cloud", "digital", "global", "general", "smart", "systems", "services"),
    *("first", "open", "network", "networks", "media", "labs"),
}
_SHORTEST_COMPARABLE: Final = 3
_SHORTEST_DISTINCTIVE: Final = 4


def company_words(name: str) -> tuple[str, ...]:
    """The words that name the company, without legal forms and noise at the end; empty for a blank name.

    docs/rules/identity.md, Company names.
    """
    plain = fold(name.translate(_WITHOUT_TRADE_MARKS).translate(_WITHOUT_APOSTROPHES))
    words = _NOT_A_WORD.sub(" ", plain.replace("&", " and ")).split()
    if len(words) > 1 and words[0] == "the":
        del words[0]
    while len(words) > 1 and words[-1] in NOISE_WORDS and not (len(words) == 2 and words[0] in GENERIC_WORDS):
        words.pop()
    return tuple(words)


def company_key(name: str) -> str:
    """What groups roles at one employer: equal for names with equal words, or equal but for spaces.

    Empty for a blank name, which belongs to no group.
    """
    words = company_words(name)
    run_together = "".join(words)
    return run_together if len(run_together) >= _SHORTEST_DISTINCTIVE else " ".join(words)


def same_company(one: str, other: str) -> bool:
    """Whether two names mean the same company; the order of the two does not matter."""
    return same_company_words(company_words(one), company_words(other))


def same_company_words(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """`same_company` for names already taken apart by `company_words`: for one name against a long list."""
    if not one or not other:
        return False
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    length = len("".join(short))
    if min(length, len("".join(long))) < _SHORTEST_COMPARABLE:
        return False
    if length >= _SHORTEST_DISTINCTIVE:
        if "".join(short) == "".join(long):
            return True
        if long[: len(short)] == short and not (len(short) == 1 and short[0] in GENERIC_WORDS):
            return True
    return _is_distinctive_part(short, long) or (len(short) == len(long) and _is_distinctive_part(long, short))


def _is_distinctive_part(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return len(part) >= 2 and set(part) <= set(whole) and not GENERIC_WORDS.issuperset(part)
