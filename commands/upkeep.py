"""`gc`: remove what nobody will come back for."""

from datetime import timedelta

import click

from commands.opening import opened
from commands.replies import Reply, replying


@replying("gc")
@click.option("--days", default=7, show_default=True, type=click.IntRange(min=1), help="How old an upload must be.")
def collect_garbage(days: int) -> Reply:
    """Give up uploads that nobody imported and delete their files."""
    with opened() as services:
        cleared = services.imports.clear_stale(timedelta(days=days))
    return Reply({"uploads": cleared}, [f"{cleared} uploads cleared."])
