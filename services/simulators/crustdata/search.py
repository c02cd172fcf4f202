"""The provider's filter language over the invented people: conditions, groups, sorting, paging."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from array import array
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.simulators.crustdata.people import document
from services.simulators.world import Outline, World, current_company, current_title, outline

COMBINATORS = ("and", "or", "all_of")
ENTRY_LISTS = ("experience.employment_details.current", "experience.employment_details.past", "education.schools")
SORTABLE = (
    "crustdata_person_id",
    "basic_profile.name",
    "basic_profile.location.country",
    "basic_profile.location.state",
    "basic_profile.location.city",
    "professional_network.connections",
    "professional_network.followers",
    "metadata.updated_at",
)
PEOPLE_A_SLICE = 40
REMEMBERED_SEARCHES = 16

Values = list[Any]
Lookup = Callable[[str], Values | None]


class SearchRefused(ValueError):
    """The request breaks a rule of the filter language; the message is the provider's."""


def check_filters(node: Any) -> None:
    """Refuse what the provider refuses; raises SearchRefused."""
    if not isinstance(node, Mapping):
        raise SearchRefused("filters must be an object")
    if "op" in node:
        if node["op"] not in COMBINATORS:
            raise SearchRefused(f"unknown combinator '{node['op']}'")
        conditions = node.get("conditions")
        if not isinstance(conditions, list) or not conditions:
            raise SearchRefused("a group needs a non-empty list of conditions")
        for condition in conditions:
            check_filters(condition)
        return
    field, operator, value = node.get("field"), node.get("type"), node.get("value")
    if not isinstance(field, str) or "column" in node:
        raise SearchRefused("a condition needs 'field', 'type' and 'value'")
    if field.endswith("profile_url"):
        raise SearchRefused(f"field '{field}' cannot be used as a filter")
    if operator in ("geo_distance", "geo_exclude"):
        raise SearchRefused(f"operator '{operator}' is not simulated")
    if operator not in OPERATORS:
        raise SearchRefused(f"unknown operator '{operator}'; allowed: {', '.join(sorted(OPERATORS))}")
    if operator in ("in", "not_in", "has_all") and (not isinstance(value, list) or not value):
        raise SearchRefused(f"operator '{operator}' needs a non-empty array")


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _contains_words(text: Any, wanted: Any) -> bool:
    """Alternatives apart by `|`; each needs all its words, in any order, in any case."""
    if not isinstance(text, str):
        return False
    folded = text.casefold()
    return any(
        words and all(w in folded for w in words) for words in (a.casefold().split() for a in str(wanted).split("|"))
    )


def _contains_phrase(text: Any, wanted: Any) -> bool:
    return isinstance(text, str) and str(wanted).casefold() in text.casefold()


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(value: Any, wanted: Any) -> bool:
        try:
            return value is not None and test(value, wanted)
        except TypeError:
            return False

    return compare


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: _folded(value) == _folded(wanted),
    "!=": lambda value, wanted: _folded(value) == _folded(wanted),
    "<": _ordered(lambda value, wanted: value < wanted),
    "=<": _ordered(lambda value, wanted: value <= wanted),
    ">": _ordered(lambda value, wanted: value > wanted),
    "=>": _ordered(lambda value, wanted: value >= wanted),
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, wanted: value in wanted,
    "(.)": _contains_words,
    "(!)": _contains_phrase,
    "[.]": _contains_phrase,
    "has_all": lambda value, wanted: value in wanted,
}
NEGATIVE = ("!=", "not_in", "(!)")


def _holds(condition: Mapping[str, Any], values: Values) -> bool:
    operator, wanted = condition["type"], condition["value"]
    if operator == "has_all":
        return all(any(_folded(v) == _folded(w) for v in values) for w in wanted)
    hit = any(OPERATORS[operator](value, wanted) for value in values)
    return not hit if operator in NEGATIVE else hit


def matches(node: Mapping[str, Any], lookup: Lookup, entries: Callable[[str], list[Any]] | None) -> bool | None:
    """Whether a person fits; None when `lookup` does not know enough. `entries` lists jobs or schools."""
    if "op" not in node:
        values = lookup(node["field"])
        return None if values is None else _holds(node, values)
    parts: list[Mapping[str, Any]] = list(node["conditions"])
    verdicts: list[bool | None] = []
    if node["op"] == "and":
        parts, verdicts = _same_entry(parts, entries)
    verdicts += [matches(part, lookup, entries) for part in parts]
    if node["op"] == "or":
        return True if True in verdicts else None if None in verdicts else False
    return False if False in verdicts else None if None in verdicts else True


def _same_entry(
    parts: list[Mapping[str, Any]], entries: Callable[[str], list[Any]] | None
) -> tuple[list[Mapping[str, Any]], list[bool | None]]:
    """Take out conditions that one and the same job or school must satisfy together, and judge them."""
    verdicts: list[bool | None] = []
    for name in ENTRY_LISTS:
        together = [part for part in parts if str(part.get("field", "")).startswith(name + ".")]
        if len(together) < 2:
            continue
        parts = [part for part in parts if part not in together]
        if entries is None:
            verdicts.append(None)
        else:
            cut = len(name) + 1
            verdicts.append(
                any(all(_holds(p, _dig(entry, p["field"][cut:])) for p in together) for entry in entries(name))
            )
    return parts, verdicts


def _dig(value: Any, path: str) -> Values:
    """All values at a dot path, through lists."""
    found: Values = [value]
    for step in filter(None, path.split(".")):
        step = "name" if step == "company_name" else "crustdata_company_id" if step == "company_id" else step
        found = [
            inner[step] for outer in found for inner in _each(outer) if isinstance(inner, Mapping) and step in inner
        ]
    return [inner for outer in found for inner in _each(outer)]


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _quick(who: Outline) -> Lookup:
    """What an outline alone can answer; None for everything else."""
    known: dict[str, Values] = {
        "crustdata_person_id": [900_000 + who.index],
        "basic_profile.location.country": [who.place.country],
        "basic_profile.location.city": [who.place.city],
        "basic_profile.location.state": [who.place.state],
        "basic_profile.location.continent": [who.place.continent],
        "professional_network.connections": [who.connections],
        "years_of_experience_raw": [who.years],
        "basic_profile.current_title": [current_title(who)],
    }
    if not who.messes & {"several_current", "no_current", "company_unresolved"}:
        known["experience.employment_details.current.title"] = [current_title(who)]
        known["experience.employment_details.current.name"] = [current_company(who)]
        known["experience.employment_details.current.company_name"] = [current_company(who)]
    return known.get


class Searches:
    """Finished scans by filter, so that the pages of one search do not look at everybody again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found: OrderedDict[str, array[int]] = OrderedDict()

    async def run(self, filters: Mapping[str, Any], sorts: Sequence[Mapping[str, Any]]) -> array[int]:
        """Indexes of all who fit, in order. Looks at people in slices so that other calls are not kept waiting."""
        key = search_key(filters, sorts)
        if key not in self._found:
            found = array("I")
            for index in range(self._world.people):
                if self._fits(filters, index):
                    found.append(index)
                if index % PEOPLE_A_SLICE == 0:
                    await asyncio.sleep(0)
            self._found[key] = await self._sorted(found, sorts)
            while len(self._found) > REMEMBERED_SEARCHES:
                self._found.popitem(last=False)
        return self._found[key]

    def _fits(self, filters: Mapping[str, Any], index: int) -> bool:
        verdict = matches(filters, _quick(outline(self._world.seed, index)), None)
        if verdict is None:
            whole = document(self._world.seed, index)
            verdict = matches(filters, lambda field: _dig(whole, field), lambda name: _dig(whole, name))
        return bool(verdict)

    async def _sorted(self, found: array[int], sorts: Sequence[Mapping[str, Any]]) -> array[int]:
        order = list(found)
        for sort in reversed(sorts):
            keys: dict[int, tuple[bool, Any]] = {}
            for place, index in enumerate(order):
                values = _quick(outline(self._world.seed, index))(sort["field"])
                if values is None:
                    values = _dig(document(self._world.seed, index), sort["field"])
                keys[index] = (not values or values[0] is None, values[0] if values else 0)
                if place % PEOPLE_A_SLICE == 0:
                    await asyncio.sleep(0)
            order.sort(key=keys.__getitem__, reverse=sort.get("order") == "desc")
        return array("I", order)


def check_sorts(sorts: Any) -> None:
    """Refuse unknown sort keys; raises SearchRefused."""
    if not isinstance(sorts, list):
        raise SearchRefused("sorts must be an array")
    for sort in sorts:
        if not isinstance(sort, Mapping) or sort.get("field") not in SORTABLE:
            raise SearchRefused(f"cannot sort by {sort!r}; sortable: {', '.join(SORTABLE)}")
        if sort.get("order", "asc") not in ("asc", "desc"):
            raise SearchRefused("a sort order is 'asc' or 'desc'")


def search_key(filters: Any, sorts: Any) -> str:
    """A short name for a search; a cursor is valid for the search it was made for."""
    return hashlib.sha256(json.dumps([filters, sorts], sort_keys=True).encode()).hexdigest()[:16]


def make_cursor(key: str, position: int) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(f"{key}:{position}".encode()).decode()


def read_cursor(cursor: str, key: str) -> int:
    """The position of a cursor; raises SearchRefused when it is of another search or no cursor."""
    try:
        made_for, _, position = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        number = int(position)
    except ValueError as problem:
        raise SearchRefused("cursor is not valid") from problem
    if made_for != key:
        raise SearchRefused("cursor belongs to other filters or sorts")
    return number
