"""People as this provider writes them: the shape of `person_data`, its untidy leaves, and its field groups."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from services.simulators.vocabulary import SENIORITY
from services.simulators.world import AS_OF, outline, person, profile_url

FIELD_GROUPS = (
    "basic_profile",
    "professional_network",
    "skills",
    "social_handles",
    "experience",
    "education",
    "certifications",
    "honors",
    "dev_platform_profiles",
    "assessment",
    "social_posts",
)
DEFAULT_GROUPS = ("basic_profile", "social_handles")
SEARCH_GROUPS = ("basic_profile", "professional_network", "social_handles", "experience", "education")
NOT_IN_SEARCH = frozenset(
    {"skills", "basic_profile.summary", "basic_profile.languages", "professional_network.connections"}
)
ALWAYS = ("crustdata_person_id", "metadata", "recently_changed_jobs", "years_of_experience_raw")
_EMPTIED_SHARE = 0.04
_EMPTIED = (
    ("basic_profile", "first_name"),
    ("basic_profile", "last_name"),
    ("basic_profile", "headline"),
    ("basic_profile", "current_title"),
    ("professional_network", "joined_date"),
    ("professional_network", "followers"),
    ("professional_network", "pronoun"),
)


def document(seed: int, index: int) -> dict[str, Any]:
    """Everything the provider could say of a person, tidy; filters look at this."""
    who = person(seed, index)
    place = {
        "raw": f"{who['city']}, {who['state']}, {who['country']}",
        "city": who["city"],
        "state": who["state"],
        "country": who["country"],
        "continent": who["continent"],
        "full_location": f"{who['city']}, {who['state']}, {who['country']}",
    }
    jobs = [_employment(job, number, outline(seed, index).level) for number, job in enumerate(who["jobs"])]
    current = [job for job, told in zip(jobs, who["jobs"], strict=True) if told["end"] is None]
    past = [job for job, told in zip(jobs, who["jobs"], strict=True) if told["end"] is not None]
    if len(current) > 1:
        current.reverse()  # several current entries come in no useful order
    return {
        "crustdata_person_id": who["id"],
        "basic_profile": {
            "name": who["full_name"],
            "first_name": who["first_name"],
            "last_name": who["last_name"],
            "headline": who["headline"],
            "current_title": who["title"],
            "summary": who["summary"],
            "languages": who["languages"],
            "location": place,
            "profile_picture_permalink": f"https://pictures.example/{who['id']}.jpg",
            "professional_network_name": who["full_name"],
            "last_updated": f"{AS_OF.isoformat()}T00:00:00+00:00",
        },
        "professional_network": {
            "connections": who["connections"],
            "followers": who["connections"] * 2,
            "joined_date": f"{AS_OF.year - who['years_of_experience']}-01-01",
            "pronoun": who["pronoun"] or None,
            "verifications": [],
            "open_to_cards": [],
            "headline": who["headline"],
            "summary": who["summary"],
            "location": place,
            "profile_picture_permalink": f"https://pictures.example/{who['id']}.jpg",
            "metadata": {"last_scraped_source": "simulated"},
        },
        "social_handles": {
            "professional_network_identifier": {"profile_url": profile_url(who["slug"])},
            "twitter_identifier": {"slug": None},
        },
        "experience": {"employment_details": {"current": current, "past": past}},
        "education": {"schools": [_school(school) for school in who["schools"]]},
        "skills": {"professional_network_skills": who["skills"]},
        "certifications": [{"name": name} for name in who["certifications"]],
        "honors": [],
        "dev_platform_profiles": [],
        "assessment": None,
        "social_posts": [],
        "metadata": {"updated_at": f"{AS_OF.isoformat()}T00:00:00+00:00"},
        "recently_changed_jobs": bool(who["jobs"]) and str(who["jobs"][0]["start"]) >= "2026-08",
        "years_of_experience_raw": who["years_of_experience"],
    }


def _day(month: str | None) -> str | None:
    return f"{month}-01T00:00:00+00:00" if month else month


def _employment(job: Mapping[str, Any], number: int, level: int) -> dict[str, Any]:
    unresolved = bool(job.get("unresolved"))
    domain = "".join(c for c in str(job["company"]).lower() if c.isascii() and c.isalnum()) + ".example"
    return {
        "name": job["company"],
        "title": job["title"],
        "description": job["description"],
        "start_date": _day(job["start"]) or None,
        "end_date": _day(job["end"]),
        "location": {"raw": job["location"]},
        "seniority_level": SENIORITY[max(0, level - number)],
        "function_category": job["function"],
        "employment_type": job["employment_type"],
        "is_default": number == 0,
        "position_id": 7_000_000 + number,
        "crustdata_company_id": 0 if unresolved else 50_000 + sum(map(ord, str(job["company"]))),
        "professional_network_id": "" if unresolved else str(100_000 + sum(map(ord, str(job["company"])))),
        "company_website": None if unresolved else f"https://{domain}",
        "company_website_domain": [domain] if number % 3 == 1 else domain,
        "company_headcount_range": job["headcount_range"],
        "company_headcount_latest": job["headcount"],
        "company_industries": [job["industry"]],
        "company_type": job["company_type"],
        "company_hq_location": job["location"],
        "business_email_verified": number == 0,
    }


def _school(school: Mapping[str, Any]) -> dict[str, Any]:
    return {**school, "activities_and_societies": None, "professional_network_id": "", "location": {}}


def person_data(seed: int, index: int) -> dict[str, Any]:
    """The document as it is sold: some leaves null, empty or absent, always the same ones for a person."""
    sold = document(seed, index)
    dice = random.Random(f"leaves {seed} {index}")
    for group, leaf in _EMPTIED:
        if dice.random() < _EMPTIED_SHARE:
            how = dice.randrange(3)
            if how == 0:
                sold[group][leaf] = None
            elif how == 1:
                sold[group][leaf] = ""
            else:
                del sold[group][leaf]
    return sold


def with_address(sold: dict[str, Any], url: str) -> dict[str, Any]:
    """The same person found under another address."""
    handles = {**sold["social_handles"], "professional_network_identifier": {"profile_url": url}}
    return {**sold, "social_handles": handles}


def only(sold: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The chosen groups and dot paths, and what is always there."""
    kept: dict[str, Any] = {name: sold[name] for name in ALWAYS if name in sold}
    for path in fields:
        _copy(sold, kept, path.split("."))
    return kept


def without(sold: Mapping[str, Any], paths: frozenset[str]) -> dict[str, Any]:
    """Everything but some groups and leaves of groups."""
    kept = {name: value for name, value in sold.items() if name not in paths}
    for path in paths:
        group, _, leaf = path.partition(".")
        if leaf and isinstance(kept.get(group), Mapping):
            kept[group] = {name: value for name, value in kept[group].items() if name != leaf}
    return kept


def _copy(source: Mapping[str, Any], target: dict[str, Any], path: Sequence[str]) -> None:
    name, *rest = path
    if name not in source:
        return
    value = source[name]
    if not rest or not isinstance(value, Mapping):
        target[name] = value
        return
    inner = target.setdefault(name, {})
    _copy(value, inner, rest)
