"""`leases`: who uses what only one may use, and ending a lease whose holder will not let go; for operators."""

import click

from commands.opening import opened
from commands.replies import Reply, replying
from services.errors import BadInput


@click.group("leases")
def leases() -> None:
    """Things that only one person may use at a time."""


@replying("list")
def list_leases() -> Reply:
    """What is held now, by whom and since when."""
    with opened() as services:
        found = services.leases.living()
    lines = [
        f"{one.lease_id}  {one.thing}: {one.user_name} ({one.org_name}) since {one.taken_at:%Y-%m-%d %H:%M:%S %Z}"
        for one in found
    ]
    return Reply({"leases": [vars(one) for one in found]}, lines or ["Nothing is held."])


@replying("release")
@click.argument("lease")
def release(lease: str) -> Reply:
    """End a lease; its holder cannot go on under it."""
    if not lease.isascii() or not lease.isdigit() or len(lease) > 18:
        raise BadInput(f"“{lease[:60]}” is not the id of a lease.")
    with opened() as services:
        thing = services.leases.end(int(lease))
    return Reply({"lease_id": int(lease), "thing": thing}, [f"{thing} is free again."])


for command in (list_leases, release):
    leases.add_command(command)
