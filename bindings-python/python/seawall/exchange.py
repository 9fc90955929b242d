"""A request and its answer as one call, for the adapters of HTTP clients.

What a status, a Retry-After or a broken connection means is the core's word. The outcome is known when the head of the
answer has come. A request is sent again only if its method may be, or it carries an idempotency key, or it certainly was
not sent; and only if its body can be sent again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import _native
from .deadline import GRPC, MILLIS, Deadline
from .drive import FINISH, Asked, Drive
from .settings import SECOND, Seconds
from .trouble import of_status

if TYPE_CHECKING:
    from .dependency import Dependency

KEY = "idempotency-key"
DRAINED = 65_536
"""The most bytes of an answer that are read before the next attempt, so that its connection can be used again."""


class StatusFailure(Exception):
    """An answer that counts as a failure, for events: the caller gets the answer itself."""

    def __str__(self) -> str:
        return f"HTTP {self.args[0]}"


class Exchange(Drive):
    """One request through a dependency."""

    __slots__ = ("connect_ns", "is_answered", "key", "sends_key")

    def __init__(
        self,
        dependency: "Dependency",
        method: str,
        headers: Mapping[str, str],
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
        deadline: "Seconds | Deadline | None" = None,
    ) -> None:
        facts = dependency._facts()
        self.sends_key: bool = facts["idempotency_key"] and KEY not in headers
        self.connect_ns: int | None = facts["connect_timeout"]
        self.is_answered = False
        self.key: str | None = None
        if idempotent is None:
            may_repeat = facts["idempotent"] and _native.http_is_idempotent(method.encode("latin-1", "replace"))
            idempotent = bool(self.sends_key or KEY in headers or may_repeat)
        super().__init__(
            dependency, Asked(dependency, critical=critical, idempotent=idempotent, costs=costs, deadline=deadline)
        )

    def marks(self, is_grpc: bool) -> dict[str, str]:
        """What the head of this attempt says about its time, and which call it is of."""
        found = {}
        left = max(self.call.until_ns - self.dependency._now(), 0)
        for name, text in ((MILLIS, _native.header_to_millis(left)), (GRPC, _native.header_to_grpc(left))):
            if text is not None and (is_grpc or name == MILLIS):
                found[name] = text
        if self.sends_key:
            self.key = self.key or self.call.key()
            found[KEY] = self.key
        return found

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect, and to read."""
        span = self.call.span_ns
        connect = span if self.connect_ns is None else min(self.connect_ns, span)
        return connect / SECOND, span / SECOND

    def answered(self, status: int, retry_after: str | None, may_repeat: bool) -> int:
        """The head of the answer has come; the next action."""
        self.is_answered = True
        ended = of_status(status, retry_after)
        if ended[0] == 0:
            self.succeeded()
            return FINISH
        return self.ended(StatusFailure(status), (ended[0], ended[1] and may_repeat, *ended[2:]))

    def broke(self, error: BaseException, may_repeat: bool) -> int:
        """There was no answer; the next action."""
        self.is_answered = False
        return self.failed(error, not may_repeat)
