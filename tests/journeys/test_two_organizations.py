"""Two organizations in one database: whatever ids one of them sends, it sees and changes nothing of the other."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from callbacks.screening import form_text
from pages import ids
from tests.fixtures.app import Caller, post_sign_in
from tests.fixtures.product import ANA, SOL, Product
from tests.journeys.walking import walkers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
TENANT_TABLES = (
    "users lists list_members candidates candidate_profiles positions position_versions runs run_items drives intents"
    " ledger screenings overrides imports import_rejects run_news"
).split()


@dataclass(frozen=True)
class Property:
    """What one organization has: the ids of its things, and words that only its own people may read."""

    list_id: str
    position_id: str
    version_id: str
    revision: int
    run_id: str
    drive_id: str
    import_id: str
    candidate_id: int
    screening_id: int
    override_id: int
    user_id: str
    secrets: tuple[str, ...]

    @property
    def addresses(self) -> list[str]:
        """Every page that an id leads to."""
        return [
            f"/lists/{self.list_id}",
            f"/candidates?list={self.list_id}",
            f"/candidates?person={self.candidate_id}",
            f"/candidates?position={self.position_id}&verdict=GO",
            f"/positions/{self.position_id}",
            f"/positions/{self.position_id}?version={self.version_id}",
            f"/screening?position={self.position_id}&list={self.list_id}&open={self.screening_id}",
            f"/screening?position={self.position_id}&ids={self.candidate_id}",
            f"/runs/{self.run_id}",
            f"/runs/{self.run_id}?state=done",
            "/runs?whose=team",
            f"/runs?whose=team&person={self.user_id}&position={self.position_id}",
            f"/runs?whose=team&before={self.run_id}",
            f"/screening?position={self.position_id}&run={self.run_id}",
            f"/imports/{self.import_id}",
            f"/usage?span=all&user={self.user_id}",
            f"/usage?span=all&run={self.run_id}",
        ]

    @property
    def downloads(self) -> list[str]:
        return [
            f"/uploads/{self.import_id}/rejected.csv",
            f"/exports/candidates.csv?list={self.list_id}",
            f"/exports/candidates.csv?position={self.position_id}",
            f"/exports/candidates.csv?list={self.list_id}&position={self.position_id}",
            f"/exports/candidates.csv?ids={self.candidate_id}",
            f"/exports/candidates.csv?view=list%3D{self.list_id}",
            f"/exports/usage.csv?span=all&user={self.user_id}",
            f"/exports/usage.csv?span=all&run={self.run_id}",
        ]

    def stores(self) -> dict[str, Any]:
        """What the Stores of every page would hold if they named this organization's things."""
        view = f"list={self.list_id}&position={self.position_id}"
        return {
            ids.IMPORT_OPEN: {"import_id": self.import_id, "after": ""},
            ids.LIST_OPEN: {"list_id": self.list_id},
            ids.LISTS_SHOWN: {"archived": ""},
            ids.POSITION_OPEN: {"position_id": self.position_id, "version_id": self.version_id},
            ids.POSITION_SEEN: {"version_id": self.version_id, "revision": self.revision},
            ids.POSITION_SAVED: str(uuid4()),
            ids.POSITIONS_SHOWN: {"archived": False},
            ids.SCREENING_VIEW: {"position": self.position_id, "list": self.list_id, "open": str(self.screening_id)},
            ids.SCREENING_FORM: str(uuid4()),
            ids.SCREENING_SEEN: "",
            # The price of the very form that is forged below, so that the start is not refused for its price.
            ids.SCREENING_QUOTED: [form_text("all", None, True), ""],
            ids.SCREENING_PRESSED: {"screening": str(self.screening_id), "verdict": "GO", "press": "1"},
            ids.SCREENING_REASONED: {"screening": str(self.screening_id), "number": "1", "press": "1"},
            ids.SCREENING_CHANGED: str(uuid4()),
            ids.SCREENING_OPEN: {"screening_id": str(self.screening_id)},
            ids.SCREENING_DECISION: {"screening_id": str(self.screening_id), "verdict": "GO"},
            ids.SCREENING_LAST: [self.override_id],
            ids.CANDIDATES_VIEW: view,
            ids.CANDIDATES_CAME_BACK: {"search": view},
            ids.CANDIDATES_CHOSEN: {"ids": [str(self.candidate_id)]},
            ids.CANDIDATES_PERSON: str(self.candidate_id),
            ids.RUN_QUESTION: {"run_id": self.run_id},
            ids.RUNS_QUESTION: {"whose": "team", "person": self.user_id, "position": self.position_id},
            ids.NEWS_TOLD: 0,
            ids.BELL_SHOWN: 1_000_000,
            ids.RUNS_DRIVE: self.drive_id,
            ids.USAGE_QUESTION: {"span": "all", "user": self.user_id, "run": self.run_id},
            ids.ADMIN_CHANGED: str(uuid4()),
            ids.THEME: "light",
            ids.ADMIN_HISTORY_OLDEST: None,
        }

    def wild(self, key: str) -> Any:
        """What stands for a wildcard in a patterned id."""
        known = {
            "run": self.run_id,
            "user": self.user_id,
            "screening": self.screening_id,
            "target": "profile_url",
            "act": "stop",
            "of": "resume",
            "verdict": "GO",
            "number": 1,
            "make": "inactive",
            "part": f"list={self.list_id}",
            "place": "home",
        }
        return known[key]


@pytest.fixture(scope="module")
def theirs(running_product: Product, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Property:
    """A recruiter of the first organization imports, screens and decides; so there is something of every kind."""
    product, word = running_product, uuid4().hex[:6]
    title, list_name = f"Lighthouse keeper {word}", f"Lighthouse people {word}"
    folder = tmp_path_factory.mktemp("theirs")
    people, brief = folder / f"keepers-{word}.csv", folder / "brief.txt"
    rows = [
        f"https://www.linkedin.com/in/keeper-{word}-{number},Wilhelmina,Fresnel{word}{number},Keeper,Lamp{word},w{number}@{word}.example"
        for number in range(4)
    ]
    people.write_text(
        "\n".join(["linkedin_url,first_name,last_name,title,company,email", *rows, f",Rejected{word},,,,"])
    )
    brief.write_text(
        f"# role\nTends the lamp {word}\n# must\nKeeps a lighthouse {word}\n# exclude\nFears the sea {word}\n"
    )
    imported = product.command("import", str(people), "--user", ANA, "--list", list_name)
    position = product.command(
        "positions", "add", "--user", ANA, "--title", title, "--brief-file", str(brief), "--approve"
    )
    run = product.command("screen", "--user", ANA, "--list", list_name, "--position", title, "--wait")
    with walkers(browser, product, "two-organizations", "ana") as (ana,):
        ana.sign_in(ANA, path=f"/screening?position={position['position_id']}&list={imported['list_id']}")
        ana.page.locator("button.result-row").first.click()
        expect(ana.page.locator(".verdict-card")).to_be_visible()
        ana.page.keyboard.press(
            {"GO": "y", "MAYBE": "m", "NO GO": "n"}[ana.page.locator(".card-head .chip").inner_text()]
        )
        ana.notice("Confirmed")
    run_id = run["run_id"]
    found = product.rows(
        "SELECT o.id, s.id, s.candidate_id, v.revision,"
        " (SELECT id::text FROM drives WHERE run_id = r.id LIMIT 1), r.user_id::text"
        " FROM runs r JOIN screenings s ON s.run_id = r.id JOIN overrides o ON o.screening_id = s.id"
        " JOIN position_versions v ON v.id = r.version_id WHERE r.id = %s",
        run_id,
    )[0]
    override_id, screening_id, candidate_id, revision, drive_id, user_id = found
    return Property(
        imported["list_id"],
        position["position_id"],
        position["version_id"],
        revision,
        run_id,
        drive_id,
        imported["import_id"],
        candidate_id,
        screening_id,
        override_id,
        user_id,
        (word, "Ana Demo", "harborline"),
    )


@pytest.fixture
def sol(product: Product) -> Iterator[Caller]:
    with signed_in(product, SOL) as caller:
        yield caller


def signed_in(product: Product, email: str) -> Caller:
    port = product.url.rsplit(":", 1)[1]
    caller = Caller(product.url, f"csrf_{port}")
    assert post_sign_in(caller, product.url, email, product.password).status_code == 303
    assert caller.get(f"{product.url}/").status_code == 200
    return caller


def test_no_address_shows_the_other_organization_anything(browser: Browser, product: Product, theirs: Property) -> None:
    with walkers(browser, product, "two-organizations", "sol", "ana") as (sol, ana):
        sol.sign_in(SOL)
        ana.sign_in(ANA)
        shown_to_ana = 0
        for path in theirs.addresses:
            sol.open(path)
            sol.page.wait_for_load_state("networkidle")
            text = sol.page.content()
            assert told(text, theirs, path) == [], path
            sol.step(re.sub(r"\W+", "-", path.partition("?")[0])[:20], picture=False)
        for path in theirs.addresses[:6]:
            ana.open(path)
            ana.page.wait_for_load_state("networkidle")
            shown_to_ana += theirs.secrets[0] in ana.page.content()
        assert shown_to_ana >= 4, "the same addresses show their owner a good deal"


def told(text: str, theirs: Property, sent: str) -> list[str]:
    """The secrets in an answer; the words that the question itself held are no secret."""
    return [secret for secret in theirs.secrets if secret.lower() in text.replace(sent, "").lower()]


def test_no_download_holds_anything_of_the_other_organization(product: Product, theirs: Property, sol: Caller) -> None:
    for path in theirs.downloads:
        answer = sol.get(f"{product.url}{path}")
        assert answer.status_code in (200, 403, 404), (path, answer.status_code)
        assert told(answer.text, theirs, path) == [], path
    with signed_in(product, ANA) as ana:
        shown = [path for path in theirs.downloads if told(ana.get(f"{product.url}{path}").text, theirs, path)]
    assert shown == theirs.downloads, "the same downloads give their owner what is theirs"


def test_no_forged_callback_shows_or_changes_anything_of_the_other_organization(
    product: Product, theirs: Property, sol: Caller
) -> None:
    before = fingerprint(product, theirs)
    callbacks = sol.get(f"{product.url}/_dash-dependencies").json()
    numbers = count(1)
    sent = 0
    for callback in callbacks:
        if callback.get("clientside_function"):
            continue
        for trigger in callback["inputs"]:
            body = forged(callback, trigger, theirs, next(numbers))
            answer = sol.callback(body)
            assert answer.status_code < 500, (callback["output"], answer.text[:500])
            assert told(answer.text, theirs, "") == [], (body, answer.text[:2000])
            sent += 1
    assert sent > 60, f"only {sent} callbacks were tried"
    assert fingerprint(product, theirs) == before


def test_the_forged_callbacks_are_answered_to_their_owner(product: Product, theirs: Property) -> None:
    """The same forgeries in the owner's hands bring a good deal: so their silence to others means something."""
    with signed_in(product, ANA) as ana:
        reading = {
            "list-body",
            "candidates-panel-body",
            "position-head",
            "screening-card",
            "run-items",
            "run-body",
            "import-body",
        }
        told_by = set()
        for callback in ana.get(f"{product.url}/_dash-dependencies").json():
            names = {name for name in reading if name in callback["output"]}
            if names and not callback.get("clientside_function"):
                answer = ana.callback(forged(callback, callback["inputs"][0], theirs, 1))
                told_by |= names if told(answer.text, theirs, "") else set()
    assert told_by == reading


def fingerprint(product: Product, theirs: Property) -> dict[str, str]:
    """Every row of the organization, table by table, as one hash each."""
    org = product.value("SELECT org_id FROM users WHERE id = %s", theirs.user_id)
    return {
        table: product.value(
            f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t WHERE org_id = %s", org
        )
        for table in TENANT_TABLES
    }


def forged(callback: dict[str, Any], trigger: dict[str, str], theirs: Property, number: int) -> dict[str, Any]:
    """The request of a callback, as if its page were open on the other organization's things."""
    outputs = [target(part, theirs) for part in output_parts(callback["output"])]
    return {
        "output": callback["output"],
        "outputs": outputs if callback["output"].startswith("..") else outputs[0],
        "inputs": [argument(one, theirs, number) for one in callback["inputs"]],
        "state": [argument(one, theirs, number) for one in callback["state"]],
        "changedPropIds": [f"{plain_id(trigger['id'], theirs)}.{trigger['property']}"],
    }


def output_parts(output: str) -> list[str]:
    return output.strip(".").split("...") if output.startswith("..") else [output]


def target(part: str, theirs: Property) -> Any:
    name, _, prop = part.rpartition(".")
    where = {"id": concrete(name, theirs), "property": prop.partition("@")[0]}
    return [where] if '["ALL"]' in name else where


def argument(one: dict[str, str], theirs: Property, number: int) -> Any:
    filled = {"id": concrete(one["id"], theirs), "property": one["property"], "value": value_of(one, theirs, number)}
    return [filled] if '["ALL"]' in one["id"] else filled


def concrete(name: str, theirs: Property) -> Any:
    """A component's id, its wildcards filled."""
    if not name.startswith("{"):
        return name
    pattern = json.loads(name)
    return {key: theirs.wild(key) if isinstance(value, list) else value for key, value in pattern.items()}


def plain_id(name: str, theirs: Property) -> str:
    found = concrete(name, theirs)
    return found if isinstance(found, str) else json.dumps(found, sort_keys=True, separators=(",", ":"))


def value_of(one: dict[str, str], theirs: Property, number: int) -> Any:
    """A value for one argument; what a Store would hold must be known here, so that none is forgotten."""
    name, prop = one["id"], one["property"]
    stores = theirs.stores()
    if name in stores:
        return stores[name]
    if name == ids.ADDRESS:
        return {"pathname": f"/lists/{theirs.list_id}", "search": f"?list={theirs.list_id}"}.get(prop, "")
    if prop == "data":
        assert name.startswith('{"run"') or "seen" in name or "run-state" in name, (
            f"{name} is a Store that this test does not know"
        )
        return None
    if prop in ("n_clicks", "n_intervals", "n_submit"):
        return number
    if prop == "getRowsRequest":
        return {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}}
    special = {
        ids.SCREENING_POSITION: theirs.position_id,
        ids.SCREENING_LIST: theirs.list_id,
        ids.CANDIDATES_LIST: theirs.list_id,
        ids.USAGE_PERSON: theirs.user_id,
        ids.USAGE_PROVIDER: "openai",
        ids.SCREENING_WHICH: "all",
        ids.CANDIDATES_DELETE_SURE: ["sure"],
        ids.SCREENING_EXTRAS: True,
        ids.ADMIN_INVITE_EMAIL: f"new-{uuid4().hex[:6]}@quarrylane.example",
        ids.ADMIN_INVITE_ROLE: "recruiter",
        ids.USAGE_FROM: "2026-01-01",
        ids.USAGE_UNTIL: "2026-12-31",
    }
    if name in special:
        return special[name]
    return "recruiter" if "role" in name else "0" if "import-column" in name else None
