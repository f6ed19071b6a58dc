"""The names of Redis keys. All keys of one event share a hash tag, so every script runs on one node."""

EVENTS = "tc:events"  # set: ids of the events that workers look after
REPAIRS = "tc:repairs"  # set: ids of the events that must be rebuilt, for Redis lost something of them
REBUILDING = "tc:rebuilding"  # hash: event -> how far its rebuild has come
LOOKED_AT = "tc:looked-at"  # text: when Redis was last found to have what the books have, in seconds by its clock
PROCESSES = "tc:processes"  # hash: process -> its last report
PRESENCE = "tc:presence"  # hash: web process -> since when and until when it has told who is here
VERDICT = "tc:verdict"  # text: what the last reconciliation found
FIGURES = "tc:figures"  # hash: worker -> what Prometheus may know of it
HEARTBEAT = "tc:heartbeat"  # channel: a silent subscription would look healthy for ever
SNAPSHOT_PATTERN = "tc:{*}:snapshot"  # channels; the key of the same name has the newest one
SNAPSHOT_MAKER = "tc:snapshot-maker"  # text: the one process that makes the snapshots
LIVE_PATTERN = "tc:{*}:live"


def key(event_id: int, name: str) -> str:
    """The key `name` of an event: key(7, "queue") -> "tc:{7}:queue"."""
    return f"tc:{{{event_id}}}:{name}"


def keys(event_id: int, *names: str) -> list[str]:
    """Several keys of an event, in order."""
    return [f"tc:{{{event_id}}}:{name}" for name in names]


def order_key(event_id: int, order_id: str) -> str:
    """The record of one order."""
    return f"tc:{{{event_id}}}:order:{order_id}"


def once_key(use: str, name: str) -> str:
    """The mark that something may happen only once."""
    return f"tc:once:{use}:{name}"


def live_channel(event_id: int) -> str:
    """The channel on which everything that happens in an event is told."""
    return f"tc:{{{event_id}}}:live"


def event_of_key(name: str) -> int:
    """The event of a key or of a live channel."""
    return int(name[name.index("{") + 1 : name.index("}")])
