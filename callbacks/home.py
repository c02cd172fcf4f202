"""Home: fills in what this person can do next and what they worked on lately."""

from dash import Dash, Input, Output
from dash.development.base_component import Component

from callbacks.who import actor
from pages import ids
from pages.parts.home_parts import PositionLine, home
from services.wiring import current

SHOWN = 6


def show_home(_home: str | None) -> Component:
    services, me = current(), actor()
    lists = services.lists.newest(me, SHOWN)
    positions = [PositionLine(one.id, one.title, one.approved_at is not None) for one in services.positions.recent(me)]
    runs = services.runs.recent(me)
    time_zone, outages, alerts = services.usage.time_zone(me), services.turns.outages(), services.quotas.alerts(me)
    return home(me.name, lists, positions[:SHOWN], runs[:SHOWN], time_zone, outages, alerts)


def register(app: Dash) -> None:
    app.callback(Output(ids.HOME_NEXT, "children"), Input(ids.HOME_NEXT, "id"))(show_home)
