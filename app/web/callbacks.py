"""Where the payment provider reports. The answer is 2xx only once Kafka has the fact."""

from starlette.requests import Request
from starlette.responses import Response

from app.live.shapes import Accepted
from app.orders.facts import records
from app.payments.provider import BadNotice, BadSignature, fact_of
from app.payments.providers import UnknownProvider
from app.web.http import Json, read_body
from app.web.problems import Problem, invalid
from app.web.promises import promise
from app.web.services import services_of


@promise(
    "Where a payment provider reports. 2xx once the report is safe; anything else: report again.",
    {200: Accepted},
    "bad_signature",
    "invalid",
    "too_large",
)
async def receive(request: Request) -> Response:
    services = services_of(request)
    try:
        provider = services.providers.named(request.path_params["provider"])
    except UnknownProvider:
        raise Problem("not_found") from None
    body = await read_body(request)
    try:
        notice = provider.verify_callback(dict(request.headers), body)
    except BadSignature as error:
        raise Problem("bad_signature", str(error)) from None
    except BadNotice as error:
        raise invalid(str(error)) from None
    if notice is not None:
        await services.producer.send(records(fact_of(notice)))
    return Json(Accepted())
