"""Imported tables: which column feeds what, and one row of cells read as one person.

The mapping is worked out once for a file, shown to a person, corrected, and stored; reading a row only follows it
(docs/rules/import.md).
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Final

from services.domain.identity import (
    MISSING_WORDS,
    ProfileUrl,
    Unreadable,
    Unusable,
    profile_url_from_identifier,
    read_profile_url,
)
from services.domain.names import complete_name
from services.domain.profiles import Profile, Role, School
from services.domain.spreadsheets import unguarded

LONGEST_CELL: Final = 100_000
LONGEST_TEXT: Final = 20_000
LONGEST_LINE: Final = 500
LONGEST_EMAIL: Final = 254
MOST_SKILLS: Final = 300
MOST_MONTHS: Final = 1200

_NOTES_BEFORE_HEADER: Final = 25
_SAMPLE_CELLS: Final = 5
_ENOUGH_PROFILES: Final = 0.6


class Target(Enum):
    """What a column can feed; `value` is the stored key."""

    PROFILE_URL = "profile_url"
    PROFILE_IDENTIFIER = "profile_identifier"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    FULL_NAME = "full_name"
    TITLE = "title"
    COMPANY = "company"
    HEADLINE = "headline"
    LOCATION = "location"
    EMAIL = "email"
    OTHER_EMAILS = "other_emails"
    PHONE = "phone"
    SCHOOL = "school"
    ROLE_DURATION = "role_duration"
    COMPANY_DURATION = "company_duration"
    ROLE_DESCRIPTION = "role_description"
    SUMMARY = "summary"
    SKILLS = "skills"
    JOB_TITLE = "job_title"
    JOB_COMPANY = "job_company"
    JOB_START = "job_start"
    JOB_END = "job_end"
    JOB_DESCRIPTION = "job_description"
    JOB_LOCATION = "job_location"
    EDUCATION_SCHOOL = "education_school"
    EDUCATION_DEGREE = "education_degree"
    EDUCATION_FIELD = "education_field"
    EDUCATION_START = "education_start"
    EDUCATION_END = "education_end"
    SKILL = "skill"

    @property
    def label(self) -> str:
        """The target as a person reads it."""
        return _LABELS[self]

    @property
    def is_numbered(self) -> bool:
        """Whether columns of this target belong to the n-th job, education or skill of the row."""
        return self in _NUMBERED


_LABELS: Final = {
    Target.PROFILE_URL: "Profile address",
    Target.PROFILE_IDENTIFIER: "Profile identifier (the end of the address)",
    Target.FIRST_NAME: "First name",
    Target.LAST_NAME: "Last name",
    Target.FULL_NAME: "Full name",
    Target.TITLE: "Current title",
    Target.COMPANY: "Current company",
    Target.HEADLINE: "Headline",
    Target.LOCATION: "Location",
    Target.EMAIL: "E-mail",
    Target.OTHER_EMAILS: "Further e-mails",
    Target.PHONE: "Phone",
    Target.SCHOOL: "School",
    Target.ROLE_DURATION: "Time in current role",
    Target.COMPANY_DURATION: "Time at current company",
    Target.ROLE_DESCRIPTION: "Description of current role",
    Target.SUMMARY: "Summary",
    Target.SKILLS: "Skills (a list in one cell)",
    Target.JOB_TITLE: "Job: title",
    Target.JOB_COMPANY: "Job: company",
    Target.JOB_START: "Job: start",
    Target.JOB_END: "Job: end",
    Target.JOB_DESCRIPTION: "Job: description",
    Target.JOB_LOCATION: "Job: location",
    Target.EDUCATION_SCHOOL: "Education: school",
    Target.EDUCATION_DEGREE: "Education: degree",
    Target.EDUCATION_FIELD: "Education: field of study",
    Target.EDUCATION_START: "Education: start",
    Target.EDUCATION_END: "Education: end",
    Target.SKILL: "Skill",
}
_JOB_TARGETS: Final = frozenset(
    {
        Target.JOB_TITLE,
        Target.JOB_COMPANY,
        Target.JOB_START,
        Target.JOB_END,
        Target.JOB_DESCRIPTION,
        Target.JOB_LOCATION,
    }
)
_EDUCATION_TARGETS: Final = frozenset(
    {
        Target.EDUCATION_SCHOOL,
        Target.EDUCATION_DEGREE,
        Target.EDUCATION_FIELD,
        Target.EDUCATION_START,
        Target.EDUCATION_END,
    }
)
_NUMBERED: Final = _JOB_TARGETS | _EDUCATION_TARGETS | {Target.SKILL}
_URL_TARGETS: Final = (Target.PROFILE_URL, Target.PROFILE_IDENTIFIER)
_DURATIONS: Final = (Target.ROLE_DURATION, Target.COMPANY_DURATION)

# Per target, the headers that feed it, best first: the first that gives a usable value in a row wins there.
_HEADERS: Final[Mapping[Target, tuple[str, ...]]] = {
    Target.PROFILE_URL: (
        "default_profile_url",
        "linkedin_url",
        "linkedin",
        "public_url",
        "linkedin_profile_url",
        "linkedin_profile",
        "profile_url",
        "public_profile_url",
        "profile_link",
        "url",
    ),
    Target.PROFILE_IDENTIFIER: ("public_identifier",),
    Target.FIRST_NAME: ("first_name",),
    Target.LAST_NAME: ("last_name",),
    Target.FULL_NAME: ("full_name", "name", "candidate_name"),
    Target.TITLE: ("current_title", "job_title", "title", "current_job_title", "position"),
    Target.COMPANY: ("current_company", "company", "company_name", "current_company_name"),
    Target.HEADLINE: ("headline",),
    Target.LOCATION: ("location",),
    Target.EMAIL: ("email", "primary_email", "email_address"),
    Target.OTHER_EMAILS: ("all_emails", "emails"),
    Target.PHONE: ("phone", "phone_number"),
    Target.SCHOOL: ("school", "education", "university"),
    Target.ROLE_DURATION: ("duration_in_role", "current_years_in_role", "current_months_in_role"),
    Target.COMPANY_DURATION: (
        "duration_in_company",
        "current_years_at_company",
        "current_months_at_company",
    ),
    Target.ROLE_DESCRIPTION: ("title_description",),
    Target.SUMMARY: ("profile_summary", "summary"),
    Target.SKILLS: ("skills",),
}
_NUMBERED_PARTS: Final[Mapping[str, Mapping[str, Target]]] = {
    "job": {
        "title": Target.JOB_TITLE,
        "companyname": Target.JOB_COMPANY,
        "company": Target.JOB_COMPANY,
        "startdate": Target.JOB_START,
        "start": Target.JOB_START,
        "enddate": Target.JOB_END,
        "end": Target.JOB_END,
        "description": Target.JOB_DESCRIPTION,
        "location": Target.JOB_LOCATION,
    },
    "edu": {
        "schoolname": Target.EDUCATION_SCHOOL,
        "school": Target.EDUCATION_SCHOOL,
        "degreename": Target.EDUCATION_DEGREE,
        "degree": Target.EDUCATION_DEGREE,
        "fieldofstudy": Target.EDUCATION_FIELD,
        "field": Target.EDUCATION_FIELD,
        "startdate": Target.EDUCATION_START,
        "startyear": Target.EDUCATION_START,
        "enddate": Target.EDUCATION_END,
        "endyear": Target.EDUCATION_END,
    },
    "skill": {"name": Target.SKILL, "": Target.SKILL},
}


class Ignored(Enum):
    """Why a column feeds nothing; `value` is the stored key."""

    UNKNOWN = "unknown"
    BLANK_HEADER = "blank_header"
    DUPLICATE = "duplicate"
    ABOUT_THE_COMPANY = "about_the_company"
    ABOUT_A_VERDICT = "about_a_verdict"
    DATES_ARE_BETTER = "dates_are_better"
    NO_PROFILES = "no_profiles"
    BY_CHOICE = "by_choice"

    @property
    def sentence(self) -> str:
        """The reason as a person reads it."""
        return _IGNORED_SENTENCES[self]


_IGNORED_SENTENCES: Final = {
    Ignored.UNKNOWN: "Nothing is known under this header.",
    Ignored.BLANK_HEADER: "This column has no header.",
    Ignored.DUPLICATE: "An earlier column has the same header; that one is used.",
    Ignored.ABOUT_THE_COMPANY: "This describes the company, not the person.",
    Ignored.ABOUT_A_VERDICT: "This belongs to a verdict that was exported, not to the person.",
    Ignored.DATES_ARE_BETTER: "Durations are computed from the dates of the jobs in this file.",
    Ignored.NO_PROFILES: "The cells of this column are not addresses of people's profiles.",
    Ignored.BY_CHOICE: "Left out by choice.",
}
_COMPANY_HEADERS: Final = frozenset({"companylocation", "companyurl", "companylinkedinurl", "companydescription"})
# What an export with verdicts says of them. There "summary" is the verdict's, written by a model.
_VERDICT_FILE: Final = frozenset({"score", "verdict"})
_VERDICT_HEADERS: Final = _VERDICT_FILE | {
    *("summary", "reasons", "modelverdict", "overridereason", "overrideby", "nicetohaves", "nicetohavesmet"),
    *("standing", "failure", "criteriaversion", "screenedon"),
}


@dataclass(frozen=True)
class MappedColumn:
    """One column that feeds a target; `number` tells which job, education or skill, and is 0 elsewhere."""

    index: int
    target: Target
    number: int = 0


@dataclass(frozen=True)
class IgnoredColumn:
    """One column that feeds nothing, and why."""

    index: int
    reason: Ignored


@dataclass(frozen=True)
class HeaderMapping:
    """Which column feeds what; the mapped columns of one target stand in the order in which they are asked."""

    headers: tuple[str, ...]
    mapped: tuple[MappedColumn, ...]
    ignored: tuple[IgnoredColumn, ...]

    @property
    def names_people(self) -> bool:
        """Whether any column can tell whose row it is; without one, no row can be imported."""
        return any(column.target in _URL_TARGETS for column in self.mapped)

    def corrected(self, choices: Mapping[int, Target | None]) -> "HeaderMapping":
        """The mapping after a person's choices by column; None leaves a column out.

        A chosen column is asked before all others of its target. Raises ValueError for a column that does not
        exist, and for a target that needs a number where the column had none.
        """
        previous = {column.index: column for column in self.mapped}
        chosen: list[MappedColumn] = []
        left_out: list[IgnoredColumn] = []
        for index, target in choices.items():
            if not 0 <= index < len(self.headers):
                raise ValueError(f"There is no column {index}.")
            number = previous[index].number if index in previous else 0
            if target is None:
                left_out.append(IgnoredColumn(index, Ignored.BY_CHOICE))
            elif target.is_numbered and not number:
                raise ValueError(f"“{self.headers[index]}” does not say which job, education or skill it is.")
            else:
                chosen.append(MappedColumn(index, target, number if target.is_numbered else 0))
        kept = (column for column in self.mapped if column.index not in choices)
        still_ignored = [column for column in self.ignored if column.index not in choices]
        return HeaderMapping(
            self.headers,
            (*chosen, *kept),
            tuple(sorted(left_out + still_ignored, key=lambda column: column.index)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The mapping as plain values, for JSON."""
        return {
            "headers": list(self.headers),
            "mapped": [[column.index, column.target.value, column.number] for column in self.mapped],
            "ignored": [[column.index, column.reason.value] for column in self.ignored],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "HeaderMapping":
        """The mapping that `to_dict` stored; raises ValueError if it is none."""
        try:
            headers = tuple(str(header) for header in stored["headers"])
            mapped = tuple(
                MappedColumn(int(index), Target(target), int(number)) for index, target, number in stored["mapped"]
            )
            ignored = tuple(IgnoredColumn(int(index), Ignored(reason)) for index, reason in stored["ignored"])
        except (KeyError, TypeError) as error:
            raise ValueError("This is no stored column mapping.") from error
        indexes = [column.index for column in mapped] + [column.index for column in ignored]
        if any(not 0 <= index < len(headers) for index in indexes):
            raise ValueError("This column mapping names a column that does not exist.")
        if any(column.target.is_numbered != (column.number > 0) for column in mapped):
            raise ValueError("This column mapping numbers a column that has no number, or leaves one out.")
        return cls(headers, mapped, ignored)

    @cached_property
    def plan(self) -> "ReadingPlan":
        """The mapping as `read_row` follows it, worked out once."""
        return ReadingPlan.of(self)


def normal_header(header: str) -> str:
    """A header without case, spaces, underscores, hyphens and the byte order mark: how headers are compared."""
    return re.sub(r"[\s_\-\ufeff]+", "", header).lower()


_KNOWN: Final = {
    normal_header(header): (target, rank) for target, headers in _HEADERS.items() for rank, header in enumerate(headers)
}
_NUMBERED_HEADER: Final = re.compile(r"(job|edu|skill)(?:cation)?(\d{1,3})\1?(?:cation)?([a-z]*)")


def find_header_line(lines: Sequence[str]) -> int | None:
    """The index of the line that holds the headers; None if all lines are blank.

    LinkedIn's own export of connections has notes above it: there it is the first line with both names.
    """
    filled = [index for index, line in enumerate(lines) if line.strip("\ufeff \t\r\n,;")]
    if not filled:
        return None
    for index in filled[:_NOTES_BEFORE_HEADER]:
        cells = {normal_header(cell.strip().strip('"')) for cell in re.split(r"[,;\t|]", lines[index])}
        if {"firstname", "lastname"} <= cells:
            return index
    return filled[0]


def map_headers(headers: Sequence[str], sample_rows: Iterable[Sequence[str]] = ()) -> HeaderMapping:
    """Work out which column feeds what; some of the file's first rows help where no header names the address."""
    known: list[tuple[int, MappedColumn]] = []
    ignored: dict[int, Ignored] = {}
    seen: set[str] = set()
    holds_verdicts = {normal_header(header) for header in headers} >= _VERDICT_FILE
    for index, header in enumerate(headers):
        key = normal_header(header)
        column = _numbered_column(index, key)
        if not key:
            ignored[index] = Ignored.BLANK_HEADER
        elif key in seen:
            ignored[index] = Ignored.DUPLICATE
        elif holds_verdicts and key in _VERDICT_HEADERS:
            ignored[index] = Ignored.ABOUT_A_VERDICT
        elif key in _KNOWN:
            target, rank = _KNOWN[key]
            known.append((rank, MappedColumn(index, target)))
        elif column:
            known.append((0, column))
        else:
            ignored[index] = Ignored.ABOUT_THE_COMPANY if key in _COMPANY_HEADERS else Ignored.UNKNOWN
        seen.add(key)
    mapped = [column for _, column in sorted(known, key=lambda ranked: ranked[0])]
    if not any(column.target in _URL_TARGETS for column in mapped):
        mapped += _guessed_url_column(headers, list(sample_rows), ignored)
    if any(column.target is Target.JOB_START for column in mapped):
        ignored |= {column.index: Ignored.DATES_ARE_BETTER for column in mapped if column.target in _DURATIONS}
        mapped = [column for column in mapped if column.target not in _DURATIONS]
    return HeaderMapping(
        tuple(headers),
        tuple(mapped),
        tuple(IgnoredColumn(index, reason) for index, reason in sorted(ignored.items())),
    )


def _numbered_column(index: int, key: str) -> MappedColumn | None:
    match = _NUMBERED_HEADER.fullmatch(key)
    if match is None:
        return None
    target = _NUMBERED_PARTS[match[1]].get(match[3])
    number = int(match[2])
    return MappedColumn(index, target, number) if target and number else None


def _guessed_url_column(
    headers: Sequence[str], sample_rows: Sequence[Sequence[str]], ignored: dict[int, Ignored]
) -> list[MappedColumn]:
    """The first column that has LinkedIn in its header and profiles in its cells; others are noted as refused."""
    for index, header in enumerate(headers):
        if "linkedin" not in normal_header(header) or ignored.get(index) is Ignored.DUPLICATE:
            continue
        cells = [row[index] for row in sample_rows if index < len(row) and row[index].strip()][:_SAMPLE_CELLS]
        profiles = sum(isinstance(read_profile_url(cell), ProfileUrl) for cell in cells)
        if cells and profiles >= _ENOUGH_PROFILES * len(cells):
            ignored.pop(index, None)
            return [MappedColumn(index, Target.PROFILE_URL)]
        ignored[index] = Ignored.NO_PROFILES
    return []


class Note(Enum):
    """What was left out of a row that was kept; `value` is the stored key."""

    BAD_EMAIL = "bad_email"
    TEXT_CUT = "text_cut"
    TOO_MANY_SKILLS = "too_many_skills"

    @property
    def sentence(self) -> str:
        """What happened, as a person reads it."""
        return _NOTE_SENTENCES[self]


_NOTE_SENTENCES: Final = {
    Note.BAD_EMAIL: "This is not an e-mail address; it was left out.",
    Note.TEXT_CUT: (
        f"This text was cut: {LONGEST_LINE} characters are kept of a line, "
        f"{LONGEST_TEXT:,} of a summary or description."
    ),
    Note.TOO_MANY_SKILLS: f"Only the first {MOST_SKILLS} skills were kept.",
}


@dataclass(frozen=True)
class RowNote:
    """Something left out of a kept row, and the header under which it stood."""

    note: Note
    field: str


class RowRejection(Enum):
    """Why a row is no person; `value` is the key that is stored and counted."""

    EMPTY = "empty"
    NO_URL = "no_url"
    NOT_A_PROFILE = "not_a_profile"
    OPAQUE_ID = "opaque_id"
    MALFORMED_URL = "malformed_url"
    NUL_BYTE = "nul_byte"
    CELL_TOO_LONG = "cell_too_long"
    TOO_MANY_CELLS = "too_many_cells"

    @property
    def sentence(self) -> str:
        """The reason as a person reads it."""
        return _REJECTION_SENTENCES[self]


_REJECTION_SENTENCES: Final = {
    RowRejection.EMPTY: "This row is empty.",
    RowRejection.NO_URL: "This row has no profile address, so nobody can tell whose it is.",
    RowRejection.NOT_A_PROFILE: Unreadable.NOT_A_PROFILE.sentence,
    RowRejection.OPAQUE_ID: Unreadable.OPAQUE_ID.sentence,
    RowRejection.MALFORMED_URL: Unreadable.MALFORMED.sentence,
    RowRejection.NUL_BYTE: "This cell holds a NUL byte: the file is damaged here, or it is not a text file.",
    RowRejection.CELL_TOO_LONG: (
        f"This cell is longer than {LONGEST_CELL:,} characters; perhaps a quotation mark is not closed."
    ),
    RowRejection.TOO_MANY_CELLS: (
        "This row has more cells than the file has headers, so its values stand in wrong columns; "
        "perhaps a comma is not in quotes."
    ),
}
# The more telling reason wins when a row has several addresses that are no use; each is worth a different remedy.
_REJECTION_BY_URL: Final = {
    Unreadable.OPAQUE_ID: RowRejection.OPAQUE_ID,
    Unreadable.MALFORMED: RowRejection.MALFORMED_URL,
    Unreadable.NOT_A_PROFILE: RowRejection.NOT_A_PROFILE,
    Unreadable.NO_URL: RowRejection.NO_URL,
}
_TELLING: Final = tuple(_REJECTION_BY_URL)


@dataclass(frozen=True)
class RejectedRow:
    """A row that is no person: why, and the header under which the trouble stands (empty: the whole row)."""

    reason: RowRejection
    field: str = ""


@dataclass(frozen=True)
class ImportedPerson:
    """One row as a person; contact details stay apart from the profile, which others may see."""

    url: ProfileUrl
    aliases: tuple[ProfileUrl, ...]
    profile: Profile
    emails: tuple[str, ...] = field(default=(), repr=False)
    phone: str = field(default="", repr=False)
    notes: tuple[RowNote, ...] = ()


_Columns = tuple[int, ...]


@dataclass(frozen=True)
class _JobColumns:
    title: _Columns
    company: _Columns
    start: _Columns
    end: _Columns
    description: _Columns
    location: _Columns


@dataclass(frozen=True)
class _EducationColumns:
    school: _Columns
    degree: _Columns
    field_of_study: _Columns
    start: _Columns
    end: _Columns


@dataclass(frozen=True)
class ReadingPlan:
    """Column indexes by what `read_row` does with them; attributes, as this is read for each cell of a file."""

    headers: tuple[str, ...]
    urls: tuple[tuple[int, bool], ...]
    full_name: _Columns
    first_name: _Columns
    last_name: _Columns
    title: _Columns
    company: _Columns
    headline: _Columns
    location: _Columns
    emails: _Columns
    phone: _Columns
    school: _Columns
    role_durations: tuple[tuple[int, int], ...]
    company_durations: tuple[tuple[int, int], ...]
    role_description: _Columns
    summary: _Columns
    skill_list: _Columns
    skills: _Columns
    jobs: tuple[_JobColumns, ...]
    educations: tuple[_EducationColumns, ...]
    headline_gives_title: bool
    headline_gives_company: bool

    def header(self, index: int) -> str:
        """The header above a cell; empty for a cell beyond the last header."""
        return self.headers[index] if index < len(self.headers) else ""

    @classmethod
    def of(cls, mapping: HeaderMapping) -> "ReadingPlan":
        fed: dict[tuple[Target, int], _Columns] = defaultdict(tuple)
        for column in mapping.mapped:
            fed[column.target, column.number] += (column.index,)
        numbers = sorted({number for _, number in fed if number})
        targets = {target for target, _ in fed}
        return cls(
            headers=mapping.headers,
            urls=tuple(
                (index, target is Target.PROFILE_IDENTIFIER) for target in _URL_TARGETS for index in fed[target, 0]
            ),
            full_name=fed[Target.FULL_NAME, 0],
            first_name=fed[Target.FIRST_NAME, 0],
            last_name=fed[Target.LAST_NAME, 0],
            title=fed[Target.TITLE, 0],
            company=fed[Target.COMPANY, 0],
            headline=fed[Target.HEADLINE, 0],
            location=fed[Target.LOCATION, 0],
            emails=fed[Target.EMAIL, 0] + fed[Target.OTHER_EMAILS, 0],
            phone=fed[Target.PHONE, 0],
            school=fed[Target.SCHOOL, 0],
            role_durations=_with_units(mapping.headers, fed[Target.ROLE_DURATION, 0]),
            company_durations=_with_units(mapping.headers, fed[Target.COMPANY_DURATION, 0]),
            role_description=fed[Target.ROLE_DESCRIPTION, 0],
            summary=fed[Target.SUMMARY, 0],
            skill_list=fed[Target.SKILLS, 0],
            skills=tuple(index for number in numbers for index in fed[Target.SKILL, number]),
            jobs=tuple(
                _JobColumns(
                    title=fed[Target.JOB_TITLE, number],
                    company=fed[Target.JOB_COMPANY, number],
                    start=fed[Target.JOB_START, number],
                    end=fed[Target.JOB_END, number],
                    description=fed[Target.JOB_DESCRIPTION, number],
                    location=fed[Target.JOB_LOCATION, number],
                )
                for number in numbers
                if fed[Target.JOB_TITLE, number] or fed[Target.JOB_COMPANY, number]
            ),
            educations=tuple(
                _EducationColumns(
                    school=fed[Target.EDUCATION_SCHOOL, number],
                    degree=fed[Target.EDUCATION_DEGREE, number],
                    field_of_study=fed[Target.EDUCATION_FIELD, number],
                    start=fed[Target.EDUCATION_START, number],
                    end=fed[Target.EDUCATION_END, number],
                )
                for number in numbers
                if fed[Target.EDUCATION_SCHOOL, number]
            ),
            headline_gives_title=targets.isdisjoint({Target.TITLE, Target.JOB_TITLE}),
            headline_gives_company=targets.isdisjoint({Target.COMPANY, Target.JOB_COMPANY}),
        )


def _with_units(headers: Sequence[str], columns: _Columns) -> tuple[tuple[int, int], ...]:
    return tuple((index, _months_per_unit(headers[index])) for index in columns)


def read_row(mapping: HeaderMapping, row: Sequence[str]) -> ImportedPerson | RejectedRow:
    """One row of cells as a person, or why it is none; never raises for what a file can hold."""
    plan = mapping.plan
    damage = _damage(plan, row)
    if damage:
        return damage
    if len(row) != len(plan.headers):
        row = [*row[: len(plan.headers)], *[""] * (len(plan.headers) - len(row))]
    addresses = _addresses(plan, row)
    if isinstance(addresses, RejectedRow):
        return addresses
    return _Reading(plan, row).person(addresses[0], addresses[1:])


def _damage(plan: ReadingPlan, row: Sequence[str]) -> RejectedRow | None:
    joined = "".join(row)
    if not joined or joined.isspace():
        return RejectedRow(RowRejection.EMPTY)
    if "\0" in joined:
        at = next(index for index, cell in enumerate(row) if "\0" in cell)
        return RejectedRow(RowRejection.NUL_BYTE, plan.header(at))
    if len(joined) > LONGEST_CELL:
        for at, cell in enumerate(row):
            if len(cell) > LONGEST_CELL:
                return RejectedRow(RowRejection.CELL_TOO_LONG, plan.header(at))
    if len(row) > len(plan.headers) and any(cell.strip() for cell in row[len(plan.headers) :]):
        return RejectedRow(RowRejection.TOO_MANY_CELLS)
    return None


def _addresses(plan: ReadingPlan, row: Sequence[str]) -> tuple[ProfileUrl, ...] | RejectedRow:
    """The row's own address first, then its aliases; the first address that is not opaque is the own one."""
    usable: dict[str, ProfileUrl] = {}
    refused: dict[Unreadable, int] = {}
    for index, is_identifier in plan.urls:
        read = (profile_url_from_identifier if is_identifier else read_profile_url)(row[index])
        if isinstance(read, Unusable):
            refused.setdefault(read.reason, index)
        else:
            usable.setdefault(read.url, read)
            if read.is_opaque:
                refused.setdefault(Unreadable.OPAQUE_ID, index)
    own = next((url for url in usable.values() if not url.is_opaque), None)
    if own is None:
        reason = next((reason for reason in _TELLING if reason in refused), Unreadable.NO_URL)
        name = plan.headers[refused[reason]] if reason in refused else ""
        return RejectedRow(_REJECTION_BY_URL[reason], name)
    return own, *(url for url in usable.values() if url is not own)


# People are called Null and None; nobody is called like these.
_MISSING_NAMES: Final = frozenset({"nan", "NaN", "n/a", "N/A", "-"})
_LONGEST_MISSING_WORD: Final = max(map(len, MISSING_WORDS))
_HIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\ufeff\ud800-\udfff]")
_EMAIL: Final = re.compile(r"[^@\s<>()\[\],;:\"\\]+@[^@\s<>()\[\],;:\"\\]+\.[^@\s.<>()\[\],;:\"\\]{2,}")
_BETWEEN_EMAILS: Final = re.compile(r"[\s,;|]+")
_BETWEEN_SKILLS: Final = re.compile(r"[,;|\n·•]")
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_ONGOING: Final = frozenset({"", "present", "current", "now"})


class _Reading:
    """One row while it is read; notes gather on the way."""

    def __init__(self, plan: ReadingPlan, row: Sequence[str]) -> None:
        self._plan = plan
        self._row = row
        self._notes: list[RowNote] = []

    def person(self, url: ProfileUrl, aliases: tuple[ProfileUrl, ...]) -> ImportedPerson:
        profile, emails, phone = self._profile(), self._emails(), self._line(self._plan.phone)
        return ImportedPerson(url, aliases, profile, emails, phone, tuple(dict.fromkeys(self._notes)))

    def _profile(self) -> Profile:
        plan = self._plan
        name = complete_name(self._name(plan.full_name), self._name(plan.first_name), self._name(plan.last_name))
        headline = self._line(plan.headline)
        title, company = self._line(plan.title), self._line(plan.company)
        roles = self._roles() if plan.jobs else ()
        if roles:
            current = next((role for role in roles if role.is_current), Role())
            title, company = title or current.title, company or current.company
        said_title, _, said_company = headline.partition(" at ")
        if plan.headline_gives_title:
            title = said_title.strip()
        if plan.headline_gives_company:
            company = said_company.strip()
        if not roles and (title or company):
            description = self._text(plan.role_description)
            roles = (Role(title=title, company=company, is_current=True, description=description),)
        return Profile(
            full_name=name.full,
            first_name=name.first,
            last_name=name.last,
            headline=headline,
            summary=self._text(plan.summary),
            location=self._line(plan.location),
            title=title,
            company=company,
            roles=roles,
            schools=self._schools() if plan.school or plan.educations else (),
            skills=self._skills() if plan.skill_list or plan.skills else (),
            supplied_role_months=self._months(plan.role_durations),
            supplied_company_months=self._months(plan.company_durations),
        )

    def _emails(self) -> tuple[str, ...]:
        """Every good address of the row once, those of the main columns first."""
        found: dict[str, None] = {}
        for index in self._plan.emails:
            cell = self._row[index].strip()
            if not cell or _is_missing(cell):
                continue
            for piece in _BETWEEN_EMAILS.split(cell):
                address = unguarded(piece).strip("<>").removeprefix("mailto:").lower()
                if len(address) <= LONGEST_EMAIL and _EMAIL.fullmatch(address) and address.isprintable():
                    found[address] = None
                elif address:
                    self._note(Note.BAD_EMAIL, index)
        return tuple(found)

    def _name(self, columns: _Columns) -> str:
        return self._first(columns, LONGEST_LINE, _MISSING_NAMES.__contains__)

    def _line(self, columns: _Columns) -> str:
        return self._first(columns, LONGEST_LINE, _is_missing)

    def _text(self, columns: _Columns) -> str:
        """Like a line, but longer and with its line breaks."""
        return self._first(columns, LONGEST_TEXT, _is_missing)

    def _first(self, columns: _Columns, longest: int, is_missing: Callable[[str], bool]) -> str:
        """The first of the columns' cells that says something."""
        for index in columns:
            cell = self._row[index].strip()
            if cell and not is_missing(cell):
                text = self._kept(cell, index, longest)
                if text:
                    return text
        return ""

    def _kept(self, cell: str, index: int, longest: int) -> str:
        text = cell if cell.isprintable() else _cleaned(cell, keep_lines=longest == LONGEST_TEXT)
        if text[:1] == "'":
            text = unguarded(text)
        if len(text) > longest:
            self._note(Note.TEXT_CUT, index)
            text = text[:longest].rstrip()
        return text

    def _roles(self) -> tuple[Role, ...]:
        roles = []
        for columns in self._plan.jobs:
            title, company = self._line(columns.title), self._line(columns.company)
            if title or company:
                end = self._line(columns.end)
                roles.append(
                    Role(
                        title=title,
                        company=company,
                        start=self._line(columns.start),
                        end=end,
                        is_current=end.lower() in _ONGOING,
                        description=self._text(columns.description),
                        location=self._line(columns.location),
                    )
                )
        return tuple(roles)

    def _schools(self) -> tuple[School, ...]:
        schools = []
        for columns in self._plan.educations:
            name = self._line(columns.school)
            if name:
                schools.append(
                    School(
                        name=name,
                        degree=self._line(columns.degree),
                        field_of_study=self._line(columns.field_of_study),
                        start_year=_year(self._line(columns.start)),
                        end_year=_year(self._line(columns.end)),
                    )
                )
        only = self._line(self._plan.school)
        if only and all(school.name != only for school in schools):
            schools.append(School(name=only))
        return tuple(schools)

    def _skills(self) -> tuple[str, ...]:
        listed = self._text(self._plan.skill_list)
        named = [skill.strip()[:LONGEST_LINE] for skill in _BETWEEN_SKILLS.split(listed)]
        named += [self._line((index,)) for index in self._plan.skills]
        skills: dict[str, str] = {}
        for skill in named:
            if skill:
                skills.setdefault(skill.casefold(), skill)
        if len(skills) > MOST_SKILLS:
            self._note(Note.TOO_MANY_SKILLS, (*self._plan.skill_list, *self._plan.skills)[0])
        return tuple(skills.values())[:MOST_SKILLS]

    def _months(self, columns: tuple[tuple[int, int], ...]) -> int | None:
        for index, months_per_unit in columns:
            cell = self._row[index]
            months = _months_in(cell, months_per_unit) if cell else None
            if months is not None:
                return months
        return None

    def _note(self, note: Note, index: int) -> None:
        self._notes.append(RowNote(note, self._plan.headers[index]))


def _is_missing(cell: str) -> bool:
    return len(cell) <= _LONGEST_MISSING_WORD and cell.lower() in MISSING_WORDS


def _cleaned(cell: str, *, keep_lines: bool) -> str:
    visible = _HIDDEN.sub("", cell)
    if keep_lines:
        return "\n".join(" ".join(line.split()) for line in visible.splitlines()).strip()
    return " ".join(visible.split())


def _year(text: str) -> int:
    match = _YEAR.search(text)
    return int(match[0]) if match else 0


_NUMBER: Final = r"(\d{1,4}(?:\.\d{1,6})?)"
_DURATION: Final = re.compile(
    rf"(?:{_NUMBER}\s*(?:years?|yrs?|y)\b)?[\s,]*(?:and\s+)?(?:{_NUMBER}\s*(?:months?|mos?|mths?|m)\b)?\.?(?:\s+(?:in|at)\b.*)?",
    re.IGNORECASE,
)
_BARE_NUMBER: Final = re.compile(_NUMBER)


def supplied_months(text: str, header: str = "") -> int | None:
    """A duration as a source wrote it, in whole months; None when it cannot be read or says nothing.

    A bare number takes its unit from the header (docs/rules/import.md, Durations).
    """
    return _months_in(text, _months_per_unit(header))


def _months_in(text: str, months_per_unit: int) -> int | None:
    text = text.strip()
    bare = _BARE_NUMBER.fullmatch(text)
    if bare:
        months = math.floor(float(bare[1]) * months_per_unit + 0.5)
    else:
        match = _DURATION.fullmatch(text)
        if match is None:
            return None
        months = math.floor(float(match[1] or 0) * 12 + float(match[2] or 0) + 0.5)
    return months if 0 < months <= MOST_MONTHS else None


def _months_per_unit(header: str) -> int:
    """How many months a bare number under this header means for each unit; 0 when the header does not say."""
    key = normal_header(header)
    if "year" in key:
        return 12
    return 1 if "month" in key else 0
