"""ticketcraze: the command line for those who run a sale.

Settings come from the environment; what is missing there is taken from run.json of a stack that `make run` started
(in the folder STACK_DIR, .stack unless said otherwise).
"""

import argparse
import asyncio
import json
import os
import sys
from functools import cache

from redis.exceptions import RedisError

from app.cli import (
    admin,
    block,
    code,
    dlq,
    event,
    mend,
    migrate,
    outbound,
    purge,
    rebuild,
    refunds,
    rehearse,
    status,
    verify,
)
from app.cli.command import Commands, Failed
from app.infra.kafka import KafkaUnavailable
from app.infra.local_stack import local_stack
from app.infra.mysql import DatabaseUnavailable
from app.infra.redis import NotReady
from app.orders.rebuild import Overtaken, UnderWay
from app.organisers.accounts import BadName, BadPassword, LastOwner
from app.organisers.invitations import BadInvitation
from app.organisers.keys import BadKey
from app.sale.catalog import InvalidEvent
from app.sale.events import NotOpen, UnknownEvent
from app.sale.gates.blocks import BadBlock
from app.sale.waiting_room import SaleClosed
from app.settings import BadSetting, Settings

GROUPS = (
    event,
    block,
    code,
    purge,
    verify,
    rebuild,
    dlq,
    refunds,
    mend,
    outbound,
    status,
    migrate,
    admin,
    rehearse,
)


def main() -> None:
    """Runs one command: exit 0 when done, 1 when not, 2 for a command that is not understood."""
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough: `ticketcraze verify | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run() -> int:
    try:
        arguments = parser().parse_args()
    except SystemExit as ended:  # --help, or not understood
        return int(ended.code or 0)
    try:
        settings = Settings.from_environment({**local_stack().get("env", {}), **os.environ})
        answer, text = asyncio.run(arguments.do(settings, arguments))
    except (BadSetting, Failed, BadName, BadPassword, BadKey, BadInvitation, BadBlock, InvalidEvent) as error:
        return _fail(arguments, str(error))
    except LastOwner:
        return _fail(arguments, "Nobody else owns everything: give somebody that role first.")
    except UnknownEvent as error:
        return _fail(arguments, f"There is no event {error}.")
    except NotOpen:
        return _fail(arguments, "Only an open sale can be paused.")
    except SaleClosed:
        return _fail(arguments, "The sale is closed for good.")
    except UnderWay:
        return _fail(arguments, "This sale is being rebuilt already.")
    except Overtaken:
        return _fail(arguments, "Redis lost the sale again, or another rebuild began: this one was given up.")
    except NotReady:
        return _fail(arguments, "Redis does not have this sale.")
    except (DatabaseUnavailable, RedisError, KafkaUnavailable) as error:
        return _fail(
            arguments, f"A server does not answer ({type(error).__name__}: {error}). Is the stack running?"
        )
    print(json.dumps(answer) if arguments.json else text)
    return 0 if answer.get("ok", True) else 1


def _fail(arguments: argparse.Namespace, reason: str) -> int:
    if arguments.json:
        print(json.dumps({"ok": False, "error": reason}))
    else:
        print(f"ticketcraze: {reason}", file=sys.stderr)
    return 1


@cache
def parser() -> argparse.ArgumentParser:
    """All commands and what they take."""
    made = argparse.ArgumentParser(prog="ticketcraze", description="Runs ticket sales.")
    commands = Commands(made)
    for group in GROUPS:
        group.add(commands)
    return made


if __name__ == "__main__":
    main()
