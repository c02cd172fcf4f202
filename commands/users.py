"""`users add`: somebody who can sign in, in an organization that is made if there is none."""

import sys

import click

from commands.opening import opened
from commands.replies import Reply, replying
from services.domain.actors import Role
from services.errors import BadInput


@click.group("users")
def users() -> None:
    """The people who sign in."""


@replying("add")
@click.argument("email")
@click.option("--org", "organization", required=True, help="The organization's name; made if there is none.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--name", default="", help="The person's name; the e-mail address stands in for it.")
@click.option("--operator", is_flag=True, help="May also change the installation: prices, limits, keys.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def add(email: str, organization: str, role: str, name: str, operator: bool, password_stdin: bool) -> Reply:
    """Add a user with a password."""
    password = read_password(password_stdin)
    with opened() as services:
        org_id = services.accounts.ensure_organization(organization)
        name = name or email.partition("@")[0]
        user_id = services.accounts.add_user(org_id, email, name, Role(role), password, is_operator=operator)
    facts = {"user_id": user_id, "org_id": org_id, "email": email.strip().lower(), "role": role}
    return Reply(facts, [f"{email} can now sign in to {organization} as {role}."])


def read_password(from_stdin: bool) -> str:
    """The password, from a pipe or asked for twice; the line's end is no part of it. Raises BadInput."""
    if not from_stdin:
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise BadInput("No password came on standard input.")
    return password


users.add_command(add)
