"""Money: prices with their dates, what a call cost, and what a run will cost; decimals throughout.

docs/rules/money.md.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum

LEDGER_PLACES = Decimal("0.0000000001")
"""The ledger keeps ten places (numeric(18,10)): every price below is exact in it."""

CENT = Decimal("0.01")
_MILLION = Decimal(1_000_000)
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class Unpriced(LookupError):
    """No price is known for this, on this day: it must not be bought, and a ledger row has no cost."""


@dataclass(frozen=True)
class TokenPrice:
    """USD per million tokens of one model from a day on, until the day before `valid_until`.

    Requests with more than `long_input_over` input tokens cost twice for input and 1.5 times for output.
    """

    model: str
    input: Decimal
    cached: Decimal
    output: Decimal
    valid_from: date
    valid_until: date | None = None
    long_input_over: int | None = None

    def holds(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_until is None or on < self.valid_until)


@dataclass(frozen=True)
class CreditPrice:
    """USD per credit of a provider from a day on; zero where credits are part of a plan paid otherwise."""

    provider: str
    usd: Decimal
    valid_from: date
    valid_until: date | None = None

    def holds(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_until is None or on < self.valid_until)


@dataclass(frozen=True)
class PriceList:
    """All prices of an installation."""

    tokens: tuple[TokenPrice, ...]
    credits: tuple[CreditPrice, ...]


def usd(text: str) -> Decimal:
    """An amount from its written form; raises ValueError for what is not finite."""
    amount = Decimal(text)
    if not amount.is_finite():
        raise ValueError("an amount of money is finite")
    return amount


_FIRST_DAY = date(2025, 1, 1)
_MINIS_END = date(2027, 1, 14)


def _token_price(model: str, prices: str, until: date | None = None, long_input_over: int | None = None) -> TokenPrice:
    per_input, cached, per_output = (usd(price) for price in prices.split(" / "))
    return TokenPrice(model, per_input, cached, per_output, _FIRST_DAY, until, long_input_over)


DEFAULT_PRICES = PriceList(
    tokens=(
        _token_price("gpt-6-luna", "0.10 / 0.01 / 0.50", long_input_over=272_000),
        _token_price("gpt-5.6-luna", "0.20 / 0.02 / 1.20", long_input_over=272_000),
        _token_price("gpt-5.4-mini", "0.75 / 0.075 / 4.50"),
        _token_price("gpt-5.4-nano", "0.20 / 0.02 / 1.25", date(2027, 4, 1)),
        _token_price("gpt-5-mini", "0.25 / 0.025 / 2", date(2026, 12, 11)),
        _token_price("gpt-4o-mini", "0.15 / 0.075 / 0.60", _MINIS_END),
        _token_price("gpt-4.1-mini", "0.40 / 0.10 / 1.60", _MINIS_END),
        _token_price("gpt-4o", "2.50 / 1.25 / 10", _MINIS_END),
        _token_price("gpt-4.1", "2 / 0.50 / 8", _MINIS_END),
        _token_price("text-embedding-3-small", "0.02 / 0.02 / 0"),
        _token_price("text-embedding-3-large", "0.13 / 0.13 / 0"),
    ),
    credits=(
        CreditPrice("crustdata", usd("0.01"), _FIRST_DAY),
        CreditPrice("salesql", usd("0"), _FIRST_DAY),
        CreditPrice("phantombuster", usd("0"), _FIRST_DAY),
        CreditPrice("sheets", usd("0"), _FIRST_DAY),
    ),
)


# What a call cost


def token_price(model: str, on: date, prices: PriceList = DEFAULT_PRICES) -> TokenPrice:
    """The price of a model on a day; a dated snapshot costs what its model costs. Raises Unpriced."""
    plain = _SNAPSHOT.sub("", model)
    found = [price for price in prices.tokens if price.model in (model, plain) and price.holds(on)]
    if not found:
        raise Unpriced(f"No price is known for the model {model!r} on {on}: add one, or choose another model.")
    # A price of its own beats that of the model; of two that hold, the newer one is meant.
    return max(found, key=lambda price: (price.model == model, price.valid_from))


def price_of_tokens(
    model: str,
    tokens_in: int,
    cached: int,
    tokens_out: int,
    on: date,
    prices: PriceList = DEFAULT_PRICES,
) -> Decimal:
    """USD for one call; `cached` is the part of `tokens_in` that was read from the provider's cache."""
    if not 0 <= cached <= tokens_in or tokens_out < 0:
        raise ValueError("token counts are not negative, and cached tokens are part of the input")
    price = token_price(model, on, prices)
    into = (tokens_in - cached) * price.input + cached * price.cached
    out_of = tokens_out * price.output
    if price.long_input_over is not None and tokens_in > price.long_input_over:
        into, out_of = into * 2, out_of * Decimal("1.5")
    return ledger_amount((into + out_of) / _MILLION)


def price_of_credits(provider: str, credits: Decimal | int, on: date, prices: PriceList = DEFAULT_PRICES) -> Decimal:
    """USD for a provider's credits; raises Unpriced for a provider without a price."""
    if credits < 0:
        raise ValueError("credits are not negative")
    found = [price for price in prices.credits if price.provider == provider and price.holds(on)]
    if not found:
        raise Unpriced(f"No price is known for credits of {provider!r} on {on}.")
    return ledger_amount(credits * max(found, key=lambda price: price.valid_from).usd)


def ledger_amount(amount: Decimal) -> Decimal:
    """The amount as the ledger stores it."""
    return amount.quantize(LEDGER_PLACES, ROUND_HALF_EVEN)


# What is expected


class Operation(StrEnum):
    """What is bought by the piece."""

    ENRICH = "enrich a person"
    SEARCH_ROW = "a row of a people search"
    EMAIL = "an e-mail lookup"


_CREDITS_EACH = {
    Operation.ENRICH: ("crustdata", Decimal(1)),
    Operation.SEARCH_ROW: ("crustdata", Decimal("0.03")),
    Operation.EMAIL: ("salesql", Decimal(1)),
}


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to need at most, before it starts."""

    calls: int
    tokens_in: int
    tokens_out: int
    credits: Decimal
    cost: Decimal


@dataclass(frozen=True)
class CallSize:
    """Tokens of one call: measured averages where there are any."""

    tokens_in: int
    tokens_out: int


DEFAULT_SCREENING_CALL = CallSize(2_500, 400)
DEFAULT_NICE_CALL = CallSize(2_200, 200)


def estimate_screening(
    persons: int,
    model: str,
    on: date,
    *,
    asks_nice: bool,
    screening_call: CallSize = DEFAULT_SCREENING_CALL,
    nice_call: CallSize = DEFAULT_NICE_CALL,
    prices: PriceList = DEFAULT_PRICES,
) -> Estimate:
    """The cost of a run as if nobody were turned down and nothing cached; raises Unpriced.

    An estimate decides whether a run may start, so it errs upwards: the second call is counted for everybody.
    """
    second_calls = persons if asks_nice else 0
    tokens_in = persons * screening_call.tokens_in + second_calls * nice_call.tokens_in
    tokens_out = persons * screening_call.tokens_out + second_calls * nice_call.tokens_out
    first = price_of_tokens(model, screening_call.tokens_in, 0, screening_call.tokens_out, on, prices)
    second = price_of_tokens(model, nice_call.tokens_in, 0, nice_call.tokens_out, on, prices)
    cost = persons * first + second_calls * second
    return Estimate(persons + second_calls, tokens_in, tokens_out, Decimal(0), ledger_amount(cost))


def estimate_credits(operation: Operation, count: int, on: date, prices: PriceList = DEFAULT_PRICES) -> Estimate:
    """The cost of `count` purchases as if every one were fulfilled."""
    provider, each = _CREDITS_EACH[operation]
    credits = count * each
    return Estimate(count, 0, 0, credits, price_of_credits(provider, credits, on, prices))


# Showing


def show_usd(amount: Decimal) -> str:
    """An amount for people: '$1,234.57'; what is above zero and under a cent says so."""
    if 0 < amount < CENT:
        return "under $0.01"
    return f"${amount.quantize(CENT, ROUND_HALF_EVEN):,}"


def show_exact_usd(amount: Decimal) -> str:
    """An amount with every digit it has, at least the cents: '$0.0042', '$1,234.50'."""
    whole, _, fraction = f"{amount.normalize():f}".partition(".")
    return f"${int(whole):,}.{fraction.ljust(2, '0')}"


def show_column(amounts: Sequence[Decimal], least_places: int = 2) -> tuple[str, ...]:
    """Amounts as they stand one below the other: '0.0042', '1,234.5000'.

    All have the same number of decimals, as many as the finest of them needs; nothing is rounded, so what is
    shown adds up.
    """
    places = max((places_of(amount) for amount in amounts), default=0)
    return tuple(f"{amount:,.{max(places, least_places)}f}" for amount in amounts)


def places_of(amount: Decimal) -> int:
    """How many decimals an amount needs."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return sum(amounts, Decimal(0))


def read_usd(text: str, most: int, places: int) -> Decimal | None:
    """An amount of money that somebody typed, from 0 on; None where nothing was. Raises ValueError.

    A number such as 1e-9999 is one, and no amount of money: neither is what has more than `places` decimals.
    """
    typed = text.strip().removeprefix("$").replace(",", "")
    if not typed:
        return None
    try:
        amount = Decimal(typed)
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not amount.is_finite() or not 0 <= amount <= most or amount != round(amount, places):
        raise ValueError("not an amount of money")
    return amount
