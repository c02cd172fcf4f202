"""What happens when people touch a page; one module a page, each with a `register(app)` at its foot."""

from dash import Dash

from callbacks import (
    account,
    admin,
    candidates,
    home,
    imports,
    lists,
    positions,
    quotas,
    runs,
    screening,
    shell,
    status,
    usage,
)

MODULES = (account, admin, candidates, home, imports, lists, positions, quotas, runs, screening, shell, status, usage)


def register(app: Dash) -> None:
    """Register every module's callbacks, in this order."""
    for module in MODULES:
        module.register(app)
