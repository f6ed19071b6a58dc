"""The figures that are kept as orders change, against the orders themselves: number 13 of `ticketcraze verify`."""

from collections import defaultdict

from app.infra.mysql import Connection
from app.orders.figures import CHANGES, count_figures
from app.watch.verify.finding import Finding


async def check_figures(connection: Connection, event_id: int | None) -> Finding:
    """13: of one event, or of all for None; of one whose figures are not kept yet, nothing is wrong."""
    kept: dict[int, dict[str, int]] = defaultdict(dict)
    for row in await connection.fetch_all(
        "SELECT event_id, name, amount FROM figures WHERE (%s IS NULL OR event_id = %s)", (event_id, event_id)
    ):
        kept[row["event_id"]][row["name"]] = int(row["amount"])
    counted = await count_figures(connection, event_id)
    finding = Finding({"events": 0, "figures": 0})
    for of_event, has in sorted(kept.items()):
        if has.pop(CHANGES, None) is None:
            continue
        must_be = counted.get(of_event, {})
        finding.figures["events"] = int(finding.figures["events"]) + 1
        finding.figures["figures"] = int(finding.figures["figures"]) + len(must_be)
        for name in sorted(has.keys() | must_be.keys()):
            if has.get(name, 0) != must_be.get(name, 0):
                finding.problems.append(
                    f"event {of_event}: {name} is kept as {has.get(name, 0)}, the books say {must_be.get(name, 0)}"
                )
    return finding
