"""News: what became of one's runs while one was elsewhere, and what of it was seen (docs/decisions/presence.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.db import news as db
from services.db.pool import Database
from services.domain.actors import Actor
from services.domain.news import MOST_COUNTED, RunNews, Unseen
from services.domain.runs import RunState

MOST_SHOWN = 30
MOST_TOLD = 3


@dataclass(frozen=True)
class News:
    """Each person has their own: of the runs they started, and of those they asked to be told of."""

    database: Database

    def unseen(self, actor: Actor, told: int | None, shown: Mapping[UUID, RunState]) -> Unseen:
        """What is unseen, once `shown` (what the page shows of runs just now) is seen.

        `told` is the number up to which the person was told already; None at first, when nothing is told.
        """
        with self.database.act_as(actor) as tx:
            if shown:
                db.see_runs(tx, actor.user_id, shown)
            numbers = db.unseen_news(tx, actor.user_id, MOST_COUNTED)
            newest = max([told or 0, *numbers])
            is_fresh = told is not None and newest > told
            latest = db.latest_news(tx, actor.user_id, MOST_TOLD) if is_fresh else []
        fresh = tuple(one for one in latest if not one.is_seen and one.number > (told or 0))
        return Unseen(len(numbers), newest, fresh)

    def latest(self, actor: Actor) -> list[RunNews]:
        """The newest news, seen or not."""
        with self.database.act_as(actor) as tx:
            return db.latest_news(tx, actor.user_id, MOST_SHOWN)

    def see_all(self, actor: Actor, number: int) -> None:
        """Everything up to this number is seen; what came since is not."""
        with self.database.act_as(actor) as tx:
            db.see_all(tx, actor.user_id, number)

    def follow(self, actor: Actor, run_id: UUID, *, wanted: bool) -> None:
        """Be told of a run, or no more; of one's own runs one is always told. Another organization's is none."""
        with self.database.act_as(actor) as tx:
            if wanted:
                db.follow_run(tx, actor.user_id, run_id)
            else:
                db.unfollow_run(tx, actor.user_id, run_id)

    def follows(self, actor: Actor, run_id: UUID) -> bool:
        with self.database.act_as(actor) as tx:
            return db.follows_run(tx, actor.user_id, run_id)
