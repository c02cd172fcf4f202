"""`screen`: a list against a position; the price is said before anything is sent."""

import click

from commands.driving import accompany, providers
from commands.opening import find_list, find_position, installation, opened, parse_cap
from commands.replies import Reply, replying
from services.domain.quotas import left_words
from services.screening import ScreeningOrder


@replying("screen")
@click.option("--user", "email", required=True, help="Who screens, and pays.")
@click.option("--list", "list_typed", required=True, help="Name or id of the list.")
@click.option("--position", "position_typed", required=True, help="Id or title of the position.")
@click.option("--everybody", is_flag=True, help="Also those who have a verdict for this version already.")
@click.option("--most", type=click.IntRange(min=1), help="Screen at most so many.")
@click.option("--cap", "cap_typed", help="The most it may cost, in USD.")
@click.option("--no-extras", is_flag=True, help="Leave the nice-to-haves out.")
@click.option("--wait", is_flag=True, help="Stay until the run has ended; succeed only if it succeeded.")
def screen(
    email: str,
    list_typed: str,
    position_typed: str,
    everybody: bool,
    most: int | None,
    cap_typed: str | None,
    no_extras: bool,
    wait: bool,
) -> Reply:
    """Screen a list against a position."""
    here, cap = installation(), parse_cap(cap_typed)
    with opened() as services, providers(here, wait):
        actor = services.accounts.actor_called(email)
        order = ScreeningOrder(
            position_id=find_position(services, actor, position_typed),
            list_id=find_list(services, actor, list_typed),
            which="all" if everybody else "missing",
            most=most,
            extras=not no_extras,
            cap_usd=cap,
        )
        quote = services.screening.quote(actor, order)
        estimate = quote.estimate
        click.echo(f"About ${estimate.cost:.2f} for {estimate.calls:,} calls.", err=True)
        for quota in quote.quotas:
            if quota.cap is not None:
                click.echo(f"{left_words(quota)}.", err=True)
        started = services.screening.start(actor, order, started_by="command")
        return accompany(services, here, actor, started, wait, {"estimate": estimate.cost})
