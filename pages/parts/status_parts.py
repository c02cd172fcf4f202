"""The pieces of the status page: a light and words for each part of the installation, and the figures behind them."""

from collections.abc import Iterable, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from pages.parts.shell import PROVIDER_NAMES, Content, card, empty_state, stacked_table
from pages.parts.times import clock_words, show_when, zone_note
from pages.parts.turns import outage_words, show_seconds
from services.domain.status import (
    Deed,
    Disk,
    InstallationStatus,
    Light,
    PartMemory,
    Place,
    ProviderStatus,
    Queue,
    StatusReport,
    StoreStatus,
    SweeperStanding,
)

# A sign of its own for each light: whoever tells no colours apart still sees them at a glance.
LOOKS = {
    Light.WORKS: ("●", "tag-good"),
    Light.SLOWED: ("◐", "tag-unsure"),
    Light.LOOK: ("▲", "tag-unsure"),
    Light.FAILS: ("✕", "tag-bad"),
    Light.OFF: ("○", ""),
}
MODES = {"simulated": "Simulated", "live": "Live", "not connected": "No key is set"}
STATES = {"queued": "Waiting", "running": "Running", "paused": "Paused", "stopping": "Stopping"}
PARTS = {
    "database": "Database",
    "jobs": "Jobs",
    "simulators": "Simulators",
    "supervisor": "Supervisor",
    "sweeper": "Sweeper",
    "web": "Web",
}
KILO = 1000
UNITS = ("bytes", "kB", "MB", "GB", "TB")
MOST_FAILURES = 3
NOTHING = "–"


def status_page(report: StatusReport, time_zone: str) -> Component:
    seen = report.installation
    return html.Div(
        [
            html.P(
                [
                    summary(seen),
                    html.Span(f" As of {clock_words(seen.at, time_zone, seconds=True)}.", className="as-of"),
                ],
                className="status-summary",
            ),
            card("Providers", providers_table(seen.providers, time_zone)),
            html.Div(
                [
                    card("Queue", queue_facts(report, seen)),
                    card("Sweeper and housekeeping", sweeper_facts(seen.sweeper, seen.deeds, time_zone)),
                    card("Database", store_facts(seen.database)),
                    card("Limiter's store", store_facts(seen.limiter)),
                    card("Memory of this host", memory_table(seen.memory)),
                    card("Temporary files and room", places_table(seen.places, seen.disks)),
                    card("Caches", cache_facts(seen)),
                ],
                className="status-blocks",
            ),
            zone_note(time_zone),
        ],
        **{"data-status": "shown"},
    )


def as_of(seen: InstallationStatus, time_zone: str) -> str:
    return f" As of {clock_words(seen.at, time_zone, seconds=True)}."


def not_for_you(words: str) -> Component:
    return empty_state(words, dcc.Link("Go to Home", href="/"))


def summary(seen: InstallationStatus) -> str:
    """One sentence first: what needs somebody, by name."""
    lights = {PROVIDER_NAMES.get(one.provider, one.provider): one.light for one in seen.providers}
    lights |= {"the database": seen.database.light, "the limiter's store": seen.limiter.light}
    lights |= {f"the disk of {disk.name}": disk.light for disk in seen.disks}
    if seen.sweeper is not None:
        lights["the sweeper"] = seen.sweeper.light
    troubled = [name for name, light in lights.items() if light not in (Light.WORKS, Light.OFF)]
    return f"Look at {', '.join(troubled)}." if troubled else "Everything that is connected works."


def light_tag(light: Light) -> Component:
    sign, look = LOOKS[light]
    return html.Span([html.Span(sign, **{"aria-hidden": "true"}), f" {light}"], className=f"tag {look}".strip())


def providers_table(providers: Iterable[ProviderStatus], time_zone: str) -> Component:
    columns = ("Provider", "State", "Limits in use", "Calls waiting", "Last 15 minutes", "Time of a call")
    return stacked_table(columns, [provider_row(one, time_zone) for one in providers], kind="status-table")


def provider_row(one: ProviderStatus, time_zone: str) -> list[Content]:
    return [
        html.Div([html.Strong(PROVIDER_NAMES.get(one.provider, one.provider)), html.Br(), quiet(MODES[one.mode])]),
        html.Div([light_tag(one.light), *said_of(one, time_zone)]),
        html.Div([html.Div(words) for words in limit_words(one)] or NOTHING),
        f"{one.waiting:,}" if one.mode != "not connected" else NOTHING,
        html.Div([html.Div(words) for words in recent_words(one)]),
        timing_words(one),
    ]


def said_of(one: ProviderStatus, time_zone: str) -> list[Component]:
    """Why the light is what it is."""
    if one.mode == "not connected":
        return [quiet("Its work waits until a key is set.")]
    if one.outage is not None:
        return [quiet(outage_words(one.outage, time_zone))]
    if not one.is_known:
        return [quiet("The limiter's store does not answer: no call leaves.")]
    if one.light is Light.SLOWED:
        return [quiet(f"{one.pause_reason} Going on in about {show_seconds(one.paused_seconds)}.")]
    if one.light is Light.LOOK:
        return [quiet("Many of its calls fail.")]
    return []


def limit_words(one: ProviderStatus) -> list[str]:
    """'1,204 of 5,000 requests a minute'."""
    words = [
        f"{limit.used:,} of {limit.allowed:,} {limit.name.removesuffix('_a_day').replace('_', ' ')}"
        f" {window_words(limit.window_seconds)}"
        for limit in one.limits
    ]
    if one.most_open_calls is not None:
        words.append(f"{one.open_calls:,} of {one.most_open_calls:,} at once")
    return words


def window_words(seconds: float) -> str:
    return {60.0: "a minute", 3_600.0: "an hour", 86_400.0: "a day"}.get(seconds, f"in {seconds:g} s")


def recent_words(one: ProviderStatus) -> list[str]:
    recent = one.recent
    if not recent.calls:
        return ["No calls"]
    words = [f"{recent.calls:,} calls, {show_share(recent.failed_share)} failed or unknown"]
    worst = sorted(recent.failures.items(), key=lambda item: -item[1])[:MOST_FAILURES]
    return [*words, *(f"{count:,} × {code}" for code, count in worst)]


def timing_words(one: ProviderStatus) -> str:
    median, slow = one.recent.median_ms, one.recent.slow_ms
    if median is None or slow is None:
        return NOTHING
    return f"about {show_milliseconds(median)}; 19 of 20 below {show_milliseconds(slow)}"


def queue_facts(report: StatusReport, seen: InstallationStatus) -> Component:
    whose = "Of the whole installation." if report.is_whole_queue else "Of your organization."
    return html.Div(
        [
            quiet(whose),
            facts(
                [
                    *((STATES[state], count_words(report.queue.runs(state))) for state in STATES),
                    ("Longest wait", wait_words(report.queue)),
                    ("Job processes", f"{seen.processes_in_use:,} of {seen.most_processes:,} in use, by all"),
                ]
            ),
        ]
    )


def count_words(runs: int) -> str:
    return f"{runs:,} run{'' if runs == 1 else 's'}"


def wait_words(queue: Queue) -> str:
    seconds = queue.oldest_wait_seconds
    return "Nobody waits" if seconds is None else show_seconds(max(0.0, seconds))


def sweeper_facts(sweeper: SweeperStanding | None, deeds: Sequence[Deed], time_zone: str) -> Component:
    if sweeper is None:
        return quiet("The database knows, and does not answer.")
    leads = f"{sweeper.holder} leads" if sweeper.leads else "Nobody sweeps: waiting runs do not start."
    done = [(deed.deed.capitalize(), deed_words(deed)) for deed in deeds]
    return html.Div(
        [
            light_tag(sweeper.light),
            facts(
                [
                    ("Leader", leads),
                    ("Since", show_when(sweeper.led_since, time_zone) or NOTHING),
                    ("Last sweep", show_when(sweeper.swept_at, time_zone, seconds=True) or NOTHING),
                    ("Last housekeeping", show_when(sweeper.cleared_at, time_zone, seconds=True) or NOTHING),
                    *((("Could not do", sweeper.trouble),) if sweeper.trouble else ()),
                ]
            ),
            html.H3("In the last 24 hours", className="status-subtitle"),
            facts(done) if done else quiet("Nothing needed doing."),
        ]
    )


def deed_words(deed: Deed) -> str:
    return f"{deed.times:,}, {show_bytes(deed.bytes)}" if deed.bytes else f"{deed.times:,}"


def store_facts(store: StoreStatus) -> Component:
    rows: list[tuple[str, Content]] = []
    if store.answers:
        rows.append(("Answers in", show_milliseconds(store.milliseconds)))
    if store.bytes is not None:
        rows.append(("Size", show_bytes(store.bytes)))
    if store.connections is not None:
        rows.append(("Connections", f"{store.connections:,} of {store.most_connections:,}"))
    return html.Div([light_tag(store.light), facts(rows)])


def memory_table(memory: Sequence[PartMemory]) -> Component:
    if not memory:
        return quiet("This system does not tell.")
    rows: list[list[Content]] = [
        [PARTS.get(one.part, one.part), f"{one.processes:,}", show_bytes(one.bytes), show_bytes(one.largest_bytes)]
        for one in memory
    ]
    count, total = sum(one.processes for one in memory), sum(one.bytes for one in memory)
    rows.append([html.Strong("Together"), f"{count:,}", html.Strong(show_bytes(total)), ""])
    return figures_table(("Part", "Processes", "Memory", "Largest"), rows)


def places_table(places: Iterable[Place], disks: Iterable[Disk]) -> Component:
    rows: list[list[Content]] = [
        [one.name.capitalize(), f"{'over ' if one.is_more else ''}{one.files:,}", show_bytes(one.bytes)]
        for one in places
    ]
    room = [
        html.P(
            [
                light_tag(disk.light),
                f" {show_bytes(disk.free_bytes)} of {show_bytes(disk.total_bytes)} free on the disk of {disk.name}",
            ],
            className="mb-1",
        )
        for disk in disks
    ]
    return html.Div([*room, figures_table(("Folder", "Files", "Size"), rows)])


def figures_table(columns: Sequence[str], rows: Iterable[Sequence[Content]]) -> Component:
    """A name and a few short figures: narrow enough to stay a table on a phone."""
    classes = ["", *(["num"] * (len(columns) - 1))]
    head = html.Tr([html.Th(name, scope="col", className=look) for name, look in zip(columns, classes, strict=True)])
    body = [html.Tr([html.Td(one, className=look) for one, look in zip(row, classes, strict=True)]) for row in rows]
    return html.Table([html.Thead(head), html.Tbody(body)], className="table table-sm")


def cache_facts(seen: InstallationStatus) -> Component:
    rows: list[tuple[str, Content]] = []
    if seen.database.found_in_memory is not None:
        rows.append(("Database", f"{show_share(seen.database.found_in_memory)} of its pages found in memory"))
    for one in seen.providers:
        share = one.recent.cached_share
        if share is not None:
            name = PROVIDER_NAMES.get(one.provider, one.provider)
            rows.append((name, f"{show_share(share)} of the tokens sent it had cached, last 15 minutes"))
    return facts(rows) if rows else quiet("Nothing was asked of a cache lately.")


def facts(rows: Iterable[tuple[str, Content]]) -> Component:
    return html.Dl([part for name, words in rows for part in (html.Dt(name), html.Dd(words))], className="facts")


def quiet(words: str) -> Component:
    return html.Span(words, className="text-secondary status-why")


def show_share(share: float) -> str:
    """A per cent that is neither 0 nor 100 unless it is."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return "over 99.9 %" if 0.999 < share < 1 else f"{share * 100:.1f} %".replace(".0 %", " %")


def show_bytes(count: int) -> str:
    """Three digits or so, in powers of 1,000."""
    amount, unit = float(count), 0
    while round(amount, 1) >= KILO and unit < len(UNITS) - 1:
        amount, unit = amount / KILO, unit + 1
    return f"{amount:,.0f} {UNITS[unit]}" if unit == 0 or amount >= 100 else f"{amount:,.1f} {UNITS[unit]}"


def show_milliseconds(milliseconds: float) -> str:
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:,.0f} ms" if milliseconds < KILO else f"{milliseconds / KILO:.1f} s"
