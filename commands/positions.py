"""`positions add`: a position from a brief file."""

from pathlib import Path

import click

from commands.opening import opened
from commands.replies import Reply, replying
from services.errors import BadInput


@click.group("positions")
def positions() -> None:
    """Positions and their criteria."""


@replying("add")
@click.option("--user", "email", required=True, help="Who adds it.")
@click.option("--title", required=True)
@click.option(
    "--brief-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Sections # role, # must, # nice and # exclude; one criterion a line.",
)
@click.option("--approve", is_flag=True, help="Approve the criteria as they are read, so that screening may start.")
def add(email: str, title: str, brief_file: Path, approve: bool) -> Reply:
    """Add a position; its criteria are printed as they were read."""
    try:
        text = brief_file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{brief_file.name} is not UTF-8 text. Save it as UTF-8.") from error
    with opened() as services:
        saved = services.positions.create_from_file(services.accounts.actor_called(email), title, text, approve)
    criteria = [{"key": c.id, "kind": c.kind.value, "text": c.text} for c in saved.criteria]
    facts = {
        "position_id": saved.position_id,
        "version_id": saved.version_id,
        "criteria": criteria,
        "approved": approve,
    }
    lines = [
        f"Position {saved.position_id}",
        *(f"  {c['key']:<8} {c['text']}" for c in criteria),
        "Approved: screening may start." if approve else "Not approved yet: approve it on its page, or use --approve.",
    ]
    return Reply(facts, lines)


positions.add_command(add)
