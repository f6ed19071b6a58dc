"""What the web processes of one host know together, in memory that they share: made before they are forked.

Each process writes a row of its own and reads all of them, so nobody waits for anybody and no lock outlives a
process that was killed. Limits that are the host's bind this way, whichever process a client meets.
"""

import struct
from collections.abc import Hashable, Sequence
from mmap import mmap

CELLS = 4  # numbers of a process that others read
FIGURES_BYTES = 512 * 1024  # the text of a process's figures, at most; memory that nobody touched costs nothing
_LENGTH = struct.Struct("<I")


class Tally:
    """How many of something this host has, by name, in a fixed amount of memory.

    A name is counted in two cells that its hash chooses; the smaller of the two is its count, which is too high
    only where both are shared with others. Hashes are keyed by a secret, so nobody can aim at a neighbour.
    """

    _WIDTH = 1 << 16

    def __init__(self, processes: int = 1) -> None:
        self._memory = mmap(-1, 4 * 2 * self._WIDTH * processes)
        cells = memoryview(self._memory).cast("i")
        self._rows = [cells[n * 2 * self._WIDTH : (n + 1) * 2 * self._WIDTH] for n in range(processes)]
        self._mine = self._rows[0]

    def belong_to(self, slot: int) -> None:
        """From now on this process counts in this row."""
        self._mine = self._rows[slot]

    def add(self, name: Hashable, amount: int = 1) -> None:
        """Counts; -1 for one less."""
        first, second = self._cells(name)
        self._mine[first] += amount
        self._mine[second] += amount

    def count(self, name: Hashable) -> int:
        """How many there are on this host."""
        first, second = self._cells(name)
        if len(self._rows) == 1:
            return min(self._mine[first], self._mine[second])
        return min(sum(row[first] for row in self._rows), sum(row[second] for row in self._rows))

    def forget(self, slot: int) -> None:
        """What a process that ended had counted is gone with it."""
        self._rows[slot][:] = memoryview(bytes(4 * 2 * self._WIDTH)).cast("i")

    def _cells(self, name: Hashable) -> tuple[int, int]:
        mixed = hash(name)
        return mixed & 0xFFFF, self._WIDTH + ((mixed >> 16) & 0xFFFF)


class Board:
    """A few numbers and the figures of each process, and what they count together.

    `processes` rows for those that live, and one for what the figures of those that ended come to.
    """

    CONNECTIONS, GIVING_WAY, _SPARE, _SPARE_TOO = range(CELLS)

    def __init__(self, processes: int = 1) -> None:
        self.processes = processes
        self.slot = 0
        self.addresses = Tally(processes)  # connections by address
        self.buyers = Tally(processes)  # websockets by event and buyer
        self._cells = memoryview(mmap(-1, 8 * (CELLS * processes + 1))).cast("q")
        # Twice the room for each: one half is read while the other is written.
        self._figures = mmap(-1, 2 * FIGURES_BYTES * (processes + 1))
        self._halves = memoryview(mmap(-1, processes + 1))

    def belong_to(self, slot: int) -> None:
        """This process has this row from now on, counted from 0."""
        self.slot = slot
        self.addresses.belong_to(slot)
        self.buyers.belong_to(slot)

    def put(self, cell: int, value: int) -> None:
        """Notes one of this process's numbers."""
        self._cells[1 + self.slot * CELLS + cell] = value

    def total(self, cell: int) -> int:
        """What the numbers of all processes come to."""
        return sum(self._cells[1 + cell :: CELLS])

    @property
    def ending_since_ms(self) -> int:
        """When all of it was told to end, by the monotonic clock; 0: it was not."""
        return self._cells[0]

    @ending_since_ms.setter
    def ending_since_ms(self, at_ms: int) -> None:
        self._cells[0] = at_ms

    def forget(self, slot: int) -> None:
        """A process ended: its counts and numbers are gone with it."""
        self.addresses.forget(slot)
        self.buyers.forget(slot)
        for cell in range(CELLS):
            self._cells[1 + slot * CELLS + cell] = 0
        self.write_figures(b"", slot)

    def write_figures(self, text: bytes, slot: int | None = None) -> None:
        """Replaces what one process says, this one unless told otherwise. What is too long is left as it was."""
        row = self.slot if slot is None else slot
        if len(text) > FIGURES_BYTES - _LENGTH.size:
            return
        half = 1 - self._halves[row]
        start = (2 * row + half) * FIGURES_BYTES
        self._figures[start : start + _LENGTH.size + len(text)] = _LENGTH.pack(len(text)) + text
        self._halves[row] = half

    def read_figures(self) -> Sequence[bytes]:
        """What each process said last, and last of all what those that ended come to."""
        texts = []
        for row in range(self.processes + 1):
            start = (2 * row + self._halves[row]) * FIGURES_BYTES
            (length,) = _LENGTH.unpack_from(self._figures, start)
            texts.append(bytes(self._figures[start + _LENGTH.size : start + _LENGTH.size + length]))
        return texts
