"""Starting the drive of a run from the command line, and staying with the run until it rests.

With the server up its sweeper stands by. With the server down the embedded database lasts as long as the
command, so a run is driven only while the command waits for it, and rests in the queue otherwise.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import click

from commands.replies import Reply
from services.domain.actors import Actor
from services.domain.runs import RunProgress, RunState, StartedRun
from services.errors import Busy, Conflict
from services.installation import Installation
from services.wiring import Services

LOOK_SECONDS = 0.5
SAY_SECONDS = 5.0
PATIENCE_SECONDS = 120.0


@dataclass
class Companion:
    """One run, from its start on the command line to its rest."""

    services: Services
    actor: Actor
    here: Installation
    started: StartedRun
    is_admitted: bool = field(default=False)

    @property
    def outlives_the_command(self) -> bool:
        return self.here.is_served or not self.here.settings.uses_embedded_database

    def set_off(self) -> RunProgress:
        """Start the drive if it can go on without us; how the run stands then."""
        if self.outlives_the_command:
            self.start_drive()
        return self.services.runs.progress(self.actor, self.started.run_id)

    def stay(self) -> RunProgress:
        """Drive the run and wait until it rests: ended, or paused until somebody decides."""
        clock = self.services.clock
        self.start_drive()
        said_at = answered_at = clock.steady()
        while True:
            try:
                progress = self.services.runs.progress(self.actor, self.started.run_id)
                if self.is_at_rest(progress):
                    return progress
                if not self.here.is_served:
                    self.keep_driven(progress)
                answered_at = clock.steady()
                if clock.steady() - said_at > SAY_SECONDS:
                    said_at = clock.steady()
                    say(progress)
                clock.sleep(LOOK_SECONDS)
            except Busy:
                if clock.steady() - answered_at > PATIENCE_SECONDS:
                    raise
                clock.sleep(LOOK_SECONDS)
            except KeyboardInterrupt:
                self.let_go()

    def start_drive(self) -> None:
        launcher = self.services.launcher
        if not self.outlives_the_command:
            # The database is this command's own: no worker of another host could reach it.
            launcher = replace(launcher, queue=None)
        self.is_admitted = launcher.start_drive(self.started.drive_id)

    def is_at_rest(self, progress: RunProgress) -> bool:
        if progress.state is RunState.PAUSED:
            return not self.is_admitted or self.services.runs.drive(self.actor, self.started.drive_id).has_ended
        return progress.state.is_final

    def keep_driven(self, progress: RunProgress) -> None:
        """What the sweeper does where there is one, for this run only."""
        if not self.is_admitted and progress.state is RunState.QUEUED:
            self.start_drive()
        elif progress.is_stalled:
            self.services.runs.pause(self.actor, progress.run_id)
            self.started = self.services.runs.resume(self.actor, progress.run_id)
            self.start_drive()

    def let_go(self) -> None:
        """Somebody pressed Ctrl-C: the run goes on without us, or comes to rest before its database goes."""
        if self.outlives_the_command:
            click.echo("The run goes on; look at it with `runs show`.", err=True)
            raise click.Abort
        click.echo("Pausing the run; what is under way is kept …", err=True)
        try:
            self.services.runs.pause(self.actor, self.started.run_id)
        except Conflict:
            return  # it ended in this very moment


def say(progress: RunProgress) -> None:
    """One line for a person at a terminal."""
    if sys.stderr.isatty():
        left = f", about {progress.seconds_left / 60:.0f} min left" if progress.seconds_left else ""
        click.echo(f"{progress.settled:,} of {progress.items:,}, {progress.failed:,} failed{left}", err=True)


def run_facts(progress: RunProgress) -> dict[str, Any]:
    """What every command says of a run."""
    return {
        "run_id": progress.run_id,
        "status": progress.state.value,
        "items": progress.items,
        "done": progress.done,
        "failed": progress.failed,
        "unknown": progress.unknown,
        "refused": progress.refused,
        "skipped": progress.skipped,
        "cost": progress.cost_usd,
        "pause_reason": progress.pause_reason,
        "message": progress.message,
    }


def run_lines(progress: RunProgress) -> list[str]:
    state = f"{progress.state.value}: {progress.pause_reason}" if progress.pause_reason else progress.state.value
    lines = [
        f"Run {progress.run_id} · {progress.name} · {state}",
        f"  {progress.done:,} done, {progress.failed:,} failed, {progress.unknown:,} unknown,"
        f" {progress.refused:,} refused, {progress.skipped:,} skipped, {progress.left:,} left;"
        f" ${progress.cost_usd:.4f}",
    ]
    return [*lines, f"  {progress.message}"] if progress.message else lines


def reply_about(progress: RunProgress, waited: bool, more: Mapping[str, Any], lines: Sequence[str] = ()) -> Reply:
    """Who waited succeeds when the run did; who did not, when it is on its way."""
    succeeded = progress.state is RunState.SUCCEEDED if waited else progress.state is not RunState.FAILED
    return Reply(run_facts(progress) | more, [*run_lines(progress), *lines], succeeded)


@contextmanager
def providers(here: Installation, wait: bool) -> Iterator[None]:
    """What a run needs that is driven by a waiting command: simulated providers, if they are simulated."""
    if not wait:
        yield
        return
    with here.simulators_for_a_while():
        yield


def accompany(
    services: Services, here: Installation, actor: Actor, started: StartedRun, wait: bool, more: Mapping[str, Any]
) -> Reply:
    """Start a run's drive and, if asked, stay with it."""
    companion = Companion(services, actor, here, started)
    if wait:
        return reply_about(companion.stay(), True, more)
    progress = companion.set_off()
    lines = [] if companion.outlives_the_command else ["  It waits in the queue until the server is up."]
    return reply_about(progress, False, more, lines)
