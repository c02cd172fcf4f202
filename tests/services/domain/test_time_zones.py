"""Time zones: what the settings offer is known everywhere, and what nobody knows is UTC."""

import psycopg
import pytest

from services.admin import time_zones
from services.domain.time_zones import known_time_zone


@pytest.mark.parametrize("name", [None, "", "Mars/Base", "Europe", "../etc/passwd", "/etc/passwd", "Europe/Berlin\0"])
def test_what_nobody_knows_is_utc(name: str | None) -> None:
    assert known_time_zone(name) == "UTC"


def test_every_zone_of_the_settings_is_known_here_and_to_the_database(
    superuser: psycopg.Connection[tuple[str]],
) -> None:
    offered = set(time_zones())
    assert {known_time_zone(name) for name in offered} == offered
    there = {name for (name,) in superuser.execute("SELECT name FROM pg_timezone_names")}
    assert offered - there == set()
