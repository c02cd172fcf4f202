"""`python -m services.simulators`: serve all simulated providers on one loopback port until told to stop."""

import argparse
import asyncio
import ipaddress
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from services.simulators.faults import Distribution
from services.simulators.ledger import Ledger
from services.simulators.site import Site
from services.simulators.wire import Connection
from services.simulators.world import World

PARENT_CHECK_SECONDS = 0.5
LONG_TAIL_PROBABILITY = 0.005


def main() -> None:
    """Read the command line and serve."""
    arguments = _parser().parse_args()
    if not ipaddress.ip_address(arguments.host).is_loopback:
        sys.exit("The simulators listen on loopback only: they accept any key and have no protection.")
    site = Site(World(arguments.seed, arguments.people), Ledger(arguments.ledger))
    site.limits.change(arguments.limits, default=True)
    site.faults.set_default_latencies(_latencies(site, arguments.latency))
    asyncio.run(_serve(site, arguments.host, arguments.port, arguments.parent))
    site.ledger.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.simulators", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one; the address is printed")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=100_000, help="how many people live in the world")
    parser.add_argument("--limits", type=_limits, default={}, help="openai.rpm=5000,crustdata.enrich=15,...")
    parser.add_argument("--ledger", type=Path, help="file of the ledger; continued if it exists")
    parser.add_argument("--latency", choices=("realistic", "fast", "long-tail"), default="realistic")
    parser.add_argument("--parent", type=int, help="process id; the simulators end when it is no longer the parent")
    return parser


def _limits(text: str) -> dict[str, object]:
    limits: dict[str, object] = {}
    for entry in filter(None, text.split(",")):
        name, _, value = entry.partition("=")
        limits[name.strip()] = None if value.strip() == "none" else float(value)
    return limits


def _latencies(site: Site, profile: str) -> list[tuple[str, str, Distribution]]:
    if profile == "fast":
        return []
    tail = LONG_TAIL_PROBABILITY if profile == "long-tail" else 0.0
    return [
        (provider.name, route, Distribution(d.kind, d.low, d.high, d.median, d.sigma, tail_probability=tail))
        for provider in site.providers
        for route, d in provider.realistic_latencies.items()
    ]


async def _serve(site: Site, host: str, port: int, parent: int | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks: set[asyncio.Task[None]] = set()
    server = await loop.create_server(lambda: Connection(site.answer, tasks), host, port, backlog=1024)
    actual = server.sockets[0].getsockname()[1]
    shown_host = f"[{host}]" if ":" in host else host
    sys.stdout.write(json.dumps({"url": f"http://{shown_host}:{actual}"}) + "\n")
    sys.stdout.flush()
    if parent is not None:
        _end_with(parent, loop, stop.set)
    await stop.wait()
    server.close()


def _end_with(parent: int, loop: asyncio.AbstractEventLoop, end: Callable[[], None]) -> None:
    """Stop once the parent is gone: an orphan is adopted by another process and sees a new parent id."""
    if os.getppid() != parent:
        end()
    else:
        loop.call_later(PARENT_CHECK_SECONDS, _end_with, parent, loop, end)


if __name__ == "__main__":
    main()
