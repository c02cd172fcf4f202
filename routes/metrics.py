"""The state of the installation as figures for Prometheus: the same from whichever worker answers, nobody's name in it.

They are read from the database, the limiter's store and this host when somebody asks; docs/production.md lists them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.domain.status import LATENCY_BOUNDS_MS, InstallationStatus, ProviderStatus, RecentCalls
from services.status import Status

Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, eq=False)
class InstallationFigures(Collector):
    """One look at the installation, as families of figures."""

    status: Status

    def collect(self) -> Iterator[Metric]:
        seen = self.status.installation()
        yield from of_stores(seen)
        yield from of_runs(seen)
        for one in (of_providers(seen.providers), of_calls(seen.providers), of_this_host(seen), of_sweeper(seen)):
            yield from one


def of_stores(seen: InstallationStatus) -> Iterator[Metric]:
    yield gauge("database_up", "Whether the database answers.", [((), float(seen.database.answers))])
    yield gauge("database_answer_seconds", "Time to its first answer.", [((), seen.database.milliseconds / 1000)])
    if seen.database.bytes is not None and seen.database.connections is not None:
        yield gauge("database_bytes", "Size of the database.", [((), seen.database.bytes)])
        yield gauge("database_connections", "Connections to the database.", [((), seen.database.connections)])
    yield gauge("limiter_up", "Whether the limiter's store answers.", [((), float(seen.limiter.answers))])
    yield gauge("limiter_answer_seconds", "Time to its answer.", [((), seen.limiter.milliseconds / 1000)])


def of_runs(seen: InstallationStatus) -> Iterator[Metric]:
    if not seen.database.answers:
        return
    states = [((state,), seen.queue.runs(state)) for state in ("queued", "running", "paused", "stopping")]
    yield gauge("runs", "Runs that are not over.", states, ["state"])
    waits = seen.queue.oldest_wait_seconds or 0.0
    yield gauge("queue_oldest_wait_seconds", "For how long the first queued run has waited.", [((), waits)])
    yield gauge("job_processes", "Runs that hold a process.", [((), seen.processes_in_use)])
    yield gauge("job_processes_most", "How many may.", [((), seen.most_processes)])


def of_providers(providers: tuple[ProviderStatus, ...]) -> Iterator[Metric]:
    limits = [(one.provider, limit) for one in providers for limit in one.limits]
    names = ["provider", "limit"]
    used = [((provider, limit.name), float(limit.used)) for provider, limit in limits]
    allowed = [((provider, limit.name), float(limit.allowed)) for provider, limit in limits]
    yield gauge("limit_used", "How much of a limit is used within its window.", used, names)
    yield gauge("limit_allowed", "How much it allows.", allowed, names)
    known = [one for one in providers if one.is_known and one.mode != "not connected"]
    waiting = [((one.provider,), float(one.waiting)) for one in known]
    shut = [((one.provider,), float(one.outage is not None)) for one in known]
    paused = [((one.provider,), one.paused_seconds) for one in known]
    yield gauge("calls_waiting", "Calls that wait for their turn.", waiting, ["provider"])
    yield gauge("breaker_open", "Whether the provider is left alone because it fails.", shut, ["provider"])
    yield gauge("pause_seconds", "How long a provider that refused is still left alone.", paused, ["provider"])


def of_calls(providers: tuple[ProviderStatus, ...]) -> Iterator[Metric]:
    """Of the last fifteen minutes, and so gauges: what is summed up for ever is the ledger."""
    counts = [((one.provider,), float(one.recent.calls)) for one in providers]
    yield gauge("recent_calls", "Calls of the last 15 minutes.", counts, ["provider"])
    failures = [
        ((one.provider, code), float(count)) for one in providers for code, count in sorted(one.recent.failures.items())
    ]
    yield gauge("recent_failures", "Calls of the last 15 minutes without a result.", failures, ["provider", "code"])
    family = GaugeHistogramMetricFamily(
        "sourcingx_recent_call_seconds", "Time of the calls of the last 15 minutes.", labels=["provider"]
    )
    for one in providers:
        family.add_metric([one.provider], buckets=cumulated(one.recent), gsum_value=one.recent.total_ms / 1000)
    yield family


def cumulated(recent: RecentCalls) -> list[tuple[str, float]]:
    total, buckets = 0, []
    for bound, held in zip([*LATENCY_BOUNDS_MS, None], recent.by_bucket, strict=True):
        total += held
        buckets.append(("+Inf" if bound is None else str(bound / 1000), float(total)))
    return buckets


def of_this_host(seen: InstallationStatus) -> Iterator[Metric]:
    memory = [((one.part,), float(one.bytes)) for one in seen.memory]
    yield gauge("memory_bytes", "Proportional memory of a part on this host.", memory, ["part"])
    processes = [((one.part,), float(one.processes)) for one in seen.memory]
    yield gauge("processes", "Processes of a part on this host.", processes, ["part"])
    sizes = [((one.name,), float(one.bytes)) for one in seen.places]
    yield gauge("temporary_bytes", "Size of a folder of what comes and goes.", sizes, ["place"])
    files = [((one.name,), float(one.files)) for one in seen.places]
    yield gauge("temporary_files", "Files in it.", files, ["place"])
    free = [((disk.name,), float(disk.free_bytes)) for disk in seen.disks]
    yield gauge("disk_free_bytes", "Room on the disk of a folder.", free, ["disk"])


def of_sweeper(seen: InstallationStatus) -> Iterator[Metric]:
    if seen.sweeper is None:
        return
    yield gauge("sweeper_leads", "Whether somebody sweeps.", [((), float(seen.sweeper.leads))])
    if seen.sweeper.swept_at is not None:
        age = (seen.at - seen.sweeper.swept_at).total_seconds()
        yield gauge("sweeper_age_seconds", "Since the last sweep.", [((), max(0.0, age))])
    done = [((deed.deed,), float(deed.times)) for deed in seen.deeds]
    yield gauge("sweeper_deeds", "What the sweeper did in the last 24 hours.", done, ["deed"])


def gauge(name: str, words: str, samples: list[Sample], labels: list[str] | None = None) -> Metric:
    family = GaugeMetricFamily(f"sourcingx_{name}", words, labels=labels or [])
    for values, amount in samples:
        family.add_metric(list(values), amount)
    return family
