"""The seeded world: any number of invented people, each made on demand from (seed, index) alone.

Nothing is kept: a person is computed when asked for, and a slug leads back to its person because its tail
is a keyed permutation of the index. `docs/simulators.md`, The world, describes the record.
"""

import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any

from services.simulators import vocabulary as words

AS_OF = date(2026, 11, 1)
_AS_OF_MONTH = AS_OF.year * 12 + AS_OF.month - 1

_HALF_BITS = 18
_HALF = (1 << _HALF_BITS) - 1
SPACE = 1 << (2 * _HALF_BITS)
OPAQUE_MARK = "ACoAA"

# Shares of people, in thousandths. A quirk changes what a provider says of a person, not who the person is.
QUIRKS: Mapping[str, int] = {
    "no_match": 30,
    "wrong_person": 6,
    "two_candidates": 6,
    "empty_shell": 6,
    "redacted": 4,
    "found_by_opaque_id": 6,
    "found_with_slash": 12,
    "found_in_upper_case": 12,
}
MESSES: Mapping[str, int] = {
    "hebrew_name": 50,
    "emoji_name": 25,
    "missing_dates": 40,
    "several_current": 60,
    "thin": 50,
    "injected": 10,
    "no_current": 30,
    "company_unresolved": 40,
}


@dataclass(frozen=True, slots=True)
class World:
    """Which world this is and how many people live in it."""

    seed: int
    people: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The little that can be said of a person cheaply; the full person agrees with it."""

    index: int
    slug: str
    first: words.Name
    last: words.Name
    place: words.Place
    field: words.Field
    level: int
    company: words.Company
    years: int
    connections: int
    emoji: str
    messes: frozenset[str]
    quirk: str


@cache
def _round_keys(seed: int) -> tuple[int, ...]:
    digest = hashlib.blake2b(f"slug {seed}".encode(), digest_size=32).digest()
    return tuple(int.from_bytes(digest[i : i + 8], "big") for i in range(0, 32, 8))


def _mix(half: int, key: int) -> int:
    value = (half + key) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    return (value ^ value >> 29) * 0xBF58476D1CE4E5B9 >> 20 & _HALF


def code_of(seed: int, index: int) -> int:
    """The permuted index: a Feistel network over 36 bits, so that every code has one index and back."""
    left, right = index >> _HALF_BITS, index & _HALF
    for key in _round_keys(seed):
        left, right = right, left ^ _mix(right, key)
    return left << _HALF_BITS | right


def index_of(seed: int, code: int) -> int:
    """The inverse of `code_of`."""
    left, right = code >> _HALF_BITS, code & _HALF
    for key in reversed(_round_keys(seed)):
        left, right = right ^ _mix(left, key), left
    return left << _HALF_BITS | right


def _dice(seed: int, index: int, purpose: str) -> random.Random:
    return random.Random(f"{purpose} {seed} {index}")


def _share(digest: bytes, at: int, shares: Mapping[str, int]) -> str:
    """The name whose share of a thousand the two bytes at `at` fall in, or nothing."""
    draw = int.from_bytes(digest[at : at + 2], "big") * 1000 >> 16
    for name, share in shares.items():
        if draw < share:
            return name
        draw -= share
    return ""


@lru_cache(maxsize=1024)
def _ascii(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def outline(seed: int, index: int) -> Outline:
    """Who a person is, in one hash: cheap enough to be asked of everybody in turn."""
    digest = hashlib.blake2b(f"{seed} {index}".encode(), digest_size=48).digest()
    first = words.FIRST_NAMES[digest[0] % len(words.FIRST_NAMES)]
    last = words.LAST_NAMES[digest[1] % len(words.LAST_NAMES)]
    level = (0, 1, 1, 1, 2, 2, 2, 3, 3, 4)[digest[4] % 10]
    years = (1, 4, 8, 11, 16)[level] + digest[6] % 4
    messes = frozenset(
        name
        for at, (name, share) in enumerate(MESSES.items())
        if int.from_bytes(digest[16 + 2 * at : 18 + 2 * at], "big") * 1000 >> 16 < share
    )
    return Outline(
        index=index,
        slug=f"{_ascii(first.latin)}-{_ascii(last.latin)}-{code_of(seed, index):09x}",
        first=first,
        last=last,
        place=words.PLACES[digest[2] % len(words.PLACES)],
        field=words.FIELDS[digest[3] % len(words.FIELDS)],
        level=level,
        company=words.COMPANIES[digest[5] % len(words.COMPANIES)],
        years=years,
        connections=int.from_bytes(digest[8:10], "big") % 3000,
        emoji=words.EMOJI[digest[7] % len(words.EMOJI)],
        messes=messes,
        quirk=_share(digest, 10, QUIRKS),
    )


def _month(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _job(
    who: Outline, title: str, company: words.Company, start: int, end: int | None, dice: random.Random
) -> dict[str, Any]:
    deeds = dice.sample(who.field.deeds, k=min(len(who.field.deeds), dice.randint(1, 3)))
    return {
        "title": title,
        "company": company.name,
        "start": _month(start),
        "end": None if end is None else _month(end),
        "description": " ".join(deeds),
        "location": f"{who.place.city}, {who.place.country}",
        "industry": company.industry,
        "headcount": company.headcount,
        "headcount_range": company.headcount_range,
        "company_type": company.kind,
        "function": who.field.function,
        "employment_type": "Full-time",
        "military": False,
    }


def _career(who: Outline, dice: random.Random) -> list[dict[str, Any]]:
    """Jobs from the newest back, over the outline's years, with now and then a gap."""
    jobs = []
    end: int | None = None
    if "no_current" in who.messes:
        end = _AS_OF_MONTH - dice.randint(2, 20)
    months_left = who.years * 12
    level, company = who.level, who.company
    while months_left > 0:
        span = min(months_left, dice.choice((10, 14, 20, 26, 34, 48, 70)))
        until = _AS_OF_MONTH if end is None else end
        jobs.append(_job(who, who.field.titles[level], company, until - span, end, dice))
        months_left -= span
        end = until - span - dice.choice((0, 0, 0, 1, 3, 9))
        level = max(0, level - dice.choice((0, 0, 1)))
        company = dice.choice(words.COMPANIES)
    return jobs


def _military(who: Outline, before: int, dice: random.Random) -> dict[str, Any]:
    job = _job(who, dice.choice(words.MILITARY_TITLES), words.COMPANIES[0], before - 33, before - 1, dice)
    return {
        **job,
        "company": dice.choice(words.MILITARY_EMPLOYERS),
        "description": "Compulsory service.",
        "industry": "Armed Forces",
        "headcount": None,
        "headcount_range": "",
        "company_type": "Government Agency",
        "function": "Military and Protective Services",
        "military": True,
    }


def _start_month(job: Mapping[str, Any]) -> int:
    year, month = str(job["start"]).split("-")
    return int(year) * 12 + int(month) - 1


def _mess_up(who: Outline, jobs: list[dict[str, Any]], dice: random.Random) -> None:
    if "several_current" in who.messes and len(jobs) > 1:
        side = {**jobs[0], "title": "Advisor", "company": dice.choice(words.COMPANIES).name}
        side["employment_type"] = "Part-time"
        side["description"] = "Advises the founders a few hours a month."
        jobs.insert(1, side)
    if "missing_dates" in who.messes:
        for job in dice.sample(jobs, k=max(1, len(jobs) // 2)):
            job["start"] = ""
            if job["end"] is not None and dice.random() < 0.5:
                job["end"] = ""
    if "company_unresolved" in who.messes:
        jobs[-1]["company"] = "" if dice.random() < 0.3 else jobs[-1]["company"]
        jobs[-1]["unresolved"] = True


def names(who: Outline) -> tuple[str, str]:
    """First and last name as the profile shows them."""
    if "hebrew_name" in who.messes:
        return who.first.hebrew, who.last.hebrew
    if "emoji_name" in who.messes:
        return who.first.latin, f"{who.last.latin} {who.emoji}"
    return who.first.latin, who.last.latin


def current_title(who: Outline) -> str:
    """The title of the first current job, empty for people between jobs."""
    return "" if "no_current" in who.messes else who.field.titles[who.level]


def current_company(who: Outline) -> str:
    """The employer of the first current job, empty for people between jobs."""
    return "" if "no_current" in who.messes else who.company.name


def opaque_id(seed: int, index: int) -> str:
    """The encoded, case-sensitive id of a person: `ACoAA` and 34 characters that lead back to the index."""
    code = f"{code_of(seed, index):09x}"
    check = hashlib.blake2b(f"opaque {seed} {code}".encode(), digest_size=20).digest()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tail = "".join(letters[byte % 64] for byte in check)
    return f"{OPAQUE_MARK}{code.translate(_TO_OPAQUE)}{tail}Sim0x"


_TO_OPAQUE = str.maketrans("0123456789abcdef", "BcDfGhJkLmNpQrSt")
_FROM_OPAQUE = str.maketrans("BcDfGhJkLmNpQrSt", "0123456789abcdef")


def short_vanity(seed: int, index: int) -> str:
    """The address the person had before: no dashes, the code in base 36."""
    who = outline(seed, index)
    return f"{_ascii(who.first.latin)}{_base36(code_of(seed, index))}"


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
        if number == 0:
            return digits.rjust(7, "0")


def find(world: World, slug: str) -> int | None:
    """The index behind a slug, an old vanity or an opaque id; None for strangers. Opaque ids keep their case."""
    candidates = []
    if slug.startswith(OPAQUE_MARK):
        code = slug[len(OPAQUE_MARK) : len(OPAQUE_MARK) + 9].translate(_FROM_OPAQUE)
        if re.fullmatch(r"[0-9a-f]{9}", code):
            candidates.append((int(code, 16), opaque_id))
        folded = slug
    else:
        folded = slug.lower()
        if re.fullmatch(r".+-[0-9a-f]{9}", folded):
            candidates.append((int(folded[-9:], 16), _slug))
        if re.fullmatch(r"[a-z]+[0-9a-z]{7}", folded):
            candidates.append((int(folded[-7:], 36), short_vanity))
    for code_number, form in candidates:
        if code_number < SPACE:
            index = index_of(world.seed, code_number)
            if index < world.people and form(world.seed, index) == folded:
                return index
    return None


def _slug(seed: int, index: int) -> str:
    return outline(seed, index).slug


def _education(who: Outline, dice: random.Random) -> list[dict[str, Any]]:
    end = AS_OF.year - who.years - dice.choice((0, 0, 1))
    schools = [
        {
            "school": dice.choice(words.SCHOOLS),
            "degree": dice.choice(("BSc", "BSc", "BA", "Bachelor's degree")),
            "field_of_study": who.field.studies,
            "start_year": end - 3,
            "end_year": end,
        }
    ]
    if dice.random() < 0.25:
        schools.insert(
            0,
            {
                "school": dice.choice(words.SCHOOLS),
                "degree": "MSc" if who.field.technical else "MBA",
                "field_of_study": who.field.studies,
                "start_year": end + 2,
                "end_year": end + 4,
            },
        )
    return schools


def _summary(who: Outline, skills: Sequence[str], dice: random.Random) -> str:
    text = (
        f"{who.field.titles[who.level]} with {who.years} years of experience. "
        f"Works mostly with {', '.join(skills[:3])}. {dice.choice(who.field.deeds)}"
    )
    if "injected" in who.messes:
        text += " " + dice.choice(words.INSTRUCTIONS)
    return text


def person(seed: int, index: int) -> dict[str, Any]:
    """One invented person as a plain dict of JSON values, the same for the same seed and index.

    Keys: `index`, `id`, `slug`, `aliases` (old vanity and opaque id), `first_name`, `last_name`,
    `full_name`, `pronoun`, `headline`, `summary`, `city`, `state`, `country`, `country_code`, `continent`,
    `title`, `company` (current, empty between jobs), `jobs` (newest first; dates "YYYY-MM", `end` None while
    it lasts, empty when the profile does not say), `schools`, `skills`, `languages`, `certifications`,
    `connections`, `years_of_experience`, `email`, `work_email`, `messes` (what is untidy about the profile)
    and `quirk` (how a provider errs about this person).
    """
    who = outline(seed, index)
    dice = _dice(seed, index, "person")
    first, last = names(who)
    jobs = _career(who, dice)
    if who.place.country == "Israel" and dice.random() < 0.55:
        jobs.append(_military(who, _start_month(jobs[-1]), dice))
    _mess_up(who, jobs, dice)
    thin = "thin" in who.messes
    skills = dice.sample(who.field.skills, k=dice.randint(4, len(who.field.skills)))
    mailbox = f"{_ascii(who.first.latin)}.{_ascii(who.last.latin)}.{code_of(seed, index):x}"
    company_domain = _ascii(who.company.name) + ".example"
    return {
        "index": index,
        "id": 900_000 + index,
        "slug": who.slug,
        "aliases": [short_vanity(seed, index), opaque_id(seed, index)],
        "first_name": first,
        "last_name": last,
        "full_name": f"{first} {last}",
        "pronoun": dice.choice(("", "", "", "She/Her", "He/Him", "They/Them")),
        "headline": f"{who.field.titles[who.level]} at {who.company.name}" if not thin else "",
        "summary": "" if thin else _summary(who, skills, dice),
        "city": who.place.city,
        "state": who.place.state,
        "country": who.place.country,
        "country_code": who.place.country_code,
        "continent": who.place.continent,
        "title": current_title(who),
        "company": current_company(who),
        "jobs": jobs,
        "schools": [] if thin else _education(who, dice),
        "skills": [] if thin else skills,
        "languages": dice.sample(words.LANGUAGES, k=dice.randint(1, 3)),
        "certifications": [dice.choice(words.CERTIFICATIONS)] if dice.random() < 0.15 else [],
        "connections": who.connections,
        "years_of_experience": who.years,
        "email": f"{mailbox}@mail.example",
        "work_email": f"{mailbox}@{company_domain}",
        "messes": sorted(who.messes),
        "quirk": who.quirk,
    }


def profile_url(slug: str) -> str:
    """The public address of a slug."""
    return f"https://www.linkedin.com/in/{slug}"


def imported_row(seed: int, index: int, duplicates: float) -> dict[str, Any]:
    """A row as an exported list has it; a share of `duplicates` repeats an earlier person by another address."""
    dice = _dice(seed, index, "row")
    shown, url_slug = index, None
    if index > 0 and dice.random() < duplicates:
        shown = dice.randrange(index)
        original = outline(seed, shown).slug
        url_slug = dice.choice((original.upper(), original + "/", original + "?trk=list"))
    who = outline(seed, shown)
    first, last = names(who)
    code = code_of(seed, shown)
    known_email = _dice(seed, shown, "email").random() < 0.3
    return {
        "index": shown,
        "linkedin_url": profile_url(url_slug or who.slug),
        "first_name": first,
        "last_name": last,
        "title": current_title(who),
        "company": current_company(who),
        "location": f"{who.place.city}, {who.place.country}",
        "email": f"{_ascii(who.first.latin)}.{_ascii(who.last.latin)}.{code:x}@mail.example" if known_email else "",
    }
