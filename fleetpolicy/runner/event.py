"""Take from Ansible's events what happened to which host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_STATUSES = {
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
}
DONE_WELL = frozenset({"ok", "changed"})


@dataclass(frozen=True, slots=True)
class RunEvent:
    """The end of a task on a host.

    Args:
        status: ok, changed, failed or unreachable.
        seconds: How long the task took on this host.
        result: What the task returned.
    """

    host: str
    task: str
    status: str
    seconds: float
    result: Mapping[str, Any] = field(compare=False, hash=False)

    @property
    def message(self) -> str:
        """What Ansible says of it, on one line."""
        text = str(self.result.get("msg") or self.result.get("exception") or self.status)
        return " ".join(text.split())


Listener = Callable[[RunEvent], None]


class EventLog:
    """Keep the end of each task on each host, and pass it on as it comes.

    Args:
        listener: Told of every event; the play goes on meanwhile.
    """

    def __init__(self, listener: Listener | None) -> None:
        self.events: list[RunEvent] = []
        self._listener = listener

    def take(self, data: Mapping[str, Any]) -> bool:
        """Take one event of Ansible; none is ever written to disk."""
        event = event_of(data)
        if event is not None:
            self.events.append(event)
            if self._listener:
                self._listener(event)
        return False


def event_of(data: Mapping[str, Any]) -> RunEvent | None:
    """Return an event as it concerns us, or None when it ends no task."""
    kind = data.get("event")
    if kind != "runner_on_ok" and kind not in _STATUSES:
        return None
    body = data.get("event_data") or {}
    result = body.get("res") or {}
    status = _STATUSES.get(str(kind)) or ("changed" if result.get("changed") else "ok")
    return RunEvent(
        str(body.get("host", "")),
        str(body.get("task", "")),
        status,
        float(body.get("duration") or 0),
        result,
    )
