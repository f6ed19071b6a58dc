"""What Prometheus may ask of a web process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

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


def exposition() -> bytes:
    """Everything, in Prometheus's text format."""
    text: bytes = generate_latest(REGISTRY)
    return text
