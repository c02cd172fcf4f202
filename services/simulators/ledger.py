"""The public record of every simulated call: one JSON line each, written before the reply leaves.

The lines live in a file, so memory holds eight bytes a call; what is written survives the death of any
client process. `docs/simulators.md`, Ledger, describes the fields.
"""

import json
import os
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call cost: Crustdata-like credits in thousandths, tokens, money in billionths of a dollar."""

    credits_thousandths: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_nano_usd: int = 0


NO_CHARGE = Charge()


@dataclass(frozen=True, slots=True)
class Entry:
    """One call as the ledger keeps it; `monotonic` and `wall` are the arrival in seconds."""

    provider: str
    route: str
    path: str
    monotonic: float
    wall: float
    key_hash: str
    request_id: str
    attempt_id: str | None
    body_hash: str
    status: int
    outcome: str
    charge: Charge
    facts: dict[str, Any] = field(default_factory=dict)


def _row(seq: int, entry: Entry) -> dict[str, Any]:
    charge = entry.charge
    return {
        "seq": seq,
        "provider": entry.provider,
        "route": entry.route,
        "path": entry.path,
        "monotonic": round(entry.monotonic, 6),
        "wall": round(entry.wall, 6),
        "key": entry.key_hash,
        "request_id": entry.request_id,
        "attempt_id": entry.attempt_id,
        "body_hash": entry.body_hash,
        "status": entry.status,
        "outcome": entry.outcome,
        "charged": charge != NO_CHARGE,
        "credits": charge.credits_thousandths / 1000,
        "prompt_tokens": charge.prompt_tokens,
        "cached_tokens": charge.cached_tokens,
        "completion_tokens": charge.completion_tokens,
        "cost_nano_usd": charge.cost_nano_usd,
        "facts": entry.facts,
    }


class Ledger:
    """An append-only file of calls, read back in pages by sequence number.

    Without a path the file is temporary and nameless. With one, an earlier ledger is continued.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            descriptor, name = tempfile.mkstemp(prefix="simulators-ledger-")
            Path(name).unlink()
        else:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._file = descriptor
        self._starts: array[int] = array("Q")
        self._end = 0
        self._totals: dict[str, Counter[str]] = {}
        self._recover()

    def _recover(self) -> None:
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(0)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._starts.append(self._end)
                self._end += len(line)
                self._count(json.loads(line))
        os.ftruncate(self._file, self._end)

    def __len__(self) -> int:
        return len(self._starts)

    def append(self, entry: Entry) -> int:
        """Write one call and return its sequence number, counted from 1."""
        seq = len(self._starts) + 1
        row = _row(seq, entry)
        line = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        os.pwrite(self._file, line, self._end)
        self._starts.append(self._end)
        self._end += len(line)
        self._count(row)
        return seq

    def _count(self, row: dict[str, Any]) -> None:
        totals = self._totals.setdefault(row["provider"], Counter())
        totals["calls"] += 1
        totals[f"status {row['status']}"] += 1
        totals["charged"] += row["charged"]
        totals["credits_thousandths"] += round(row["credits"] * 1000)
        for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_nano_usd"):
            totals[name] += row[name]

    def lines(self, since: int) -> Iterator[bytes]:
        """The raw lines after sequence number `since`, oldest first, without their line end."""
        for index in range(max(since, 0), len(self._starts)):
            start = self._starts[index]
            end = self._starts[index + 1] if index + 1 < len(self._starts) else self._end
            yield os.pread(self._file, end - start - 1, start)

    def page(self, provider: str | None, since: int, limit: int) -> tuple[list[bytes], int, bool]:
        """Up to `limit` lines after `since`, the number to go on from, and whether there are more."""
        mark = f'"provider":"{provider}"'.encode() if provider else b""
        found: list[bytes] = []
        seen = max(since, 0)
        for line in self.lines(since):
            if len(found) == limit:
                return found, seen, True
            seen += 1
            if mark in line[:80]:
                found.append(line)
        return found, seen, False

    def totals(self) -> dict[str, dict[str, float]]:
        """Sums per provider over all calls since the last reset."""
        summed: dict[str, dict[str, float]] = {}
        for provider, counts in self._totals.items():
            named: dict[str, float] = dict(counts)
            named["credits"] = named.pop("credits_thousandths") / 1000
            summed[provider] = named
        return summed

    def reset(self) -> None:
        """Forget everything."""
        os.ftruncate(self._file, 0)
        self._end = 0
        self._starts = array("Q")
        self._totals = {}

    def close(self) -> None:
        """Close the file; a nameless one disappears with it."""
        os.close(self._file)
