"""What the person at the terminal may set, by environment variables."""

import os
from dataclasses import dataclass
from pathlib import Path

from stack.errors import StackError


@dataclass(frozen=True)
class Settings:
    """Checked settings of one stack."""

    stack_dir: Path
    port: int  # of the web application
    crowd: int  # simulated buyers
    opens_in_seconds: int  # until the demo sale opens

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read PORT, CROWD, OPENS_IN and STACK_DIR; raises StackError naming the one that is wrong."""
        return cls(
            stack_dir=Path(os.environ.get("STACK_DIR") or ".stack"),
            port=_whole_number("PORT", 8000, 1, 65_535),
            crowd=_whole_number("CROWD", 300, 0, 20_000),
            opens_in_seconds=_whole_number("OPENS_IN", 60, 0, 86_400),
        )


def _whole_number(name: str, default: int, least: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise StackError(f"{name} must be a whole number from {least} to {most}, not {text[:40]!r}.")
    return int(text)
