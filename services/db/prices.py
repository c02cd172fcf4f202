"""The one table of prices, with the dates from which and until which each holds."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from services.db.pool import Tx
from services.db.sql import queries
from services.domain.money import DEFAULT_PRICES, CreditPrice, PriceList, TokenPrice

Q = queries("prices")
TOKEN_UNITS = {"million_tokens_in": "input", "million_tokens_cached": "cached", "million_tokens_out": "output"}


def read_prices(tx: Tx) -> PriceList:
    """Every price of the installation, past and coming ones included."""
    models: dict[tuple[str, date], dict[str, Any]] = defaultdict(dict)
    credits = []
    for provider, item, unit, usd, valid_from, valid_until, long_input_over in tx.execute(Q["all_prices"]):
        if unit == "credit":
            credits.append(CreditPrice(provider, usd, valid_from, valid_until))
        elif unit in TOKEN_UNITS:
            models[item, valid_from] |= {
                TOKEN_UNITS[unit]: usd,
                "valid_until": valid_until,
                "long_input_over": long_input_over,
            }
    tokens = (
        TokenPrice(model, valid_from=valid_from, **found)
        for (model, valid_from), found in models.items()
        if set(TOKEN_UNITS.values()) <= found.keys()
    )
    return PriceList(tuple(tokens), tuple(credits))


def add_known_prices(owner_url: str) -> None:
    """Put the prices that this release knows into the table; those already there stay as they are."""
    with psycopg.connect(owner_url, prepare_threshold=None) as connection, connection.cursor() as cursor:
        cursor.executemany(Q["add_price"], known_prices())


def known_prices() -> list[dict[str, Any]]:
    rows = []
    for price in DEFAULT_PRICES.tokens:
        for unit, usd in zip(TOKEN_UNITS, (price.input, price.cached, price.output), strict=True):
            rows.append(
                price_row("openai", price.model, unit, usd, price.valid_from, price.valid_until)
                | {"long_input_over": price.long_input_over}
            )
    for credit in DEFAULT_PRICES.credits:
        rows.append(price_row(credit.provider, "credit", "credit", credit.usd, credit.valid_from, credit.valid_until))
    return rows


def price_row(
    provider: str, item: str, unit: str, usd: Decimal, valid_from: date, valid_until: date | None
) -> dict[str, Any]:
    return {
        "provider": provider,
        "item": item,
        "unit": unit,
        "usd": usd,
        "valid_from": valid_from,
        "valid_until": valid_until,
        "long_input_over": None,
        "source": "known at release",
    }
