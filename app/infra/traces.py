"""One trace of each order, from the request to the frame: off, unless OTEL_EXPORTER_OTLP_ENDPOINT says where to.

Nobody hands a context on: the order's id is the trace's id, and a span's id comes from what names it. So every
process knows, from the fact it has anyway, which span came before (docs/decisions/0160-one-trace-an-order.md).
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.infra.otlp import Exporter

log = logging.getLogger(__name__)

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
REQUEST: Final = "request"  # what the first span of an order is named by

Key = str | bytes  # what names a span among those of its order

_exporter: "Exporter | None" = None


@contextmanager
def traced(process: str) -> Iterator[None]:
    """While the block lasts, this process tells its spans, if it is said where to. Not before a fork."""
    global _exporter
    if not os.environ.get(ENDPOINT):
        yield
        return
    try:
        from app.infra.otlp import Exporter
    except ImportError:
        log.error("%s is set, and the packages are missing: pip install 'ticketcraze[traces]'", ENDPOINT)
        yield
        return
    _exporter = Exporter(process)
    try:
        yield
    finally:
        _exporter.close()
        _exporter = None


def is_on() -> bool:
    """Whether spans are told: what it costs to name one can be saved otherwise."""
    return _exporter is not None


def began() -> int:
    """The beginning of a span, UTC ns; 0 while nothing is told."""
    return time.time_ns() if _exporter else 0


def tell(name: str, order_id: str, began_ns: int, key: Key, after: Key = "", **said: str | int) -> None:
    """Tells a span of an order that ends now: `key` names it, `after` the one before it, `said` are attributes.

    A span that is told again is the same span. One that began while nothing was told is left out.
    """
    if _exporter and began_ns:
        _exporter.tell(name, order_id, began_ns, key, after, said)
