"""What an organiser sends as a picture: what is shown of it, and what is refused."""

import io
import zipfile
from collections.abc import Callable

import pytest
from PIL import Image

from app.sale.pictures import LONGEST_SIDE, BadPicture, made_small


def a_picture(form: str = "PNG", size: tuple[int, int] = (640, 400), mode: str = "RGB", **how: object) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size).save(written, form, **how)
    return written.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_is_shown_is_a_small_jpeg_of_our_own(form: str) -> None:
    small = made_small(a_picture(form, (3_200, 1_000)))
    with Image.open(io.BytesIO(small.jpeg)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (LONGEST_SIDE, 500), "RGB")
    assert made_small(a_picture(form, (3_200, 1_000))).hash == small.hash, "the same picture has the same name"


def test_nothing_else_of_the_file_is_shown() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "a camera"
    small = made_small(a_picture("JPEG", (400, 300), exif=exif))
    with Image.open(io.BytesIO(small.jpeg)) as image:
        assert (image.size, dict(image.getexif())) == ((300, 400), {})
    assert b"camera" not in small.jpeg


def test_what_is_transparent_is_white() -> None:
    with Image.open(io.BytesIO(made_small(a_picture(mode="RGBA")).jpeg)) as image:
        assert image.getpixel((5, 5)) == (255, 255, 255)


def a_zip() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("picture.png", a_picture())
    return written.getvalue()


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "JPEG, PNG or WebP"),
        (a_zip, "JPEG, PNG or WebP"),
        (lambda: a_picture("GIF"), "JPEG, PNG or WebP"),
        (lambda: b"", "JPEG, PNG or WebP"),
        (lambda: a_picture()[:300], "damaged"),
        (lambda: a_picture(size=(100, 900)), "too small"),
        (lambda: a_picture(size=(9_000, 9_000), mode="1"), "40 million pixels"),
    ],
)
def test_what_is_no_picture_is_refused_and_told_why(sent: Callable[[], bytes], says: str) -> None:
    with pytest.raises(BadPicture, match=says):
        made_small(sent())
