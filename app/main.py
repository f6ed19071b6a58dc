"""The web application: every route, what is around it, and what it has open. The table of contents."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, WebSocketRoute

from app.infra.board import Board
from app.infra.coalescing import CoalescingRedis
from app.infra.epochs import refreshed_epochs
from app.infra.kafka import open_producer
from app.infra.mysql import open_database
from app.infra.redis import open_redis
from app.infra.traces import traced
from app.live.hub import Hub
from app.organisers.dashboard import Dashboard
from app.organisers.log import AdminLog
from app.organisers.login import Login
from app.organisers.sessions import Sessions
from app.organisers.watching import Watching
from app.payments.providers import open_providers
from app.sale.events import read_event
from app.sale.gates.captcha import Captchas
from app.sale.gates.work import Work
from app.sale.passes import PassKeys
from app.settings import WEB, BadSetting, Settings
from app.tickets.codes import TicketKeys
from app.tokens import Tokens
from app.watch.logs import log_as
from app.watch.metrics import bury, written_figures
from app.watch.pressure import Limits, Pressure
from app.watch.processes import Load, calm_collector, reporting
from app.web import callbacks, documents, explanations, health, mailbox, pictures, wall
from app.web import door as scanner
from app.web.admin import (
    account,
    blocks,
    codes,
    door,
    event_pages,
    people,
    people_pages,
    preview,
    reconciliation,
    rehearsals,
    session,
    walls,
)
from app.web.admin import api as admin_api
from app.web.admin import events as admin_events
from app.web.admin import money as admin_money
from app.web.admin import orders as admin_orders
from app.web.admin import outbound as admin_outbound
from app.web.admin import pages as admin_pages
from app.web.admin.socket import admin_socket
from app.web.buyer import api, draw, embed, pages, passes, ticket_pages, tickets, work
from app.web.buyer import refunds as buyer_refunds
from app.web.buyer.socket import buyer_socket
from app.web.connections import Door
from app.web.cors import Cors
from app.web.draining import Draining
from app.web.events import Events
from app.web.guard import Guard
from app.web.internal import internal_listener
from app.web.keeper import Keeper
from app.web.kept import Kept
from app.web.overload import watched_pressure
from app.web.problems import PROBLEMS, Problem, answer_error
from app.web.rendering import FILES, read_templates
from app.web.routing import Lookup, resource, router
from app.web.sales import Sales
from app.web.server import Server, limits_of, listen
from app.web.services import Services
from app.web.static import StaticFiles

log = logging.getLogger(__name__)

API = router(
    resource("/events", GET=api.get_events),
    resource("/events/{slug}", GET=api.get_event),
    resource("/events/{slug}/queue", POST=api.join, GET=api.get_place, DELETE=api.leave),
    resource("/events/{slug}/challenge", GET=work.get_challenge),
    resource("/events/{slug}/pass", POST=passes.create_pass, GET=passes.check_pass),
    resource("/events/{slug}/queue/extend", POST=api.extend_pass),
    resource("/events/{slug}/wall", GET=wall.get_wall),
    resource("/events/{slug}/draw", GET=draw.get_draw),
    resource("/events/{slug}/draw/entrants", GET=draw.get_entrants),
    resource("/events/{slug}/orders", POST=api.place_order),
    resource("/me/orders", GET=api.get_orders),
    resource("/orders/{order_id}", GET=api.get_order, DELETE=api.cancel_order),
    resource("/orders/{order_id}/link", POST=api.renew_order_link),
    resource("/orders/{order_id}/extend", POST=api.extend_order),
    resource("/orders/{order_id}/payments", POST=api.start_payment),
    resource("/orders/{order_id}/contact", PUT=tickets.put_contact),
    resource("/orders/{order_id}/tickets", GET=tickets.get_tickets),
    resource("/orders/{order_id}/tickets/{ticket_id}/handover", POST=tickets.hand_on_ticket),
    resource("/tickets/{ticket_code}/use", POST=door.use_ticket),
    resource("/orders/{order_id}/refund-requests", POST=buyer_refunds.post_refund_request),
    resource("/payments/callbacks/{provider}", POST=callbacks.receive),
    resource("/admin/sessions", POST=session.create_session, DELETE=session.delete_session),
    resource("/admin/events", GET=admin_events.get_admin_events, POST=admin_events.post_event),
    resource(
        "/admin/events/{slug}",
        GET=admin_api.get_snapshot,
        PATCH=admin_events.patch_event,
        DELETE=admin_events.delete_event,
    ),
    resource("/admin/events/{slug}/orders", GET=admin_orders.get_event_orders),
    resource("/admin/events/{slug}/trouble", GET=admin_orders.get_trouble),
    resource("/admin/events/{slug}/reconciliation", GET=reconciliation.get_reconciliation),
    resource("/admin/events/{slug}/reconciliation/mend", POST=reconciliation.post_mend),
    resource("/admin/events/{slug}/reconciliation/close", POST=reconciliation.post_close),
    resource("/admin/events/{slug}/rehearsals", GET=rehearsals.get_rehearsals, POST=rehearsals.post_rehearsal),
    resource("/admin/events/{slug}/export/{export}", GET=admin_orders.get_export),
    resource("/admin/events/{slug}/buyers", GET=admin_orders.get_buyers),
    resource("/admin/events/{slug}/buyers/{buyer_id}", DELETE=admin_orders.delete_buyer),
    resource("/admin/orders/{order_id}", GET=admin_orders.get_admin_order),
    resource("/admin/orders/{order_id}/contact", DELETE=admin_orders.delete_contact),
    resource("/admin/orders/{order_id}/notes", POST=admin_orders.post_note),
    resource("/admin/people", GET=people.get_people),
    resource("/admin/people/{name}", GET=people.get_person, DELETE=people.delete_person),
    resource("/admin/people/{name}/role", PUT=people.put_role),
    resource("/admin/people/{name}/sessions", DELETE=people.delete_sessions),
    resource("/admin/people/{name}/factor", DELETE=people.delete_factor),
    resource("/admin/invitations", POST=people.post_invitation),
    resource("/admin/invitations/{invitation_id}", DELETE=people.delete_invitation),
    resource("/admin/keys", GET=people.get_keys, POST=people.post_key),
    resource("/admin/keys/{key_id}", DELETE=people.delete_key),
    resource("/admin/dlq", GET=admin_orders.get_dlq),
    resource("/admin/dlq/replay", POST=admin_orders.post_replay),
    resource("/admin/events/{slug}/settings", GET=admin_events.get_settings),
    resource("/admin/events/{slug}/picture", PUT=admin_events.put_picture, DELETE=admin_events.delete_picture),
    resource("/admin/events/{slug}/admit", POST=admin_events.post_admit),
    resource("/admin/events/{slug}/codes", GET=codes.get_codes, PUT=codes.put_codes, POST=codes.post_codes),
    resource("/admin/events/{slug}/blocks", GET=blocks.get_blocks, POST=blocks.post_block),
    resource("/admin/events/{slug}/unblock", POST=blocks.post_unblock),
    resource("/admin/events/{slug}/message", POST=admin_events.post_message),
    resource(
        "/admin/events/{slug}/wall",
        GET=walls.get_wall_link,
        PUT=walls.put_wall_link,
        DELETE=walls.delete_wall_link,
    ),
    resource("/admin/events/{slug}/history", GET=admin_api.get_history),
    resource("/admin/events/{slug}/state", POST=admin_api.post_state),
    resource("/admin/events/{slug}/cancel", POST=admin_money.post_event_cancel, GET=admin_money.get_event_cancel),
    resource("/admin/events/{slug}/refund-requests", GET=admin_money.get_refund_requests),
    resource("/admin/orders/{order_id}/refunds", POST=admin_money.post_refund),
    resource("/admin/orders/{order_id}/accept", POST=admin_money.post_accept),
    resource("/admin/orders/{order_id}/cancel", POST=admin_money.post_cancel),
    resource("/admin/orders/{order_id}/resend", POST=admin_outbound.resend_tickets),
    resource("/admin/events/{slug}/webhooks", GET=admin_outbound.get_webhooks, POST=admin_outbound.post_webhook),
    resource("/admin/events/{slug}/webhooks/{webhook_id}", DELETE=admin_outbound.delete_webhook),
    resource("/admin/events/{slug}/webhooks/{webhook_id}/deliveries", GET=admin_outbound.get_deliveries),
    resource(
        "/admin/events/{slug}/webhooks/{webhook_id}/deliveries/{message_id}/resend",
        POST=admin_outbound.resend_delivery,
    ),
    resource("/admin/events/{slug}/messages/{message_id}/resend", POST=admin_outbound.resend_message),
    resource("/admin/events/{slug}/refund-requests/{request_id}/grant", POST=admin_money.post_grant),
    resource("/admin/events/{slug}/refund-requests/{request_id}/decline", POST=admin_money.post_decline),
)
MACHINES = [
    resource("/problems/{code}", GET=explanations.explain),
    resource("/openapi.json", GET=documents.get_openapi),
    resource("/asyncapi.json", GET=documents.get_asyncapi),
    resource("/.well-known/ticket-keys.json", GET=tickets.get_ticket_keys),
    resource("/.well-known/jwks.json", GET=passes.get_jwks),
    resource("/healthz", GET=health.healthz),
    resource("/readyz", GET=health.readyz),
    resource("/metrics", GET=health.metrics),
]
DOCUMENTED: documents.Routes = [("/api/v1", API.routes), ("", MACHINES)]
ROUTES = [
    Mount("/api/v1", API),
    *MACHINES,
    WebSocketRoute("/ws/events/{slug}", buyer_socket),
    WebSocketRoute("/ws/admin/events/{slug}", admin_socket),
    WebSocketRoute("/ws/wall/{slug}", wall.wall_socket),
    resource("/wall/{slug}", GET=wall.wall_page),
    resource("/embed.js", GET=embed.embed_script),
    resource("/", GET=pages.events_page),
    resource("/events/{slug}", GET=pages.event_page),
    resource("/pictures/{picture}", GET=pictures.picture),
    resource("/events/{slug}/queue", POST=pages.join_form),
    resource("/events/{slug}/draw", GET=draw.draw_page),
    resource("/resume/{slug}/{token}", GET=pages.resume_page, POST=pages.resume),
    resource("/orders/{order_id}", GET=pages.order_page),
    resource("/orders/{order_id}/refund", POST=buyer_refunds.refund_form),
    resource("/orders/{order_id}/tickets", GET=ticket_pages.tickets_page),
    resource("/orders/{order_id}/tickets.pdf", GET=ticket_pages.tickets_pdf),
    resource("/orders/{order_id}/tickets/{ticket_id}", GET=ticket_pages.holder_page),
    resource("/orders/{order_id}/tickets/{ticket_id}/ticket.pdf", GET=ticket_pages.holder_pdf),
    resource("/orders/{order_id}/tickets/{ticket_id}/handover", POST=ticket_pages.hand_on_form),
    resource("/events/{slug}/calendar.ics", GET=ticket_pages.calendar_file),
    resource("/development/mail", GET=mailbox.list_page),
    resource("/development/mail/{name}", GET=mailbox.mail_page),
    resource("/development/mail/{name}/html", GET=mailbox.mail_html),
    resource("/development/mail/{name}/files/{file}", GET=mailbox.attachment),
    resource("/door/worker.js", GET=scanner.worker),
    resource("/door/{slug}", GET=scanner.scan_page),
    resource("/admin", GET=admin_pages.events_page),
    resource("/admin/login", GET=session.login_form, POST=session.login),
    resource("/admin/logout", POST=session.logout),
    resource("/admin/logout-everywhere", POST=session.logout_everywhere),
    resource("/admin/events/{slug}", GET=admin_pages.event_page),
    resource("/admin/events/{slug}/orders", GET=event_pages.orders_page),
    resource("/admin/events/{slug}/buyers", GET=event_pages.buyers_page),
    resource("/admin/events/{slug}/trouble", GET=event_pages.trouble_page),
    resource("/admin/events/{slug}/settings", GET=event_pages.settings_page),
    resource("/admin/events/{slug}/preview", GET=preview.preview_page),
    resource("/admin/events/{slug}/calling-off", GET=event_pages.calling_off_page),
    resource("/admin/events/{slug}/log", GET=event_pages.log_page),
    resource("/admin/events/{slug}/webhooks", GET=event_pages.webhooks_page),
    resource("/admin/events/{slug}/rehearsals", GET=rehearsals.rehearsals_page),
    resource("/admin/events/{slug}/verdict", GET=event_pages.verdict_page),
    resource("/admin/orders/{order_id}", GET=event_pages.order_page),
    resource("/admin/account", GET=account.account_page, POST=account.begin_factor),
    resource("/admin/account/factor/end", POST=account.end_own_factor),
    resource("/admin/people", GET=people_pages.people_page),
    resource("/admin/people/{name}", GET=people_pages.person_page),
    resource("/admin/invitations/{secret}", GET=people_pages.invitation_page, POST=people_pages.accept_form),
    resource("/admin/new", GET=event_pages.new_event_page),
]


def create_app(
    settings: Settings, door: Door, draining: Draining, board: Board, internal: socket.socket | None
) -> Starlette:
    """The ASGI application behind this door."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            open_redis(settings, CoalescingRedis) as redis,
            open_database(settings) as database,
            open_producer(settings, wait=False) as producer,
            open_providers(settings) as providers,
        ):
            pressure = Pressure(
                Limits(settings.overload_lag_ms, settings.overload_outbox, settings.overload_books_seconds * 1_000)
            )
            events = Events(partial(read_event, database))
            hub = Hub(redis, settings.max_sockets, board.buyers, events.outdate)
            sessions = Sessions(database, board.processes)
            admin_log = AdminLog(redis, database)
            login = Login(redis, database, sessions, admin_log, board.processes)
            watching = Watching(redis)
            app.state.services = Services(
                settings=settings,
                redis=redis,
                database=database,
                producer=producer,
                providers=providers,
                hub=hub,
                tokens=Tokens(settings.secret_keys),
                work=Work(settings.secret_keys),
                captchas=Captchas(),
                pass_keys=PassKeys(settings.secret_keys, settings.public_url),
                ticket_keys=TicketKeys(settings.ticket_keys),
                events=events,
                sales=Sales(redis, database),
                dashboard=Dashboard(redis, database),
                draining=draining,
                sessions=sessions,
                login=login,
                admin_log=admin_log,
                board=board,
                pressure=pressure,
                walls=Kept(),
                strangers_pages=Kept(),
                watching=watching,
            )
            calm_collector()

            def told(pressure: Pressure) -> None:
                door.is_shut = pressure.is_shut

            def load() -> Load:
                return Load(tuple(sorted(pressure.reasons)), pressure.is_shut)

            async with (
                watched_pressure(redis, pressure, told),
                internal_listener(internal, app.state),
                written_figures(board, app.state.services.look),
                refreshed_epochs(database),
                reporting(redis, "web", database, lambda: door.open_connections, load, figures=bytes),
            ):
                telling = asyncio.create_task(hub.run())
                telling.add_done_callback(_end_process)
                yield
                telling.cancel()
                events.close()
                app.state.services.captchas.close()
                login.close()
                watching.close()
                with suppress(asyncio.CancelledError):
                    await telling

    async def no_route(request: Request, error: Exception) -> Response:
        return await answer_error(request, Problem("not_found"))

    async def bug(request: Request, error: Exception) -> Response:  # it is logged with its trace
        return await answer_error(request, Problem("internal"))

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    app = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(StaticFiles, files=FILES),  # everything under /static/
            Middleware(Cors),
            Middleware(Guard, public_url=settings.public_url),
        ],
        exception_handlers={
            HTTPException: no_route,
            Exception: bug,
            ClientDisconnect: gone,
            Problem: answer_error,
            **dict.fromkeys(PROBLEMS, answer_error),
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would lead wherever the Host header says
    app.router.middleware_stack = Lookup(ROUTES, otherwise=app.router.app)
    app.state.documents = documents.Documents(DOCUMENTED)
    return app


def _end_process(telling: asyncio.Task[None]) -> None:
    """Without the hub every page would stay silent: better to end, and be started again."""
    if not telling.cancelled():
        log.critical("the hub ended", exc_info=telling.exception())
        os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serves until SIGTERM; exit code 2 for a bad setting."""
    log_as("text", "web")
    try:
        settings = Settings.from_environment(needs=WEB)
    except BadSetting as error:
        log.error("%s", error)
        sys.exit(2)
    log_as(settings.log_format, "web")
    read_templates()
    limits = limits_of(settings)
    board = Board(settings.web_processes)
    draining = Draining(board, settings.drain_seconds)
    try:
        listener = listen(settings.host, settings.port)
        internal = listen(settings.internal_host, settings.internal_port) if settings.internal_port else None
    except OSError as error:
        log.error("%s", error)
        sys.exit(2)

    def serve(slot: int, parent: int) -> None:
        board.belong_to(slot)
        door = Door(limits, board)
        with traced("web"):
            Server(create_app(settings, door, draining, board, internal), listener, door, parent).run()

    Keeper(board, draining, serve, partial(bury, board), listener.close).run()


if __name__ == "__main__":
    main()
