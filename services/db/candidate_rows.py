"""A profile as the database stores one: listing columns, sort keys, search words, computed facts, JSON and its hash.

Everything that writes people goes through here, so that an imported and an enriched person look alike.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from services.domain.candidate_words import candidate_vector
from services.domain.dates import Month
from services.domain.employment import company_tenures, current_role, industry_months, role_span, tenure_at
from services.domain.names import fold
from services.domain.profiles import Profile, Role, School

LONGEST_KEY: Final = 200

_DEFAULTS: Final[Mapping[type, Mapping[str, object]]] = {
    record: {field.name: field.default for field in fields(record)} for record in (Profile, Role, School)
}


@dataclass(frozen=True)
class CandidateRow:
    """The computed columns of `candidates` and `candidate_profiles`; months are year * 12 + month.

    `words` is a tsvector literal, `profile` canonical JSON text, `snapshot_hash` the SHA-256 of that text.
    """

    full_name: str
    first_name: str
    last_name: str
    headline: str
    title: str
    company: str
    location: str
    school: str
    name_key: str
    title_key: str
    company_key: str
    location_key: str
    role_start: int | None
    company_start: int | None
    industry_months: int | None
    words: str
    profile: str
    snapshot_hash: bytes


def candidate_row(profile: Profile, org_number: int, as_of: Month, *, with_words: bool = True) -> CandidateRow:
    """What is stored for a profile, in an organization (`organizations.number`), as of the current month.

    Durations that a source supplied without dates are taken as told in `as_of`.
    """
    text = canonical_json(profile)
    if not is_storable(text):
        profile = profile_from_json(_storable(json.loads(text)))
        text = canonical_json(profile)
    title, company = current_title_and_company(profile, as_of)
    role_start, company_start, industry = _facts(profile, company, as_of)
    return CandidateRow(
        full_name=one_line(profile.full_name),
        first_name=profile.first_name,
        last_name=profile.last_name,
        headline=profile.headline,
        title=one_line(title),
        company=one_line(company),
        location=one_line(profile.location),
        school=profile.schools[0].name if profile.schools else "",
        name_key=fold(profile.full_name)[:LONGEST_KEY],
        title_key=fold(title)[:LONGEST_KEY],
        company_key=fold(company)[:LONGEST_KEY],
        location_key=fold(profile.location)[:LONGEST_KEY],
        role_start=role_start,
        company_start=company_start,
        industry_months=industry,
        words=words_of_person(profile, title, company, org_number) if with_words else "",
        profile=text,
        snapshot_hash=hashlib.sha256(text.encode()).digest(),
    )


def one_line(text: str) -> str:
    """Without line breaks and separator signs, which no listing can show."""
    return " ".join(text.split())


def current_title_and_company(profile: Profile, as_of: Month) -> tuple[str, str]:
    """What a listing shows: the current role's, else what the source calls so, else what the headline says."""
    held = current_role(profile.roles, as_of)
    if held:
        return held.title.strip(), held.company.strip()
    if profile.title or profile.company:
        return profile.title, profile.company
    title, _, company = profile.headline.partition(" at ")
    return title.strip(), company.strip()


def words_of_person(profile: Profile, title: str, company: str, org_number: int) -> str:
    """The person's searchable words as a tsvector literal (docs/rules/search.md, docs/decisions/search.md)."""
    return candidate_vector(
        org_number,
        name=profile.full_name,
        title=title,
        company=company,
        location=profile.location,
        texts=dict.fromkeys(filter(None, _searched(profile, title, company))),
    )


def _searched(profile: Profile, title: str, company: str) -> list[str]:
    texts = [profile.full_name, profile.headline, title, company, profile.location, profile.summary]
    texts += profile.skills
    for school in profile.schools:
        texts += (school.name, school.degree, school.field_of_study)
    for role in profile.roles:
        texts += (role.title, role.company)
    texts += profile.languages
    texts += profile.certifications
    return texts


def _facts(profile: Profile, company: str, as_of: Month) -> tuple[int | None, int | None, int | None]:
    """Start of the current role, start that stands for the tenure at the current company, civilian months."""
    supplied_role = _months_before(as_of, profile.supplied_role_months)
    supplied_company = _months_before(as_of, profile.supplied_company_months)
    if not any(role.start for role in profile.roles):
        return supplied_role, supplied_company, None
    held = current_role(profile.roles, as_of)
    span = role_span(held, as_of) if held else None
    tenure = tenure_at(company, company_tenures(profile.roles, as_of))
    if tenure is None or not tenure.stints:
        company_start = supplied_company
    else:
        company_start = as_of - tenure.months if tenure.is_complete else None
    has_spans = any(role_span(role, as_of) for role in profile.roles)
    industry = industry_months(profile.roles, as_of) if has_spans else None
    return span.start if span else supplied_role, company_start, industry


def _months_before(as_of: Month, months: int | None) -> int | None:
    return None if months is None else as_of - months


def canonical_json(profile: Profile) -> str:
    """The profile as JSON text without what is unknown, keys sorted: equal profiles are equal texts."""
    return _CANONICAL.encode(_known(profile))


def profile_to_json(profile: Profile) -> dict[str, Any]:
    """The profile as plain values without what is unknown."""
    return {name: _plain(value) for name, value in _known(profile).items()}


def _known(record: object) -> dict[str, Any]:
    defaults = _DEFAULTS[type(record)]
    return {name: value for name, value in vars(record).items() if value != defaults[name]}


# The encoder walks tuples by itself and asks only for what a role or a school is: a second walk costs more.
_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_known)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if type(value) in _DEFAULTS:
        return {name: _plain(inner) for name, inner in _known(value).items()}
    return value


def profile_from_json(stored: Mapping[str, Any]) -> Profile:
    """The profile behind `profile_to_json`; keys of a newer release are passed over."""
    known = _readable(Profile, stored)
    known["roles"] = tuple(Role(**_readable(Role, role)) for role in stored.get("roles", ()))
    known["schools"] = tuple(School(**_readable(School, school)) for school in stored.get("schools", ()))
    return Profile(**known)


def _readable(record: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(stored[name]) if isinstance(stored[name], list) else stored[name]
        for name in _DEFAULTS[record]
        if name in stored
    }


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes the JSON text: it knows neither NUL nor half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\\u0000" not in text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode()
    if isinstance(value, list):
        return [_storable(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _storable(entry) for key, entry in value.items()}
    return value
