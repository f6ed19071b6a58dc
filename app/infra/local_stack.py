"""What `make run` wrote down of the stack on this machine."""

import json
import os
from pathlib import Path
from typing import Any


def local_stack() -> dict[str, Any]:
    """The run.json of the stack in STACK_DIR; empty without one."""
    try:
        found: dict[str, Any] = json.loads((Path(os.environ.get("STACK_DIR", ".stack")) / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return found
