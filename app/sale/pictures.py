"""The picture of an event: looked at, made small, and kept in the books, where every web host finds it.

What an organiser sends is never sent on: it is decoded, and what buyers get is a JPEG of our own making, without
whatever else was in the file (a place, a camera, something that a browser would run).
"""

import asyncio
import io
from base64 import b64decode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from app.infra.mysql import Database
from app.units import now_ms, to_datetime

MOST_BYTES: Final = 8 * 1024 * 1024
MOST_PIXELS: Final = 40_000_000
LEAST_SIDE: Final = 200
LONGEST_SIDE: Final = 1_600  # of what is kept
QUALITY: Final = 82
FORMATS: Final = ("JPEG", "PNG", "WEBP")

_one_at_a_time = asyncio.Semaphore(1)  # a big one takes a hundred megabytes while it is looked at


class BadPicture(ValueError):
    """This is no picture that can be shown; the text says why, and what would be one."""


@dataclass(frozen=True)
class Picture:
    """A picture as buyers get it."""

    jpeg: bytes

    @property
    def hash(self) -> str:
        """What it is called: its content."""
        return sha256(self.jpeg).hexdigest()


def made_small(sent: bytes) -> Picture:
    """The picture in a file that somebody sent. Raises BadPicture."""
    try:
        with Image.open(io.BytesIO(sent), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise BadPicture(f"{width} x {height} are more than {MOST_PIXELS // 1_000_000} million pixels")
            if min(width, height) < LEAST_SIDE:
                raise BadPicture(f"{width} x {height} is too small: {LEAST_SIDE} pixels are the least of a side")
            image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded no larger than it is needed
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            seen = Image.new("RGB", upright.size, "white")  # behind what is transparent
            clear = upright.convert("RGBA")
            seen.paste(clear, mask=clear)
    except UnidentifiedImageError:
        raise BadPicture("this is no picture that is known here: a JPEG, PNG or WebP is") from None
    except BadPicture:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise BadPicture(f"this picture is damaged: {str(error)[:100] or type(error).__name__}") from None
    written = io.BytesIO()
    seen.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return Picture(written.getvalue())


async def look_at(sent: bytes) -> Picture:
    """The same, while others are served. Raises BadPicture."""
    async with _one_at_a_time:
        return await asyncio.to_thread(made_small, sent)


async def keep_picture(database: Database, picture: Picture) -> None:
    """Puts it into the books; the same one twice is there once."""
    await database.execute(
        "INSERT IGNORE INTO pictures (hash, jpeg, created_at) VALUES (%s, %s, %s)",
        (picture.hash, picture.jpeg, to_datetime(now_ms())),
    )


async def drop_picture(database: Database, picture_hash: str) -> None:
    """Takes it out of the books, if no event shows it any more."""
    await database.execute(
        "DELETE FROM pictures WHERE hash = %s AND NOT EXISTS (SELECT 1 FROM events WHERE picture = %s)",
        (picture_hash, picture_hash),
    )


async def read_picture(database: Database, picture_hash: str) -> bytes | None:
    """The JPEG of this name; None where there is none."""
    # In base64, for whatever else is read from the books is text.
    row = await database.fetch_one("SELECT TO_BASE64(jpeg) AS jpeg FROM pictures WHERE hash = %s", (picture_hash,))
    return b64decode(row["jpeg"]) if row else None
