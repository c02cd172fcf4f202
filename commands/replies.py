"""How every command answers: words or one JSON object on stdout, errors on stderr, exit code 0 only on success."""

import json
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import click

from services.errors import AppError

FAILED = 1
REFUSED = 2


@dataclass(frozen=True)
class Reply:
    """What a command has to say: facts for programs, lines for people; `succeeded` decides the exit code."""

    facts: Mapping[str, Any]
    lines: Sequence[str]
    succeeded: bool = True


class ReplyingCommand(click.Command):
    """A command whose function returns a Reply, and which has --json."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        flag = click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object and nothing else.")
        self.params.append(flag)

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        as_json = "--json" in args
        try:
            return super().make_context(info_name, args, *rest, **extra)
        except click.UsageError as error:
            if as_json:
                click.echo(as_one_object({"error": " ".join(error.format_message().split())}))
            raise

    def invoke(self, ctx: click.Context) -> None:
        as_json = ctx.params.pop("as_json")
        try:
            reply: Reply = super().invoke(ctx)
        except AppError as error:
            refuse(error.message, as_json)
        except Exception as error:
            traceback.print_exception(error)
            refuse(f"Something went wrong on our side: {type(error).__name__}.", as_json)
        click.echo(as_one_object(reply.facts) if as_json else "\n".join(reply.lines))
        sys.exit(0 if reply.succeeded else FAILED)


def replying(name: str) -> Callable[[Callable[..., Reply]], click.Command]:
    """The decorator of a command: `@replying("usage")`."""
    return click.command(name, cls=ReplyingCommand)


def refuse(message: str, as_json: bool) -> None:
    """Say why nothing came of it, and end."""
    click.echo(message, err=True)
    if as_json:
        click.echo(as_one_object({"error": message}))
    sys.exit(FAILED)


def as_one_object(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, default=plain, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Values JSON does not know. Money keeps its digits: it has fewer than a double holds."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
