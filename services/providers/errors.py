"""What can go wrong between us and a provider, in our words.

ProviderError            which provider, which call, and what a person can do
|__ Refused              will never succeed as it is; certainly not charged
|   |__ NotAuthorised    the key was refused: the run stops, a person is told
|   |__ NoCredit         the account is out of money: the run stops, a person is told
|   |__ BadRequest       this one request is at fault
|__ TryAgain             certainly not charged and may succeed later; carries `retry_after`
|   |__ TooManyRequests  429: everybody who uses the key waits
|   |__ Unreachable      the connection never opened
|__ BadAnswer            answered and charged, but unusable (broken JSON, a refusal, a cut answer)
|__ UnknownOutcome       sent, and nobody can say whether it was done and charged
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ProviderError(Exception):
    """`code` is stable and machine-readable; `message` is for a person and holds no key and no personal data."""

    provider: str
    operation: str
    code: str
    message: str
    request_id: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.provider} {self.operation}: {self.message}"


@dataclass
class Refused(ProviderError):
    """The provider said no, before doing or charging anything."""


@dataclass
class NotAuthorised(Refused):
    """The key was refused; waiting helps nobody."""


@dataclass
class NoCredit(Refused):
    """The account has no money or passed its own spending limit; waiting helps nobody."""


@dataclass
class BadRequest(Refused):
    """This request can never succeed; others may."""


@dataclass
class TryAgain(ProviderError):
    """Not charged; may be sent again after `retry_after` seconds (None: the provider did not say)."""

    retry_after: float | None = None


@dataclass
class TooManyRequests(TryAgain):
    """The provider's limit was reached; the pause is for everybody who shares the key."""


@dataclass
class Unreachable(TryAgain):
    """Nothing was sent."""


@dataclass
class BadAnswer(ProviderError):
    """Charged, but unusable; `charge_detail` holds what the provider reported."""


@dataclass
class UnknownOutcome(ProviderError):
    """Sent without a readable answer: perhaps done, perhaps charged."""
