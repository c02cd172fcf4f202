"""The person behind the present request; the guard let nobody else through."""

from flask_login import current_user

from services.accounts import Person
from services.domain.actors import Actor
from services.errors import NotAllowed


def person() -> Person:
    """The signed-in person, with organization and theme."""
    if not current_user.is_authenticated:
        raise NotAllowed("Please sign in again.")
    found: Person = current_user.person
    return found


def actor() -> Actor:
    """Who acts, as every service wants to know."""
    return person().actor
