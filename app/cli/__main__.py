"""ticketcraze: the command line for those who run a sale.

Settings come from the environment; what is missing there is taken from run.json of a stack that `make run` started
(in the folder STACK_DIR, .stack unless said otherwise).
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from redis.exceptions import RedisError

from app.infra.kafka import KafkaUnavailable, create_topics
from app.infra.migrations import grant, migrate
from app.infra.mysql import Database, DatabaseUnavailable, open_database
from app.infra.redis import NotReady, open_redis
from app.organisers.accounts import hash_password
from app.sale import events as sales
from app.sale.catalog import Event, InvalidEvent, Sku, parse_sku, public_state
from app.sale.events import read_sale
from app.settings import BadSetting, Settings
from app.units import iso, money_text, now_ms, to_datetime
from app.watch.status import read_status
from app.watch.verify import verify

Answer = tuple[dict[str, Any], str]  # for --json, and for people
MAX_OPENS_IN_SECONDS = 366 * 86_400


class Failed(Exception):
    """The command could not do what was asked, and says why."""


def main() -> None:
    """Runs one command: exit 0 when done, 1 when not, 2 for a command that is not understood."""
    arguments = _parser().parse_args()
    try:
        settings = Settings.from_environment(_environment())
        answer, text = asyncio.run(arguments.do(settings, arguments))
    except (BadSetting, Failed, InvalidEvent, sales.NotOpen) as error:
        _fail(arguments, str(error) or "Only an open sale can be paused.")
    except sales.UnknownEvent as error:
        _fail(arguments, f"There is no event {error}.")
    except NotReady:
        _fail(arguments, "Redis does not have this sale.")
    except (DatabaseUnavailable, RedisError, KafkaUnavailable) as error:
        _fail(arguments, f"A server does not answer ({type(error).__name__}: {error}). Is the stack running?")
    print(json.dumps(answer) if arguments.json else text)
    sys.exit(0 if answer.get("ok", True) else 1)


def _fail(arguments: argparse.Namespace, reason: str) -> None:
    if arguments.json:
        print(json.dumps({"ok": False, "error": reason}))
    else:
        print(f"ticketcraze: {reason}", file=sys.stderr)
    sys.exit(1)


def _environment() -> dict[str, str]:
    return {**_stack().get("env", {}), **os.environ}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ticketcraze", description="Runs ticket sales.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="answer with one line of JSON")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        group: Any, name: str, does: str, do: Callable[[Settings, argparse.Namespace], Awaitable[Answer]]
    ) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = group.add_parser(name, help=does, description=does, parents=[common])
        added.set_defaults(do=do)
        return added

    event = commands.add_parser("event", help="create, list, open, pause and close sales")
    events = event.add_subparsers(required=True, metavar="COMMAND")
    create = command(events, "create", "Creates an event and puts it on sale.", _create)
    create.add_argument("--slug", required=True, help="its name in addresses: night-of-lights")
    create.add_argument("--name", required=True, help="its name for people: Night of Lights")
    create.add_argument(
        "--sku", required=True, action="append", metavar="NAME:PRICE:CAPACITY",
        help='a kind of ticket, with its price in minor units: "Floor:4500:300"; may be repeated',
    )  # fmt: skip
    create.add_argument("--currency", default="USD", help="three letters (USD)")
    create.add_argument("--opens-in", type=int, default=60, metavar="SECONDS", help="0 opens it now (60)")
    create.add_argument("--rate", type=int, default=600, help="buyers let in a minute at most (600)")
    create.add_argument("--room", type=int, default=200, help="active passes at once (200)")
    create.add_argument("--pass-ttl", type=int, default=300, metavar="SECONDS", help="time to shop (300)")
    create.add_argument("--hold-ttl", type=int, default=300, metavar="SECONDS", help="time to pay (300)")
    create.add_argument("--max-per-buyer", type=int, default=4, help="tickets one buyer may have (4)")
    command(events, "list", "Lists the newest events and how they stand.", _list)
    for name, state, does in (
        ("open", "open", "Opens a sale now: its lobby is drawn, or a pause ends."),
        ("pause", "paused", "Pauses a sale: everybody keeps their place, holds can be paid."),
        ("close", "closed", "Closes a sale for good."),
    ):
        change = command(events, name, does, _set_state)
        change.add_argument("slug", metavar="SLUG")
        change.set_defaults(state=state)

    check = command(commands, "verify", "Checks what must always be true; exit 1 if something is not.", _verify)
    check.add_argument("slug", metavar="SLUG", nargs="?", help="only this event")
    check.add_argument(
        "--at-rest", type=float, metavar="SECONDS",
        help="wait so long at most until nothing is in flight, then check also what is true at rest",
    )  # fmt: skip
    command(commands, "status", "Shows each server and process.", _status)
    command(commands, "migrate", "Brings MySQL's schema and Kafka's topics up to date.", _migrate)
    admin = commands.add_parser("admin", help="who may see the dashboard")
    ensure = command(
        admin.add_subparsers(required=True, metavar="COMMAND"),
        "ensure", "Creates an admin, or sets the password, from ADMIN_PASSWORD.", _ensure_admin,
    )  # fmt: skip
    ensure.add_argument("--user", default="admin")
    return parser


async def _create(settings: Settings, arguments: argparse.Namespace) -> Answer:
    if not 0 <= arguments.opens_in <= MAX_OPENS_IN_SECONDS:
        raise Failed(f"opens-in: from 0 to {MAX_OPENS_IN_SECONDS} seconds")
    event = Event(
        id=0,
        slug=arguments.slug,
        name=arguments.name.strip(),
        currency=arguments.currency.upper(),
        state="scheduled" if arguments.opens_in else "open",
        notice=None,
        accent="",
        opens_at_ms=now_ms() + arguments.opens_in * 1000,
        rate_per_minute=arguments.rate,
        room=arguments.room,
        pass_ttl_seconds=arguments.pass_ttl,
        hold_ttl_seconds=arguments.hold_ttl,
        max_per_buyer=arguments.max_per_buyer,
        draw_secret="",
        skus=tuple(parse_sku(text) for text in arguments.sku),
    )
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.create_event(database, redis, event)
    lines = [f"{event.name} ({event.slug}), event {event.id}, opens at {iso(event.opens_at_ms)}"]
    lines += [_sku_line(event, sku) for sku in event.skus]
    return {
        "slug": event.slug,
        "id": event.id,
        "skus": [
            {"id": sku.id, "name": sku.name, "price": sku.price_minor, "capacity": sku.capacity}
            for sku in event.skus
        ],
    }, "\n".join(lines)


def _sku_line(event: Event, sku: Sku) -> str:
    price = money_text(sku.price_minor, event.currency)
    return f"  sku {sku.id}  {sku.name}  {price}  {sku.capacity} tickets"


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    found = []
    async with open_database(settings) as database, open_redis(settings) as redis:
        for event in await sales.list_events(database):
            try:
                state, stock, _ = await read_sale(redis, event)
                state = public_state(state, stock)
                available, held, sold = (
                    sum(getattr(s, name) for s in stock.values()) for name in ("available", "held", "sold")
                )
            except NotReady:
                state, available, held, sold = "not_ready", 0, 0, 0
            found.append(
                {
                    "slug": event.slug,
                    "id": event.id,
                    "name": event.name,
                    "sale": state,
                    "opens_at": iso(event.opens_at_ms),
                    "available": available,
                    "held": held,
                    "sold": sold,
                }
            )
    lines = [
        f"{e['slug']:<32} {e['sale']:<10} opens {e['opens_at']}  available {e['available']}, held {e['held']},"
        f" sold {e['sold']}  {e['name']}"
        for e in found
    ]
    return {"events": found}, "\n".join(lines) or "There are no events yet: ticketcraze event create --help"


async def _set_state(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.find_event(database, arguments.slug)
        await sales.set_state(database, redis, event, arguments.state, "", "The command line")
        state, stock, _ = await read_sale(redis, event)
    told = public_state(state, stock)
    return {"slug": event.slug, "sale": told}, f"{event.slug}: {told}"


async def _verify(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.find_event(database, arguments.slug) if arguments.slug else None
        checks = await verify(settings, redis, database, event, arguments.at_rest)
    lines = []
    for check in checks:
        figures = ", ".join(f"{name} {figure}" for name, figure in check.figures.items())
        lines.append(f"{'ok  ' if check.ok else 'FAIL'} {check.number:>2}. {check.title}: {figures}")
        if check.detail:
            lines.append(f"         {check.detail}")
    ok = all(check.ok for check in checks)
    return {
        "ok": ok,
        "checks": [
            {"number": c.number, "title": c.title, "ok": c.ok, "figures": c.figures, "detail": c.detail}
            for c in checks
        ],
    }, "\n".join(lines)


async def _status(settings: Settings, arguments: argparse.Namespace) -> Answer:
    parts = await read_status(settings, _stack())
    lines = [f"{p.name:<12} pid {p.pid or '-':<8} {p.address:<24} {p.source:<18} {p.health}" for p in parts]
    ok = all(part.health == "up" for part in parts)
    return {"ok": ok, "processes": [msgspec.to_builtins(part) for part in parts]}, "\n".join(lines)


def _stack() -> dict[str, Any]:
    """What `make run` wrote of the stack in STACK_DIR; empty without one."""
    try:
        found: dict[str, Any] = json.loads((Path(os.environ.get("STACK_DIR", ".stack")) / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


async def _migrate(settings: Settings, arguments: argparse.Namespace) -> Answer:
    database = Database(settings.owner_database_url, 2, settings.mysql_ssl_ca)
    await database.open()
    try:
        done = await migrate(database)
        user = urlsplit(settings.database_url).username
        if user and user != urlsplit(settings.owner_database_url).username:
            await grant(database, user)
    finally:
        await database.close()
    await create_topics(settings)
    return {"migrations": done}, "\n".join(done) or "The schema is up to date."


async def _ensure_admin(settings: Settings, arguments: argparse.Namespace) -> Answer:
    password = os.environ.get("ADMIN_PASSWORD", "")
    if len(password) < 12:
        raise Failed("ADMIN_PASSWORD needs 12 characters or more")
    async with open_database(settings) as database:
        await database.execute(
            "INSERT INTO admins (name, password_hash, created_at) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE password_hash = VALUES(password_hash)",
            (arguments.user, hash_password(password), to_datetime(now_ms())),
        )
    return {"user": arguments.user}, f"{arguments.user} may sign in at /admin."


if __name__ == "__main__":
    main()
