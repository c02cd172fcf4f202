"""Keywords in titles: whether one stands there as itself, and not inside another word."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.domain.names import fold


def _standing_alone(keyword: str) -> str:
    words = r"\s+".join(re.escape(word) for word in fold(keyword).split())
    # Not \b: it never holds after a sign, so "c++" would hit nothing.
    return rf"(?<!\w){words}(?!\w)"


@dataclass(frozen=True)
class Keywords:
    """A compiled set of keywords; which of them a text holds is asked many times, building is done once.

    A hit touches no letter, digit or underscore on either side (docs/rules/search.md, Keywords in titles).
    """

    keywords: tuple[str, ...]
    _any: re.Pattern[str] | None
    _each: tuple[re.Pattern[str], ...]

    @classmethod
    def of(cls, keywords: Iterable[str]) -> "Keywords":
        """Blank keywords are left out: they would hit every text."""
        kept = tuple(keyword.strip() for keyword in keywords if fold(keyword).strip())
        patterns = [_standing_alone(keyword) for keyword in kept]
        return cls(
            keywords=kept,
            _any=re.compile("|".join(patterns)) if patterns else None,
            _each=tuple(re.compile(pattern) for pattern in patterns),
        )

    def hit(self, text: str) -> bool:
        """Whether the text holds any of the keywords; a blank text holds none."""
        return self._any is not None and self._any.search(fold(text)) is not None

    def first_hit(self, text: str) -> str | None:
        """The first keyword, in the order given, that the text holds: the reason to show a person."""
        folded = fold(text)
        for keyword, pattern in zip(self.keywords, self._each, strict=True):
            if pattern.search(folded):
                return keyword
        return None


def keyword_hit(text: str, keyword: str) -> bool:
    """Whether one keyword stands in the text."""
    return Keywords.of([keyword]).hit(text)
