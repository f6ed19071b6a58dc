"""What waits for somebody: a list that is empty on a good night."""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from app.ids import ORDER_ID
from app.infra.kafka import DeadLetter
from app.infra.mysql import Connection, Database
from app.live.shapes import Time
from app.orders.dead_letters import what
from app.orders.refused import read_refused
from app.payments.findings import REFUND_REFUSED, RETRY, Finding, finding_id, open_findings
from app.units import DAY_MS, iso, money_text, now_ms, to_datetime, to_minor, to_ms

MOST_OF_A_KIND: Final = 50
STUCK_MS: Final = 30 * 60_000
RECENT_MS: Final = 7 * DAY_MS


class TroubleItem(Struct, frozen=True):
    """Something that somebody has to see to.

    What can be done about it is named where a call does it: `finding_id` and its `action` for mending, `letter_id`
    for a replay, `message_id` for sending it again, to `webhook_id` where it is none of a buyer's mails.
    """

    kind: Literal[
        "verdict",
        "dead_letters",
        "review",
        "refused_refund",
        "late_money",
        "stuck_refund",
        "refund_request",
        "undelivered",
        "finding",
    ]
    text: str
    since: Time | None
    order_id: str | UnsetType = UNSET
    finding_id: str | UnsetType = UNSET
    action: str | UnsetType = UNSET
    letter_id: str | UnsetType = UNSET
    message_id: str | UnsetType = UNSET
    webhook_id: int | UnsetType = UNSET


class TroubleList(Struct, frozen=True):
    """All of it, the most pressing first. `count` is what the badge shows."""

    count: int
    items: list[TroubleItem]


async def read_trouble(
    database: Database, event_id: int, dead_letters: int | Sequence[DeadLetter], failed: list[str]
) -> TroubleList:
    """What waits in an event; and what is about all of them: facts set aside, and what the last verdict says.

    The facts set aside are a line each where they were read, and one line where only their number is known.
    """
    tail = f"{event_id:08x}"
    items: list[TroubleItem] = [TroubleItem("verdict", line, None) for line in failed[:MOST_OF_A_KIND]]
    items += _set_aside(dead_letters)
    found = await open_findings(database, event_id, most=MOST_OF_A_KIND)
    open_ids = {finding.id for finding in found}
    async with database.connection() as connection:
        items += await _in_review(connection, event_id)
        async for refused in read_refused(connection, tail):
            amount = money_text(refused.amount_minor, refused.refund.currency)
            since = iso(refused.refund.created_at_ms)
            words = f"The provider refused to give {amount} back"
            again = finding_id(REFUND_REFUSED, refused.order_id, refused.refund.provider, refused.refund.id)
            item = TroubleItem("refused_refund", words, since, refused.order_id)
            items.append(replace(item, finding_id=again, action=RETRY) if again in open_ids else item)
            if len(items) > 10 * MOST_OF_A_KIND:
                break
        items += await _late_money(connection, tail)
        items += await _stuck(connection, event_id)
        items += await _asked(connection, event_id)
        items += await _undelivered(connection, event_id)
    items += [_finding(finding) for finding in found if finding.kind != REFUND_REFUSED]
    return TroubleList(len(items), items)


def _set_aside(dead_letters: int | Sequence[DeadLetter]) -> list[TroubleItem]:
    if not isinstance(dead_letters, int):
        return [
            TroubleItem(
                "dead_letters",
                f"{what(letter)} could not be applied: {letter.reason or 'no reason is known'}",
                iso(letter.at_ms),
                letter.key if ORDER_ID.fullmatch(letter.key) else UNSET,
                letter_id=letter.id,
            )
            for letter in dead_letters[:MOST_OF_A_KIND]
        ]
    if not dead_letters:
        return []
    words = "1 fact" if dead_letters == 1 else f"{dead_letters} facts"
    return [TroubleItem("dead_letters", f"{words} could not be applied", None)]


def _finding(finding: Finding) -> TroubleItem:
    return TroubleItem(
        "finding",
        f"{finding.kind.replace('_', ' ').capitalize()}: {finding.detail}",
        iso(finding.found_at_ms),
        finding.order_id,
        finding_id=finding.id,
        action=finding.action,
    )


async def _in_review(connection: Connection, event_id: int) -> list[TroubleItem]:
    rows = await connection.fetch_all(
        "SELECT o.id, o.total, o.currency, o.updated_at, p.amount, p.currency AS paid_in FROM orders o"
        " LEFT JOIN payments p ON p.order_id = o.id AND p.kind = 'CHARGE' AND p.status = 'COMPLETED'"
        " WHERE o.event_id = %s AND o.status = 'REVIEW' ORDER BY o.expires_at, o.id LIMIT %s",
        (event_id, MOST_OF_A_KIND),
    )
    return [
        TroubleItem(
            "review",
            f"Paid {money_text(to_minor(row['amount']), row['paid_in']) if row['paid_in'] else 'nothing'}"
            f" of {money_text(to_minor(row['total']), row['currency'])}: accept it, or give it back",
            iso(to_ms(row["updated_at"])),
            row["id"],
        )
        for row in rows
    ]


async def _late_money(connection: Connection, tail: str) -> list[TroubleItem]:
    rows = await connection.fetch_all(
        "SELECT l.order_id, l.since, p.amount, p.currency"
        " FROM late_charges l JOIN payments p ON p.id = l.payment_id"
        " WHERE RIGHT(l.order_id, 8) = %s ORDER BY l.since LIMIT %s",
        (tail, MOST_OF_A_KIND),
    )
    return [
        TroubleItem(
            "late_money",
            f"{money_text(to_minor(row['amount']), row['currency'])} came that nobody decided about yet",
            iso(to_ms(row["since"])),
            row["order_id"],
        )
        for row in rows
    ]


async def _stuck(connection: Connection, event_id: int) -> list[TroubleItem]:
    """Refunds that are on their way for long. A charge that never comes costs nothing, and is no trouble."""
    rows = await connection.fetch_all(
        "SELECT p.order_id, p.amount, p.currency, p.created_at FROM payments p"
        " JOIN orders o ON o.id = p.order_id"
        " WHERE p.status = 'REFUND_PENDING' AND o.event_id = %s AND p.updated_at < %s"
        " ORDER BY p.created_at LIMIT %s",
        (event_id, to_datetime(now_ms() - STUCK_MS), MOST_OF_A_KIND),
    )
    return [
        TroubleItem(
            "stuck_refund",
            f"A refund of {money_text(to_minor(row['amount']), row['currency'])} is on its way for long",
            iso(to_ms(row["created_at"])),
            row["order_id"],
        )
        for row in rows
    ]


async def _asked(connection: Connection, event_id: int) -> list[TroubleItem]:
    rows = await connection.fetch_all(
        "SELECT order_id, reason, created_at FROM refund_requests WHERE event_id = %s AND status = 'ASKED'"
        " ORDER BY id LIMIT %s",
        (event_id, MOST_OF_A_KIND),
    )
    return [
        TroubleItem(
            "refund_request",
            f"A buyer asks for a refund{': ' if row['reason'] else ''}{row['reason']}",
            iso(to_ms(row["created_at"])),
            row["order_id"],
        )
        for row in rows
    ]


async def _undelivered(connection: Connection, event_id: int) -> list[TroubleItem]:
    """Mail and webhooks that were given up lately."""
    rows = await connection.fetch_all(
        "SELECT id, order_id, kind, webhook_id, error, ended_at FROM messages WHERE status = 'FAILED'"
        " AND next_at > %s AND event_id = %s ORDER BY ended_at DESC LIMIT %s",
        (to_datetime(now_ms() - RECENT_MS), event_id, MOST_OF_A_KIND),
    )
    return [
        TroubleItem(
            "undelivered",
            f"{'Webhook' if row['webhook_id'] else 'Mail'} {row['kind']} is given up: {row['error'] or 'silence'}",
            iso(to_ms(row["ended_at"])) if row["ended_at"] else None,
            row["order_id"] or UNSET,
            message_id=row["id"],
            webhook_id=row["webhook_id"] or UNSET,
        )
        for row in rows
    ]
