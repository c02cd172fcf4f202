"""Figures in tables: amounts of money whose cents are read at a glance, with all that was recorded behind them."""

from dash import html
from dash.development.base_component import Component

MONEY_HEAD = ("Charged, USD", "Perhaps charged, USD")
CENTS = 2


def amount_cell(text: str) -> Component:
    """A cell with an amount from show_column; what is finer than a cent steps back."""
    point = text.index(".")
    cents, rest = text[: point + 1 + CENTS], text[point + 1 + CENTS :]
    return html.Td([cents, html.Span(rest, className="sub-cent")] if rest else cents, className="num")
