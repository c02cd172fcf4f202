"""Whether a reason is one that a recruiter can act on (docs/run-life.md, Reasons)."""

import re

ENGINEERS = re.compile(
    r"JSON|\bstatus\b|\bcode\b|\blogs?\b|gateway|token|process|driver|object|[a-z]_[a-z]|\b[45]\d\d\b", re.IGNORECASE
)
WHAT_TO_DO = re.compile(r"Retry this person|by hand|Shorten|Enrich|operator of this installation")


def reads_as_advice(reason: str) -> bool:
    """A sentence without engineers' words that says what to do."""
    return bool(WHAT_TO_DO.search(reason)) and not ENGINEERS.search(reason)
