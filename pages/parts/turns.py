"""What is said while calls wait: a provider that is left alone, a pause, or a turn that is still to come."""

from collections.abc import Sequence
from datetime import timedelta

from dash import html
from dash.development.base_component import Component

from pages.parts.shell import PROVIDER_NAMES
from pages.parts.times import clock_words
from services.domain.runs import RunProgress
from services.domain.turns import Outage, QueueState, Standing, Turn

WORTH_SAYING_SECONDS = 1.0
TO_THE_SECOND_UNDER = timedelta(minutes=2)
DAY_SAID_FROM = timedelta(hours=12)


def outage_words(outage: Outage, time_zone: str) -> str:
    """'OpenAI has been failing since 10:42; trying again at 10:44', by the organization's clock, and why."""
    lasts = outage.retry_at - outage.since
    since = clock_words(outage.since, time_zone, day=lasts > DAY_SAID_FROM)
    retry = clock_words(outage.retry_at, time_zone, seconds=lasts < TO_THE_SECOND_UNDER)
    name = PROVIDER_NAMES.get(outage.provider, outage.provider)
    return f"{name} has been failing since {since}; trying again at {retry}. {outage.reason}"


def queue_words(state: QueueState, run: RunProgress) -> str:
    """Why a run that is next does not start yet; nothing where it is only a matter of its turn."""
    match state:
        case QueueState.AWAY:
            return "Nothing can be started just now, as a part of this installation is away. It starts by itself."
        case QueueState.FULL if not run.waits_for:
            return "No worker is free just now. It starts by itself as soon as one is."
        case _:
            return ""


def standing_words(standing: Standing, time_zone: str, *, is_mine: bool) -> str:
    """One line for the panel of a run that goes on; nothing where there is nothing to wait for."""
    if standing.outage is not None:
        return f"{outage_words(standing.outage, time_zone)} Nobody fails meanwhile: the work waits."
    if standing.pause_seconds >= WORTH_SAYING_SECONDS:
        return f"{standing.pause_reason} Going on in about {show_seconds(standing.pause_seconds)}."
    return turn_words(standing.turn, is_mine=is_mine) if standing.turn else ""


def turn_words(turn: Turn, *, is_mine: bool) -> str:
    """'Your turn comes in about 4 s; 2.5 calls a second are yours now'; nothing for who neither waits nor shares."""
    waits = turn.wait_seconds >= WORTH_SAYING_SECONDS
    if not (waits or turn.sharers):
        return ""
    whose, owned = ("Your", "yours") if is_mine else ("Their", "theirs")
    coming = f"{whose} turn comes in about {show_seconds(turn.wait_seconds)}" if waits else ""
    rate = f"{turn.per_second:,.1f} calls a second are {owned} now" if turn.per_second else ""
    return f"{'; '.join(part for part in (coming, rate) if part)}." if coming or rate else ""


def show_seconds(seconds: float) -> str:
    """A wait in round figures, so that it stands still while it passes."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    return f"{5 * round(seconds / 5)} s" if seconds < 90 else f"{round(seconds / 60)} min"


def outage_notice(outages: Sequence[Outage], time_zone: str) -> Component | None:
    """What everybody should know before they start something."""
    if not outages:
        return None
    return html.Div(
        [
            html.P(f"{outage_words(outage, time_zone)} Work that is started now waits.", className="mb-0")
            for outage in outages
        ],
        className="alert alert-warning outage-notice",
        role="status",
    )
