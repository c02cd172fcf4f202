"""A run in words: what people read while they watch it and when they look back."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from pages.parts.run_panel import (
    ITEM_WORDS,
    STATE_WORDS,
    chip,
    events_list,
    items_table,
    receipt_table,
    show_progress,
)
from services.domain.runs import ItemState, ReceiptLine, RunEvent, RunItem, RunKind, RunProgress, RunState
from services.runs.driver import OUT_OF_BUDGET

BEGAN = datetime(2026, 3, 9, 22, 30, tzinfo=UTC)
ENGINEERS = re.compile(r"job process|driver|wheel|fence|lease|sweeper|drive\b|claimed|screen extras", re.IGNORECASE)


def history(*events: str | tuple[str, dict[str, Any]]) -> list[str]:
    """The lines of a history with these events, one a second, without their times."""
    told = [(event, {}) if isinstance(event, str) else event for event in events]
    records = [
        RunEvent(number, event, detail, BEGAN + timedelta(seconds=number), "Ana Example")
        for number, (event, detail) in enumerate(told)
    ]
    lines = events_list(records, "Baker: 2 people chosen by hand", "UTC").children
    return ["".join(part for part in line.children if isinstance(part, str)).strip() for line in lines]


def test_a_run_that_nothing_disturbed_has_three_lines() -> None:
    assert history("queued", "running", ("driver", {"fence": 1}), "succeeded") == [
        "Queued by Ana Example · Baker: 2 people chosen by hand",
        "Running",
        "Finished",
    ]


def test_an_interruption_is_said_with_what_became_of_the_people_it_touched() -> None:
    assert history("running", "driver", "driver", ("rescued", {"returned": 3, "unknown": 1, "dead": 0}))[1:] == [
        "Interrupted; went on by itself",
        "What the interruption had cut off was put right: 3 tried again, 1 of unknown outcome",
    ]


def test_a_pause_says_why() -> None:
    paused = history("queued", ("paused", {"reason": "provider", "message": "The key was refused. Ask the operator."}))
    assert paused[1] == "Paused · The key was refused. Ask the operator."
    assert "by hand" in history("queued", ("paused", {"reason": "user"}))[1]


@pytest.mark.parametrize("state", RunState)
def test_every_state_is_a_word_in_sentence_case(state: RunState) -> None:
    assert chip(state).children == STATE_WORDS[state] and STATE_WORDS[state][0].isupper()


@pytest.mark.parametrize("state", ItemState)
def test_every_state_of_a_person_is_a_word_in_sentence_case(state: ItemState) -> None:
    assert ITEM_WORDS[state][0].isupper() and not ENGINEERS.search(ITEM_WORDS[state])


@pytest.mark.parametrize(
    "stored",
    [
        "The job process ended while the answer was on its way; it may have been charged.",
        "The job process ended twice while this person was being prepared.",
    ],
)
def test_a_reason_written_by_the_database_is_told_without_machinery(stored: str) -> None:
    item = RunItem(1, 1, 1, "Noa Example", "", ItemState.UNKNOWN, 1, "process_lost", stored, BEGAN)
    table = items_table([item], "r", {ItemState.UNKNOWN: 1}, "", None, "UTC").children[1].children
    reason = words(table.children[1].children[0].children[3])
    assert not ENGINEERS.search(reason) and "interrupted" in reason


def test_a_receipt_shows_what_perhaps_was_charged_in_a_column_of_its_own() -> None:
    lines = [
        ReceiptLine("openai", "screen", "m", "charged", 2, 2, Decimal(0), 5, 0, 5, Decimal("0.00045"), Decimal(0)),
        ReceiptLine("openai", "screen extras", "m", "unknown", 1, 0, Decimal(0), 0, 0, 0, Decimal(0), Decimal("0.2")),
    ]
    _, body, foot = receipt_table(lines).children.children
    texts = [[words(cell) for cell in row.children][-2:] for row in [*body.children, foot.children]]
    assert texts == [["0.00045", "0.00"], ["0.00000", "0.20"], ["0.00045", "0.20"]]
    assert not ENGINEERS.search(str(body.to_plotly_json()))


def words(cell: Any) -> str:
    """The text of a cell, whatever it is wrapped in."""
    if isinstance(cell, list):
        return "".join(words(part) for part in cell)
    return cell if isinstance(cell, str) else words(cell.children)


def paused(reason: str) -> RunProgress:
    """A run of Ana's that rests for this reason."""
    return RunProgress(
        run_id=uuid4(),
        user_id=uuid4(),
        user_name="Ana Example",
        kind=RunKind.SCREENING,
        state=RunState.PAUSED,
        pause_reason=reason,
        message="",
        title="Baker",
        version_id=None,
        list_id=None,
        list_name=None,
        retry_of=None,
        items=10,
        done=4,
        failed=0,
        refused=0,
        skipped=0,
        unknown=0,
        per_minute=0,
        cost_usd=Decimal("0.10"),
        unknown_usd=Decimal(0),
        resets_at=None,
        waits_for="",
        cap_usd=Decimal("0.10"),
        estimate_usd=Decimal("0.10"),
        estimate_calls=10,
        created_at=BEGAN,
        started_at=BEGAN,
        finished_at=None,
        is_stalled=False,
        is_interrupted=False,
        queue_place=None,
    )


@pytest.mark.parametrize(
    ("reason", "mine", "theirs"),
    [
        ("budget", "Raise the cap to go on.", "Only Ana Example, a manager or an admin can raise the cap."),
        ("user", "Resume it to go on.", "Only Ana Example, a manager or an admin can resume it."),
        ("provider", "trouble with the provider.", "Only Ana Example, a manager or an admin can resume it."),
    ],
)
def test_a_paused_run_says_what_to_do_or_who_can(reason: str, mine: str, theirs: str) -> None:
    steering, looking = (str(show_progress(paused(reason), may_steer)) for may_steer in (True, False))
    assert mine in steering and "Only" not in steering
    assert theirs in looking and not ("to go on" in looking or "you like" in looking)


def test_no_message_of_a_run_at_its_cap_tells_everybody_to_raise_it() -> None:
    assert "Raise" not in OUT_OF_BUDGET
