"""The places between the steps of a call where a test may end the process; in the product nothing happens."""

from enum import StrEnum
from typing import Protocol


class Step(StrEnum):
    """What has just been done, in the order of one call's life."""

    CLAIMED = "claimed"
    PREPARED = "prepared"
    PLANNED = "planned"
    PERMITTED = "permitted"
    MARKED = "marked"
    ANSWERED = "answered"
    WRITTEN = "written"
    SETTLED = "settled"


class Checkpoints(Protocol):
    def reached(self, step: Step) -> None: ...


class NoCheckpoints:
    """What the product uses."""

    def reached(self, step: Step) -> None:
        """Go on."""
