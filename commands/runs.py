"""`runs`: look at runs, and steer them; without --user a command acts for whoever started the run."""

from dataclasses import asdict

import click

from commands.driving import accompany, providers, reply_about, run_facts, run_lines
from commands.opening import installation, opened, parse_cap, parse_run_id
from commands.replies import Reply, replying
from services.domain.actors import Actor
from services.domain.runs import RunProgress
from services.wiring import Services

acting = click.option("--user", "email", help="Act for this user; else for whoever started the run.")
waiting = click.option("--wait", is_flag=True, help="Stay until the run has ended; succeed only if it succeeded.")


@click.group("runs")
def runs() -> None:
    """Runs: what works in the background."""


@replying("list")
@click.option("--user", "email", help="The runs this user sees.")
@click.option("--org", "organization", help="The runs of this organization; without both, of all.")
def list_runs(email: str | None, organization: str | None) -> Reply:
    """The newest runs."""
    with opened() as services:
        readers = [services.accounts.actor_called(email)] if email else services.accounts.readers(organization)
        found = [(reader, run) for reader in readers for run in services.runs.recent(reader, team=True)]
    newest = sorted((run for _, run in found), key=lambda run: run.created_at, reverse=True)
    lines = [line for run in newest for line in run_lines(run)] or ["No runs yet."]
    return Reply({"runs": [listed(run) for run in newest]}, lines)


def listed(run: RunProgress) -> dict[str, object]:
    return run_facts(run) | {
        "kind": run.kind.value,
        "title": run.name,
        "user": run.user_name,
        "created_at": run.created_at,
    }


@replying("show")
@click.argument("run")
@acting
def show(run: str, email: str | None) -> Reply:
    """One run and how many of its items are in each state."""
    run_id = parse_run_id(run)
    with opened() as services:
        actor = chosen(services, run, email)
        progress = services.runs.progress(actor, run_id)
        states = {state.value: count for state, count in services.runs.states(actor, run_id).items()}
        standing = services.turns.standing(actor, progress)
        outage, turn = (asdict(part) if part else None for part in (standing.outage, standing.turn))
    lines = run_lines(progress)
    if standing.outage:
        when = f"{standing.outage.retry_at:%H:%M:%S} UTC"
        lines.append(f"  {standing.outage.reason} Its calls wait; one tries again at {when}.")
    return Reply(listed(progress) | {"states": states, "outage": outage, "turn": turn}, lines)


@replying("cancel")
@click.argument("run")
@acting
def cancel(run: str, email: str | None) -> Reply:
    """Stop a run; what it has brought stays."""
    with opened() as services:
        progress = services.runs.stop(chosen(services, run, email), parse_run_id(run))
    return reply_about(progress, False, {})


@replying("resume")
@click.argument("run")
@click.option("--cap", "cap_typed", help="A higher cap in USD, for a run that reached its own.")
@acting
@waiting
def resume(run: str, cap_typed: str | None, email: str | None, wait: bool) -> Reply:
    """Let a paused run go on."""
    here, cap = installation(), parse_cap(cap_typed)
    with opened() as services, providers(here, wait):
        actor = chosen(services, run, email)
        return accompany(services, here, actor, services.runs.resume(actor, parse_run_id(run), cap), wait, {})


@replying("retry-failed")
@click.argument("run")
@acting
@waiting
def retry_failed(run: str, email: str | None, wait: bool) -> Reply:
    """A new run for what failed in an ended one."""
    here = installation()
    with opened() as services, providers(here, wait):
        actor = chosen(services, run, email)
        started = services.runs.retry_failed(actor, parse_run_id(run))
        return accompany(services, here, actor, started, wait, {"retry_of": run})


def chosen(services: Services, run: str, email: str | None) -> Actor:
    if email:
        return services.accounts.actor_called(email)
    return services.accounts.actor_of_run(parse_run_id(run))


for command in (list_runs, show, cancel, resume, retry_failed):
    runs.add_command(command)
