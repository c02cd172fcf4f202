"""`usage`: what an organization used and paid, from the ledger."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import click

from commands.opening import opened
from commands.replies import Reply, replying
from services.domain.quotas import Quota
from services.domain.usage_question import parse_question
from services.usage import UsageRow

FIGURES = ("calls", "failed", "unknown", "credits", "tokens", "cost", "perhaps")


@replying("usage")
@click.option("--org", "organization", required=True, help="The organization's name.")
@click.option("--from", "first", help="First day, like 2026-01-31; without both days the last seven.")
@click.option("--to", "last", help="Last day, included; today if left out.")
def usage(organization: str, first: str | None, last: str | None) -> Reply:
    """Print usage by user, provider and day, in the organization's time zone."""
    with opened() as services:
        [reader] = services.accounts.readers(organization)
        query = {name: day for name, day in (("from", first), ("until", last)) if day}
        question = parse_question(query, services.usage.today(reader))
        emails = {member.id: member.email for member in services.admin.members(reader)}
        rows = summed(services.usage.rows(reader, question), emails)
        quotas = [quota_facts(quota, emails) for quota in services.quotas.all(reader).quotas if quota.cap is not None]
    totals = {figure: whole(sum((row[figure] for row in rows), Decimal(0))) for figure in FIGURES}
    facts = {
        "organization": organization,
        "from": question.first_day,
        "to": question.last_day,
        "rows": rows,
        "totals": totals,
        "quotas": quotas,
    }
    lines = [
        f"{'day':<11}{'user':<32}{'provider':<14}{'calls':>9}{'credits':>10}{'tokens':>12}{'cost':>14}{'perhaps':>14}"
    ]
    lines += [line_of(row["day"], row["user"], row["provider"], row) for row in rows]
    lines.append(line_of("", "", "total", totals))
    lines += ["", f"{'quota of':<32}{'provider':<14}{'meter':<12}{'cap':>12}{'used':>12}{'reserved':>12}{'left':>12}"]
    lines += [quota_line(quota) for quota in quotas]
    return Reply(facts, lines)


def summed(rows: Iterable[UsageRow], emails: dict[UUID, str]) -> list[dict[str, Any]]:
    """One row a day, user and provider, whatever was called within which run."""
    sums: dict[tuple[date, UUID, str], dict[str, Any]] = defaultdict(lambda: dict.fromkeys(FIGURES, 0))
    names: dict[UUID, str] = {}
    for row in rows:
        names[row.user_id] = row.user_name
        entry = sums[row.day, row.user_id, row.provider]
        entry["calls"] += row.calls
        entry["failed"] += row.failed
        entry["unknown"] += row.unknown
        entry["credits"] += row.credits
        entry["tokens"] += row.tokens
        entry["cost"] += row.cost_usd
        entry["perhaps"] += row.perhaps_usd
    return [
        {
            "user": emails.get(user_id, names[user_id]),
            "user_name": names[user_id],
            "provider": provider,
            "day": day,
            **{figure: whole(value) for figure, value in entry.items()},
        }
        for (day, user_id, provider), entry in sums.items()
    ]


def quota_facts(quota: Quota, emails: dict[UUID, str]) -> dict[str, Any]:
    """One quota as it stands now; of the organization's own the user is null, of a budget the provider."""
    return {
        "user": emails.get(quota.holder, quota.whose) if quota.whose else None,
        "provider": quota.what.provider or None,
        "meter": quota.what.meter.value,
        "cap": whole(quota.cap or Decimal(0)),
        "used": whole(quota.used),
        "reserved": whole(quota.reserved),
        "left": whole(quota.left or Decimal(0)),
        "resets_at": quota.resets_at,
    }


def quota_line(facts: dict[str, Any]) -> str:
    figures = "".join(f"{facts[name]:>12,}" for name in ("cap", "used", "reserved", "left"))
    return f"{facts['user'] or 'the organization':<32}{facts['provider'] or 'money':<14}{facts['meter']:<12}{figures}"


def whole(value: Decimal | int) -> Decimal | int:
    """Counts as integers, money as it is."""
    return int(value) if value == int(value) else value


def line_of(day: object, user: str, provider: str, figures: dict[str, Any]) -> str:
    return (
        f"{day!s:<11}{user:<32}{provider:<14}{figures['calls']:>9,}{figures['credits']:>10,}"
        f"{figures['tokens']:>12,}{figures['cost']:>14,.4f}{figures['perhaps']:>14,.4f}"
    )
