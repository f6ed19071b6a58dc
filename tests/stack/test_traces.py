"""One trace of an order, as whoever collects them sees it: from the request to the frame."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from websockets.sync.client import ClientConnection, connect

from app.infra.traces import ENDPOINT
from tests.world.apart import apart
from tests.world.buyers import api, come_in, make_event, order, pay, until_status
from tests.world.processes import processes
from tests.world.stack import Stack
from tests.world.waiting import until

PROCESSES = ("app.main", "sandbox.server", "workers.admission", "workers.sales", "workers.relay", "workers.ledger")


class Span(NamedTuple):
    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    took_ns: int


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """Takes spans by OTLP over HTTP: its address, and what it has."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            for of_process in asked.resource_spans:
                named = {item.key: item.value.string_value for item in of_process.resource.attributes}
                spans.extend(
                    Span(
                        named["service.name"], span.name, span.trace_id.hex(), span.span_id.hex(),
                        span.parent_span_id.hex(), span.end_time_unix_nano - span.start_time_unix_nano,
                    )
                    for scope in of_process.scope_spans
                    for span in scope.spans
                )  # fmt: skip
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", spans
    server.shutdown()
    thread.join()
    server.server_close()


def _socket(env: dict[str, str], slug: str, token: str) -> ClientConnection:
    address = f"{env['PUBLIC_URL'].replace('http', 'ws')}/ws/events/{slug}"
    return connect(address, additional_headers={"Authorization": f"Bearer {token}"})


def ways(spans: list[Span]) -> set[tuple[str, ...]]:
    """What led to each span, from the first one on."""
    by_id = {span.span_id: span for span in spans}

    def way(span: Span) -> tuple[str, ...]:
        before = by_id.get(span.parent_id)
        return (*(way(before) if before else ()), f"{span.process}: {span.name}")

    return {way(span) for span in list(by_id.values())}


@pytest.mark.slow
def test_an_order_is_one_trace_from_the_request_over_fact_and_ledger_to_the_frame(stack: Stack) -> None:
    wanted = {
        ("web: place order", f"{sender}: send", "ledger: ledger", "ledger: news", "web: frame")
        for sender in ("relay", "web")  # of the order, and of its payment
    }
    with collector() as (address, spans):
        told = {ENDPOINT: address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with apart(stack, **told) as env, processes(env, *PROCESSES):
            sale = make_event(env)
            client = api(stack)
            client.base_url = f"{env['PUBLIC_URL']}/api/v1"
            with client, _socket(env, sale.slug, come_in(client, sale)):
                order_id = str(order(client, sale).json()["order_id"])
                until_status(client, order_id, "PENDING")
                pay(client, order_id)
                until_status(client, order_id, "CONFIRMED")
                until(lambda: wanted <= ways(spans), what="the whole way")
    assert {span.trace_id for span in spans} == {order_id.replace("-", "")}
    assert all(span.took_ns >= 0 for span in spans)
