"""The door before every request that costs work: one person or one address gets its share and no more.

What the browser keeps (scripts, styles) and what watches over the product (health, metrics) is not counted.
"""

from flask import request
from flask_login import current_user

from services.door import neighbourhood
from services.wiring import current

UNCOUNTED_ENDPOINTS = frozenset(
    {
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "_dash_assets.static",
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
        "/_favicon.ico",
    }
)


def refuse_wild_addresses() -> None:
    """Before anybody asks the database who this is. Raises TooManyRequests.

    What a worker asks itself to be warm comes from no address.
    """
    if request.remote_addr and request.endpoint not in UNCOUNTED_ENDPOINTS:
        current().address_door.enter(neighbourhood(request.remote_addr))


def refuse_wild_people() -> None:
    """Raises TooManyRequests."""
    if request.endpoint not in UNCOUNTED_ENDPOINTS and current_user.is_authenticated:
        current().person_door.enter(str(current_user.actor.user_id))
