"""The command line: `flask --app wsgi …`, one module a noun; each command calls the services that pages call."""

from flask import Flask

from commands.database import database
from commands.exports import export
from commands.imports import import_people
from commands.leases import leases
from commands.positions import positions
from commands.runs import runs
from commands.screening import screen
from commands.shares import share
from commands.upkeep import collect_garbage, show_status
from commands.usage import usage
from commands.users import users

COMMANDS = (
    database,
    users,
    share,
    import_people,
    positions,
    screen,
    runs,
    leases,
    export,
    usage,
    collect_garbage,
    show_status,
)


def register(server: Flask) -> None:
    """Add every command to `flask`; nothing is connected until one runs."""
    for command in COMMANDS:
        server.cli.add_command(command)
