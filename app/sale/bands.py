"""Bands: whoever joins with a presale code stands ahead of all without one, in the order of their numbers.

Where a buyer stands is one whole number, the *standing*: their queue number, less BAND for each band. Redis sorts
by it, and a buyer's token carries it, so a place comes back with its band. In the lobby the number is 0.
"""

BAND = 1_000_000_000  # more queue numbers than one sale gives; the scripts in app/lua have it too
MOST_BANDS = 9


def standing(number: int, band: int) -> int:
    """Where the holder of this queue number stands."""
    return number - band * BAND


def number_of(standing: int) -> int:
    """The queue number, or the arrival in the lobby, of a standing."""
    return standing % BAND


def band_of(standing: int) -> int:
    """The band of a standing: 0 for everybody who had no code."""
    return -(standing // BAND)
