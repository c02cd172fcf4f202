"""`gc`: clear what was left behind, as the sweeper does while the server is up; `status`: how all of it is doing."""

from dataclasses import asdict, replace

import click

from commands.opening import opened
from commands.replies import Reply, replying
from services.housekeeping import DAY_SECONDS, Cleared


@replying("gc")
@click.option("--days", type=click.IntRange(min=1), help="How old an upload must be; UPLOAD_KEEP_DAYS if left out.")
def collect_garbage(days: int | None) -> Reply:
    """Clear uploads nobody imported, files nobody names, and rows that ended long ago."""
    with opened() as services:
        keeper = services.housekeeping
        if days is not None:
            keeper = replace(keeper, ages=replace(keeper.ages, upload_seconds=days * DAY_SECONDS))
        done = keeper.clear_all()
    facts = {
        "uploads": next(one.things for one in done if one.what == "uploads"),
        "things": sum(one.things for one in done),
        "bytes": sum(one.bytes for one in done),
        "cleared": [{"what": one.what, "things": one.things, "bytes": one.bytes} for one in done],
        "troubles": [{"what": one.what, "trouble": one.trouble} for one in done if one.trouble],
    }
    return Reply(facts, [line_of(one) for one in done], succeeded=not facts["troubles"])


def line_of(one: Cleared) -> str:
    """'uploads: 3 cleared, 1,024 bytes', and what could not be done."""
    freed = f", {one.bytes:,} bytes" if one.bytes else ""
    return f"{one.what}: {one.things:,} cleared{freed}" + (f". {one.trouble}" if one.trouble else "")


@replying("status")
def show_status() -> Reply:
    """Print how the installation is doing: providers, stores, queue, memory, files, and what the sweeper did."""
    with opened() as services:
        seen = services.status.installation()
    facts = asdict(seen)
    for told, one in zip(facts["providers"], seen.providers, strict=True):
        told["light"] = one.light
        told["recent"] |= {"median_ms": one.recent.median_ms, "slow_ms": one.recent.slow_ms}
    lines = [f"{one.provider:<15}{one.light} ({one.mode})" for one in seen.providers]
    lines += [f"{store.name:<15}{store.light} ({store.milliseconds:.1f} ms)" for store in (seen.database, seen.limiter)]
    if seen.sweeper is not None:
        leader = f"{seen.sweeper.holder} leads" if seen.sweeper.leads else "nobody sweeps"
        lines.append(f"{'sweeper':<15}{seen.sweeper.light} ({leader})")
        lines += [seen.sweeper.trouble] if seen.sweeper.trouble else []
    lines += [f"{'runs ' + one.state:<15}{one.runs:,}" for one in seen.queue.states]
    lines += [f"{'memory':<15}{one.part}: {one.bytes / 1e6:,.0f} MB in {one.processes}" for one in seen.memory]
    lines += [f"{'files':<15}{one.name}: {one.files:,}, {one.bytes / 1e6:,.1f} MB" for one in seen.places]
    lines += [f"{'room':<15}{disk.name}: {disk.free_bytes / 1e9:,.1f} GB free" for disk in seen.disks]
    lines += [f"{'last 24 hours':<15}{deed.deed}: {deed.times:,}" for deed in seen.deeds]
    return Reply(facts, lines, succeeded=seen.database.answers and seen.limiter.answers)
