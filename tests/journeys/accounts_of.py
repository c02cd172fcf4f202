"""Two sets of accounts laid side by side: what the simulated providers charged, and what our ledger says."""

from decimal import Decimal
from typing import Any

from tests.fixtures.product import Product

NANO = Decimal(10) ** -9


def charges_agree(product: Product) -> list[str]:
    """Every call that OpenAI charged is one charged or unknown row of ours and the reverse; what differs, in words.

    The provider's ledger of the whole session is read: calls of all runs, of all tests before this one.
    """
    theirs = {call["attempt_id"]: call for call in product.simulators.ledger("openai")}
    ours = {
        str(intent): (status, tokens_in, tokens_out, cost)
        for intent, status, tokens_in, tokens_out, cost in product.rows(
            "SELECT intent_id, status, tokens_in, tokens_out, cost_usd FROM ledger WHERE provider = 'openai'"
        )
    }
    found = []
    for attempt, call in theirs.items():
        status, tokens_in, tokens_out, cost = ours.get(attempt, ("absent", 0, 0, None))
        if call["charged"] and status == "charged":
            said = Decimal(call["cost_nano_usd"]) * NANO
            if (tokens_in, tokens_out, cost) != (call["prompt_tokens"], call["completion_tokens"], said):
                found.append(f"{attempt}: {tokens_in}/{tokens_out}/{cost} with us, {call} with them")
        elif call["charged"] and status != "unknown":
            found.append(f"{attempt} was charged and is {status} with us")
        elif not call["charged"] and status == "charged":
            found.append(f"{attempt} was not charged and is charged with us")
    found += [
        f"{attempt} is charged with us only"
        for attempt, row in ours.items()
        if row[0] == "charged" and attempt not in theirs
    ]
    return found


def unknown_calls(product: Product) -> list[str]:
    """The attempts of which we cannot tell whether they were charged."""
    return [str(row[0]) for row in product.rows("SELECT intent_id FROM ledger WHERE status = 'unknown' ORDER BY at")]


def ledger_of_run(product: Product, run_id: object) -> list[tuple[Any, ...]]:
    """Our ledger's rows of one run: status, operation, cost."""
    return product.rows("SELECT status, operation, cost_usd FROM ledger WHERE run_id = %s", run_id)
