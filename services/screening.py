"""Screening: price first, then a run in the background; verdicts, and what people decide about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from services.clock import Clock
from services.db import positions as positions_db
from services.db import screening as db
from services.db.pool import Database, Tx
from services.db.prices import read_prices
from services.domain.actors import Actor
from services.domain.criteria import Kind
from services.domain.dates import month_of
from services.domain.money import (
    DEFAULT_NICE_CALL,
    DEFAULT_SCREENING_CALL,
    CallSize,
    Unpriced,
    estimate_screening,
)
from services.domain.runs import RunKind, StartedRun
from services.domain.screenings import (
    OverrideRow,
    PositionRun,
    ResultRow,
    ScreeningQuote,
    ScreeningRow,
    UndoneDecision,
    nobody_left,
)
from services.domain.verdicts import Decision
from services.errors import BadInput, Conflict, NotConnected, NotFound
from services.runs.allowance import room_for
from services.runs.orders import RunRequest, Runs, TheseCandidates, over_cap
from services.screening_work import EXTRAS_OPERATION, OPERATION
from services.settings import ProviderMode

RESULTS_A_PAGE = 50
LATEST_RUNS = 5
MOST_PEOPLE_A_RUN = 100_000
LONGEST_REASON = 500
STANDINGS = ("GO", "MAYBE", "NO GO", "failed", "refused", "skipped", "unknown", "waiting", "none")
CONFIRMED = "Confirmed"
NO_POSITION = "This position does not exist any more, or it belongs to another organization."
ARCHIVED = "This position is archived: its verdicts stay, and nobody is screened against it until somebody restores it."


@dataclass(frozen=True)
class ScreeningOrder:
    """What somebody wants screened: a position, people by list or by id, and how."""

    position_id: UUID
    list_id: UUID | None = None
    candidate_ids: tuple[int, ...] = ()
    which: Literal["missing", "all"] = "missing"
    most: int | None = None
    extras: bool = True
    cap_usd: Decimal | None = None


@dataclass(frozen=True)
class Results:
    """One page of the results of a position, and how everybody in view stands."""

    counts: Mapping[str, int]
    rows: tuple[ResultRow, ...]
    page: int
    pages: int

    @property
    def people(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class VerdictFile:
    """Everything that defends one verdict, and what people decided about it."""

    row: ScreeningRow
    overrides: tuple[OverrideRow, ...]

    @property
    def standing(self) -> str:
        active = next((o for o in self.overrides if o.undone_at is None), None)
        return active.verdict if active else self.row.verdict

    def is_decided_by(self, actor: Actor) -> bool:
        """Whether a decision of this person stands, which could be undone."""
        return any(o.undone_at is None and o.user_id == actor.user_id for o in self.overrides)


@dataclass(frozen=True)
class Screening:
    """Everybody in an organization may screen and decide; each pays under their own name."""

    db: Database
    clock: Clock
    runs: Runs
    model: str
    mode: ProviderMode

    def quote(self, actor: Actor, order: ScreeningOrder) -> ScreeningQuote:
        """Count and price an order. Raises BadInput, NotFound, NotConnected; nothing is written."""
        with self.db.act_as(actor) as tx:
            return self.quote_in(tx, actor, order)

    def quote_in(self, tx: Tx, actor: Actor, order: ScreeningOrder) -> ScreeningQuote:
        if self.mode == "not connected":
            raise NotConnected("OpenAI is not connected: set OPENAI_API_KEY and start again.")
        version_id = positions_db.usable_version_id(tx, order.position_id)
        version = positions_db.find_version(tx, version_id) if version_id else None
        if version_id is None or version is None:
            if positions_db.latest_version_id(tx, order.position_id) is None:
                raise NotFound(NO_POSITION)
            raise BadInput("Approve the position's criteria first: nothing runs before somebody has read them.")
        if version.archived_at is not None:
            raise BadInput(ARCHIVED)
        most = min(order.most or MOST_PEOPLE_A_RUN, MOST_PEOPLE_A_RUN)
        counts = db.source_counts(tx, version_id, order.list_id, order.candidate_ids, order.which == "missing", most)
        asks_nice = order.extras and any(c.kind is Kind.NICE for c in positions_db.criteria_of(tx, version_id))
        first, second = (db.average_call(tx, operation) for operation in (OPERATION, EXTRAS_OPERATION))
        try:
            estimate = estimate_screening(
                counts.to_screen,
                self.model,
                self.clock.now().date(),
                asks_nice=asks_nice,
                screening_call=CallSize(*first) if first else DEFAULT_SCREENING_CALL,
                nice_call=CallSize(*second) if second else DEFAULT_NICE_CALL,
                prices=read_prices(tx),
            )
        except Unpriced as error:
            raise NotConnected(
                f"The model {self.model} has no price, so it cannot be used. Add its price, or choose another model."
            ) from error
        cap_usd = order.cap_usd if order.cap_usd is not None else db.organization_run_cap(tx)
        room = room_for(tx, self.clock.now(), actor.user_id, RunKind.SCREENING, counts.to_screen, estimate.cost)
        return ScreeningQuote(
            version_id=version_id,
            version_number=version.number,
            people=counts.people,
            already_screened=counts.screened_with_version,
            under_way=counts.under_way,
            to_screen=counts.to_screen,
            thin=counts.thin,
            estimate=estimate,
            model=self.model,
            is_measured=first is not None,
            cap_usd=cap_usd,
            quotas=room.quotas,
            refusal=over_cap(estimate.cost, cap_usd) or room.refusal,
        )

    def start(
        self, actor: Actor, order: ScreeningOrder, start_token: UUID | None = None, started_by: str = "page"
    ) -> StartedRun:
        """Open the run: freeze the version, pick the people, write the items. The price is computed anew here.

        The same token twice is the same run. Raises BadInput, NotFound, NotConnected, OutOfBudget.
        """
        with self.db.act_as(actor) as tx:
            version_id = positions_db.usable_version_id(tx, order.position_id)
            if version_id is not None:
                db.lock_version(tx, version_id)
            before = self.runs.started_before(tx, actor, start_token)
            if before is not None:
                return before
            quote = self.quote_in(tx, actor, order)
            people = db.pick_candidates(
                tx,
                quote.version_id,
                order.list_id,
                order.candidate_ids,
                only_missing=order.which == "missing",
                limit=quote.to_screen,
            )
            if not people:
                raise BadInput(nobody_left(quote))
            positions_db.freeze_version(tx, quote.version_id)
            version = positions_db.find_version(tx, quote.version_id)
            return self.runs.open(
                tx,
                actor,
                RunRequest(
                    kind=RunKind.SCREENING,
                    people=TheseCandidates(people),
                    title=version.title if version else "",
                    version_id=quote.version_id,
                    list_id=order.list_id,
                    parameters={
                        "model": self.model,
                        "extras": order.extras,
                        "as_of_month": int(month_of(self.clock.now().date())),
                    },
                    start_token=start_token,
                    estimate_usd=quote.estimate.cost,
                    estimate_calls=quote.estimate.calls,
                    cap_usd=quote.cap_usd,
                    started_by=started_by,
                ),
            )

    def results(
        self,
        actor: Actor,
        position_id: UUID,
        list_id: UUID | None = None,
        standings: Sequence[str] | None = None,
        page: int = 1,
        candidate_ids: Sequence[int] | None = None,
        run_id: UUID | None = None,
    ) -> Results:
        """One page of people with their newest verdict, best first: those named, or those of a list or of a run.

        Raises BadInput for an unknown standing.
        """
        if standings is not None and not set(standings) <= set(STANDINGS):
            raise BadInput("This filter does not exist. Choose from the verdicts shown.", "standing")
        with self.db.act_as(actor) as tx:
            if run_id is not None:
                list_id, candidate_ids = None, db.people_of_run(tx, run_id)
            counts = db.result_counts(tx, position_id, list_id, candidate_ids)
            shown = sum(n for standing, n in counts.items() if standings is None or standing in standings)
            pages = max(1, -(-shown // RESULTS_A_PAGE))
            page = min(max(1, page), pages)
            offset = (page - 1) * RESULTS_A_PAGE
            rows = db.results(tx, position_id, list_id, candidate_ids, standings, RESULTS_A_PAGE, offset)
        return Results(counts, tuple(rows), page, pages)

    def verdict(self, actor: Actor, screening_id: int) -> VerdictFile:
        """One verdict with everything that defends it. Raises NotFound."""
        with self.db.act_as(actor) as tx:
            row = db.find_screening(tx, screening_id)
            if row is None:
                raise NotFound("This verdict does not exist, or it belongs to another organization.")
            return VerdictFile(row, tuple(db.overrides_of(tx, screening_id)))

    def runs_of(self, actor: Actor, position_id: UUID) -> list[PositionRun]:
        """The latest screening runs of a position, newest first."""
        with self.db.act_as(actor) as tx:
            return db.runs_of_position(tx, position_id, LATEST_RUNS)

    def decide(self, actor: Actor, screening_id: int, verdict: str, reason: str) -> int:
        """Record a person's own verdict beside the model's; returns its id, by which it can be undone.

        Agreeing needs no reason. Raises BadInput without one otherwise, NotFound.
        """
        if verdict not in list(Decision):
            raise BadInput("Choose GO, MAYBE or NO GO.", "verdict")
        reason = " ".join(reason.split())
        if len(reason) > LONGEST_REASON:
            raise BadInput(f"The reason has {len(reason)} characters and may have {LONGEST_REASON}.", "reason")
        with self.db.act_as(actor) as tx:
            row = db.find_screening(tx, screening_id)
            if row is None:
                raise NotFound("This verdict does not exist, or it belongs to another organization.")
            if not reason and verdict != row.verdict:
                raise BadInput("Say why you decide otherwise: the reason stays beside the verdict.", "reason")
            override_id = db.insert_override(tx, screening_id, verdict, reason or CONFIRMED, actor.user_id)
            assert override_id is not None  # the screening was found in this very transaction
            return override_id

    def undo(self, actor: Actor, made_here: Sequence[int], screening_id: int | None = None) -> UndoneDecision:
        """Take back one's own newest decision that stands: of those made here (ids), and of those about one verdict.

        Asked again, it goes back one further. Raises Conflict if there is none.
        """
        with self.db.act_as(actor) as tx:
            undone = db.undo_newest_override(tx, actor.user_id, made_here, screening_id)
        if undone is None:
            raise Conflict("There is nothing to undo: no decision of yours stands here.")
        return undone
