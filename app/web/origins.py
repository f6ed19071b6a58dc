"""Whether a request comes from our own pages: asked by the guard of every change, and by the websockets."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers


def same_origin(headers: Headers, public_url: str) -> bool:
    """Whether a request comes from our own pages, or from no page at all."""
    origin = headers.get("origin")
    try:
        return origin is None or origin == public_url or urlsplit(origin).netloc == headers.get("host")
    except ValueError:  # no address at all
        return False
