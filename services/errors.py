"""What a person can be told: every error that may reach a page, a command or an answer.

AppError            a person can act on it
|__ BadInput        what was sent cannot be used; says what, where, and what to do
|__ NotFound        it does not exist, or not for this person
|__ NotAllowed      this person may not do it
|__ Conflict        somebody or something was quicker; says what stands now
|__ Busy            try again shortly: the database or a store is reconnecting, or a limit is reached
|__ OutOfBudget     the price passes what is left
|__ NotConnected    a provider has no key, or its key was refused
"""

from dataclasses import dataclass


class AppError(Exception):
    """An error with words for the person who met it; `status` is its HTTP status."""

    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(AppError):
    """What was sent cannot be used; `field` names the input, if there is one."""

    status = 400

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(AppError):
    """It does not exist, or this person's organization does not hold it; the two look alike on purpose."""

    status = 404


class NotAllowed(AppError):
    """This person's role does not permit it."""

    status = 403


class Conflict(AppError):
    """Something changed in between; the message says what stands now."""

    status = 409


class Busy(AppError):
    """Nothing is wrong with the request; it may be repeated after `retry_after` seconds."""

    status = 503

    def __init__(self, message: str, retry_after: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutOfBudget(AppError):
    """The price passes the cap, the budget or the quota."""

    status = 402


class NotConnected(AppError):
    """A provider cannot be used until somebody sets or mends its key."""

    status = 424


@dataclass(frozen=True)
class Incident:
    """An error nobody foresaw: the number a person can quote, and under which the log holds the rest."""

    number: str

    @property
    def message(self) -> str:
        return f"Something went wrong on our side. Please quote incident {self.number}."
