"""Pictures of events as browsers get them: a name for each content, so one that was fetched is good for ever."""

import asyncio
import re
from collections import OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.sale.pictures import read_picture
from app.web.problems import Problem
from app.web.services import services_of

FOR_EVER: Final = "public, max-age=31536000, immutable"
MOST_KEPT: Final = 16  # of some hundred kilobytes each
_NAME = re.compile(r"([0-9a-f]{64})\.jpg")

_kept: OrderedDict[str, bytes] = OrderedDict()
_looks = asyncio.Semaphore(2)  # into the books: strangers may ask for what is not there


async def picture(request: Request) -> Response:
    """The JPEG of this name."""
    name = _NAME.fullmatch(request.path_params["picture"])
    if name is None:
        raise Problem("not_found")
    jpeg = _kept.get(name[1])
    if jpeg is None:
        async with _looks:
            jpeg = _kept.get(name[1]) or await read_picture(services_of(request).database, name[1])
        if jpeg is None:
            raise Problem("not_found")
        _kept[name[1]] = jpeg
        if len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": FOR_EVER})
