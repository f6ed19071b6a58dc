"""The flags that say what is asked of those who join: the same for a new event and for one that is there."""

import argparse
from typing import Any

import msgspec
from msgspec.structs import replace

from app.sale.gates.rules import Gates


def add_gates(parser: argparse.ArgumentParser) -> None:
    """Adds the flags. What is not said stays as it is."""
    parser.add_argument(
        "--codes",
        choices=["none", "optional", "required"],
        help="presale codes put their holders ahead; required: nobody joins without one (none)",
    )


def read_gates(arguments: argparse.Namespace, gates: Gates) -> Gates:
    """The gates with what the flags say. Raises Failed."""
    if arguments.codes:
        gates = replace(gates, codes=arguments.codes)
    return gates


def told_gates(gates: Gates) -> dict[str, Any]:
    """Gates as an answer: without what is secret in them."""
    told: dict[str, Any] = msgspec.to_builtins(gates)
    return told
