"""Crustdata: what is bought from it, and the one adapter that absorbs the shapes its answers come in.

The vendor's field names and limits are in docs/providers/crustdata.md. Readers here are pure and never
fail on a strange leaf: what cannot be read is unknown, and unknown is empty.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx2

from services.domain.profiles import Profile, Role, School
from services.providers.errors import (
    BadAnswer,
    BadRequest,
    NoCredit,
    NotAuthorised,
    TooManyRequests,
    UnknownOutcome,
    Unreachable,
)

API_VERSION = "2025-11-01"
MOST_URLS_PER_ENRICH = 25
ENRICH_FIELDS = (
    "basic_profile",
    "professional_network",
    "social_handles",
    "experience",
    "education",
    "skills",
    "certifications",
)
PROVIDER = "crustdata"
NO_ANSWER = "Crustdata did not answer; it may have been charged. Retry this person."
NOT_ACCEPTED = (
    "Crustdata does not accept what was asked about this person. Show this to the operator of this installation."
)
FAULT_OF_THEIRS = "Crustdata had a fault of its own; it may have been charged. Retry this person."
ENRICH = "person/enrich"


@dataclass(frozen=True)
class EnrichedPerson:
    """One candidate answer for one asked address; `found_url` is the identity evidence, '' if it has none."""

    asked_url: str
    found_url: str
    profile: Profile
    payload: Mapping[str, Any]
    confidence: float


@dataclass(frozen=True)
class EnrichAnswer:
    """What one enrich call brought: people for the gates to judge, opted-out addresses, and the charge."""

    people: tuple[EnrichedPerson, ...]
    redacted_urls: tuple[str, ...]
    credits: Decimal
    request_id: str


@dataclass(frozen=True)
class Crustdata:
    """Typed calls over one HTTP client, whose base URL and key it was built with."""

    http: httpx2.Client

    def enrich(self, urls: Sequence[str]) -> EnrichAnswer:
        """Buy the profiles at 1 to 25 canonical addresses; people without a match cost nothing.

        Raises services.providers.errors; after UnknownOutcome the call must not be repeated blindly.
        """
        if not 1 <= len(urls) <= MOST_URLS_PER_ENRICH:
            raise ValueError(f"one call takes 1 to {MOST_URLS_PER_ENRICH} addresses, not {len(urls)}")
        body = {"professional_network_profile_urls": list(urls), "fields": list(ENRICH_FIELDS)}
        response = self.post("/person/enrich", ENRICH, body)
        if response.status_code == 404:
            return EnrichAnswer((), (), Decimal(0), request_id_of(response))
        people, redacted = read_enrich_answer(read_json(response, ENRICH))
        return EnrichAnswer(people, redacted, credits_of(response), request_id_of(response))

    def post(self, path: str, operation: str, body: Mapping[str, Any]) -> httpx2.Response:
        try:
            response = self.http.post(path, json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise Unreachable(PROVIDER, operation, "unreachable", "Crustdata could not be reached.") from error
        except httpx2.TransportError as error:
            raise UnknownOutcome(
                PROVIDER,
                operation,
                "no_answer",
                NO_ANSWER,
            ) from error
        raise_for_status(response, operation)
        return response


def client(base_url: str, api_key: str) -> Crustdata:
    """Build the client; one key, one version, time-outs on everything, no retries of its own."""
    return Crustdata(
        httpx2.Client(
            base_url=base_url,
            headers={"authorization": f"Bearer {api_key}", "x-api-version": API_VERSION},
            timeout=httpx2.Timeout(60.0, connect=5.0),
        )
    )


def raise_for_status(response: httpx2.Response, operation: str) -> None:
    """Turn an error status into ours; a 404 stays, since it means that nobody matched."""
    status, request_id = response.status_code, request_id_of(response)
    if status < 400 or status == 404:
        return
    code = error_type(response)
    if status == 401:
        raise NotAuthorised(PROVIDER, operation, code, "Crustdata refused the key. Set CRUSTDATA_API_KEY.", request_id)
    if status == 402 or code == "insufficient_credits":
        raise NoCredit(PROVIDER, operation, code, "The Crustdata account is out of credits.", request_id)
    if status == 403:
        raise NotAuthorised(
            PROVIDER, operation, code, "This Crustdata account may not use this endpoint or field.", request_id
        )
    if status == 429:
        raise TooManyRequests(
            PROVIDER, operation, code, "Crustdata's limit is reached.", request_id, retry_after=reset_seconds(response)
        )
    if status < 500:
        raise BadRequest(
            PROVIDER,
            operation,
            code,
            NOT_ACCEPTED,
            request_id,
        )
    raise UnknownOutcome(
        PROVIDER,
        operation,
        code,
        FAULT_OF_THEIRS,
        request_id,
    )


def error_type(response: httpx2.Response) -> str:
    """The error's machine-readable type from either of the two body shapes, or the status alone."""
    try:
        body = response.json()
    except ValueError:
        return f"http_{response.status_code}"
    error = body.get("error") if isinstance(body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return kind if isinstance(kind, str) else f"http_{response.status_code}"


def read_json(response: httpx2.Response, operation: str) -> Any:
    try:
        return response.json()
    except (ValueError, UnicodeDecodeError) as error:
        raise BadAnswer(
            PROVIDER,
            operation,
            "broken_body",
            "Crustdata's answer could not be read; it may have been charged.",
            request_id_of(response),
            {"credits": str(credits_of(response))},
        ) from error


def credits_of(response: httpx2.Response) -> Decimal:
    """What the call cost, as the provider reports it; the header is absent where a call is free."""
    try:
        return Decimal(response.headers.get("x-credits-used", "0"))
    except InvalidOperation:
        return Decimal(0)


def request_id_of(response: httpx2.Response) -> str:
    return str(response.headers.get("x-request-id", ""))


def reset_seconds(response: httpx2.Response) -> float | None:
    for name in ("retry-after", "x-ratelimit-reset"):
        value = number(response.headers.get(name))
        if value is not None and value >= 0:
            return value
    return None


def read_enrich_answer(body: Any) -> tuple[tuple[EnrichedPerson, ...], tuple[str, ...]]:
    """The people and the opted-out addresses of an enrich answer, joined on the echo, never on position."""
    people: list[EnrichedPerson] = []
    redacted: list[str] = []
    for entry in items_of(body):
        asked = text(entry.get("matched_on"))
        if entry.get("match_status") == "redacted":
            redacted.append(asked)
        for match in items_of(entry.get("matches")):
            payload = mapping(match.get("person_data"))
            if payload:
                people.append(
                    EnrichedPerson(
                        asked,
                        read_found_url(payload),
                        read_profile(payload),
                        without_nan(payload),
                        number(match.get("confidence_score")) or 0.0,
                    )
                )
    return tuple(people), tuple(redacted)


def read_found_url(payload: Mapping[str, Any]) -> str:
    """The address the payload says it belongs to: the only evidence of identity."""
    handles = mapping(payload.get("social_handles"))
    return text(mapping(handles.get("professional_network_identifier")).get("profile_url"))


def read_profile(payload: Mapping[str, Any]) -> Profile:
    """One person's payload as our Profile; every leaf may be missing, null, NaN, a string or an object."""
    basic = mapping(payload.get("basic_profile"))
    network = mapping(payload.get("professional_network"))
    employment = mapping(mapping(payload.get("experience")).get("employment_details"))
    location = basic.get("location") or network.get("location")
    roles = (
        *(read_role(entry, is_current=True) for entry in items_of(employment.get("current"))),
        *(read_role(entry, is_current=False) for entry in items_of(employment.get("past"))),
    )
    connections = number(network.get("connections"))
    return Profile(
        full_name=text(basic.get("name")),
        first_name=text(basic.get("first_name")),
        last_name=text(basic.get("last_name")),
        headline=text(basic.get("headline")) or text(network.get("headline")),
        summary=text(basic.get("summary")) or text(network.get("summary")),
        location=read_location(location) or text(payload.get("region")),
        country=text(mapping(location).get("country")),
        title=text(basic.get("current_title")),
        company=next((role.company for role in roles if role.is_current and role.company), ""),
        roles=roles,
        schools=tuple(read_school(entry) for entry in items_of(mapping(payload.get("education")).get("schools"))),
        skills=names(mapping(payload.get("skills")).get("professional_network_skills")),
        languages=names(basic.get("languages")),
        certifications=names(payload.get("certifications")),
        connections=int(connections) if connections is not None else None,
        pronouns=text(network.get("pronoun")),
    )


def read_role(entry: Mapping[str, Any], is_current: bool) -> Role:
    return Role(
        title=first_text(entry, "title", "employee_title"),
        company=first_text(entry, "name", "employer_name", "company_name"),
        start=text(entry.get("start_date")),
        end=text(entry.get("end_date")),
        is_current=is_current,
        description=first_text(entry, "description", "employee_description"),
        location=read_location(entry.get("location")) or text(entry.get("employee_location")),
        company_industries=names(entry.get("company_industries")),
        company_size=text(entry.get("company_headcount_range")),
        seniority=text(entry.get("seniority_level")),
        function=text(entry.get("function_category")),
    )


def read_school(entry: Mapping[str, Any]) -> School:
    return School(
        name=first_text(entry, "school", "institute_name", "name"),
        degree=first_text(entry, "degree", "degree_name"),
        field_of_study=text(entry.get("field_of_study")),
        start_year=int(number(entry.get("start_year")) or 0),
        end_year=int(number(entry.get("end_year")) or 0),
    )


def read_location(value: Any) -> str:
    """A place given as text, or as an object with its raw form or its parts."""
    if isinstance(value, Mapping):
        parts = (text(value.get(part)) for part in ("city", "state", "country"))
        return text(value.get("raw")) or text(value.get("full_location")) or ", ".join(part for part in parts if part)
    return text(value)


def names(value: Any) -> tuple[str, ...]:
    """A list of strings, or of objects with a name, without blanks and repeats."""
    found: Iterable[str] = ()
    if isinstance(value, list):
        found = (first_text(item, "name", "title") if isinstance(item, Mapping) else text(item) for item in value)
    elif isinstance(value, str):
        found = (text(value),)
    return tuple(dict.fromkeys(name for name in found if name))


def first_text(entry: Mapping[str, Any], *keys: str) -> str:
    return next((found for key in keys if (found := text(entry.get(key)))), "")


def text(value: Any) -> str:
    """The value as text; missing, NaN and anything that is no scalar are empty."""
    if isinstance(value, str):
        return value.replace("\x00", "").strip()
    if isinstance(value, bool) or value is None or isinstance(value, (list, Mapping)):
        return ""
    return "" if isinstance(value, float) and math.isnan(value) else str(value)


def number(value: Any) -> float | None:
    """The value as a finite number, or None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def items_of(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; what is no object, or no list, is passed over."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def without_nan(value: Any) -> Any:
    """The payload as strict JSON: NaN and infinities, which PostgreSQL refuses, become null, at any depth."""
    return json.loads(json.dumps(value), parse_constant=lambda _name: None)
