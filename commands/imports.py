"""`import`: a file of people into a list, as the Import page would do it without a correction."""

from pathlib import Path

import click

from commands.opening import opened
from commands.replies import Reply, replying

REJECTS_SHOWN = 100


@replying("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", "email", required=True, help="Whose import it is.")
@click.option("--list", "list_name", required=True, help="The list to fill; made if there is none of that name.")
def import_people(file: Path, email: str, list_name: str) -> Reply:
    """Import a CSV file of people."""
    with opened() as services:
        actor = services.accounts.actor_called(email)
        result = services.imports.import_file(actor, file, list_name)
    facts = {
        name: getattr(result, name)
        for name in ("list_id", "rows", "added", "updated", "merged", "rejected", "import_id")
    }
    rejects = [
        {"row": reject.row_number, "column": reject.field, "reason": reject.reason}
        for reject in result.rejects[:REJECTS_SHOWN]
    ]
    lines = [
        f"{result.rows:,} rows: {result.added:,} added, {result.updated:,} updated,"
        f" {result.merged:,} told nothing new, {result.rejected:,} rejected.",
        *(f"  row {reject['row']}: {reject['reason']}" for reject in rejects),
    ]
    if result.rejected > len(rejects):
        lines.append(f"  … and {result.rejected - len(rejects):,} more; the Import page has them all.")
    return Reply(facts | {"rejects": rejects}, lines)
