"""What a person changes about their own sign-in; posts from the account page."""

from flask import Blueprint, Flask, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from routes import sessions
from services.errors import AppError, BadInput
from services.wiring import current

blueprint = Blueprint("account", __name__)


def register(server: Flask) -> None:
    server.register_blueprint(blueprint)


@blueprint.post("/account/password")
def change_password() -> ResponseReturnValue:
    """Every session ends; this browser gets a new one."""
    new = request.form.get("password", "")
    try:
        if new != request.form.get("again", ""):
            raise BadInput("The two new passwords differ.")
        secret = current().accounts.change_password(current_user.actor, request.form.get("current", ""), new)
    except AppError as error:
        return render_template("password_not_changed.html", words=error.message), error.status
    sessions.begin(secret)
    return render_template("password_changed.html")


@blueprint.post("/account/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    current().accounts.sign_out_everywhere(current_user.actor)
    sessions.end()
    return redirect("/login?notice=signed-out-everywhere", code=303)
