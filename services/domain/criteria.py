"""The brief of a position: four boxes in, numbered criteria out; also as a text file.

docs/rules/screening.md, The brief.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from services.domain.names import fold
from services.domain.untrusted_text import visible_line
from services.errors import BadInput

MOST_CRITERIA_A_BOX = 20
LONGEST_CRITERION = 300
LONGEST_ROLE = 4_000

_BULLET = re.compile(r"^\s*(?:(?:[*•‣▪◦●–—-]|\(?\d{1,2}[.)]|\(?[a-h]\)|\[[ xX]?\])(?:\s+|$)|[•‣▪◦●]|-(?=[^\W\d_]))+")
_SECTION = re.compile(r"#+\s*(?P<name>.*?)\s*:?\s*")
_ANY_SECTION = re.compile(r"#+\s|#\w+\s*:?\s*$")


class Kind(StrEnum):
    """The box a criterion was written in."""

    MUST = "must"
    NICE = "nice"
    EXCLUDE = "exclude"


_ID_PREFIX = {Kind.MUST: "must", Kind.NICE: "nice", Kind.EXCLUDE: "excl"}
_BOX_NAME = {Kind.MUST: "Must-have", Kind.NICE: "Nice-to-have", Kind.EXCLUDE: "Exclusion"}
_SECTIONS = ("role", "must", "nice", "exclude")


@dataclass(frozen=True)
class Criterion:
    """One line of the brief; `note` says what was done to it, if anything."""

    id: str
    kind: Kind
    text: str
    note: str = ""


@dataclass(frozen=True)
class Brief:
    """What a position asks for: the role in words, which calibrates, and the criteria, which decide."""

    role: str
    criteria: tuple[Criterion, ...]


def of_kind(criteria: Iterable[Criterion], *kinds: Kind) -> tuple[Criterion, ...]:
    """The criteria of some boxes, in their order."""
    return tuple(criterion for criterion in criteria if criterion.kind in kinds)


def deciding(criteria: Iterable[Criterion]) -> tuple[Criterion, ...]:
    """The criteria that make a verdict: must-haves and exclusions."""
    return of_kind(criteria, Kind.MUST, Kind.EXCLUDE)


def parse_brief(role: str, must: str, nice: str, exclude: str) -> tuple[Criterion, ...]:
    """The criteria of four boxes, one a line; raises BadInput that names every line to be changed."""
    boxes = {Kind.MUST: must, Kind.NICE: nice, Kind.EXCLUDE: exclude}
    criteria = _without_repeats([c for kind, text in boxes.items() for c in _read_box(kind, text)])
    problems = [*_role_problems(role), *_problems(criteria)]
    if problems:
        raise BadInput(" ".join(problems), field="brief")
    return criteria


def _read_box(kind: Kind, text: str) -> list[Criterion]:
    lines = (visible_line(_BULLET.sub("", line)) for line in text.splitlines())
    cleaned = (_BULLET.sub("", line).strip() for line in lines)
    # Numbers are given once repeats are gone.
    return [Criterion("", kind, line) for line in cleaned if any(sign.isalnum() for sign in line)]


def _without_repeats(criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    kept: dict[tuple[bool, str], Criterion] = {}
    for criterion in criteria:
        key = (criterion.kind is Kind.EXCLUDE, fold(criterion.text))
        first = kept.get(key)
        if first is None:
            kept[key] = criterion
        else:
            note = "Written more than once; kept once."
            if first.kind is not criterion.kind:
                note = "Also written as a nice-to-have; kept as a must-have."
            kept[key] = replace(first, note=note)
    return tuple(_numbered(kept.values()))


def _numbered(criteria: Iterable[Criterion]) -> Iterable[Criterion]:
    counts = dict.fromkeys(Kind, 0)
    for criterion in criteria:
        counts[criterion.kind] += 1
        yield replace(criterion, id=f"{_ID_PREFIX[criterion.kind]}-{counts[criterion.kind]}")


def _role_problems(role: str) -> Iterable[str]:
    if len(role) > LONGEST_ROLE:
        yield (
            f"The role text has {len(role):,} characters and may have {LONGEST_ROLE:,}: shorten it, and put what "
            "must be checked into the criteria."
        )


def _problems(criteria: Sequence[Criterion]) -> Iterable[str]:
    if not deciding(criteria):
        yield (
            "This brief has nothing to decide by: write at least one must-have or one exclusion, one a line. "
            "Nice-to-haves alone never make a verdict."
        )
    for kind, name in _BOX_NAME.items():
        count = len(of_kind(criteria, kind))
        if count > MOST_CRITERIA_A_BOX:
            yield f"There are {count} {name.lower()}s and there may be {MOST_CRITERIA_A_BOX}: join or drop some."
    for criterion in criteria:
        if len(criterion.text) > LONGEST_CRITERION:
            number = criterion.id.rpartition("-")[2]
            yield (
                f"{_BOX_NAME[criterion.kind]} {number} has {len(criterion.text)} characters and may have "
                f"{LONGEST_CRITERION}: split it into several lines."
            )
    wanted = {fold(criterion.text) for criterion in of_kind(criteria, Kind.MUST)}
    for criterion in of_kind(criteria, Kind.EXCLUDE):
        if fold(criterion.text) in wanted:
            yield f"“{criterion.text}” is both a must-have and an exclusion: nobody could pass."


# The brief as a file


def parse_brief_file(text: str) -> Brief:
    """Read a file with the sections `# role`, `# must`, `# nice`, `# exclude`; raises BadInput with the line."""
    boxes = _sections_of(text.removeprefix("\ufeff"))
    role = "\n".join(visible_line(line) for line in boxes["role"].splitlines()).strip()
    return Brief(role, parse_brief(role, boxes["must"], boxes["nice"], boxes["exclude"]))


def _sections_of(text: str) -> Mapping[str, str]:
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if _ANY_SECTION.match(line):
            name = _section_name(line, number)
            if name in sections:
                raise BadInput(f"Line {number}: the section “# {name}” is there twice; join the two.", field="brief")
            current = sections.setdefault(name, [])
        elif current is not None:
            current.append(line)
        elif line.strip():
            raise BadInput(
                f"Line {number} stands before any section: begin the file with “# role” or “# must”.", field="brief"
            )
    return {name: "\n".join(sections.get(name, [])) for name in _SECTIONS}


def _section_name(line: str, number: int) -> str:
    found = _SECTION.fullmatch(line)
    name = found["name"].lower() if found else ""
    if name not in _SECTIONS:
        known = ", ".join(f"“# {section}”" for section in _SECTIONS)
        raise BadInput(f"Line {number}: “{line.strip()[:60]}” is no section; there are {known}.", field="brief")
    return name


def show_brief_file(brief: Brief) -> str:
    """The brief as a file that `parse_brief_file` reads back."""
    # A line of prose that begins with "#" would be read as a section.
    role = "\n".join(f" {line}" if line.startswith("#") else line for line in brief.role.splitlines())
    blocks = [f"# role\n{role}".rstrip()]
    for kind in Kind:
        lines = [f"- {criterion.text}" for criterion in of_kind(brief.criteria, kind)]
        blocks.append("\n".join([f"# {kind.value}", *lines]))
    return "\n\n".join(blocks) + "\n"
