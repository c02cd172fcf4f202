"""The text about one person that is sent to a model: computed facts and a trimmed profile, without identity.

What is left out, masked and cut: docs/rules/screening.md, What is sent.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.domain.facts import Facts, listed_roles
from services.domain.names import fold
from services.domain.profiles import Profile, Role
from services.domain.untrusted_text import visible_line

HEADLINE_LIMIT = 300
SUMMARY_LIMIT = 1_500
DESCRIPTION_LIMIT = 600
FIELD_LIMIT = 120
SKILLS_LIMIT = 60
LIST_LIMIT = 15

ITEM_SEPARATOR = " | "
LISTS = ("Skills", "Languages", "Certifications")
NAME_MASK = "[name]"
EMAIL_MASK = "[e-mail]"
LINK_MASK = "[link]"
PHONE_MASK = "[phone]"

# A plain dot must touch its neighbours: after "me@mail.example." the next sentence begins.
_EMAIL = re.compile(
    r"[\w.+%-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:(?:\.|\s?(?:\(dot\)|\[dot\])\s?)[\w-]+)+", re.IGNORECASE
)
_WRITTEN_AT = re.compile(r"[(\[]at[)\]]", re.IGNORECASE)
_SCHEME_OR_WWW = r"(?:https?://|ftp://|www\.)\S+"
# Names of frameworks look like addresses: "ASP.NET/C#", "Socket.IO/Express".
_DOMAIN_WITH_PATH = (
    r"(?<![\w@.])(?!(?:asp|vb|ado|ml|socket|draw)\.)(?:[\w-]+\.)+"
    r"(?:com|org|net|io|dev|me|ai|co|app|info|site|page|in|il|uk|de|fr|eu|us)/\S*"
)
_BARE_DOMAIN = r"(?<![\w@.])(?:[\w-]+\.)+(?:com|org|dev|me|info|site|page|link|xyz|co\.il|co\.uk)(?![\w.-]*\w)"
_LINK = re.compile(f"{_SCHEME_OR_WWW}|{_DOMAIN_WITH_PATH}", re.IGNORECASE)
_LINK_OR_DOMAIN = re.compile(f"{_SCHEME_OR_WWW}|{_DOMAIN_WITH_PATH}|{_BARE_DOMAIN}", re.IGNORECASE)
# Years and ranges of years must stay, so a run of digits alone has to be long or to look dialled.
_PHONE = re.compile(
    r"(?<![\w+])(?:"
    r"\+\d[\d\s().-]{6,}\d"
    r"|0\d[\d\s().-]{6,}\d"
    r"|\(\d{2,4}\)[\d\s.-]{5,}\d"
    r"|\d{3}[-.\s]\d{3}[-.\s]\d{4}"
    r"|\d{9,15}"
    r")(?!\w)"
)
_DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./-]){0,2}(?:19|20)\d{2}(?:[./-]\d{1,2}){0,2}(?!\d)")
_SHORTEST_PHONE = 7
_HAS_MANY_DIGITS = re.compile(r"(?:\d\D*){7}")
_FACT_ID = re.compile(r"\bfact\.(?=\w)", re.IGNORECASE)

_NOT_NAMES = frozenset(
    {
        *("phd", "mba", "msc", "bsc", "ma", "ba", "md", "cpa", "pmp", "cissp", "mr", "mrs", "ms", "dr", "prof"),
        *("jr", "sr", "ii", "iii", "iv", "eng", "esq", "he", "him", "his", "she", "her", "hers", "they", "them"),
        *("de", "da", "di", "del", "dos", "du", "van", "von", "der", "den", "la", "le", "el", "al", "bin", "ibn"),
    }
)
_AFTER_NAME = re.compile(r"[|•·–—/]| - ")
_NAME_PART = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SHORTEST_NAME = 3
_APOSTROPHE = re.compile("['’ʼ]")
_ANY_APOSTROPHE = "['’ʼ]?"


@dataclass(frozen=True)
class ScreeningText:
    """The exact text sent about one person, and its hash, by which it is stored."""

    text: str
    sha256: str


def is_blank(profile: Profile) -> bool:
    """Whether there is nothing to judge: no employment, no skills, no title."""
    has_employment = any(role.title.strip() or role.company.strip() for role in profile.roles)
    has_skills = any(skill.strip() for skill in profile.skills)
    return not (has_employment or has_skills or profile.title.strip())


def is_thin(profile: Profile) -> bool:
    """Whether the profile should be enriched before it is judged: neither skills nor a summary."""
    return not profile.summary.strip() and not any(skill.strip() for skill in profile.skills)


def build_screening_text(profile: Profile, facts: Facts) -> ScreeningText:
    """The candidate block for one person; equal profiles give equal text, whatever order their roles came in."""
    masking = _Masking.of(profile)
    lines = [*_fact_lines(facts, masking), *_profile_lines(profile, facts, masking)]
    body = "\n".join(lines)
    # Nobody can write a profile that holds a hash of the text it will be part of.
    seal = hashlib.sha256(body.encode()).hexdigest()[:16]
    text = f"=== CANDIDATE {seal} BEGIN ===\n{body}\n=== CANDIDATE {seal} END ==="
    return ScreeningText(text, hashlib.sha256(text.encode()).hexdigest())


def _fact_lines(facts: Facts, masking: "_Masking") -> Iterable[str]:
    for fact in facts.items:
        yield f"[{fact.id}] {masking.field(fact.line, None)}"


def _profile_lines(profile: Profile, facts: Facts, masking: "_Masking") -> Iterable[str]:
    yield from _line("Headline", masking.free_text(profile.headline, HEADLINE_LIMIT))
    place = ", ".join(part for part in (profile.location, profile.country) if part.strip())
    yield from _line("Location", masking.field(place))
    yield from _line("Summary", masking.free_text(profile.summary, SUMMARY_LIMIT))
    shown = listed_roles(profile, facts.as_of)
    for number, role in enumerate(shown, start=1):
        yield from _line(f"Role {number}", masking.field_list(_role_fields(role)))
        yield from _line(f"Role {number} text", masking.free_text(role.description, DESCRIPTION_LIMIT))
    left_out = len({role for role in profile.roles if role.title.strip()}) - len(shown)
    yield from _line("Older roles left out", str(left_out) if left_out else "")
    if not profile.roles:
        yield from _line("Title", masking.field(profile.title))
        yield from _line("Company", masking.field(profile.company))
    for school in profile.schools[:LIST_LIMIT]:
        yield from _line("School", masking.field_list([school.name, school.degree, school.field_of_study]))
    for label, items in zip(LISTS, (profile.skills, profile.languages, profile.certifications), strict=True):
        yield from _line(label, masking.field_list(_first_items(items, SKILLS_LIMIT)))


def _line(label: str, value: str) -> Iterable[str]:
    if value:
        yield f"{label}: {value}"


def _role_fields(role: Role) -> list[str]:
    return [
        role.title,
        role.company,
        role.location,
        f"company size {role.company_size}" if role.company_size.strip() else "",
        ", ".join(role.company_industries[:3]),
        f"level {role.seniority}" if role.seniority.strip() else "",
        role.function,
    ]


def _first_items(items: tuple[str, ...], limit: int) -> list[str]:
    distinct = list(dict.fromkeys(item.strip() for item in items if item.strip()))
    left_out = len(distinct) - limit
    return distinct if left_out <= 0 else [*distinct[:limit], f"{left_out} more left out"]


@dataclass(frozen=True)
class _Masking:
    """One person's identity, taken out of any text about them."""

    any_case: re.Pattern[str] | None
    capitalised: re.Pattern[str] | None

    @classmethod
    def of(cls, profile: Profile) -> "_Masking":
        parts = _name_parts(profile)
        # Two Latin letters are as often a word of the language ("or", "an"): only their capitals tell.
        short = {part for part in parts if len(part) < _SHORTEST_NAME and part.isascii()}
        joined = {"".join(parts), "".join(reversed(parts))} if len(parts) > 1 else set()
        capitalised = {form for part in short for form in (part.title(), part.upper())}
        long = set(parts) - short | joined
        return cls(_whole_words(long | {fold(part) for part in long}, re.IGNORECASE), _whole_words(capitalised))

    def field(self, text: str, limit: int | None = FIELD_LIMIT) -> str:
        """A short text such as a title or an employer; its bare domain names are names of companies."""
        return self._masked(text, limit, _LINK)

    def free_text(self, text: str, limit: int) -> str:
        """Prose of the person."""
        return self._masked(text, limit, _LINK_OR_DOMAIN)

    def field_list(self, items: Iterable[str]) -> str:
        """Several short texts, apart from each other by a sign that none of them holds."""
        fields = (self.field(item.replace("|", "/")) for item in items)
        return ITEM_SEPARATOR.join(field for field in fields if field)

    def _masked(self, text: str, limit: int | None, links: re.Pattern[str]) -> str:
        line = visible_line(text)
        # Most texts hold none of these signs, and searching without them would cost most of the time.
        if "@" in line or _WRITTEN_AT.search(line):
            line = _EMAIL.sub(EMAIL_MASK, line)
        if "." in line or "://" in line:
            line = links.sub(LINK_MASK, line)
        if _HAS_MANY_DIGITS.search(line):
            line = _PHONE.sub(_mask_unless_dates, line)
        for names in (self.any_case, self.capitalised):
            if names is not None:
                line = names.sub(NAME_MASK, line)
        # Only computed lines may carry what looks like the id of a fact.
        line = _FACT_ID.sub("fact ", line)
        return line if limit is None or len(line) <= limit else visible_line(line, limit)


def _mask_unless_dates(found: re.Match[str]) -> str:
    without_dates = _DATE.sub("", found[0])
    is_phone = sum(character.isdigit() for character in without_dates) >= _SHORTEST_PHONE
    return PHONE_MASK if is_phone else found[0]


def _name_parts(profile: Profile) -> tuple[str, ...]:
    """The words of a person's names in order; titles, degrees and particles are none."""
    full = _AFTER_NAME.split(visible_line(profile.full_name))[0]
    parts: dict[str, None] = {}
    for name in (full, visible_line(profile.first_name), visible_line(profile.last_name)):
        words = _NAME_PART.findall(name)
        for index, word in enumerate(words):
            is_whole_field = len(words) == 1 and name is not full
            if len(word) > 1 and (is_whole_field or index == 0 or fold(word) not in _NOT_NAMES):
                parts.setdefault(word)
    return tuple(parts)


def _whole_words(words: set[str], flags: int = 0) -> re.Pattern[str] | None:
    """A pattern for any of the words where no letter or digit touches them."""
    if not words:
        return None
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    forms = "|".join(_APOSTROPHE.sub(_ANY_APOSTROPHE, re.escape(word)) for word in longest_first)
    return re.compile(rf"(?<![^\W_])(?:{forms})(?![^\W_])", flags)
