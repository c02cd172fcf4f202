"""The team now: who else is here and what runs, as a line beside a button or as a card of Home."""

from collections.abc import Sequence
from uuid import UUID

from dash import dcc, html
from dash.development.base_component import Component

from pages import ids
from services.domain.runs import KIND_NAMES, RunState
from services.domain.team import PersonHere, RunUnderWay, TeamNow

MOST_NAMED = 12
STANDS = {RunState.QUEUED: "queued, ", RunState.PAUSED: "paused at ", RunState.STOPPING: "stopping at "}


def team_place(place: str) -> Component:
    """Room for a line about the others; it is there from the start, so that nothing moves when it gets words."""
    return html.Div(id=ids.team_now(place), className="team-line")


def team_line(team: TeamNow, me: UUID, *, with_title: bool) -> list[Component]:
    """What others do with the position or the list of this page."""
    parts = [run_link(run, me, with_title=with_title) for run in team.runs]
    if team.people:
        parts.append(html.Span(f"Also here: {names(team.people)}.", className="team-people"))
    return parts


def team_card(team: TeamNow, me: UUID) -> list[Component]:
    """Everything that runs in the organization, and who is online."""
    runs = html.Ul([html.Li(run_link(run, me, with_title=True)) for run in team.runs], className="team-runs")
    online = f"Online: {names(team.people, with_page=True)}." if team.people else "Nobody else is online."
    return [
        runs if team.runs else html.P("Nothing runs just now.", className="mb-1"),
        html.P(online, className="text-secondary mb-0"),
    ]


def run_link(run: RunUnderWay, me: UUID, *, with_title: bool) -> Component:
    """'Screening by Ana, 412 of 2,000', and where it leads."""
    owner = "you" if run.user_id == me else run.user_name
    what = f"{run.title}: " if with_title and run.title else ""
    far = f"{STANDS.get(run.state, '')}{run.settled:,} of {run.items:,}"
    return dcc.Link(f"{what}{KIND_NAMES[run.kind]} by {owner}, {far}", href=f"/runs/{run.run_id}", className="team-run")


def names(people: Sequence[PersonHere], *, with_page: bool = False) -> str:
    told = [f"{one.name} ({one.place.words})" if with_page else one.name for one in people[:MOST_NAMED]]
    more = len(people) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")
