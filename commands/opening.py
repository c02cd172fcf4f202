"""What commands share: the services with a database behind them, and the names people type for things."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from uuid import UUID

from services.domain.actors import Actor
from services.domain.money import read_usd
from services.errors import BadInput, NotFound
from services.installation import Installation
from services.settings import load_settings
from services.wiring import Services, current


def installation() -> Installation:
    return Installation(load_settings())


@contextmanager
def opened() -> Iterator[Services]:
    """The services of this process, with a prepared database for the time of the block."""
    here = installation()
    with here.database_for_a_while():
        here.require_schema()
        services = current()
        try:
            yield services
        finally:
            services.database.close()


def find_list(services: Services, actor: Actor, typed: str) -> UUID:
    """A list by name or id. Raises NotFound."""
    list_id = as_uuid(typed)
    if list_id is not None:
        return services.lists.find(actor, list_id).id
    return services.lists.find_by_name(actor, typed).id


def find_position(services: Services, actor: Actor, typed: str) -> UUID:
    """A position by id or title. Raises NotFound, and BadInput if the title is not only one's."""
    position_id = as_uuid(typed)
    if position_id is not None:
        return services.positions.open(actor, position_id).position_id
    found, page = [], 1
    while rows := services.positions.recent(actor, page=page):
        found += [row.id for row in rows if row.title.casefold() == typed.strip().casefold()]
        page += 1
    if not found:
        raise NotFound(f"There is no position called “{typed}”.")
    if len(found) > 1:
        raise BadInput(f"{len(found)} positions are called “{typed}”. Use an id: {', '.join(map(str, found))}.")
    return found[0]


def parse_run_id(typed: str) -> UUID:
    run_id = as_uuid(typed)
    if run_id is None:
        raise BadInput(f"“{typed[:60]}” is not the id of a run.")
    return run_id


def as_uuid(typed: str) -> UUID | None:
    try:
        return UUID(typed)
    except ValueError:
        return None


def parse_cap(typed: str | None) -> Decimal | None:
    """The most a run may cost in USD. Raises BadInput."""
    try:
        cap = read_usd(typed or "", most=1_000_000, places=6)
    except ValueError:
        cap = Decimal(0)
    if cap == 0:
        raise BadInput(f"“{(typed or '')[:20]}” is not an amount in USD. Write it like 12.50.")
    return cap
