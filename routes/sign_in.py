"""Signing in and out, and the one-time links that set a password: plain pages that need no script."""

from flask import Blueprint, Flask, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from routes import sessions
from routes.guard import local_path
from services.accounts import LinkPurpose
from services.errors import AppError, BadInput
from services.wiring import current

blueprint = Blueprint("sign_in", __name__)


def register(server: Flask) -> None:
    server.register_blueprint(blueprint)


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """The sign-in page and what it sends; a wrong password and an unknown account look alike."""
    target = local_path(request.args.get("next"))
    if request.method == "GET":
        if current_user.is_authenticated:
            return redirect(target)
        return render_template("login.html", next=target, notice=NOTICES.get(request.args.get("notice", "")))
    email = request.form.get("email", "")
    try:
        secret = current().accounts.sign_in(email, request.form.get("password", ""), request.remote_addr or "")
    except AppError as error:
        page = render_template("login.html", next=target, email=email[:254], error=error.message)
        return page, error.status
    sessions.begin(secret)
    return redirect(local_path(request.form.get("next")), code=303)


NOTICES = {
    "ended": "You have been signed out. Please sign in again.",
    "signed-out": "You have been signed out.",
    "signed-out-everywhere": "You have been signed out everywhere.",
    "password-set": "Your password is set. Please sign in with it.",
}


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    sessions.end()
    return redirect("/login?notice=signed-out", code=303)


@blueprint.get("/<any(invite, reset):purpose>/<secret>")
def show_link(purpose: LinkPurpose, secret: str) -> ResponseReturnValue:
    holder = current().accounts.link_holder(secret, purpose)
    return render_template("set_password.html", purpose=purpose, holder=holder)


@blueprint.post("/<any(invite, reset):purpose>/<secret>")
def redeem_link(purpose: LinkPurpose, secret: str) -> ResponseReturnValue:
    """Set the password; whoever was signed in here before is signed out."""
    holder = current().accounts.link_holder(secret, purpose)
    password = request.form.get("password", "")
    try:
        if password != request.form.get("again", ""):
            raise BadInput("The two passwords differ.")
        current().accounts.redeem_link(secret, purpose, password)
    except BadInput as error:
        page = render_template("set_password.html", purpose=purpose, holder=holder, error=error.message)
        return page, error.status
    sessions.end()
    return redirect("/login?notice=password-set", code=303)
