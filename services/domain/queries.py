"""Boolean text queries, and the one tokenizer that reads both them and the texts they search.

A text becomes words with positions; a word may have several forms at its position (".net" is also "net").
The same words are written for PostgreSQL, whose own parser would lose C++, C#, .NET and Node.js
(docs/rules/search.md, Words, and Queries).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.domain.names import fold

# PostgreSQL's own limits: positions end at 16383, one lexeme keeps 256 of them and has fewer than 2046
# bytes, and a whole tsvector has less than 1 MB.
LAST_POSITION: Final = 16383
_POSITIONS_PER_LEXEME: Final = 255
_LONGEST_WORD: Final = 400
# In characters of up to four bytes, which spares encoding each word.
_LARGEST_VECTOR: Final = 250_000

# Titles, places, schools and skills come back in row after row of a file; longer texts hardly do.
_LONGEST_REPEATED_TEXT: Final = 60

LONGEST_QUERY: Final = 2000
_DEEPEST_NESTING: Final = 50

_HIDDEN: Final = dict.fromkeys(
    [0x00AD, 0x061C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF]
)
# Folding would turn these into letters that touch the word before them.
_SIGNS_THAT_FOLD_TO_LETTERS: Final = dict.fromkeys(map(ord, "™℠®©ªº℡℻"), " ")
_CLEANED: Final[dict[int, str | None]] = {**_HIDDEN, **_SIGNS_THAT_FOLD_TO_LETTERS}

_HEBREW: Final = "\u05d0-\u05ea"
# In Hebrew these stand inside a word; people type whichever is on their keyboard, or none.
_HEBREW_MARK: Final = re.compile(rf"(?<=[{_HEBREW}])['\"’‘ʼ“”„‟´`׳״](?=[{_HEBREW}])")

_LETTER: Final = r"[^\W_]"
# The mark "_" says: letters go on right after these signs, so that "java+" is no word of "java+spring".
_GOES_ON: Final = re.compile(rf"(?<={_LETTER})([+#]+)(?={_LETTER})")
_WORD: Final = re.compile(rf"(?:(?<!{_LETTER})\.)?{_LETTER}+(?:[+#]+_?)?")

_Forms = tuple[str, ...]
_Index = Mapping[str, list[int]]


def words_of(text: str) -> list[_Forms]:
    """The words in order, each as its forms, the most exact first; the index in the list is the position."""
    return list(_repeated_words(text) if len(text) <= _LONGEST_REPEATED_TEXT else _words(text))


def _words(text: str) -> tuple[_Forms, ...]:
    return tuple([_forms(token) for token in _tokens(text)])


_repeated_words = lru_cache(maxsize=4096)(_words)


def _tokens(text: str) -> list[str]:
    plain = text if text.isascii() else _HEBREW_MARK.sub("", fold(text.translate(_CLEANED)))
    plain = plain.lower() if plain.isascii() else plain
    if "+" in plain or "#" in plain:
        plain = _GOES_ON.sub(r"\1_", plain.replace("_", " "))
    return _WORD.findall(plain)


def _forms(token: str) -> _Forms:
    """What the token answers to: also without its leading dot, and without its signs after a digit."""
    token = token[:_LONGEST_WORD]
    if token.isalnum():
        return (token,)
    bare = token.rstrip("+#_")
    forms = (token, bare) if bare != token and bare[-1].isdigit() else (token,)
    if token[0] == ".":
        return forms + tuple(form[1:] for form in forms)
    return forms


def _index(fields: Iterable[str]) -> dict[str, list[int]]:
    """Positions of each form over all fields, from 1, with a gap after each field that no phrase bridges.

    Words past the last position all stand there: they are found, but in no phrase.
    """
    index: dict[str, list[int]] = {}
    size = 0
    position = 0
    for field in fields:
        for forms in _repeated_words(field) if len(field) <= _LONGEST_REPEATED_TEXT else _words(field):
            position += 1
            # The position before the last stays empty, so that no phrase reaches the pile on the last one.
            at = position if position < LAST_POSITION - 1 else LAST_POSITION
            for form in forms:
                positions = index.get(form)
                if positions is None:
                    size += len(form) + 2
                    if size > _LARGEST_VECTOR:
                        return index
                    index[form] = [at]
                elif len(positions) < _POSITIONS_PER_LEXEME and positions[-1] != at:
                    size += 1
                    positions.append(at)
        position += 1
    return index


def to_tsvector(fields: Iterable[str]) -> str:
    """The fields' words as a literal to be cast by `::tsvector`; no phrase spans two fields."""
    # Forms hold letters, digits, dots, + and #: nothing that would have to be escaped between the quotes.
    return " ".join(
        [
            f"'{form}':{positions[0]}" if len(positions) == 1 else f"'{form}':{','.join(map(str, positions))}"
            for form, positions in _index(fields).items()
        ]
    )


@dataclass(frozen=True)
class Word:
    """One word of a term; a prefix also means every longer word that begins so."""

    form: str
    is_prefix: bool = False


@dataclass(frozen=True)
class Term:
    """Words that stand right behind each other."""

    words: tuple[Word, ...]


@dataclass(frozen=True)
class Not:
    """Everything that the operand does not hit."""

    operand: "Node"


@dataclass(frozen=True)
class And:
    """All operands hit."""

    operands: tuple["Node", ...]


@dataclass(frozen=True)
class Or:
    """At least one operand hits."""

    operands: tuple["Node", ...]


Node = Term | Not | And | Or


@dataclass(frozen=True)
class Query:
    """A query that can be asked; without a root it is empty and hits everything."""

    root: Node | None = None

    def matches(self, *fields: str) -> bool:
        """Whether the fields of one person answer the query; a phrase lies within one field."""
        return self.root is None or _holds(self.root, _index(fields))


@dataclass(frozen=True)
class InvalidQuery:
    """A query that must not be applied: what is wrong, and at which character of it (from 0)."""

    message: str
    position: int


def _holds(node: Node, index: _Index) -> bool:
    match node:
        case Term(words):
            return bool(_ends(words, index))
        case Not(operand):
            return not _holds(operand, index)
        case And(operands):
            return all(_holds(operand, index) for operand in operands)
        case Or(operands):
            return any(_holds(operand, index) for operand in operands)


def _ends(words: tuple[Word, ...], index: _Index) -> set[int]:
    """The positions at which the words, in a row, end."""
    ends: set[int] = set()
    for number, word in enumerate(words):
        here = _positions(word, index)
        ends = here if number == 0 else {position for position in here if position - 1 in ends}
    return ends


def _positions(word: Word, index: _Index) -> set[int]:
    if not word.is_prefix:
        return set(index.get(word.form, ()))
    return {at for form, positions in index.items() if form.startswith(word.form) for at in positions}


def to_tsquery(query: Query) -> str | None:
    """The query as a PostgreSQL tsquery literal, to be cast by `::tsquery`; None if it hits everything.

    PostgreSQL's own empty tsquery hits nothing, so an empty query has to be left out of the WHERE instead.
    """
    return None if query.root is None else _written(query.root)


def _written(node: Node) -> str:
    match node:
        case Term(words):
            return "(" + " <-> ".join(f"'{word.form}'{':*' if word.is_prefix else ''}" for word in words) + ")"
        case Not(operand):
            return f"!({_written(operand)})"
        case And(operands):
            return "(" + " & ".join(map(_written, operands)) + ")"
        case Or(operands):
            return "(" + " | ".join(map(_written, operands)) + ")"


_QUOTES: Final = frozenset('"“”„‟«»')
_DASHES: Final = frozenset("-–—−")
_OPERATORS: Final = {",": "OR", "|": "OR", "&": "AND", "(": "(", ")": ")"}
_WORD_OPERATORS: Final = frozenset({"AND", "OR", "NOT"})
_HEBREW_LETTER: Final = re.compile(f"[{_HEBREW}]")


@dataclass(frozen=True)
class _Token:
    """An operator or bracket (`kind` names it) or a term, with where it was typed."""

    kind: str
    typed: str
    position: int
    is_phrase: bool = False


class _InvalidError(Exception):
    """Carries the finding out of the recursion; `parse_query` turns it into its answer."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.finding = InvalidQuery(message, position)


def parse_query(text: str) -> Query | InvalidQuery:
    """Read what a person typed, by the grammar of docs/rules/search.md, Queries; never raises."""
    if len(text) > LONGEST_QUERY:
        return InvalidQuery(f"This query is longer than {LONGEST_QUERY} characters.", LONGEST_QUERY)
    try:
        return Query(_Parser(list(_scan(text))).whole())
    except _InvalidError as error:
        return error.finding


def _scan(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
        elif character in _OPERATORS:
            yield _Token(_OPERATORS[character], character, at)
            at += 1
        elif character in _DASHES or character == "!":
            if at + 1 == len(text) or text[at + 1].isspace():
                raise _InvalidError(f"A lone “{character}” is no word; write {character}word to leave a word out.", at)
            yield _Token("NOT", character, at)
            at += 1
        elif character in _QUOTES:
            end = at + 1
            while end < len(text) and not _is_quote(text, end):
                end += 1
            # A star behind the closing quote belongs to the last word of the phrase.
            star = "*" if text[end + 1 : end + 2] == "*" else ""
            yield _Token("TERM", text[at + 1 : end] + star, at, is_phrase=True)
            at = end + 1 + len(star)
        else:
            end = at + 1
            while end < len(text) and not (text[end].isspace() or text[end] in _OPERATORS or _is_quote(text, end)):
                end += 1
            typed = text[at:end]
            kind = typed.upper() if typed.upper() in _WORD_OPERATORS else "TERM"
            yield _Token(kind, typed, at)
            at = end


def _is_quote(text: str, at: int) -> bool:
    """Whether a quotation mark opens or closes here; between Hebrew letters it is part of the word."""
    if text[at] not in _QUOTES:
        return False
    around = text[at - 1 : at] + text[at + 1 : at + 2]
    return len(_HEBREW_LETTER.findall(around)) < 2


class _Parser:
    """Recursive descent over the tokens: OR of ANDs of NOTs."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> Node | None:
        if not self._tokens:
            return None
        node = self._or()
        left = self._peek()
        if left is not None:
            raise _InvalidError("This bracket closes nothing.", left.position)
        return node

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, kind: str) -> _Token | None:
        token = self._peek()
        if token is None or token.kind != kind:
            return None
        self._next += 1
        return token

    def _or(self) -> Node:
        operands = [self._and()]
        while self._take("OR"):
            operands.append(self._and())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _and(self) -> Node:
        operands = [self._not()]
        while True:
            token = self._peek()
            if token is None or token.kind in ("OR", ")"):
                return operands[0] if len(operands) == 1 else And(tuple(operands))
            self._take("AND")
            operands.append(self._not())

    def _not(self) -> Node:
        negated = False
        while self._take("NOT"):
            negated = not negated
        node = self._operand()
        return Not(node) if negated else node

    def _operand(self) -> Node:
        term = self._take("TERM")
        if term:
            return _term(term)
        if self._take("("):
            return self._group()
        raise self._missing_operand()

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST_NESTING:
            raise _InvalidError("Brackets are nested too deeply here.", self._tokens[self._next - 1].position)
        node = self._or()
        self._take(")")  # A missing closing bracket is tolerated: the query ends here anyway.
        self._depth -= 1
        return node

    def _missing_operand(self) -> _InvalidError:
        before = self._tokens[self._next - 1] if self._next else None
        if before is not None and before.kind in _WORD_OPERATORS:
            return _InvalidError(f"A word is missing after “{before.typed}”.", before.position)
        if before is not None:
            return _InvalidError("A word is missing after this bracket.", before.position)
        return _InvalidError(f"A word is missing before “{self._tokens[0].typed}”.", self._tokens[0].position)


def _term(token: _Token) -> Term:
    words: list[Word] = []
    for chunk in token.typed.split():
        words.extend(_chunk_words(chunk, token))
    if not words:
        message = (
            "There is no word between these quotes."
            if token.is_phrase
            else f"“{token.typed}” cannot be searched: it has no letter or digit."
        )
        raise _InvalidError(message, token.position)
    return Term(tuple(words))


def _chunk_words(chunk: str, token: _Token) -> list[Word]:
    stem = chunk.rstrip("*")
    if "*" in stem or (stem != chunk and not _ends_in_word(stem)):
        raise _InvalidError("A * stands for the rest of a word: put it right after the first letters.", token.position)
    words = [Word(forms[0]) for forms in words_of(stem)]
    if stem != chunk:
        words[-1] = Word(words[-1].form, is_prefix=True)
    return words


def _ends_in_word(stem: str) -> bool:
    return bool(stem) and bool(words_of(stem)) and (stem[-1].isalnum() or stem[-1] in "+#")
