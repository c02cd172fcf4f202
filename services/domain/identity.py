"""Who is who: profile addresses in one canonical form, and the gate for providers' answers."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import quote, unquote

from services.domain.profiles import Profile

MISSING_WORDS: Final = frozenset({"", "nan", "none", "null", "n/a", "-"})
LONGEST_URL: Final = 500

_PROFILE_PAGE: Final = "https://www.linkedin.com/in/"
# What nearly every row holds; it spares such a row the full reading.
_PLAIN: Final = re.compile(r"https?://(?:www\.)?linkedin\.com/in/([a-z0-9-]+)/?")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST: Final = re.compile(r"(?:www\.)?(?:[a-z]{2}\.)?linkedin\.com", re.ASCII | re.IGNORECASE)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INVISIBLE_EDGES: Final = " \t\r\n\v\f\u00a0\u200b\u200e\u200f\ufeff"
_OPAQUE: Final = re.compile(r"AC[ow]AA[A-Za-z0-9_-]{15,}")
_SHORTEST_ID_SUFFIX: Final = 5


class Unreadable(Enum):
    """Why a value is not the address of a person's profile; `value` is the key that is stored and counted."""

    NO_URL = "no_url"
    NOT_A_PROFILE = "not_a_profile"
    OPAQUE_ID = "opaque_id"
    MALFORMED = "malformed"

    @property
    def sentence(self) -> str:
        """The reason as a person reads it."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    Unreadable.NO_URL: "There is no profile address here.",
    Unreadable.NOT_A_PROFILE: (
        "This is not the address of a person's public LinkedIn profile (https://www.linkedin.com/in/…)."
    ),
    Unreadable.OPAQUE_ID: (
        "This address holds a hidden member id, which nobody else can look up. "
        "Export the public profile address instead."
    ),
    Unreadable.MALFORMED: (
        f"This profile address is damaged: it holds characters that no address has, "
        f"or it is longer than {LONGEST_URL} characters."
    ),
}


@dataclass(frozen=True)
class ProfileUrl:
    """A profile's canonical address; an opaque one serves as an alias, never as the person's own address."""

    url: str
    slug: str
    is_opaque: bool = False


@dataclass(frozen=True)
class Unusable:
    """A value that names nobody, and why."""

    reason: Unreadable

    @property
    def sentence(self) -> str:
        """The reason as a person reads it."""
        return self.reason.sentence


def read_profile_url(raw: object) -> ProfileUrl | Unusable:
    """The one canonical form of whatever a file, a person or a provider calls a profile address.

    docs/rules/identity.md, Canonical form. Takes any cell as it comes (also None and NaN); never raises.
    """
    if not isinstance(raw, str):
        return Unusable(Unreadable.NO_URL)
    plain = _PLAIN.fullmatch(raw)
    if plain and len(raw) <= LONGEST_URL:
        return ProfileUrl(_PROFILE_PAGE + plain[1], plain[1])
    parts = _split(raw)
    if isinstance(parts, Unusable):
        return parts
    slug, _, _ = parts.partition("/")
    return _from_encoded_slug(slug)


def profile_url_from_identifier(slug: object) -> ProfileUrl | Unusable:
    """The address behind a bare slug; only for columns that are known to hold such identifiers.

    A whole address in such a column is read as one.
    """
    if not isinstance(slug, str) or slug.strip(_INVISIBLE_EDGES).lower() in MISSING_WORDS:
        return Unusable(Unreadable.NO_URL)
    bare = slug.strip(_INVISIBLE_EDGES)
    if "/" in bare:
        return read_profile_url(bare)
    if "?" in bare or "#" in bare:
        return Unusable(Unreadable.MALFORMED)
    return read_profile_url(_PROFILE_PAGE + bare)


def _split(raw: str) -> str | Unusable:
    """What follows /in/ in the path, still percent-encoded."""
    text = raw.strip(_INVISIBLE_EDGES)
    if text.lower() in MISSING_WORDS:
        return Unusable(Unreadable.NO_URL)
    if len(text) > LONGEST_URL or any(_is_space_or_control(character) for character in text):
        return Unusable(Unreadable.MALFORMED)
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() not in ("http", "https"):
        return Unusable(Unreadable.NOT_A_PROFILE)
    address = text[scheme.end() :] if scheme else text.removeprefix("//")
    address = address.partition("#")[0].partition("?")[0]
    host, _, path = address.partition("/")
    if not _HOST.fullmatch(host) or path[:3].lower() != "in/":
        return Unusable(Unreadable.NOT_A_PROFILE)
    return path[3:]


def _is_space_or_control(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cs")


def _from_encoded_slug(encoded: str) -> ProfileUrl | Unusable:
    if not encoded:
        return Unusable(Unreadable.NOT_A_PROFILE)
    if _BAD_ESCAPE.search(encoded):
        return Unusable(Unreadable.MALFORMED)
    try:
        decoded = unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return Unusable(Unreadable.MALFORMED)
    if _OPAQUE.fullmatch(decoded):
        if decoded.startswith("ACw"):
            return Unusable(Unreadable.OPAQUE_ID)
        return ProfileUrl(_PROFILE_PAGE + decoded, decoded, is_opaque=True)
    # A dot segment is a step through folders to every reader of addresses, never somebody's name.
    if not decoded.strip(". ") or any(unicodedata.category(character) == "Cc" for character in decoded):
        return Unusable(Unreadable.MALFORMED)
    # Lower-casing can leave letters taken apart, so the composition is made twice.
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", decoded).lower())
    slug = quote(lowered, safe="")
    return ProfileUrl(_PROFILE_PAGE + slug, slug)


def base_of_suffixed_slug(slug: str) -> str:
    """The slug without the id that LinkedIn appends to common names; unchanged where there is none.

    Equal bases are a possible duplicate for a person to look at, never a match
    (docs/rules/identity.md, Suffix hint).
    """
    base, _, suffix = slug.rpartition("-")
    if not base or not suffix.isascii() or _OPAQUE.fullmatch(slug):
        return slug
    if suffix.isdigit():
        return base
    is_id = (
        len(suffix) >= _SHORTEST_ID_SUFFIX
        and suffix.isalnum()
        and suffix == suffix.lower()
        and 2 * sum(character.isdigit() for character in suffix) >= len(suffix)
    )
    return base if is_id else slug


class Rejection(Enum):
    """Why an answer that came is not taken for the person asked; `value` is the key that is stored."""

    NO_OWN_URL = "no_own_url"
    NOT_A_PROFILE = "not_a_profile"
    SOMEBODY_ELSE = "somebody_else"
    EMPTY_SHELL = "empty_shell"

    @property
    def sentence(self) -> str:
        """The reason as a person reads it."""
        return _REJECTIONS[self]


_REJECTIONS: Final = {
    Rejection.NO_OWN_URL: "The provider's answer does not say whose profile it is.",
    Rejection.NOT_A_PROFILE: "The provider's answer names an address that is not a person's profile.",
    Rejection.SOMEBODY_ELSE: "The provider answered with somebody else.",
    Rejection.EMPTY_SHELL: "The provider's answer holds no name, or no work, education or skills.",
}


@dataclass(frozen=True)
class Fulfilled:
    """The person asked, with the address the provider knows them by."""

    url: ProfileUrl
    profile: Profile


@dataclass(frozen=True)
class Rejected:
    """Something came, was perhaps charged, and must not be stored as the candidate."""

    reason: Rejection


@dataclass(frozen=True)
class Unmatched:
    """Nothing came."""


Judgement = Fulfilled | Rejected | Unmatched


def judge_answer(
    asked: ProfileUrl, known_aliases: Collection[str], found_url: str | None, profile: Profile | None
) -> Judgement:
    """Whether an answer is about the person asked and holds a person at all.

    `found_url` must be the address inside the answer itself; the echo of the request proves nothing.
    `known_aliases` are addresses already known to be the same person's
    (docs/rules/identity.md, The gate on answers).
    """
    if profile is None:
        return Unmatched()
    if not (found_url or "").strip():
        return Rejected(Rejection.EMPTY_SHELL if profile == Profile() else Rejection.NO_OWN_URL)
    found = _own_url(found_url or "")
    if found is None:
        return Rejected(Rejection.NOT_A_PROFILE)
    if found.url != asked.url and found.url not in _canonical(known_aliases):
        return Rejected(Rejection.SOMEBODY_ELSE)
    if not _has_content(profile):
        return Rejected(Rejection.EMPTY_SHELL)
    return Fulfilled(found, profile)


def _own_url(found_url: str) -> ProfileUrl | None:
    """Stricter than `read_profile_url`: nothing may follow the slug in the path but one slash."""
    after_in = _split(found_url)
    if isinstance(after_in, Unusable) or "/" in after_in.removesuffix("/"):
        return None
    found = read_profile_url(found_url)
    return found if isinstance(found, ProfileUrl) else None


def _canonical(addresses: Collection[str]) -> set[str]:
    read = (read_profile_url(address) for address in addresses)
    return {url.url for url in read if isinstance(url, ProfileUrl)}


def _has_content(profile: Profile) -> bool:
    named = any(name.strip() for name in (profile.full_name, profile.first_name, profile.last_name))
    worked = any(role.title.strip() or role.company.strip() for role in profile.roles)
    studied = any(school.name.strip() for school in profile.schools)
    return named and (worked or studied or any(skill.strip() for skill in profile.skills))
