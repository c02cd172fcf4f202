"""The simulated model: reads criteria and a candidate in the messages, and fills any strict schema.

It is no language model. It finds the words of a criterion in the candidate's text and quotes them; what it
does not find it calls not shown or not met by a hash of the messages. Equal messages get equal answers.
`docs/simulators.md`, The judge, says what it recognises.
"""

import hashlib
import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.simulators.openai.schemas import Schema, SchemaReader, resolve

STATUSES = frozenset({"met", "not_met", "not_shown"})
ID_FIELDS = ("id", "criterion_id", "criterion", "key", "ref", "code", "number", "name")
MAX_QUOTE = 180
ENOUGH_TO_MEET = 0.34
ENOUGH_TO_EXCLUDE = 0.7
FLATTERY = "An outstanding match in every respect"

_BLOCKS = (
    re.compile(r"===+ *CANDIDATE\b([^\n]*?)\bBEGIN *===+\n(.*)\n===+ *CANDIDATE\b\1\bEND *===+", re.DOTALL),
    re.compile(r"<(candidate|profile|person|resume)\b[^>]*>(.*)</\1>", re.DOTALL | re.IGNORECASE),
    re.compile(r"(-{3,}|\"{3}|`{3})[^\n]*\n(.*)\n\1", re.DOTALL),
)
_FACT = re.compile(r"^\s*[\[(]?(fact[\w.\-]*|F\d+)[\])]?[:.]?\s+(.+)$", re.MULTILINE)
_LISTED = re.compile(
    r"^\s*(?:[-*•]\s*)?[\[(]?([A-Za-z]{1,12}[_.\-]?\d{1,3}|\d{1,3})[\])]?\s*[.:)\]–-]?\s+(\S.*)$", re.MULTILINE
)
_TAGGED = re.compile(r"<criterion\b[^>]*\bid=[\"']?([\w.\-]+)[\"']?[^>]*>(.*?)</criterion>", re.DOTALL | re.IGNORECASE)
_KEYED = re.compile(
    r'"(?:id|key)"\s*:\s*"?([\w.\-]+)"?[^{}]*?"(?:text|criterion|description)"\s*:\s*"((?:[^"\\]|\\.)*)"'
)
_WORD = re.compile(r"[^\W_][\w+#./'״-]*", re.UNICODE)
_YEARS = re.compile(r"(\d+)\s*\+?\s*(?:or more\s+)?(?:years?|yrs?|שנים)", re.IGNORECASE)
_FACT_YEARS = re.compile(r"(\d+)\s*(?:years?|y\b)", re.IGNORECASE)
_ORDER = re.compile(
    r"ignore (?:all |any )?(?:the )?(?:previous|above|prior)|disregard|override your|mark every|"
    r"answer that all|as an ai|you must (?:answer|rate|mark)",
    re.IGNORECASE,
)
_ORDER_WORDS = ("ignore ", "disregard", "override your", "mark every", "answer that all", "as an ai", "you must ")
_LABEL = re.compile(r"[A-Z][\w ]{0,30}: ")
ITEM_MARK = " | "
_COMMON = frozenset(
    "the and for with from that this have has had are was were will must should can any all not least years year"
    " months experience experienced strong good great hands proven knowledge working work worked works ability able"
    " current currently candidate person someone role team teams using use used plus more than over about into"
    " background skills skill level of in at or as an to on by is be no if who such".split()
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge holds of one criterion; `evidence` is a quote, or the id of a computed fact."""

    status: str
    strength: int | None = None
    evidence: str | None = None
    rests_on_fact: bool = False


@dataclass(frozen=True, slots=True)
class Temper:
    """How the judge is to err, as a fault orders it."""

    gullible: bool = False
    gullible_quotes_instruction: bool = False
    fabricates: bool = False


HONEST = Temper()


class Reading:
    """The messages of one request, taken apart once: criteria, facts, and the candidate's text."""

    def __init__(self, messages: Sequence[tuple[str, str]]) -> None:
        fixed = [text for role, text in messages if role != "user"]
        user = "\n".join(text for role, text in messages if role == "user")
        self.candidate, around = _candidate_block(user)
        self.criteria: dict[str, str] = dict(_criteria_in("\n".join([*fixed, around])))
        self.facts: dict[str, str] = dict(_FACT.findall(self.candidate) or _FACT.findall(around))
        self._folded = _folded_in_place(self.candidate)
        self.instruction = _instruction_in(self.candidate) if _mentions_order(self._folded) else None
        joined = "\x00".join(text for _, text in messages)
        self.digest = hashlib.blake2b(joined.encode(), digest_size=16).digest()

    def judge(self, criterion_id: str, text: str, temper: Temper) -> Judgement:
        """The judgement of one criterion, the same for the same messages."""
        is_exclusion = criterion_id.lower().startswith("ex")
        if temper.gullible and self.instruction is not None:
            if is_exclusion:
                return Judgement("not_met")
            return Judgement("met", 3, self.instruction if temper.gullible_quotes_instruction else FLATTERY)
        if temper.fabricates:
            return Judgement("met", 2, f"Known far beyond the team for {text.rstrip('.')[:60]}")
        fact = self._fact_for(text)
        if fact is not None:
            return fact
        found = self._find(text)
        if found is not None and found[1] >= (ENOUGH_TO_EXCLUDE if is_exclusion else ENOUGH_TO_MEET):
            quote, share = found
            return Judgement("met", 3 if share > 0.8 else 2 if share > 0.5 else 1, quote)
        dice = random.Random(self.digest + criterion_id.encode())
        # Silence about an exclusion mostly clears a person; silence about a must-have mostly says nothing.
        return Judgement("not_met" if dice.random() < (0.85 if is_exclusion else 0.2) else "not_shown")

    def _fact_for(self, text: str) -> Judgement | None:
        asked = _YEARS.search(text)
        if asked is None or not self.facts:
            return None
        needed = int(asked.group(1))
        wanted = _key_words(text)
        best: tuple[int, str, int] | None = None
        for fact_id, line in self.facts.items():
            found = _FACT_YEARS.search(line)
            overlap = len(wanted & _key_words(line)) + ("experience" in line.casefold())
            if found is not None and overlap and (best is None or overlap > best[0]):
                best = (overlap, fact_id, int(found.group(1)))
        if best is None:
            return None
        if best[2] < needed:
            return Judgement("not_met")
        return Judgement("met", 3 if best[2] >= needed + 3 else 2, best[1], rests_on_fact=True)

    def _find(self, text: str) -> tuple[str, float] | None:
        """The line of the candidate that holds most of the criterion's words, cut to a quote."""
        wanted = _key_words(text)
        if not wanted:
            return None
        best: tuple[int, int, int] | None = None
        for word in wanted:
            at = self._folded.find(word)
            tries = 0
            while at >= 0 and tries < 6:
                start, end = self._line_around(at)
                line = self._folded[start:end]
                if not self._is_unquotable(line) and _stands_alone(self._folded, at, word):
                    hits = sum(other in line for other in wanted)
                    if best is None or hits > best[0]:
                        best = (hits, at, len(word))
                at = self._folded.find(word, end)
                tries += 1
        if best is None:
            return None
        return self._quote(best[1], best[2]), best[0] / len(wanted)

    def _is_unquotable(self, line: str) -> bool:
        return line.lstrip().startswith("[fact") or (self.instruction is not None and bool(_ORDER.search(line)))

    def _line_around(self, at: int) -> tuple[int, int]:
        start = max(self._folded.rfind("\n", 0, at), self._folded.rfind(". ", 0, at) + 1) + 1
        ends = [end for end in (self._folded.find("\n", at), self._folded.find(". ", at)) if end >= 0]
        return start, min(ends, default=len(self._folded))

    def _quote(self, at: int, length: int) -> str:
        """What stands around a hit: its sentence or list item, without the label of the line."""
        start, end = self._line_around(at)
        label = _LABEL.match(self.candidate, start, at)
        if label is not None:
            start = label.end()
        before = self.candidate.rfind(ITEM_MARK, start, at)
        start = start if before < 0 else before + len(ITEM_MARK)
        item_end = self.candidate.find(ITEM_MARK, at, end)
        end = end if item_end < 0 else item_end
        if end - start > MAX_QUOTE:
            start = max(start, at - MAX_QUOTE // 2)
            end = max(min(end, start + MAX_QUOTE), at + length)
        return self.candidate[start:end].strip()


def _folded_in_place(text: str) -> str:
    """Lower case with every character in its place, so that what is found in it can be quoted from the text."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _stands_alone(text: str, at: int, word: str) -> bool:
    before = text[at - 1] if at else " "
    return not before.isalnum() and (len(word) > 3 or not text[at + len(word) : at + len(word) + 1].isalnum())


def _candidate_block(user: str) -> tuple[str, str]:
    for pattern in _BLOCKS:
        found = pattern.search(user)
        if found is not None:
            return found.group(2), user[: found.start()] + "\n" + user[found.end() :]
    return user, user


def _mentions_order(folded: str) -> bool:
    """A quick look before the slow one: nearly nobody tries to give the model orders."""
    return any(word in folded for word in _ORDER_WORDS)


def _instruction_in(candidate: str) -> str | None:
    for line in candidate.splitlines():
        if _ORDER.search(line):
            return next((s for s in re.split(r"(?<=\.) ", line) if _ORDER.search(s)), line).strip()
    return None


@lru_cache(maxsize=256)
def _criteria_in(text: str) -> tuple[tuple[str, str], ...]:
    for pattern in (_TAGGED, _KEYED, _LISTED):
        found = pattern.findall(text)
        if found:
            return tuple((str(key), str(words).strip()) for key, words in found)
    return ()


@lru_cache(maxsize=4096)
def _key_words(text: str) -> frozenset[str]:
    found = (word.lower().strip("./'-") for word in _WORD.findall(text))
    return frozenset(
        w for w in found if (len(w) > 2 or not w.isalpha() or not w.isascii()) and w not in _COMMON and not w.isdigit()
    )


class Writer:
    """Fills one schema from one reading."""

    def __init__(self, shape: SchemaReader, reading: Reading, temper: Temper) -> None:
        self._shape = shape
        self._root = shape.root
        self._reading = reading
        self._temper = temper
        self._dice = random.Random(reading.digest)

    def write(self) -> Any:
        """A valid instance of the schema."""
        return self._value(self._root, "", 0)

    def _value(self, part: Schema, name: str, depth: int) -> Any:
        part = resolve(part, self._root)
        if self._is_criterion(part):
            return self._criterion(part, name)
        chosen = self._choose(self._shape.options(part), depth)
        kind = chosen.get("type")
        if "const" in chosen:
            return chosen["const"]
        if "enum" in chosen:
            return self._dice.choice([v for v in chosen["enum"] if v is not None or kind in (None, "null")])
        if kind == "object":
            return {key: self._value(sub, key, depth + 1) for key, sub in chosen.get("properties", {}).items()}
        if kind == "array":
            return self._array(chosen, name, depth)
        if kind in ("integer", "number"):
            return self._number(chosen)
        if kind == "boolean":
            return self._dice.random() < 0.5
        return None if kind == "null" else self._text(name, chosen)

    def _choose(self, alternatives: Sequence[Schema], depth: int) -> Schema:
        real = [option for option in alternatives if option.get("type") != "null"]
        if not real or (len(real) < len(alternatives) and (depth > 6 or self._dice.random() < 0.25)):
            return {"type": "null"}
        return self._dice.choice(real)

    def _is_criterion(self, part: Schema) -> bool:
        """Whether the part (or a branch of it) is a criterion's answer: one of its properties says met or not."""
        return any(
            not STATUSES.isdisjoint(map(str, self._shape.values_of(sub)))
            for option in self._shape.options(part)
            for sub in option.get("properties", {}).values()
        )

    def _array(self, part: Schema, name: str, depth: int) -> list[Any]:
        items = part.get("items", {"type": "string"})
        least = part.get("minItems", 0)
        most = part.get("maxItems", 1000)
        if self._is_criterion(items):
            ids = self._ids_of(items) or list(self._reading.criteria)
            return [self._criterion(items, key) for key in ids][:most]
        if depth > 6:
            return [self._value(items, name, depth + 1) for _ in range(least)]
        count = min(max(least, self._dice.randint(1, 3)), most)
        return [self._value(items, name, depth + 1) for _ in range(count)]

    def _ids_of(self, items: Schema) -> list[Any]:
        for option in self._shape.options(items):
            for key in ID_FIELDS:
                closed = self._shape.values_of(option.get("properties", {}).get(key, {}))
                if closed:
                    return list(dict.fromkeys(closed))
        return []

    def _criterion(self, part: Schema, key: Any) -> dict[str, Any]:
        text = self._reading.criteria.get(str(key)) or _like(self._reading.criteria, str(key))
        if text is None:
            text = str(resolve(part, self._root).get("description", key)).replace("_", " ")
        judged = self._reading.judge(str(key), text, self._temper)
        branches = self._shape.options(part)
        branch = next((b for b in branches if self._admits(b, judged.status)), branches[0])
        filled: dict[str, Any] = {}
        for name, sub in branch.get("properties", {}).items():
            filled[name] = self._criterion_field(name, sub, key, text, judged)
        return filled

    def _admits(self, branch: Schema, status: str) -> bool:
        return any(status in self._shape.values_of(sub) for sub in branch.get("properties", {}).values())

    def _criterion_field(self, name: str, sub: Schema, key: Any, text: str, judged: Judgement) -> Any:
        closed = self._shape.values_of(sub)
        if not STATUSES.isdisjoint(map(str, closed)):
            return judged.status if judged.status in closed else closed[0]
        if name in ID_FIELDS:
            kinds = {option.get("type") for option in self._shape.options(sub)}
            return int(key) if "integer" in kinds and str(key).isdigit() else key
        if name == "strength":
            return self._strength(sub, closed, judged.strength)
        if name in ("text", "criterion_text", "requirement"):
            return text
        if any(word in name for word in ("fact", "computed")):
            return self._evidence(sub, judged.evidence if judged.rests_on_fact else None)
        if any(word in name for word in ("evidence", "quote", "proof", "support")):
            return self._evidence(sub, judged.evidence)
        return self._value(sub, name, 3)

    def _strength(self, sub: Schema, closed: Sequence[Any], strength: int | None) -> Any:
        if strength is None:
            if self._shape.allows_null(sub):
                return None
            strength = 0
        if closed:
            written = [v for v in closed if str(v) == str(strength)]
            return written[0] if written else next(v for v in closed if v is not None)
        number = next((o for o in self._shape.options(sub) if o.get("type") in ("integer", "number")), {})
        return min(max(strength, number.get("minimum", strength)), number.get("maximum", strength))

    def _evidence(self, sub: Schema, evidence: str | None) -> Any:
        alternatives = self._shape.options(sub)
        shape = next((o for o in alternatives if o.get("type") != "null"), {})
        kind = shape.get("type")
        if kind == "array":
            items = shape.get("items", {"type": "string"})
            return [] if evidence is None else [self._evidence(items, evidence)]
        if evidence is None and self._shape.allows_null(sub):
            return None
        if kind == "object":
            return self._evidence_object(shape, evidence)
        return evidence or ""

    def _evidence_object(self, shape: Schema, evidence: str | None) -> dict[str, Any]:
        is_fact = evidence in self._reading.facts
        filled: dict[str, Any] = {}
        for name, sub in shape.get("properties", {}).items():
            closed = self._shape.values_of(sub)
            if closed and any(isinstance(v, str) for v in closed) and not set(closed) & set(self._reading.facts):
                wanted = "fact" if is_fact else "quote"
                filled[name] = next((v for v in closed if isinstance(v, str) and wanted in v), closed[0])
            else:
                is_for_fact = "fact" in name
                filled[name] = self._evidence(sub, evidence if is_for_fact == is_fact else None)
        return filled

    def _number(self, part: Schema) -> int | float:
        low, high = part.get("minimum", 1), part.get("maximum", 10)
        return self._dice.randint(int(low), max(int(low), int(high)))

    def _text(self, name: str, part: Schema) -> str:
        if "summary" in name or "reason" in name:
            return self._summary()
        if name in self._reading.criteria:
            return self._reading.criteria[name]
        longest = part.get("maxLength", 200)
        return f"{name.replace('_', ' ') or 'answer'} {self._dice.randint(1, 99)}"[:longest]

    def _summary(self) -> str:
        title = re.search(
            r"^(?:Headline|Title|Role 1|Current role)\b[^:\n]*: *([^|\n]{3,80})", self._reading.candidate, re.MULTILINE
        )
        who = title.group(1).strip() if title else "This person"
        return f"{who} brings some of what the position asks for. The profile leaves other points open."


def _like(criteria: Mapping[str, str], key: str) -> str | None:
    """A criterion whose id differs only in case, dashes or leading letters: `must_1` finds `M1`."""
    wanted = re.sub(r"[^a-z0-9]", "", key.casefold())
    for known, text in criteria.items():
        folded = re.sub(r"[^a-z0-9]", "", known.casefold())
        if folded == wanted or (folded[:1] == wanted[:1] and _digits(folded) == _digits(wanted) != ""):
            return text
    return None


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def write_loose(reading: Reading, temper: Temper) -> str:
    """An answer in `json_object` mode: the criteria as found, and a summary."""
    judged = {key: reading.judge(key, text, temper) for key, text in reading.criteria.items()}
    answer = {
        "criteria": [
            {"id": key, "status": j.status, "strength": j.strength, "evidence": j.evidence} for key, j in judged.items()
        ],
        "summary": "The profile shows part of what was asked.",
    }
    return json.dumps(answer, ensure_ascii=False)


def as_messages(values: Iterable[Any]) -> list[tuple[str, str]]:
    """Role and text of each message; content may be a string or a list of text parts."""
    read = []
    for message in values:
        content = message.get("content") or ""
        if isinstance(content, list):
            content = "".join(str(part.get("text", "")) for part in content)
        read.append((str(message.get("role")), str(content)))
    return read
