"""Housekeeping: what is left behind by those who died or never came back is cleared, a little at a time.

docs/decisions/housekeeping.md says why nothing goes that somebody still needs; docs/production.md what goes when.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

import psycopg
import structlog

from services.clock import Clock
from services.db import housekeeping as db
from services.db.housekeeping import ExpiredKind
from services.db.pool import Database
from services.domain.status import Disk, Place
from services.errors import AppError

MOST_AT_ONCE: Final = 1_000
MOST_COUNTED: Final = 10_000
FILES_A_QUESTION: Final = 500
HOUR_SECONDS: Final = 3_600.0
DAY_SECONDS: Final = 86_400.0
SEARCH_SECONDS: Final = HOUR_SECONDS
"""Six times as long as a search is used: nobody lays an anchor in one that goes (docs/decisions/housekeeping.md)."""
# Where a process that is killed leaves a draft that it would have renamed or removed.
DRAFTS: Final[Mapping[str, tuple[str, ...]]] = {
    "cache/files": ("tmp*",),
    ".": ("secret_key." + "[0-9a-f]" * 16, "*.sqlite3.corrupt-*"),
}
LOG_FOLDERS: Final = ("logs", "postgres")
OLDER: Final = ".old.log"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ages:
    """How old things must be before they go; a log, how large."""

    upload_seconds: float = 7 * DAY_SECONDS
    temporary_seconds: float = DAY_SECONDS
    expired_seconds: float = 7 * DAY_SECONDS
    session_idle_seconds: float = 12 * HOUR_SECONDS
    log_bytes: int = 50_000_000


@dataclass(frozen=True)
class Cleared:
    """What one chore did. `trouble`: why it could not do all; `is_more`: it stopped at its bound."""

    what: str
    things: int = 0
    bytes: int = 0
    trouble: str = ""
    is_more: bool = False


Chore = Callable[[], Cleared]


@dataclass(frozen=True)
class Housekeeping:
    """Clears and measures; `home` is this host's, `files` may be shared by several."""

    database: Database
    clock: Clock
    home: Path
    files: Path
    ages: Ages = Ages()
    most_at_once: int = MOST_AT_ONCE

    def chores(self) -> dict[str, Chore]:
        """Everything there is to do, in pieces: each is short, and says what went wrong instead of raising it."""
        rows: dict[ExpiredKind, float] = {
            "sign-in links": self.ages.expired_seconds,
            # A day more than the longest pause after which somebody is still signed in.
            "sessions": self.ages.session_idle_seconds + DAY_SECONDS,
            "sign-in attempts": DAY_SECONDS,
            "searches": SEARCH_SECONDS,
            "paid answers": DAY_SECONDS,
            "leases": self.ages.expired_seconds,
            "hours of the sweeper": 7 * DAY_SECONDS,
        }
        files: dict[str, Chore] = {
            "uploads": self.give_up_uploads,
            "files without an upload": self.clear_orphans,
            "drafts": self.clear_drafts,
            "cache entries": self.clear_cache,
            "logs": self.cut_logs,
        }
        chores = {what: self.clearing_rows(what, age) for what, age in rows.items()} | files
        return {what: self.said(what, chore) for what, chore in chores.items()}

    def clear_all(self) -> list[Cleared]:
        """Each chore until nothing of its kind is left."""
        done = []
        for chore in self.chores().values():
            total = chore()
            while total.is_more:
                more = chore()
                things, freed = total.things + more.things, total.bytes + more.bytes
                total = replace(more, things=things, bytes=freed)
            done.append(total)
        return done

    def said(self, what: str, chore: Chore) -> Chore:
        """The chore, with what it did in the log, and a trouble instead of an error."""

        def do() -> Cleared:
            try:
                cleared = chore()
            except AppError as error:
                cleared = Cleared(what, trouble=error.message)
            except (OSError, psycopg.Error, sqlite3.Error) as error:
                cleared = Cleared(what, trouble=words_of(error))
                log.warning("housekeeping.failed", what=what, reason=str(error))
            if cleared.things:
                log.info("housekeeping.cleared", what=what, things=cleared.things, bytes=cleared.bytes)
            if cleared.trouble:
                log.warning("housekeeping.trouble", what=what, trouble=cleared.trouble)
            return cleared

        return do

    # Rows

    def clearing_rows(self, what: ExpiredKind, age_seconds: float) -> Chore:
        def clear() -> Cleared:
            with self.database.as_engine() as tx:
                rows = db.clear_expired(tx, what, age_seconds, self.most_at_once)
            return Cleared(what, rows, is_more=rows == self.most_at_once)

        return clear

    # Files

    @property
    def uploads(self) -> Path:
        return self.files / "uploads"

    def give_up_uploads(self) -> Cleared:
        """Uploads that nobody imported: the database lets go of them first, and what is killed here leaves orphans."""
        with self.database.as_engine() as tx:
            names = db.give_up_uploads(tx, self.ages.upload_seconds, self.most_at_once)
        removed = self.removed("uploads", (self.uploads / name for name in names if name))
        return replace(removed, things=len(names), is_more=len(names) == self.most_at_once)

    def clear_orphans(self) -> Cleared:
        """Old files that no upload names; who is named is asked after who is there."""
        return self.removed("files without an upload", islice(self.orphans(), self.most_at_once))

    def orphans(self) -> Iterator[Path]:
        old = self.old_files(self.uploads, ("*",))
        while some := list(islice(old, FILES_A_QUESTION)):
            with self.database.as_engine() as tx:
                named = db.files_of_uploads(tx, [path.name for path in some])
            yield from (path for path in some if path.name not in named)

    def clear_drafts(self) -> Cleared:
        old = (path for folder, names in DRAFTS.items() for path in self.old_files(self.home / folder, names))
        return self.removed("drafts", islice(old, self.most_at_once))

    def clear_cache(self) -> Cleared:
        """Entries of the background callbacks' cache that have expired."""
        folder = self.home / "background"
        if not (folder / "cache.db").exists():
            return Cleared("cache entries")
        # Late, because each job process imports this module and none of them sweeps.
        import diskcache

        try:
            with diskcache.Cache(str(folder), disk=diskcache.JSONDisk, timeout=1) as cache:
                return Cleared("cache entries", cache.expire())
        except diskcache.Timeout:
            return Cleared("cache entries", trouble="The cache is in use.")

    def cut_logs(self) -> Cleared:
        """Keep one older copy of a log that is too large. Who writes into it appends, and goes on at its new end."""
        cut = freed = 0
        trouble = ""
        for path in self.large_logs():
            before = size_of(path) + size_of(older_of(path))
            try:
                keep_end(path, older_of(path), self.ages.log_bytes)
            except OSError as error:
                trouble = f"{path.name}: {words_of(error)}"
                # Half a copy helps nobody, least of all on a disk that is full.
                older_of(path).unlink(missing_ok=True)
                continue
            cut, freed = cut + 1, freed + before - size_of(older_of(path))
        return Cleared("logs", cut, freed, trouble)

    def large_logs(self) -> Iterator[Path]:
        for folder in LOG_FOLDERS:
            for path in sorted((self.home / folder).glob("*.log")):
                if not path.name.endswith(OLDER) and size_of(path) > self.ages.log_bytes:
                    yield path

    def old_files(self, folder: Path, names: Iterable[str]) -> Iterator[Path]:
        """Plain files that nobody has written to for long; a folder that is not there holds none."""
        before = self.clock.now().timestamp() - self.ages.temporary_seconds
        for name in names:
            for path in folder.glob(name):
                changed = changed_at(path)
                if changed is not None and changed < before:
                    yield path

    def removed(self, what: str, paths: Iterable[Path]) -> Cleared:
        """Delete these; one that is gone already is nobody's trouble, one that cannot go is said."""
        things = freed = 0
        trouble = ""
        for path in paths:
            size = size_of(path)
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                trouble = f"A file cannot be deleted: {words_of(error)}"
                continue
            things, freed = things + 1, freed + size
        return Cleared(what, things, freed, trouble)

    # What there is

    def places(self) -> tuple[Place, ...]:
        """The folders of what comes and goes, each counted up to a bound."""
        folders = {
            "uploads": self.uploads,
            "compressed files": self.home / "cache",
            "background cache": self.home / "background",
            "figures of the web workers": self.home / "metrics",
            "logs": self.home / "logs",
        }
        return tuple(measured(name, folder) for name, folder in folders.items())

    def disks(self) -> tuple[Disk, ...]:
        """The room for data and for uploads: one where both lie on one disk."""
        found: dict[int, Disk] = {}
        for name, folder in (("data", self.home), ("files", self.files)):
            place = folder if folder.exists() else folder.parent
            try:
                use, device = shutil.disk_usage(place), place.stat().st_dev
            except OSError:
                continue
            if device in found:
                found[device] = replace(found[device], name=f"{found[device].name} and {name}")
            else:
                found[device] = Disk(name, use.free, use.total)
        return tuple(found.values())


def older_of(log_file: Path) -> Path:
    return log_file.with_suffix(OLDER)


def keep_end(log_file: Path, older: Path, most_bytes: int) -> None:
    """Copy the end of a log and empty it. A line that is written in between is lost."""
    with log_file.open("r+b") as file, older.open("wb") as copy:
        older.chmod(0o600)
        file.seek(max(0, file.seek(0, os.SEEK_END) - most_bytes))
        shutil.copyfileobj(file, copy)
        copy.flush()
        file.truncate(0)


def measured(name: str, folder: Path) -> Place:
    files = total = 0
    for path in folder.rglob("*"):
        if files >= MOST_COUNTED:
            return Place(name, files, total, is_more=True)
        if path.is_file():
            files, total = files + 1, total + size_of(path)
    return Place(name, files, total)


def size_of(path: Path) -> int:
    """In bytes; 0 for what has gone meanwhile."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def changed_at(path: Path) -> float | None:
    """When a plain file was last written to; None for what is none, or has gone meanwhile."""
    try:
        seen = path.lstat()
    except OSError:
        return None
    return seen.st_mtime if stat.S_ISREG(seen.st_mode) else None


def words_of(error: Exception) -> str:
    """What went wrong, without a path or a statement: an admin of any organization may read it."""
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}."
    return f"{type(error).__name__}; the log has the rest."
