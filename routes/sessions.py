"""The person behind a request: flask-login over sessions that live in the database.

The cookie carries a signed random secret and nothing else; who it stands for is read anew for each
request, so a session that ended anywhere has ended everywhere (docs/security.md, Sessions).
"""

from flask import Flask, Request, g, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user

from routes.callback_body import CALLBACK_PATH, read_body
from services.accounts import Person
from services.domain.actors import Actor
from services.settings import Settings
from services.wiring import current

BACKGROUND_HEADER = "X-Background"
TIMER = ".n_intervals"


class SignedIn(UserMixin):
    """A person as flask-login wants one; its id is the session's secret."""

    def __init__(self, secret: str, person: Person) -> None:
        self.secret = secret
        self.person = person

    def get_id(self) -> str:
        return self.secret

    @property
    def actor(self) -> Actor:
        return self.person.actor


def register(server: Flask, settings: Settings) -> None:
    server.secret_key = settings.secret_key
    server.config.update(
        SESSION_COOKIE_NAME=cookie_name("session", settings),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_PATH="/",
    )
    # Templates do not ask who it is: the page that says "reconnecting" must not need the database.
    manager = LoginManager(server, add_context_processor=False)
    manager.session_protection = None
    manager.user_loader(load)


def cookie_name(name: str, settings: Settings) -> str:
    """Cookies ignore the port, so two installations on one host would sign each other's people out."""
    return f"__Host-{name}" if settings.https else f"{name}_{settings.port}"


def load(secret: str) -> SignedIn | None:
    person = current().accounts.who_is(secret, is_active=is_activity(request))
    return SignedIn(secret, person) if person else None


def begin(secret: str) -> None:
    """Start a browser's session from nothing: what was planted before sign-in does not survive it."""
    person = current().accounts.who_is(secret, is_active=True)
    session.clear()
    if person is not None:
        login_user(SignedIn(secret, person))


def recognized() -> SignedIn | None:
    """The person, if this request already found out; never a reason to ask the database."""
    found = g.get("_login_user")
    return found if isinstance(found, SignedIn) else None


def end() -> None:
    """End this browser's session in the database and forget it here."""
    if current_user.is_authenticated:
        current().accounts.sign_out(current_user.secret)
        current().presence.forget(current_user.actor)
    session.clear()


def is_activity(asked: Request) -> bool:
    """Whether a person did something: a page that refreshes itself must not keep a session alive."""
    if BACKGROUND_HEADER in asked.headers:
        return False
    if asked.path != CALLBACK_PATH:
        return True
    body = read_body()
    changed = body.get("changedPropIds") if isinstance(body, dict) else None
    return not (isinstance(changed, list) and changed and all(str(prop).endswith(TIMER) for prop in changed))
