"""`share`: how much of a limited key an organization or a user gets while others wait for it too."""

import click

from commands.opening import opened
from commands.replies import Reply, replying


@replying("share")
@click.argument("weight", type=float)
@click.option("--org", "organization", required=True, help="The organization's name.")
@click.option("--user", "email", help="One of its users; without it the organization as a whole.")
def share(weight: float, organization: str, email: str | None) -> Reply:
    """Weigh who shares a provider's limits: 2 gets twice as much as 1, which everybody has at first."""
    with opened() as services:
        services.shares.set(organization, email, weight)
    whose = email or organization
    return Reply({"org": organization, "user": email, "share": weight}, [f"{whose} now has a share of {weight:g}."])
