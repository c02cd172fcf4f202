"""What the status page says in words, and how figures are written."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pages.parts.status_parts import limit_words, show_bytes, show_milliseconds, show_share, status_page
from services.domain.status import (
    Deed,
    Disk,
    InstallationStatus,
    LimitUse,
    PartMemory,
    Place,
    ProviderStatus,
    Queue,
    RecentCalls,
    RunsInState,
    StatusReport,
    StoreStatus,
    SweeperStanding,
)
from services.domain.turns import Outage

NOW = datetime(2026, 11, 22, 8, 42, 10, tzinfo=UTC)


def installation(**changes: Any) -> InstallationStatus:
    known: dict[str, Any] = {
        "at": NOW,
        "providers": (ProviderStatus("openai", "live"),),
        "database": StoreStatus("database", True, 1.2, 48_000_000, 7, 100, 0.9995),
        "limiter": StoreStatus("limiter", True, 0.3),
        "queue": Queue((RunsInState("queued", 2, 75.0),)),
        "processes_in_use": 3,
        "most_processes": 8,
        "memory": (PartMemory("web", 3, 210_000_000, 90_000_000),),
        "places": (Place("uploads", 10_000, 5_000, is_more=True),),
        "disks": (Disk("data and files", 60_000_000_000, 100_000_000_000),),
        "sweeper": SweeperStanding("host:12", True, NOW, NOW, NOW, ""),
        "deeds": (Deed("runs resumed", 4), Deed("cleared uploads", 2, 3_100_000)),
    }
    return InstallationStatus(**{**known, **changes})


def words_of(seen: InstallationStatus) -> str:
    page = status_page(StatusReport(seen, seen.queue, is_whole_queue=True), "Europe/Berlin")
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, list):
            for one in part:
                walk(one)
        elif isinstance(part, dict):
            walk(part.get("props", {}).get("children"))

    walk(json.loads(json.dumps(page.to_plotly_json(), default=lambda one: one.to_plotly_json())))
    return "\n".join(found)


def test_a_quiet_installation_says_so_first() -> None:
    words = words_of(installation())
    assert words.startswith("Everything that is connected works.\n As of 09:42:10.")
    for said in ("2 runs", "75 s", "3 of 8 in use, by all", "210 MB", "over 10,000", "60.0 GB of 100 GB free"):
        assert said in words, said
    assert "Runs resumed\n4" in words and "Cleared uploads\n2, 3.1 MB" in words and "over 99.9 %" in words


@pytest.mark.parametrize(
    ("changes", "first", "said"),
    [
        (
            {"providers": (ProviderStatus("openai", "live", outage=Outage("openai", "It fails.", NOW, NOW)),)},
            "Look at OpenAI.",
            "OpenAI has been failing since 09:42",
        ),
        (
            {"providers": (ProviderStatus("salesql", "live", paused_seconds=44, pause_reason="Too many calls."),)},
            "Look at SalesQL.",
            "Too many calls. Going on in about 45 s.",
        ),
        (
            {"providers": (ProviderStatus("openai", "live", recent=RecentCalls(50, 30, failures={"http_500": 30})),)},
            "Look at OpenAI.",
            "30 × http_500",
        ),
        ({"limiter": StoreStatus("limiter", False, 1000.0)}, "Look at the limiter's store.", "Failing"),
        (
            {"sweeper": SweeperStanding("host:12", False, NOW, NOW - timedelta(hours=1), None, "")},
            "Look at the sweeper.",
            "Nobody sweeps",
        ),
        (
            {"sweeper": SweeperStanding("host:12", True, NOW, NOW, NOW, "logs: No space left on device.")},
            "Look at the sweeper.",
            "logs: No space left on device.",
        ),
        ({"disks": (Disk("data", 1_000, 100_000),)}, "Look at the disk of data.", "Look at this"),
    ],
)
def test_what_needs_somebody_is_named_first_and_explained(changes: dict[str, Any], first: str, said: str) -> None:
    words = words_of(installation(**changes))
    assert words.startswith(first) and said in words


def test_limits_are_told_as_people_say_them() -> None:
    limits = (LimitUse("requests", 1_204, 5_000, 60.0), LimitUse("calls_a_day", 7, 5_000, 86_400.0))
    told = ProviderStatus("openai", "live", limits=limits, open_calls=1, most_open_calls=2)
    assert limit_words(told) == ["1,204 of 5,000 requests a minute", "7 of 5,000 calls a day", "1 of 2 at once"]


def test_figures_are_short_and_never_round_to_something_else() -> None:
    assert [show_bytes(n) for n in (0, 999, 1_000, 999_950, 1_500_000_000)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "1.0 MB", "1.5 GB")
    ]
    assert [show_share(x) for x in (0.0, 0.0004, 0.5, 0.9999, 1.0)] == [
        *("0 %", "under 0.1 %", "50 %", "over 99.9 %", "100 %")
    ]
    assert [show_milliseconds(ms) for ms in (0.31, 85.4, 1_540)] == ["0.3 ms", "85 ms", "1.5 s"]
