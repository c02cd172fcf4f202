"""`export`: a list, with or without a position's verdicts, as a CSV file."""

from pathlib import Path

import click

from commands.opening import find_list, find_position, opened
from commands.replies import Reply, replying
from services.errors import BadInput
from services.exports import STANDINGS, ExportOrder


@replying("export")
@click.option("--user", "email", required=True, help="Who exports; it is noted.")
@click.option("--list", "list_typed", required=True, help="Name or id of the list.")
@click.option("--position", "position_typed", help="Id or title: with the verdicts of this position, best first.")
@click.option("--standing", "standings", multiple=True, type=click.Choice(STANDINGS), help="Only these; repeatable.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export(email: str, list_typed: str, position_typed: str | None, standings: tuple[str, ...], output: Path) -> Reply:
    """Write candidates to a CSV file; an older file of that name stays until the new one is whole."""
    with opened() as services:
        actor = services.accounts.actor_called(email)
        order = ExportOrder(
            list_id=find_list(services, actor, list_typed),
            position_id=find_position(services, actor, position_typed) if position_typed else None,
            standings=standings,
        )
        made = services.exports.candidates(actor, order)
        draft = output.with_name(f".{output.name}.part")
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.writelines(made.pieces)
            draft.replace(output)
        except OSError as error:
            raise BadInput(f"{output} cannot be written: {error.strerror}.") from error
        finally:
            made.close()
            draft.unlink(missing_ok=True)
    return Reply({"file": str(output), "rows": made.people}, [f"{made.people:,} people written to {output}."])
