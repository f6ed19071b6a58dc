"""A call that is sent again with the same Idempotency-Key is done once, and gets the first answer again."""

from collections.abc import MutableMapping
from contextlib import suppress
from functools import wraps
from hashlib import sha256
from typing import Any

import msgspec
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from app.infra.redis import forget, remember, remembered
from app.organisers.access import Admin
from app.web.admin.access import Serve
from app.web.http import optional_idempotency_key, read_body
from app.web.problems import Problem
from app.web.services import services_of

KEPT_SECONDS = 86_400
UNDER_WAY_SECONDS = 60  # a call whose process ended may be made again after this
USE = "admin"  # of the marks in Redis


class _Answer(msgspec.Struct, frozen=True, array_like=True):
    status: int
    headers: dict[str, str]
    body: bytes


def repeatable(serve: Serve) -> Serve:
    """A decorator for handlers of organisers' calls, below `allowed`.

    What was answered is kept for a day, sealed with the key that was sent: an answer may show a secret this once.
    A refusal is not kept. Raises Problem `key_reused` for another body, `busy` while the first call goes on.
    """

    @wraps(serve)
    async def once(request: Request, admin: Admin) -> Response:
        key = optional_idempotency_key(request)
        if not key:
            return await serve(request, admin)
        services, body = services_of(request), await read_body(request)
        call = f"{admin.name} {request.method} {request.url.path} {key}"
        said, seal = sha256(body).hexdigest(), services.tokens.seal(call)
        before = await remembered(services.redis, USE, call, said, UNDER_WAY_SECONDS)
        if before is not None:
            first, _, sealed = before.partition(" ")
            if first != said:
                raise Problem("key_reused")
            if not sealed:
                raise Problem("busy", "The first call with this Idempotency-Key is not answered yet.")
            return _again(msgspec.msgpack.decode(seal.decrypt(sealed), type=_Answer))

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            answer = await serve(Request(request.scope, receive), admin)
        except Exception:
            await forget(services.redis, USE, call)
            raise
        kept = _Answer(answer.status_code, dict(answer.headers), bytes(answer.body))
        with suppress(RedisError):  # it is done all the same
            sealed = seal.encrypt(msgspec.msgpack.encode(kept)).decode()
            await remember(services.redis, USE, call, f"{said} {sealed}", KEPT_SECONDS)
        return answer

    once.repeats = True  # type: ignore[attr-defined]  # for the document
    return once


def _again(answer: _Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)
