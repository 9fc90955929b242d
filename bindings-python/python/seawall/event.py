"""What happens at a dependency, told to hooks and to the log.

A hook runs on the thread or task where it happened, after the new state is visible to everybody, under no lock. Let it
be short. What it raises is swallowed and counted. The log is that of the logger `seawall`: a state change is a warning,
a retry or a fallback info, a refusal or a late result debug.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

from .errors import CallbackError

__all__ = ["Event", "Hook", "Kind"]

Kind: TypeAlias = Literal["state_change", "refusal", "retry", "fallback", "late_result"]
"""What happened."""


class Event(NamedTuple):
    """Something that happened at a dependency. What does not belong to its kind is None."""

    kind: Kind
    dependency: str
    at: float
    """When, in seconds of the wall's clock."""
    from_state: str | None = None
    """state_change: the state that the breaker left."""
    to_state: str | None = None
    """state_change: the state it is in."""
    reason: str | None = None
    """refusal: why. fallback: why the dependency did not serve."""
    retry_after: float | None = None
    """refusal: seconds until asking again can help; None when nobody knows."""
    limit: str | None = None
    """refusal: the rate limit that said no."""
    attempt: int | None = None
    """retry: the attempt that failed. late_result: the attempts made."""
    delay: float | None = None
    """retry: seconds until the next attempt."""
    error: BaseException | None = None
    """retry and fallback: what it ended with."""
    step: int | None = None
    """fallback: which step served, from 0."""
    source: str | None = None
    """fallback: "value", "function" or "last_good"."""
    outcome: str | None = None
    """late_result: "success", "failure" or "ignored"; None when the caller gave up."""

    def to_dict(self) -> dict[str, Any]:
        """What belongs to its kind, with the error as text: ready for JSON."""
        found = {field: value for field, value in self._asdict().items() if value is not None}
        if self.error is not None:
            found["error"] = f"{type(self.error).__name__}: {self.error}"
        return found


Hook: TypeAlias = Callable[[Event], object]
"""Called with each event."""

_LEVELS = {"state_change": 30, "retry": 20, "fallback": 20, "refusal": 10, "late_result": 10}


class Hooks:
    """Those who want to know."""

    __slots__ = ("failures", "hooks")

    def __init__(self) -> None:
        # Appending and removing are single steps, so neither they nor telling need a lock.
        self.hooks: list[Hook] = []
        self.failures = 0

    def add(self, hook: Hook) -> Callable[[], None]:
        """Adds a hook; what it returns takes it out again."""
        if not callable(hook):
            raise CallbackError("hook", hook, "a function that takes an event")

        def wrapped(event: Event) -> object:
            return hook(event)

        # A fresh function, so that a hook which was added twice is taken out once.
        self.hooks.append(wrapped)

        def unsubscribe() -> None:
            try:
                self.hooks.remove(wrapped)
            except ValueError:
                pass  # it was taken out before

        return unsubscribe

    def tell(self, event: Event) -> None:
        for hook in tuple(self.hooks):
            try:
                hook(event)
            except Exception:
                self.failures += 1


_logger: Any = None


def is_logged(kind: Kind) -> bool:
    """Whether anybody wants to read of such events in the log."""
    global _logger
    if _logger is None:
        import logging  # not needed by those to whom nothing happens, and slow to import

        _logger = logging.getLogger("seawall")
    return bool(_logger.isEnabledFor(_LEVELS[kind]))


def log(event: Event) -> None:
    """Says an event through the logger `seawall`."""
    _logger.log(_LEVELS[event.kind], "%s: %s", event.dependency, _text(event), extra={"seawall": event})


def warn(text: str) -> None:
    """Says something that somebody should look into."""
    is_logged("state_change")
    _logger.warning("%s", text)


def _text(event: Event) -> str:
    if event.kind == "state_change":
        return f"breaker {event.from_state} -> {event.to_state}"
    if event.kind == "refusal":
        limit = f" by {event.limit}" if event.limit else ""
        after = f", retry after {event.retry_after:.3g} s" if event.retry_after else ""
        return f"refused, {event.reason}{limit}{after}"
    if event.kind == "retry":
        return f"attempt {event.attempt} failed with {event.error!r:.200}, next in {event.delay:.3g} s"
    if event.kind == "fallback":
        return f"step {event.step} of the fallback served ({event.source}), {event.reason}"
    return f"a result came late after attempt {event.attempt}: {event.outcome or 'cancelled'}"
