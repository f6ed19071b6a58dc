"""Spans for OpenTelemetry, by its own library: loaded only where traces are wanted."""

import os
import time
from collections.abc import Mapping
from hashlib import blake2b
from threading import Thread
from typing import Final
from uuid import UUID

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from app.ids import ORDER_ID

LAST_SECONDS: Final = 1.0  # for what is left when the process ends


class _Chosen(IdGenerator):
    """The ids that the next span is to have."""

    trace_id = span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class Exporter:
    """Sends spans in batches, from a thread of its own; what is too much for its queue is dropped."""

    def __init__(self, process: str) -> None:
        self._ids = _Chosen()
        named: dict[str, str | int] = {
            "service.name": process,
            "service.namespace": "ticketcraze",
            "process.pid": os.getpid(),
        }
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # who wants fewer has the collector choose: it sees whole traces
            resource=Resource.create(named),
            id_generator=self._ids,
            shutdown_on_exit=False,  # see `close`
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("ticketcraze")

    def tell(
        self,
        name: str,
        order_id: str,
        began_ns: int,
        key: str | bytes,
        after: str | bytes,
        said: Mapping[str, str | int],
    ) -> None:
        """Queues a span that ends now; one of what is no order is none."""
        if not ORDER_ID.fullmatch(order_id):
            return
        self._ids.trace_id, self._ids.span_id = UUID(order_id).int, _span_id(order_id, key)
        before = None
        if after:
            context = SpanContext(
                self._ids.trace_id,
                _span_id(order_id, after),
                is_remote=True,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )
            before = set_span_in_context(NonRecordingSpan(context))
        span = self._tracer.start_span(
            name, before, attributes={"order_id": order_id, **said}, start_time=began_ns
        )
        span.end(time.time_ns())

    def close(self) -> None:
        """Sends what is left, within a second: the library itself would wait for a collector that is gone."""
        last = Thread(target=self._provider.force_flush, daemon=True)
        last.start()
        last.join(LAST_SECONDS)


def _span_id(order_id: str, key: str | bytes) -> int:
    named = order_id.encode() + b"/" + (key if isinstance(key, bytes) else key.encode())
    return int.from_bytes(blake2b(named, digest_size=8).digest()) or 1
