"""Whether a request comes from our own pages: asked by the guard of every change, and by the websockets."""

from starlette.datastructures import Headers

OWN_SITES = ("same-origin", "none")  # none: the reader did it, by the address bar or a bookmark


def same_origin(headers: Headers, public_url: str) -> bool:
    """Whether a request comes from our own pages, or from no page at all.

    Scheme, host and port must be those of the public address. Only where that is plain http, in development, the
    Host header counts too, so that a page opened by another name of this machine works.
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in OWN_SITES
    if origin == public_url:
        return True
    return public_url.startswith("http://") and origin == f"http://{headers.get('host')}"
