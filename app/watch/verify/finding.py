"""What one check saw."""

from dataclasses import dataclass, field

MOST_NAMED = 100  # of one kind of problem; the rest would say the same

Figures = dict[str, int | str]


@dataclass
class Finding:
    """The figures of one check; `problems` is empty when all is well."""

    figures: Figures = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
