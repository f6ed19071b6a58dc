"""The script that puts the waiting room into other sites' pages, at an address that stays."""

from starlette.requests import Request
from starlette.responses import Response

from app.web.rendering import FILES

SCRIPT = FILES["embed.js"]
CACHEABLE = "public, max-age=300"


async def embed_script(request: Request) -> Response:
    """See static/embed.js. Any site may load it; what it may ask for is up to each sale."""
    headers, body = SCRIPT.answer(request.headers.get("accept-encoding", ""))
    told = {name.decode(): value.decode() for name, value in headers}
    told |= {"cache-control": CACHEABLE, "access-control-allow-origin": "*"}
    return Response(body, headers=told)
