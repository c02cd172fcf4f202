"""Screening: nothing starts without approval and a price; people decide beside the model, never over it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from services.clock import HeldClock
from services.db.pool import Database
from services.db.positions import BriefText
from services.domain.actors import Actor
from services.domain.runs import StartedRun
from services.errors import AppError, BadInput, Conflict, NotConnected, NotFound, OutOfBudget
from services.positions import Positions
from services.runs.orders import Runs
from services.screening import Screening, ScreeningOrder
from tests.fixtures.postgres import Team

BRIEF = BriefText("Backend team.", "Python in production", "Kafka", "Director")


class Office:
    """A team with a position and a list of people."""

    def __init__(self, database: Database, team: Team, superuser: psycopg.Connection) -> None:
        self.superuser = superuser
        self.team = team
        self.positions = Positions(database)
        self.screening = Screening(database, HeldClock(), Runs(database), "gpt-6-luna", "simulated")
        self.saved = self.positions.create(team.recruiter, "Backend engineer", BRIEF, approve=True)
        self.list_id = self.make_list(team, 3)

    def make_list(self, team: Team, people: int) -> UUID:
        row = self.superuser.execute(
            "INSERT INTO lists (org_id, name, created_by) VALUES (%s, %s, %s) RETURNING id",
            [team.org_id, f"List {uuid4()}", team.recruiter.user_id],
        ).fetchone()
        assert row is not None
        self.superuser.execute(
            "WITH c AS (INSERT INTO candidates (org_id, profile_url, full_name)"
            " SELECT %s, 'https://www.linkedin.com/in/' || gen_random_uuid(), 'Person ' || g"
            " FROM generate_series(1, %s) g RETURNING id)"
            " INSERT INTO list_members (list_id, candidate_id, org_id) SELECT %s, id, %s FROM c",
            [team.org_id, people, row[0], team.org_id],
        )
        return UUID(str(row[0]))

    def order(self, **changes: object) -> ScreeningOrder:
        return ScreeningOrder(**{"position_id": self.saved.position_id, "list_id": self.list_id, **changes})  # type: ignore[arg-type]  # a test's shorthand

    def judge(self, run_id: UUID, verdicts: list[str]) -> list[int]:
        """Store verdicts for the first items of a run, as its driver would."""
        self.superuser.execute(
            "INSERT INTO screening_texts VALUES (%s, '\\x00', 'text') ON CONFLICT DO NOTHING", [self.team.org_id]
        )
        ids = []
        for position, verdict in enumerate(verdicts):
            row = self.superuser.execute(
                "INSERT INTO screenings (org_id, run_id, item_id, candidate_id, position_id, version_id, verdict,"
                " score, outcomes, snapshot_hash, text_sha256, prompt_version, prompt_hash, model, raw_answer,"
                " asked_by)"
                " SELECT i.org_id, i.run_id, i.id, i.candidate_id, %s, %s, %s, %s, '[]', '\\x01', '\\x00', 'p',"
                " '\\x02', 'm', '{}', r.user_id FROM run_items i JOIN runs r ON r.id = i.run_id"
                " WHERE i.run_id = %s ORDER BY i.position OFFSET %s LIMIT 1 RETURNING id",
                [self.saved.position_id, self.saved.version_id, verdict, 9 - position, run_id, position],
            ).fetchone()
            assert row is not None
            ids.append(int(row[0]))
        return ids

    def finish(self, run_id: UUID) -> None:
        """End a run as its driver would when nothing is left."""
        self.superuser.execute("UPDATE runs SET state = 'running' WHERE id = %s", [run_id])
        self.superuser.execute("UPDATE runs SET state = 'succeeded', finished_at = now() WHERE id = %s", [run_id])

    def settle_last(self, run_id: UUID, state: str, reason: str) -> None:
        """Let the last item of a run end without a result."""
        for step, why in (("claimed", ""), (state, reason)):
            self.superuser.execute(
                "UPDATE run_items SET state = %(step)s, reason = %(why)s WHERE run_id = %(run)s"
                " AND position = (SELECT max(position) FROM run_items WHERE run_id = %(run)s)",
                {"step": step, "why": why, "run": run_id},
            )


@pytest.fixture
def office(database: Database, team: Team, superuser: psycopg.Connection) -> Office:
    return Office(database, team, superuser)


def test_the_price_comes_before_anything_is_written(office: Office, superuser: psycopg.Connection) -> None:
    quote = office.screening.quote(office.team.recruiter, office.order())
    assert (quote.people, quote.to_screen, quote.estimate.calls) == (3, 3, 6)
    assert quote.estimate.cost > 0
    assert superuser.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_without_extras_there_is_one_call_a_person(office: Office) -> None:
    assert office.screening.quote(office.team.recruiter, office.order(extras=False)).estimate.calls == 3


def test_measured_calls_replace_the_estimate(office: Office, superuser: psycopg.Connection) -> None:
    before = office.screening.quote(office.team.recruiter, office.order())
    actor = office.team.recruiter
    row = superuser.execute(
        "INSERT INTO intents (org_id, user_id, provider, operation) VALUES (%s, %s, 'openai', 'screen') RETURNING id",
        [actor.org_id, actor.user_id],
    ).fetchone()
    assert row is not None
    superuser.execute(
        "INSERT INTO ledger (org_id, user_id, intent_id, provider, operation, status, tokens_in, tokens_out)"
        " VALUES (%s, %s, %s, 'openai', 'screen', 'charged', 100, 10)",
        [actor.org_id, actor.user_id, row[0]],
    )
    after = office.screening.quote(actor, office.order())
    assert after.is_measured and not before.is_measured
    assert after.estimate.cost < before.estimate.cost


def test_nothing_runs_before_the_criteria_are_approved(office: Office) -> None:
    draft = office.positions.create(office.team.recruiter, "Data engineer", BRIEF)
    with pytest.raises(BadInput, match="Approve"):
        office.screening.start(office.team.recruiter, office.order(position_id=draft.position_id))


def test_starting_freezes_the_version_and_writes_one_item_a_person(
    office: Office, superuser: psycopg.Connection
) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    assert started.items == 3
    assert office.positions.open(office.team.recruiter, office.saved.position_id).version.is_frozen
    row = superuser.execute("SELECT state, items, estimate_calls, parameters ->> 'model' FROM runs").fetchone()
    assert row == ("queued", 3, 6, "gpt-6-luna")


def test_a_double_click_starts_one_run(office: Office, superuser: psycopg.Connection) -> None:
    token = uuid4()
    first = office.screening.start(office.team.recruiter, office.order(), token)
    second = office.screening.start(office.team.recruiter, office.order(), token)
    assert second.run_id == first.run_id
    assert superuser.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_continuing_takes_those_without_a_verdict(office: Office) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    office.judge(started.run_id, ["GO", "NO GO"])
    office.finish(started.run_id)
    quote = office.screening.quote(office.team.recruiter, office.order())
    assert (quote.people, quote.already_screened, quote.to_screen) == (3, 2, 1)
    again = office.screening.start(office.team.recruiter, office.order())
    assert again.items == 1
    office.finish(again.run_id)
    assert office.screening.start(office.team.recruiter, office.order(which="all")).items == 3


def test_who_has_a_verdict_is_not_paid_for_again(office: Office, superuser: psycopg.Connection) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    office.judge(started.run_id, ["GO", "NO GO"])
    office.finish(started.run_id)
    again = office.screening.start(office.team.recruiter, office.order())
    doubles = superuser.execute(
        "SELECT count(*) FROM run_items i JOIN screenings s ON s.candidate_id = i.candidate_id WHERE i.run_id = %s",
        [again.run_id],
    ).fetchone()
    assert (again.items, doubles) == (1, (0,))


def test_two_people_who_start_the_same_list_never_pay_for_the_same_person(office: Office) -> None:
    first = office.screening.start(office.team.recruiter, office.order(most=2))
    second = office.screening.start(office.team.colleague, office.order(which="all"))
    assert (first.items, second.items) == (2, 1)
    quote = office.screening.quote(office.team.recruiter, office.order(which="all"))
    assert (quote.people, quote.under_way, quote.to_screen) == (3, 3, 0)
    with pytest.raises(BadInput, match="unfinished run"):
        office.screening.start(office.team.recruiter, office.order())


def test_a_failure_never_hides_behind_an_older_verdict(office: Office) -> None:
    first = office.screening.start(office.team.recruiter, office.order())
    office.judge(first.run_id, ["GO", "GO", "GO"])
    office.finish(first.run_id)
    again = office.screening.start(office.team.recruiter, office.order(which="all"))
    office.settle_last(again.run_id, "failed", "Cut short.")
    results = office.screening.results(office.team.recruiter, office.saved.position_id, office.list_id)
    assert dict(results.counts) == {"GO": 2, "failed": 1}
    failed = results.rows[-1]
    assert (failed.standing, failed.item_reason, failed.model_verdict) == ("failed", "Cut short.", "GO")


def test_nobody_waits_in_a_run_that_was_stopped(office: Office, superuser: psycopg.Connection) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    superuser.execute("UPDATE runs SET state = 'stopped', finished_at = now() WHERE id = %s", [started.run_id])
    results = office.screening.results(office.team.recruiter, office.saved.position_id, office.list_id)
    assert dict(results.counts) == {"none": 3}


def test_verdicts_of_older_criteria_are_marked(office: Office) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    [screening_id] = office.judge(started.run_id, ["GO"])
    before = office.screening.results(office.team.recruiter, office.saved.position_id, office.list_id).rows
    assert (before[0].standing, before[0].is_outdated) == ("GO", False)
    assert not office.screening.verdict(office.team.recruiter, screening_id).row.is_outdated
    seen = office.positions.open(office.team.recruiter, office.saved.position_id).version.row
    edited = BriefText("Backend team.", "Go in production", "", "")
    office.positions.save(
        office.team.recruiter,
        office.saved.position_id,
        seen.id,
        seen.revision,
        "Backend engineer",
        edited,
        approve=True,
    )
    rows = office.screening.results(office.team.recruiter, office.saved.position_id, office.list_id).rows
    assert (rows[0].standing, rows[0].is_outdated) == ("GO", True)
    assert office.screening.verdict(office.team.recruiter, screening_id).row.is_outdated


def test_results_of_chosen_people_are_theirs(office: Office) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    office.judge(started.run_id, ["GO", "MAYBE", "NO GO"])
    everybody = office.screening.results(office.team.recruiter, office.saved.position_id).rows
    chosen = [everybody[1].candidate_id]
    found = office.screening.results(office.team.recruiter, office.saved.position_id, candidate_ids=chosen)
    assert [row.candidate_id for row in found.rows] == chosen and found.people == 1


def test_an_empty_selection_never_means_everybody(office: Office, superuser: psycopg.Connection) -> None:
    empty = office.make_list(office.team, 0)
    with pytest.raises(BadInput, match="nobody"):
        office.screening.start(office.team.recruiter, office.order(list_id=empty))
    with pytest.raises(BadInput, match="nobody"):
        office.screening.start(office.team.recruiter, office.order(list_id=None))
    assert superuser.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_cap_below_the_price_refuses_to_start(office: Office, superuser: psycopg.Connection) -> None:
    with pytest.raises(OutOfBudget):
        office.screening.start(office.team.recruiter, office.order(cap_usd=Decimal("0.0000001")))
    superuser.execute('UPDATE organizations SET settings = \'{"run_cap_usd": "0.0000001"}\'')
    with pytest.raises(OutOfBudget):
        office.screening.start(office.team.recruiter, office.order())


@pytest.mark.parametrize("cap", ["0", "0.0000001"])
def test_a_cap_below_the_price_is_said_with_the_price_in_the_words_of_the_refusal(office: Office, cap: str) -> None:
    order = office.order(cap_usd=Decimal(cap))
    quote = office.screening.quote(office.team.recruiter, order)
    with pytest.raises(OutOfBudget) as refusal:
        office.screening.start(office.team.recruiter, order)
    assert quote.refusal == refusal.value.message and quote.estimate.cost > 0


def test_the_caps_own_price_is_no_reason_to_refuse(office: Office) -> None:
    price = office.screening.quote(office.team.recruiter, office.order()).estimate.cost
    assert office.screening.quote(office.team.recruiter, office.order(cap_usd=price)).refusal == ""


def test_the_organizations_cap_holds_at_the_price_too(office: Office, superuser: psycopg.Connection) -> None:
    superuser.execute('UPDATE organizations SET settings = \'{"run_cap_usd": "0.0000001"}\'')
    assert "passes the cap" in office.screening.quote(office.team.recruiter, office.order()).refusal


def test_a_model_without_a_price_is_refused(office: Office, superuser: psycopg.Connection) -> None:
    superuser.execute("DELETE FROM prices WHERE item = 'gpt-6-luna'")
    with pytest.raises(NotConnected, match="no price"):
        office.screening.quote(office.team.recruiter, office.order())


def test_another_organization_can_neither_start_nor_read_nor_decide(office: Office, rivals: Team) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    [screening_id] = office.judge(started.run_id, ["GO"])
    foreign = rivals.admin
    with pytest.raises(NotFound):
        office.screening.quote(foreign, office.order())
    with pytest.raises(NotFound):
        office.screening.verdict(foreign, screening_id)
    with pytest.raises(NotFound):
        office.screening.decide(foreign, screening_id, "NO GO", "ours now")
    assert office.screening.results(foreign, office.saved.position_id).people == 0
    assert office.screening.runs_of(foreign, office.saved.position_id) == []
    theirs = office.positions.create(foreign, "Backend engineer", BRIEF, approve=True)
    with pytest.raises(BadInput, match="nobody"):
        office.screening.start(foreign, office.order(position_id=theirs.position_id))


def test_results_are_best_first_and_count_everybody(office: Office, superuser: psycopg.Connection) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    office.judge(started.run_id, ["NO GO", "GO"])
    superuser.execute(
        "UPDATE run_items SET state = 'claimed' WHERE position = (SELECT max(position) FROM run_items);"
        "UPDATE run_items SET state = 'failed', reason = 'Cut short.' WHERE state = 'claimed'"
    )
    results = office.screening.results(office.team.recruiter, office.saved.position_id, office.list_id)
    assert [row.standing for row in results.rows] == ["GO", "NO GO", "failed"]
    assert results.rows[2].item_reason == "Cut short."
    assert dict(results.counts) == {"GO": 1, "NO GO": 1, "failed": 1}
    only = office.screening.results(office.team.recruiter, office.saved.position_id, standings=["failed"])
    assert [row.standing for row in only.rows] == ["failed"]


def decided(office: Office, who: Actor) -> tuple[int, int]:
    started = office.screening.start(who, office.order())
    [screening_id] = office.judge(started.run_id, ["MAYBE"])
    return screening_id, office.screening.decide(who, screening_id, "GO", "Known to us from earlier")


def test_an_override_counts_and_leaves_the_models_answer_beside_it(office: Office) -> None:
    screening_id, _ = decided(office, office.team.recruiter)
    file = office.screening.verdict(office.team.recruiter, screening_id)
    assert (file.standing, file.row.verdict) == ("GO", "MAYBE")
    row = office.screening.results(office.team.recruiter, office.saved.position_id).rows[0]
    assert (row.standing, row.model_verdict, row.override_by) == ("GO", "MAYBE", "Ana Recruiter")


def test_deciding_otherwise_needs_a_reason_and_agreeing_does_not(office: Office) -> None:
    started = office.screening.start(office.team.recruiter, office.order())
    [screening_id] = office.judge(started.run_id, ["MAYBE"])
    with pytest.raises(BadInput, match="why"):
        office.screening.decide(office.team.recruiter, screening_id, "NO GO", "  ")
    office.screening.decide(office.team.recruiter, screening_id, "MAYBE", "")
    assert office.screening.verdict(office.team.recruiter, screening_id).standing == "MAYBE"


def test_undo_brings_the_earlier_standing_back_once_and_only_for_its_author(office: Office) -> None:
    screening_id, override_id = decided(office, office.team.recruiter)
    with pytest.raises(Conflict):
        office.screening.undo(office.team.colleague, [override_id], screening_id)
    assert office.screening.undo(office.team.recruiter, [override_id]).screening_id == screening_id
    assert office.screening.verdict(office.team.recruiter, screening_id).standing == "MAYBE"
    with pytest.raises(Conflict):
        office.screening.undo(office.team.recruiter, [override_id], screening_id)


def test_undo_goes_back_one_decision_at_a_time_over_cards_and_visits(office: Office) -> None:
    ana, ben, screening = office.team.recruiter, office.team.colleague, office.screening
    started = screening.start(ana, office.order())
    first, second, third = office.judge(started.run_id, ["MAYBE", "MAYBE", "MAYBE"])
    screening.decide(ana, first, "GO", "Known to us")
    before = screening.decide(ana, first, "NO GO", "Met in person")
    screening.decide(ben, first, "GO", "Ben thinks otherwise")
    here = [screening.decide(ana, screening_id, "GO", "Strong portfolio") for screening_id in (second, third)]
    undone = [screening.undo(ana, here, first) for _ in range(4)]
    assert [u.screening_id for u in undone] == [third, second, first, first]
    assert [u.verdict for u in undone] == ["GO", "GO", "NO GO", "GO"]
    with pytest.raises(Conflict, match="nothing to undo"):
        screening.undo(ana, [*here, before], first)
    assert screening.verdict(ana, first).standing == "GO", "a colleague's decision is not ours to undo"


def test_a_visit_without_decisions_reaches_those_of_the_open_card_only(office: Office) -> None:
    ana, screening = office.team.recruiter, office.screening
    first, second = office.judge(screening.start(ana, office.order()).run_id, ["MAYBE", "MAYBE"])
    screening.decide(ana, first, "GO", "Known to us")
    with pytest.raises(Conflict):
        screening.undo(ana, [], second)
    with pytest.raises(Conflict):
        screening.undo(ana, [], None)
    assert screening.verdict(ana, first).is_decided_by(ana)
    assert not screening.verdict(ana, first).is_decided_by(office.team.colleague)
    assert screening.undo(ana, [], first).screening_id == first
    assert not screening.verdict(ana, first).is_decided_by(ana)


def test_thin_profiles_are_counted_among_those_whom_the_price_is_for(
    office: Office, superuser: psycopg.Connection
) -> None:
    ana = office.team.recruiter
    superuser.execute("UPDATE candidates SET enrichment = 'thin'")
    superuser.execute(
        "UPDATE candidates SET enrichment = 'enriched' WHERE id ="
        " (SELECT candidate_id FROM list_members WHERE list_id = %s ORDER BY position, candidate_id LIMIT 1)",
        [office.list_id],
    )
    for most, thin in ((1, 0), (2, 1), (3, 2), (None, 2)):
        quote = office.screening.quote(ana, office.order(most=most))
        assert (quote.to_screen, quote.thin, quote.people) == (most or 3, thin, 3)
    started = office.screening.start(ana, office.order(most=1))
    taken = superuser.execute(
        "SELECT c.enrichment FROM run_items i JOIN candidates c ON c.id = i.candidate_id WHERE i.run_id = %s",
        [started.run_id],
    ).fetchall()
    assert taken == [("enriched",)], "the price and the run are about the same people"


def test_who_is_on_the_list_and_chosen_by_name_is_screened_once(office: Office, superuser: psycopg.Connection) -> None:
    # From here on, places on a list and ids of people differ.
    superuser.execute(
        "INSERT INTO candidates (org_id, profile_url) VALUES (%s, 'https://www.linkedin.com/in/loose')",
        [office.team.org_id],
    )
    list_id = office.make_list(office.team, 3)
    members = [
        row[0]
        for row in superuser.execute("SELECT candidate_id FROM list_members WHERE list_id = %s", [list_id]).fetchall()
    ]
    order = office.order(list_id=list_id, candidate_ids=tuple(members))
    assert office.screening.quote(office.team.recruiter, order).to_screen == 3
    started = office.screening.start(office.team.recruiter, order)
    taken = superuser.execute("SELECT candidate_id FROM run_items WHERE run_id = %s", [started.run_id]).fetchall()
    assert sorted(row[0] for row in taken) == sorted(members)


def test_nobody_is_screened_against_an_archived_position_until_it_is_restored(office: Office) -> None:
    ana = office.team.recruiter
    office.positions.archive(ana, office.saved.position_id)
    for attempt in (office.screening.quote, office.screening.start):
        with pytest.raises(BadInput, match="archived"):
            attempt(ana, office.order())
    office.positions.archive(ana, office.saved.position_id, archived=False)
    assert office.screening.start(ana, office.order()).items == 3


def at_the_same_instant(*attempts: Callable[[], object]) -> list[object]:
    """What each attempt gave or raised; all begin together, each in a thread and on a connection of its own."""
    barrier = threading.Barrier(len(attempts))

    def run(attempt: Callable[[], object]) -> object:
        barrier.wait(10)
        try:
            return attempt()
        except AppError as error:
            return error

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def test_one_token_at_the_same_instant_starts_one_run(office: Office, superuser: psycopg.Connection) -> None:
    office.screening.quote(office.team.recruiter, office.order())
    for _ in range(5):
        list_id, token = office.make_list(office.team, 3), uuid4()
        order = office.order(list_id=list_id)
        outcomes = at_the_same_instant(*[partial(office.screening.start, office.team.recruiter, order, token)] * 4)
        assert all(isinstance(outcome, StartedRun) for outcome in outcomes), outcomes
        assert len({outcome.run_id for outcome in outcomes if isinstance(outcome, StartedRun)}) == 1
        found = superuser.execute("SELECT count(*), sum(items) FROM runs WHERE list_id = %s", [list_id]).fetchone()
        assert found == (1, 3)


def test_starts_of_the_same_people_at_the_same_instant_take_each_person_once(
    office: Office, superuser: psycopg.Connection
) -> None:
    office.screening.quote(office.team.recruiter, office.order())
    for _ in range(5):
        list_id = office.make_list(office.team, 3)
        order = office.order(list_id=list_id)
        outcomes = at_the_same_instant(
            *(
                partial(office.screening.start, who, order, uuid4())
                for who in (office.team.recruiter, office.team.colleague, office.team.manager, office.team.recruiter)
            )
        )
        assert sum(isinstance(outcome, StartedRun) for outcome in outcomes) == 1, outcomes
        assert all("unfinished run" in o.message for o in outcomes if isinstance(o, AppError))
        items, people = superuser.execute(
            "SELECT count(*), count(DISTINCT candidate_id) FROM run_items i JOIN runs r ON r.id = i.run_id"
            " WHERE r.list_id = %s",
            [list_id],
        ).fetchone() or (0, 0)
        assert (items, people) == (3, 3)


def test_a_verdict_nobody_knows_is_refused(office: Office) -> None:
    screening_id, _ = decided(office, office.team.recruiter)
    with pytest.raises(BadInput):
        office.screening.decide(office.team.recruiter, screening_id, "PERHAPS", "because")
