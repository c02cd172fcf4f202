"""Weights of users and organizations: who may be weighed, and how."""

import pytest

from services.db.pool import Database
from services.errors import BadInput, NotFound
from services.shares import Shares
from tests.fixtures.postgres import Team


@pytest.mark.parametrize("share", [0.0, -1.0, 0.05, 100.5, float("nan"), float("inf")])
def test_a_share_that_would_starve_or_let_starve_is_refused(database: Database, team: Team, share: float) -> None:
    with pytest.raises(BadInput, match=r"from 0\.1 to 100"):
        Shares(database).set("Northwind Talent", None, share)


def test_nobody_of_another_organization_is_weighed(database: Database, team: Team, rivals: Team) -> None:
    with pytest.raises(NotFound, match="no organization"):
        Shares(database).set("Nowhere", None, 2.0)
    with pytest.raises(NotFound, match="Nobody"):
        Shares(database).set("Northwind Talent", rivals.recruiter.email, 2.0)
