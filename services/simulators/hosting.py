"""Runs the simulators in a process of their own and speaks to their control side; for tests and benches."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
CONTROL_TIMEOUT_SECONDS = 60.0
END_TIMEOUT_SECONDS = 10.0
LEDGER_PAGE = 10_000


class ControlRefused(Exception):
    """The control side did not accept an order; the message is its own."""


@dataclass(frozen=True)
class Simulators:
    """The address of running simulators, and their control side as methods."""

    url: str

    @property
    def openai_url(self) -> str:
        """What to give a client as base URL of OpenAI."""
        return f"{self.url}/openai/v1"

    @property
    def crustdata_url(self) -> str:
        """What to give a client as base URL of Crustdata."""
        return f"{self.url}/crustdata"

    def faults(
        self,
        *faults: Mapping[str, Any],
        latency: Sequence[Mapping[str, Any]] = (),
        switches: Mapping[str, Mapping[str, Any]] | None = None,
        clear: bool = False,
    ) -> dict[str, Any]:
        """Order trouble; `docs/simulators.md`, Faults, has the format. Orders add up until cleared."""
        order = {"clear": clear, "faults": list(faults), "latency": list(latency), "switches": switches or {}}
        return self._control("POST", "faults", order)

    def limits(self, **values: Any) -> dict[str, Any]:
        """Change limits: `limits(openai_rpm=60)`, `limits(openai_rpm={"value": 6, "seconds": 2})`."""
        return self._control("POST", "limits", {name.replace("_", ".", 1): value for name, value in values.items()})

    def ledger(self, provider: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """Every call since a sequence number, oldest first."""
        calls: list[dict[str, Any]] = []
        more = True
        while more:
            query = {"since": since, "limit": LEDGER_PAGE, **({"provider": provider} if provider else {})}
            page = self._control("GET", f"ledger?{urlencode(query)}")
            calls += page["calls"]
            since, more = page["next"], page["more"]
        return calls

    def totals(self) -> dict[str, Any]:
        """Sums of the ledger per provider."""
        return self._control("GET", "ledger/totals")

    def excess(self, provider: str | None = None) -> dict[str, Any]:
        """The worst sliding windows of arrivals, and whether a limit was ever passed."""
        return self._control("GET", "excess" + (f"?provider={provider}" if provider else ""))

    def people(
        self, offset: int = 0, limit: int = 100, *, duplicates: float = 0.0, full: bool = False
    ) -> list[dict[str, Any]]:
        """Rows as an exported list has them, or whole people."""
        query = {"offset": offset, "limit": limit, "duplicates": duplicates, "full": int(full)}
        people: list[dict[str, Any]] = self._control("GET", f"people?{urlencode(query)}")["people"]
        return people

    def reset(self) -> None:
        """Forget all calls, faults, switches and changed limits."""
        self._control("POST", "reset", {})

    def _control(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the address is our own process
            f"{self.url}/_sim/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=CONTROL_TIMEOUT_SECONDS) as reply:  # noqa: S310 - as above
                answer: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise ControlRefused(refusal.read().decode()) from None
        return answer


@contextmanager
def serve(
    *,
    port: int = 0,
    seed: int = 1,
    people: int = 100_000,
    limits: Mapping[str, float | None] | None = None,
    latency: str = "fast",
    ledger: Path | None = None,
) -> Iterator[Simulators]:
    """Start the simulators, yield their address, and end them; they also end when this process dies.

    Port 0 takes a free one. `limits` has dotted names, None for unlimited. `latency` is `fast` (none),
    `realistic` or `long-tail`.
    """
    command = [sys.executable, "-m", "services.simulators", f"--port={port}", f"--seed={seed}", f"--people={people}"]
    command += [f"--latency={latency}", f"--parent={os.getpid()}"]
    if limits:
        stated = (f"{name}={'none' if value is None else value}" for name, value in limits.items())
        command.append("--limits=" + ",".join(stated))
    if ledger is not None:
        command.append(f"--ledger={ledger}")
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        announced = process.stdout.readline() if process.stdout else b""
        if not announced:
            raise RuntimeError(f"the simulators did not start; exit code {process.wait(END_TIMEOUT_SECONDS)}")
        yield Simulators(json.loads(announced)["url"])
    finally:
        process.terminate()
        try:
            process.wait(END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
