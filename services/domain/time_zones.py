"""Time zones: in whose midnights an organization's days begin, and by whose clock its times are shown."""

from zoneinfo import ZoneInfo

FALLBACK = "UTC"


def known_time_zone(name: str | None) -> str:
    """The time zone of this name; UTC where nothing was chosen, or something nobody knows."""
    try:
        return ZoneInfo(name).key if name else FALLBACK
    except (LookupError, ValueError, OSError):
        # Not found, not a name at all, or the name of a folder of them.
        return FALLBACK
