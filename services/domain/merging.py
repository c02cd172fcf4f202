"""What becomes of a person's data when a second source speaks: who wins, field by field, and what is never lost.

Rules: docs/decisions/merge.md, Field by field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from services.domain.profiles import Profile, Role, School

IMPORT: Final = "import"

NAME: Final = "name"
ROLES: Final = "roles"
_NAME_FIELDS: Final = ("full_name", "first_name", "last_name")
_LISTS: Final = ("schools", "skills", "languages", "certifications")
_LINES: Final = (
    "headline",
    "summary",
    "location",
    "country",
    "title",
    "company",
    "connections",
    "supplied_role_months",
    "supplied_company_months",
    "pronouns",
)
_FIELDS: Final = (NAME, ROLES, *_LISTS, *_LINES)


@dataclass(frozen=True)
class Held:
    """What is stored of a person: the profile, and per field the source that it came from if not a file."""

    profile: Profile
    sources: Mapping[str, str]

    @classmethod
    def all_by(cls, profile: Profile, source: str) -> "Held":
        """A profile of which every known field came from one source."""
        return cls(profile, {field: source for field in _FIELDS if _says(field, profile)})


def updated(held: Held, incoming: Profile, source: str) -> Held:
    """The person after `source` spoke; equal to `held` when it said nothing new.

    A source replaces what an equal or weaker one said and only fills gaps left by a stronger one: every
    provider is stronger than a file. Blank never replaces anything.
    """
    changes: dict[str, Any] = {}
    sources = dict(held.sources)
    for field in _FIELDS:
        fills_only = _rank(source) < _rank(held.sources.get(field, IMPORT))
        change = _change(field, held.profile, incoming, fills_only, is_equal=_is_equal(held, field, source))
        if change:
            changes |= change
        if _says(field, incoming) and not fills_only:
            sources[field] = source
    profile = replace(held.profile, **changes) if changes else held.profile
    return Held(profile, {field: name for field, name in sources.items() if name != IMPORT})


def with_gaps_filled(first: Profile, second: Profile) -> Profile:
    """Two rows of one file about one person: the first row speaks, the second adds what it left out."""
    changes: dict[str, Any] = {}
    for field in _FIELDS:
        fills_only = field not in _LISTS and not (field == ROLES and is_undated(first.roles))
        changes |= _change(field, first, second, fills_only, is_equal=True)
    return replace(first, **changes) if changes else first


def is_undated(roles: tuple[Role, ...]) -> bool:
    """Whether a history holds no date at all, like the one job that a title and a company make."""
    return not any(role.start or role.end for role in roles)


def _rank(source: str) -> int:
    return 0 if source == IMPORT else 1


def _is_equal(held: Held, field: str, source: str) -> bool:
    return _rank(held.sources.get(field, IMPORT)) == _rank(source)


def _says(field: str, profile: Profile) -> bool:
    return bool(profile.full_name) if field == NAME else getattr(profile, field) not in ("", (), None)


def _change(field: str, held: Profile, incoming: Profile, fills_only: bool, *, is_equal: bool) -> dict[str, Any]:
    """The profile's fields that change; none if the incoming side is silent or may not speak here."""
    if not _says(field, incoming) or (fills_only and _says(field, held)):
        return {}
    if field == NAME:
        wanted: dict[str, Any] = {name: getattr(incoming, name) for name in _NAME_FIELDS}
    elif field == ROLES:
        # One undated job says less than a history; it must not wipe one out.
        if is_equal and held.roles and is_undated(incoming.roles) and not is_undated(held.roles):
            return {}
        wanted = {ROLES: incoming.roles}
    elif field in _LISTS and is_equal:
        wanted = {field: _united(getattr(held, field), getattr(incoming, field))}
    else:
        wanted = {field: getattr(incoming, field)}
    return {name: value for name, value in wanted.items() if value != getattr(held, name)}


def _united(held: tuple[str | School, ...], incoming: tuple[str | School, ...]) -> tuple[str | School, ...]:
    known = {_key(entry) for entry in held}
    return held + tuple(entry for entry in incoming if _key(entry) not in known)


def _key(entry: str | School) -> str:
    return (entry.name if isinstance(entry, School) else entry).casefold()
