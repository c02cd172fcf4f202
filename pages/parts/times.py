"""Times as people read them: by the clock of their organization, whose time zone is named once beside them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component


def show_when(at: datetime | None, time_zone: str, *, seconds: bool = False) -> Component | str:
    """A moment in this time zone; nothing for one that has not come."""
    if at is None:
        return ""
    local = at.astimezone(ZoneInfo(time_zone))
    words = f"{local:%d %b %Y %H:%M:%S}" if seconds else when_words(at, time_zone)
    return html.Time(words, dateTime=at.isoformat())


def when_words(at: datetime, time_zone: str) -> str:
    """The same for a place that takes text only."""
    return f"{at.astimezone(ZoneInfo(time_zone)):%d %b %Y %H:%M}"


def clock_words(at: datetime, time_zone: str, *, day: bool = False, seconds: bool = False) -> str:
    """The time of day of a moment that is near, with its day or its seconds where they matter."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{f'{local:%d %b} ' if day else ''}{local:{'%H:%M:%S' if seconds else '%H:%M'}}"


def day_words(at: datetime, time_zone: str) -> str:
    """The calendar day that a moment falls on in this time zone."""
    return f"{at.astimezone(ZoneInfo(time_zone)):%d %b %Y}"


def zone_note(time_zone: str, of: str = "Times") -> Component:
    """Whose clock the times beside it go by."""
    return html.P(f"{of} are in the time zone {zone_name(time_zone)}.", className="zone-note")


def zone_name(time_zone: str) -> str:
    return time_zone.replace("_", " ")
