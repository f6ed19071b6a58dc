"""Measures: python -m bench NAME [--json] [--stack DIR].

Starts servers and processes of its own in a temporary folder, measures, and stops them. With --stack it measures
on a stack that runs already.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from bench import arrive, costs, dashboard, door, endtoend, fanout, idle, ledger, open_loop, orders, place, rebuild
from bench.report import BenchmarkFailed, Report
from bench.stack import Stack, own_stack
from crowd.limits import allow_open_files

# What each needs to run: `python -m stack run`, or only its servers, or nothing.
BENCHMARKS: dict[str, tuple[str | None, Callable[..., Report], str | None]] = {
    "arrive": (arrive.__doc__, arrive.measure, "run"),
    "costs": (costs.__doc__, costs.measure, "run"),
    "dashboard": (dashboard.__doc__, dashboard.measure, "run"),
    "door": (door.__doc__, door.measure, None),
    "endtoend": (endtoend.__doc__, endtoend.measure, "run"),
    "fanout": (fanout.__doc__, fanout.measure, None),
    "idle": (idle.__doc__, idle.measure, "run"),
    "ledger": (ledger.__doc__, ledger.measure, "servers"),
    "orders": (orders.__doc__, orders.measure, "servers"),
    "open": (open_loop.__doc__, open_loop.measure, "run"),
    "place": (place.__doc__, place.measure, "run"),
    "poll": (costs.measure_poll.__doc__, costs.measure_poll, "run"),
    "rebuild": (rebuild.__doc__, rebuild.measure, "servers"),
    "slow": (idle.measure_slow.__doc__, idle.measure_slow, "run"),
    "soldout": (costs.measure_sold_out.__doc__, costs.measure_sold_out, "run"),
}

INTERRUPTED = 130


def main() -> int:
    """Measures; exit code 0, or 1 when what was measured is not right."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measurements against real servers.")
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, metavar="NAME", help="without one: lists them")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--stack", type=Path, metavar="DIR", help="a stack that runs already")
    arguments = parser.parse_args()
    if arguments.name is None:
        for name, (words, _, _) in BENCHMARKS.items():
            print(f"{name:<12} {(words or '').splitlines()[0]}")
        return 0
    allow_open_files()
    # It reports as errors what it tries again anyway, such as a topic whose leader is not chosen yet.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    _, measure, needs = BENCHMARKS[arguments.name]
    try:
        if needs is None:
            report = measure()
        elif arguments.stack:
            report = measure(Stack(arguments.stack))
        else:
            with own_stack(needs) as stack:
                report = measure(stack)
    except BenchmarkFailed as failed:
        print(f"bench: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    print(json.dumps(report.figures) if arguments.json else report.text)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
