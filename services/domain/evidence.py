"""Whether what a model gives as evidence is really there: in the text that was sent, or among the facts.

docs/rules/screening.md, Evidence.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from services.domain.facts import Facts
from services.domain.screening_text import ITEM_SEPARATOR, LISTS

SHORTEST_QUOTE = 3
"""Letters and digits that a quote must hold outside labels, unless it is a whole item of a list."""

_LINE = re.compile(r"(?P<label>(?:\[fact\.\w+\] )?[^:\n]{1,300}: )?(?P<value>.*)")
_SEAL = re.compile(r"=== CANDIDATE [0-9a-f]{16} (?:BEGIN|END) ===")


class Source(StrEnum):
    """Where a piece of evidence was found."""

    TEXT = "text"
    FACT = "fact"
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class Evidence:
    """One piece of evidence as the model gave it, and where a program found it."""

    quote: str
    source: Source

    @property
    def stands(self) -> bool:
        return self.source is not Source.NOWHERE


def check_evidence(quotes: Iterable[str], sent_text: str, facts: Facts) -> tuple[Evidence, ...]:
    """Each quote with its source; `sent_text` is the candidate block alone, without instructions or criteria."""
    return tuple(Evidence(quote, _source_of(quote, sent_text, facts)) for quote in quotes)


def _source_of(quote: str, sent_text: str, facts: Facts) -> Source:
    wanted = quote.strip()
    if wanted.removeprefix("[").removesuffix("]") in facts.ids:
        return Source.FACT
    if _is_whole_item(wanted, sent_text):
        return Source.TEXT
    is_one_word = not any(character.isspace() for character in wanted)
    for start in _occurrences(wanted, sent_text):
        end = start + len(wanted)
        if is_one_word and not _stands_alone(sent_text, start, end):
            continue
        if _weight(sent_text, start, end) >= SHORTEST_QUOTE:
            return Source.TEXT
    return Source.NOWHERE


def _occurrences(wanted: str, text: str) -> Iterable[int]:
    start = text.find(wanted) if wanted else -1
    while start >= 0:
        yield start
        start = text.find(wanted, start + 1)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a single word is a word of the text too: "Java" is not shown by "JavaScript", nor "C" by "C++"."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if text[start].isalnum() and before.isalnum():
        return False
    return not (text[end - 1].isalnum() and (after.isalnum() or (after != "" and after in "+#")))


def _weight(text: str, start: int, end: int) -> int:
    """Letters and digits of text[start:end] that are content: labels, ids and the frame say nothing about anybody."""
    weight = 0
    line_start = text.rfind("\n", 0, start) + 1
    while line_start < end:
        line_end = text.find("\n", line_start)
        line_end = len(text) if line_end < 0 else line_end
        value_start = line_start + _label_length(text[line_start:line_end])
        content = text[max(start, value_start) : min(end, line_end)]
        weight += sum(character.isalnum() for character in content)
        line_start = line_end + 1
    return weight


def _label_length(line: str) -> int:
    if _SEAL.fullmatch(line):
        return len(line)
    found = _LINE.match(line)
    return len(found["label"] or "") if found else 0


def _is_whole_item(wanted: str, text: str) -> bool:
    """Whether the quote is an item of a list such as the skills, with or without the list's label."""
    for line in text.splitlines():
        label, _, items = line.partition(": ")
        if label in LISTS and wanted in line:
            item = wanted.removeprefix(f"{label}: ")
            if item and item in items.split(ITEM_SEPARATOR):
                return True
    return False
