"""What a web worker is made of: lean, warm before its first request, forgetful, and strict in a browser."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page

from tests.fixtures.app import (
    PASSWORD,
    Caller,
    RunningApp,
    post_sign_in,
    rows_kept_in_stores,
    sign_in_by_hand,
    start_app,
    wait_until,
)
from tests.fixtures.postgres import Actor, Team, Urls

ROOT = Path(__file__).resolve().parents[2]
Superuser = psycopg.Connection[tuple[object, ...]]
# plotly's figure class is not here: dash imports it by itself, whether or not there is a plot.
HEAVY = ("pandas", "numpy", "openai", "plotly.express", "celery", "redis")
HOME_BYTES = 600_000
GRID_BYTES = 800_000


def test_web_worker_imports_nothing_it_may_never_need(tmp_path: Path) -> None:
    code = (
        "import sys; from app import create_app; from services.settings import load_settings;"
        "create_app(load_settings()).server.test_client().get('/login');"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    environment = {
        "PATH": "/usr/bin:/bin",
        "SOURCINGX_HOME": str(tmp_path),
        "DATABASE_URL": "postgresql://127.0.0.1:1/x",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def running_app(urls: Urls, tmp_path: Path) -> Iterator[RunningApp]:
    """Two workers: what one was told, the other has to know."""
    with start_app(urls, tmp_path / "home", tmp_path / "gunicorn.log") as app:
        yield app


def test_cold_workers_answer_a_burst_and_forget_nothing_they_should_not_know(
    running_app: RunningApp, sign_in: Callable[[Actor], Caller], team: Team, superuser: Superuser
) -> None:
    """One start of the real server serves several sentences: it is the slow part."""
    caller = sign_in(team.recruiter)
    answers = eight_at_once_to_fresh_workers(running_app, caller)
    assert {answer.status_code for answer in answers} == {200}

    superuser.execute("UPDATE users SET is_active = false WHERE id = %s", [team.recruiter.user_id])
    workers = {ask(running_app, caller).status_code for _ in range(40)}
    assert workers == {401}, "out at the next request in every worker"

    stranger = requests.Session()
    for password in [*["wrong"] * 5, PASSWORD]:
        answer = post_sign_in(stranger, running_app.url, team.manager.email, password)
    assert answer.status_code == 429, "failures count over both workers"
    assert "Traceback" not in running_app.log_text()


def eight_at_once_to_fresh_workers(app: RunningApp, caller: Caller) -> list[requests.Response]:
    before = app.worker_pids()
    for pid in before:
        subprocess.run(["kill", "-9", str(pid)], check=True)
    wait_until(lambda: len(set(app.worker_pids()) - set(before)) == 2, 30)
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: ask(app, caller), range(16)))


def ask(app: RunningApp, caller: Caller) -> requests.Response:
    """On a connection of its own, so that either worker may answer."""
    return requests.get(f"{app.url}/_dash-layout", cookies=caller.cookies, headers={"Connection": "close"}, timeout=30)


@pytest.mark.browser
def test_pages_in_a_cold_browser_are_light_strict_and_wait_out_a_restart(
    running_app: RunningApp, with_passwords: None, team: Team, browser: Browser, superuser: Superuser, urls: Urls
) -> None:
    complaints: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    listen(page, complaints)
    sign_in_by_hand(page, running_app.url, team.admin.email)

    for path, ready, limit in [("/", "main h1", HOME_BYTES), ("/candidates", ".ag-root", GRID_BYTES)]:
        received = cold_load(browser, context, f"{running_app.url}{path}", ready, complaints)
        total = sum(received.values())
        assert total <= limit, f"{path}: {total} bytes, {sorted(received.items(), key=lambda item: -item[1])}"
        assert not any("plotly" in address for address in received)
        assert any("ag_grid" in address for address in received) == (path == "/candidates")

    page.goto(f"{running_app.url}/admin")
    page.get_by_label("Time zone").wait_for()
    assert rows_kept_in_stores(page) == {}

    refuse_connections(superuser, urls, True)
    page.get_by_role("link", name="Home").click()
    page.get_by_text("Reconnecting").wait_for()
    refuse_connections(superuser, urls, False)
    page.get_by_role("heading", name="Home").wait_for()
    page.get_by_text("Reconnecting").wait_for(state="detached")
    assert [line for line in complaints if "503" not in line] == []

    superuser.execute("UPDATE users SET session_version = session_version + 1")
    page.get_by_role("link", name="Usage").click()
    page.get_by_text("You have been signed out").wait_for()
    page.wait_for_url("**/login?**")
    page.get_by_text("Please sign in again").wait_for()
    context.close()


def refuse_connections(superuser: Superuser, urls: Urls, refused: bool) -> None:
    """As seen from the app, the database is gone: no new connections, the open ones cut."""
    name = urls.login.rpartition("/")[2]
    superuser.execute(f"ALTER ROLE sourcingx_login {'NOLOGIN' if refused else 'LOGIN'}".encode())
    superuser.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [name]
    )


def listen(page: Page, complaints: list[str]) -> None:
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)


def cold_load(
    browser: Browser, signed_in: BrowserContext, url: str, ready: str, complaints: list[str]
) -> dict[str, float]:
    """Load a page with an empty cache; the bytes over the wire by address. Nothing may come twice."""
    cold = browser.new_context()
    cold.add_cookies(signed_in.cookies())  # type: ignore[arg-type]  # the library's two types of the same dict
    page = cold.new_page()
    listen(page, complaints)
    names: dict[str, str] = {}
    received: dict[str, float] = {}
    twice: list[str] = []
    network = cold.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))

    def finished(event: dict[str, object]) -> None:
        address = names.get(str(event["requestId"]), "")
        # Callbacks share one address and differ in what they ask.
        if address in received and "_dash-update-component" not in address:
            twice.append(address)
        received[address] = received.get(address, 0) + float(str(event["encodedDataLength"]))

    network.on("Network.loadingFinished", finished)
    page.goto(url)
    page.locator(ready).first.wait_for()
    page.wait_for_load_state("networkidle")
    cold.close()
    assert twice == []
    return received
