"""Prices, costs and estimates: exact decimals that add up."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.money import (
    DEFAULT_PRICES,
    CallSize,
    Operation,
    PriceList,
    TokenPrice,
    Unpriced,
    estimate_credits,
    estimate_screening,
    ledger_amount,
    price_of_credits,
    price_of_tokens,
    show_column,
    show_usd,
    token_price,
    total,
    usd,
)

TODAY = date(2026, 11, 22)
MODELS = st.sampled_from([price.model for price in DEFAULT_PRICES.tokens])
TOKENS = st.integers(0, 250_000)
AMOUNTS = st.lists(
    st.decimals(min_value=0, max_value=1000, places=10, allow_nan=False, allow_infinity=False), max_size=12
)


@pytest.mark.parametrize(
    ("model", "tokens_in", "cached", "tokens_out", "cost"),
    [
        ("gpt-6-luna", 1_000_000, 0, 0, "0.10"),
        ("gpt-6-luna", 2_500, 0, 150, "0.000325"),
        ("gpt-6-luna", 2_500, 2_048, 150, "0.00014068"),
        ("gpt-4o-mini", 2_000, 1_000, 1_000, "0.000825"),
        ("gpt-4.1-mini", 1_000_000, 0, 1_000_000, "2.00"),
        ("gpt-4o", 1_000_000, 1_000_000, 0, "1.25"),
        ("text-embedding-3-small", 1_000_000, 0, 0, "0.02"),
        ("gpt-6-luna", 1, 1, 0, "0.00000001"),
    ],
)
def test_a_call_costs_what_its_tokens_cost(model, tokens_in, cached, tokens_out, cost):
    # 250,000 tokens and more at once would be a long input for the model that knows one.
    parts = max(1, tokens_in // 250_000)
    price = price_of_tokens(model, tokens_in // parts, cached // parts, tokens_out // parts, TODAY) * parts
    assert price == usd(cost)


def test_a_long_input_costs_twice_and_its_output_half_more():
    assert price_of_tokens("gpt-6-luna", 272_000, 0, 1_000, TODAY) == usd("0.0277")
    assert price_of_tokens("gpt-6-luna", 300_000, 0, 1_000, TODAY) == usd("0.06") + usd("0.00075")


def test_a_dated_snapshot_costs_what_its_model_costs():
    assert price_of_tokens("gpt-4o-mini-2024-07-18", 1000, 0, 0, TODAY) == usd("0.00015")


@pytest.mark.parametrize("model", ["gpt-6", "gpt-6-luna-mini", "", "gpt-4o-mini-turbo", "claude"])
def test_an_unknown_model_borrows_no_price(model):
    with pytest.raises(Unpriced):
        price_of_tokens(model, 1, 0, 1, TODAY)


def test_a_price_ends_on_the_day_its_model_ends():
    assert token_price("gpt-4o-mini", date(2027, 1, 13))
    with pytest.raises(Unpriced):
        token_price("gpt-4o-mini", date(2027, 1, 14))


def test_of_two_prices_the_newer_one_holds_from_its_day_on():
    old = TokenPrice("loom", usd("1"), usd("1"), usd("1"), date(2026, 1, 1))
    new = TokenPrice("loom", usd("2"), usd("2"), usd("2"), date(2026, 6, 1))
    prices = PriceList((new, old), ())
    assert token_price("loom", date(2026, 5, 31), prices) == old
    assert token_price("loom", date(2026, 6, 1), prices) == new


@pytest.mark.parametrize("counts", [(1, 2, 0), (-1, 0, 0), (1, -1, 0), (1, 0, -1)])
def test_impossible_token_counts_are_refused(counts):
    with pytest.raises(ValueError, match="token counts"):
        price_of_tokens("gpt-6-luna", *counts, TODAY)


def test_credits_are_priced_by_provider():
    assert price_of_credits("crustdata", 37, TODAY) == usd("0.37")
    assert price_of_credits("salesql", 10, TODAY) == 0
    with pytest.raises(Unpriced):
        price_of_credits("nobody", 1, TODAY)
    with pytest.raises(ValueError, match="negative"):
        price_of_credits("crustdata", -1, TODAY)


def test_a_thousand_enrichments_cost_ten_dollars():
    assert estimate_credits(Operation.ENRICH, 1_000, TODAY).cost == usd("10")


def test_search_rows_cost_three_hundredths_of_a_credit():
    estimate = estimate_credits(Operation.SEARCH_ROW, 250, TODAY)
    assert (estimate.credits, estimate.cost) == (usd("7.5"), usd("0.075"))


def test_an_estimate_counts_the_second_call_for_everybody():
    sizes = {"screening_call": CallSize(2_500, 150), "nice_call": CallSize(1_000, 100)}
    one = estimate_screening(1_000, "gpt-6-luna", TODAY, asks_nice=False, **sizes)
    two = estimate_screening(1_000, "gpt-6-luna", TODAY, asks_nice=True, **sizes)
    assert (one.calls, one.tokens_in, one.tokens_out, one.cost) == (1_000, 2_500_000, 150_000, usd("0.325"))
    assert (two.calls, two.tokens_in, two.tokens_out, two.cost) == (2_000, 3_500_000, 250_000, usd("0.475"))


def test_an_unpriced_model_has_no_estimate():
    with pytest.raises(Unpriced):
        estimate_screening(1, "gpt-unknown", TODAY, asks_nice=False)


def test_amounts_are_shown_in_cents():
    assert show_usd(usd("1234.565")) == "$1,234.56"
    assert show_usd(usd("0.0004")) == "under $0.01"
    assert show_usd(usd("0")) == "$0.00"


def test_no_amount_is_infinite():
    with pytest.raises(ValueError, match="finite"):
        usd("NaN")


@given(MODELS, TOKENS, TOKENS, TOKENS)
def test_the_ledger_holds_every_price_exactly(model, fresh, cached, tokens_out):
    price = token_price(model, TODAY)
    exact = (fresh * price.input + cached * price.cached + tokens_out * price.output) / 1_000_000
    if fresh + cached <= 272_000:
        assert price_of_tokens(model, fresh + cached, cached, tokens_out, TODAY) == exact


@given(MODELS, st.integers(0, 200_000), st.data())
def test_cached_tokens_never_make_a_call_dearer(model, tokens_in, data):
    cached = data.draw(st.integers(0, tokens_in))
    assert price_of_tokens(model, tokens_in, cached, 10, TODAY) <= price_of_tokens(model, tokens_in, 0, 10, TODAY)


@given(AMOUNTS)
def test_stored_amounts_are_not_rounded_again(amounts):
    assert [ledger_amount(amount) for amount in amounts] == amounts
    assert isinstance(total(amounts), Decimal)


@given(st.lists(st.decimals(min_value=0, max_value=10**6, places=10), max_size=8), st.integers(0, 3))
def test_a_column_has_even_decimals_and_rounds_nothing(amounts: list[Decimal], least: int) -> None:
    texts = show_column(amounts, least)
    assert [Decimal(text.replace(",", "")) for text in texts] == amounts
    assert len({len(text.partition(".")[2]) for text in texts}) <= 1
    assert all(len(text.partition(".")[2]) >= least for text in texts)


def test_a_column_has_no_more_decimals_than_it_needs() -> None:
    assert show_column([Decimal("0.0042000000"), Decimal("1234.5")]) == ("0.0042", "1,234.5000")
    assert show_column([Decimal("3.0000000000")]) == ("3.00",)
    assert show_column([Decimal("3.0000"), Decimal("40")], 0) == ("3", "40")
