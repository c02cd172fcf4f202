"""What is written into a candidate's search vector, and how a column's words are asked for again.

Besides the words of all texts, a vector holds its organization and, under a column's name, the words of the
columns that have a filter of their own. No word of a text contains a colon, so the two never meet
(docs/decisions/search.md, The vector).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

from services.domain.queries import to_tsvector, words_of

WordColumn = Literal["name", "title", "company", "location"]
SHORTEST_BEGINNING: Final = 3
WORD_COLUMNS: Final[tuple[WordColumn, ...]] = ("name", "title", "company", "location")


def candidate_vector(
    org_number: int, *, name: str, title: str, company: str, location: str, texts: Iterable[str]
) -> str:
    """The literal for `candidates.words`, to be cast by `::tsvector`; `texts` are all that full text searches.

    `org_number` is `organizations.number`. `texts` does not get the four columns added: name them there too.
    """
    parts = (
        f"'org:{org_number}'",
        _repeated_tags("company", company),
        _repeated_tags("location", location),
        _tags("name", name),
        _repeated_tags("title", title),
        to_tsvector(texts),
    )
    return " ".join([part for part in parts if part])


def _tags(column: WordColumn, text: str) -> str:
    return " ".join([f"'{column}:{form}'" for form in sorted(_forms(text))]) if text else ""


# What the rows of one file have in common, row after row; names they have not.
_repeated_tags = lru_cache(maxsize=4096)(_tags)


def column_queries(column: WordColumn, typed: str) -> list[str]:
    """A tsquery literal for each typed word: it begins a word of the column. All must hold.

    A word too short to be a beginning stands for itself: "hr" is not every word in hr-.
    """
    words = [forms[0] for forms in words_of(typed)]
    return [f"'{column}:{word}'{':*' if _may_go_on(word) else ''}" for word in words]


def column_matches(text: str, typed: str) -> bool:
    """What `column_queries` mean, said without a database."""
    forms = _forms(text)
    return all(
        any(form.startswith(word) if _may_go_on(word) else form == word for form in forms)
        for word, *_ in words_of(typed)
    )


def _may_go_on(word: str) -> bool:
    return len(word) >= SHORTEST_BEGINNING


def _forms(text: str) -> set[str]:
    return {form for forms in words_of(text) for form in forms}
