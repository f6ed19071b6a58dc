"""Whether a reader of Kafka gets on: the rule, without Kafka.

A consumer can stop getting facts after a broker's restart, or have no partition for ever after its topic was made
anew, and say nothing.
"""

from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

Partition = TypeVar("Partition")


class Progress(Generic[Partition]):
    """What a reader got since it was last judged.

    What was fetched and waits for its turn behind other partitions is no stall, however slow the books are: only
    a partition that gave nothing though all that had been fetched was taken. A reader without any partition is
    judged by where its group stands, so it is fine for as long as others get on with the topic.
    """

    def __init__(self) -> None:
        self._behind: Mapping[Partition, int] = {}
        self._got: set[Partition] = set()
        self._drained = False

    def took(self, partitions: Collection[Partition], *, drained: bool) -> None:
        """Notes one poll: which partitions gave facts, and whether it took all that had been fetched."""
        self._got.update(partitions)
        self._drained |= drained

    def stuck(self, behind: Mapping[Partition, int]) -> list[Partition]:
        """The partitions that stand where they stood when last judged, and gave nothing since.

        `behind` is where each partition with facts to come stands now.
        """
        stood, got, drained = self._behind, self._got, self._drained
        self._behind, self._got, self._drained = behind, set(), False
        return [p for p, at in behind.items() if drained and stood.get(p) == at and p not in got]
