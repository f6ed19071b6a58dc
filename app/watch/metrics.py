"""What Prometheus may ask of a host: the figures of its web processes, added up, and those of each worker.

Each process writes its own on the host's board once a second, and whichever is asked adds them up. What a process
that ended had counted stays counted, or every restart would look like a time without visitors. Workers tell theirs
in Redis, with their reports, and have them apart, by `process` and `worker`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.infra.board import Board
from app.sale.waits import BUCKETS, longest_seconds

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

REQUESTS = Counter(
    "ticketcraze_requests_total", "Answers, by endpoint and status.", ["endpoint", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "ticketcraze_request_seconds",
    "Time to the answer's first byte.",
    ["endpoint"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
SOCKETS = Gauge("ticketcraze_open_sockets", "Open websockets.", registry=REGISTRY)
BORROWED = Gauge("ticketcraze_database_connections_borrowed", "MySQL connections in use.", registry=REGISTRY)
CONNECTIONS = Gauge("ticketcraze_open_connections", "Open client connections.", registry=REGISTRY)
TURNED_AWAY = Counter(
    "ticketcraze_connections_turned_away_total",
    "Connections refused or ended, by reason.",
    ["reason"],
    registry=REGISTRY,
)

STEP_SECONDS = Histogram(
    "ticketcraze_step_seconds",
    "Time a step of a worker took.",
    ["step"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 30),
    registry=REGISTRY,
)
AWAY_TIMES = Counter(
    "ticketcraze_servers_away_total", "Steps for which a server was unavailable.", ["error"], registry=REGISTRY
)
FACTS = Counter("ticketcraze_facts_total", "Facts written into the books.", ["fact"], registry=REGISTRY)

WAITED = Histogram(
    "ticketcraze_waited_seconds",
    "How long those who were let in had waited at most, since they joined or were drawn.",
    buckets=[longest_seconds(bucket) for bucket in range(3, BUCKETS, 2)],
    registry=REGISTRY,
)

WORKERS_TELL = ("process_", "ticketcraze_step_", "ticketcraze_servers_", "ticketcraze_facts", "ticketcraze_waited")
WRITE_SECONDS = 1.0
OLDEST_COUNTS = ("process_start_time_seconds",)  # the others of all processes are added up
NO_FIGURE = "_created"  # when a counter began, which says nothing of several

Sample = tuple[str, dict[str, str], float]


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """One metric as one process has it."""

    name: str
    kind: str
    words: str
    samples: list[Sample]


_DECODER = msgspec.json.Decoder(list[Figures])


def figures() -> bytes:
    """The figures of this process."""
    return msgspec.json.encode(
        [
            Figures(
                metric.name,
                metric.type,
                metric.documentation,
                [(s.name, s.labels, s.value) for s in metric.samples if not s.name.endswith(NO_FIGURE)],
            )
            for metric in REGISTRY.collect()
        ]
    )


def add_up(living: Sequence[bytes], ended: bytes) -> list[Metric]:
    """The figures of all processes as one; of those that ended only what they had counted."""
    metrics: dict[str, Metric] = {}
    totals: dict[str, dict[tuple[str, ...], Sample]] = {}
    for text in (*living, ended):
        for one in _DECODER.decode(text) if text else ():
            if text is ended and one.kind == "gauge":
                continue
            metrics.setdefault(one.name, Metric(one.name, one.words, one.kind))
            found = totals.setdefault(one.name, {})
            for name, labels, value in one.samples:
                key = (name, *labels.values())
                before = found[key][2] if key in found else None
                found[key] = (name, labels, value if before is None else _together(one.name, before, value))
    for name, metric in metrics.items():
        for sample in totals[name].values():
            metric.add_sample(*sample)
    return list(metrics.values())


def _together(name: str, one: float, other: float) -> float:
    return min(one, other) if name in OLDEST_COUNTS else one + other


def bury(board: Board, slot: int) -> None:
    """A process ended: adds what it had counted to what others had that ended before."""
    *texts, ended = board.read_figures()
    kept = [
        Figures(m.name, m.type, m.documentation, [(s.name, s.labels, s.value) for s in m.samples])
        for m in add_up([texts[slot]], ended)
        if m.type != "gauge"
    ]
    board.write_figures(msgspec.json.encode(kept), board.processes)
    board.forget(slot)


@asynccontextmanager
async def written_figures(board: Board, look: Callable[[], None]) -> AsyncIterator[None]:
    """Keeps this process's figures on the board until the block ends; `look` sets those that nobody counts."""

    async def keep() -> None:
        while True:
            write_figures(board, look)
            await asyncio.sleep(WRITE_SECONDS)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        write_figures(board, look)


def write_figures(board: Board, look: Callable[[], None]) -> None:
    """Writes this process's figures on the board, as they are now."""
    look()
    board.write_figures(figures())


@dataclass(frozen=True)
class WorkerFigures:
    """What a worker says: its kind, which one of its kind it is, and its `figures()`."""

    process: str
    instance: str
    text: bytes


class _Sums(Collector):
    def __init__(self, board: Board, workers: Sequence[WorkerFigures]) -> None:
        self._board = board
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        *living, ended = self._board.read_figures()
        metrics = {metric.name: metric for metric in add_up(living, ended)}
        for worker in self._workers:
            for one in _DECODER.decode(worker.text):
                if not one.name.startswith(WORKERS_TELL):
                    continue
                metric = metrics.setdefault(one.name, Metric(one.name, one.words, one.kind))
                for name, labels, value in one.samples:
                    metric.add_sample(
                        name, {**labels, "process": worker.process, "worker": worker.instance}, value
                    )
        yield from metrics.values()


def exposition(board: Board, workers: Sequence[WorkerFigures] = ()) -> bytes:
    """Everything of this host's web processes, added up, and of each worker, in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sums(board, workers))
    text: bytes = generate_latest(registry)
    return text
