"""`db upgrade`: the schema of this release, and the prices it knows."""

import click

from commands.opening import installation
from commands.replies import Reply, replying


@click.group("db")
def database() -> None:
    """The database."""


@replying("upgrade")
def upgrade() -> Reply:
    """Bring the database up to date; safe to repeat, and from many hosts at once."""
    here = installation()
    with here.database_for_a_while():
        applied = here.upgrade()
    words = f"{len(applied)} migrations applied." if applied else "The database was up to date."
    return Reply({"applied": applied}, [words])


database.add_command(upgrade)
