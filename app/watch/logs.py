"""What processes log: for people a line of text, for machines a line of JSON with the order's and the event's id.

An order's id is the same text wherever it is written, so a line says which order it is about by having it in its
words: nobody has to hand it on.
"""

import logging
import re
import sys
from typing import Final

import msgspec

from app.ids import ORDER_ID, event_of
from app.settings import LogFormat
from app.units import iso

MOST_CHARACTERS: Final = 20_000  # of a trace; what is at its end says most
_EVENT = re.compile(r"\bevent (\d{1,10})\b")
_output = logging.StreamHandler(sys.stdout)
_QUIET: Final = {"aiokafka": logging.ERROR, "httpx": logging.WARNING, "opentelemetry": logging.ERROR}


class JsonLines(logging.Formatter):
    """A record as one line of JSON, with `order_id`, `event_id` and `trace` where it has them."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        text = record.getMessage()
        line: dict[str, str | int] = {
            "at": iso(round(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "process": self._process,
            "pid": record.process or 0,
            "text": text[:MOST_CHARACTERS],
        }
        order, event = ORDER_ID.search(text), _EVENT.search(text)
        if order:
            line["order_id"] = order[0]
            line["event_id"] = event_of(order[0])
        elif event:
            line["event_id"] = int(event[1])
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)[-MOST_CHARACTERS:]
        return msgspec.json.encode(line).decode()


def log_as(form: LogFormat, process: str) -> None:
    """From now on this process logs like that, to its standard output."""
    _output.setFormatter(
        JsonLines(process) if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[_output])  # the first time; where tests listen, they do
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
