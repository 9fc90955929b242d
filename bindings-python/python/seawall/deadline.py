"""The moment after which nobody waits for the answer any more: as a value, as the one in force, and in headers."""

import math
from collections.abc import Iterable, Mapping, MutableMapping
from contextvars import ContextVar, Token
from functools import total_ordering
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _native
from .clock import Clock, checked
from .errors import ArgumentError, DeadlineExceeded, HeaderError
from .settings import MOST, SECOND, Seconds, span, thousandths

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Deadline", "current_deadline", "deadline"]


@total_ordering
class Deadline(_native.Deadline):
    """A moment after which an answer is of no use. A plain value: pass it on to whatever is called next.

    ```python
    deadline = Deadline.after(2.0)
    ...
    deadline.check()                                        # raises DeadlineExceeded
    response = client.get(url, timeout=deadline.attempt_timeout(0.5))
    ```

    Durations are seconds or a timedelta. It means a moment of this host's monotonic clock, so it is not to be stored or
    sent to another host: send `remaining()` instead.
    """

    __slots__ = ("_clock",)

    _clock: Clock | None

    def __new__(cls, seconds: Seconds, *, clock: Clock | None = None) -> "Self":
        """So many seconds from now; the same as `after`."""
        return cls._made(span("seconds", seconds), True, checked(clock))

    @classmethod
    def _made(cls, nanoseconds: int, from_now: bool, clock: Clock | None) -> "Self":
        self = super().__new__(cls, nanoseconds, from_now, clock)
        self._clock = clock
        return self

    @classmethod
    def after(cls, seconds: Seconds, *, clock: Clock | None = None) -> "Self":
        """So many seconds from now."""
        return cls(seconds, clock=clock)

    @classmethod
    def never(cls, *, clock: Clock | None = None) -> "Self":
        """One that never comes."""
        return cls._made(MOST, False, checked(clock))

    def remaining(self) -> float:
        """Seconds left; 0 once expired, math.inf if it never comes."""
        return math.inf if self.is_never else self._remaining() / SECOND

    def check(self) -> None:
        """Raises `DeadlineExceeded` from the moment itself on."""
        if self.is_expired:
            raise DeadlineExceeded("deadline_exceeded")

    def nearer(self, other: "Deadline") -> "Deadline":
        """The nearer of the two."""
        self._same_clock(other)
        return other if other.at_ns < self.at_ns else self

    def keep(self, reserve: float) -> "Deadline":
        """An earlier deadline for the work below, keeping this share (0..=1) of what is left for the caller."""
        permille = thousandths(reserve)
        if permille is None or permille > 1_000:
            raise ArgumentError("reserve", reserve, "0..=1")
        return type(self)._made(self._keep(permille), False, self._clock)

    def attempt_timeout(self, timeout: Seconds) -> float:
        """Seconds that one attempt may take: its own timeout, or what is left if that is less."""
        return self._attempt_timeout(span("timeout", timeout)) / SECOND

    def _same_clock(self, other: "Deadline") -> None:
        if self._clock is not other._clock:
            raise ArgumentError("other", other, "deadlines of the same clock")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Deadline):
            return NotImplemented
        return self._clock is other._clock and self.at_ns == other.at_ns

    def __lt__(self, other: "Deadline") -> bool:
        if not isinstance(other, Deadline):
            return NotImplemented
        self._same_clock(other)
        return self.at_ns < other.at_ns

    def __hash__(self) -> int:
        return hash(self.at_ns)

    def __repr__(self) -> str:
        return "<seawall.Deadline never>" if self.is_never else f"<seawall.Deadline {self.remaining():.3g} s left>"


# Nanoseconds of the system's clock, or a `Deadline` of another clock: so the everyday way makes no object.
CURRENT: "ContextVar[int | Deadline]" = ContextVar("seawall.deadline", default=MOST)


def restore(token: "Token[int | Deadline]") -> None:
    """Puts back what was in force, where this is still the same context."""
    try:
        CURRENT.reset(token)
    except ValueError:
        # A coroutine that nobody finished is closed wherever it is collected; its own context is gone.
        pass


def current_ns(clock: Clock | None) -> int:
    """The deadline in force here, as a moment of this clock."""
    current = CURRENT.get()
    if type(current) is int:
        if clock is None or current == MOST:
            return current
        current = Deadline._made(current, False, None)
    assert isinstance(current, Deadline)
    if current._clock is clock or current.is_never:
        return current.at_ns
    # A moment of another clock: what is left of it counts.
    here = Deadline._made(current._remaining(), True, clock)
    return here.at_ns


def current_deadline() -> Deadline | None:
    """The deadline in force here: of the call that this is part of, or of `with seawall.deadline(...)`; None for none."""
    current = CURRENT.get()
    if isinstance(current, Deadline):
        return current
    return None if current == MOST else Deadline._made(current, False, None)


def moment(limit: "Seconds | Deadline", clock: Clock | None) -> int:
    """The moment of a deadline that was given as seconds from now or as a moment."""
    if not isinstance(limit, Deadline):
        return Deadline._made(span("deadline", limit), True, clock).at_ns
    if limit._clock is clock or limit.is_never:
        return limit.at_ns
    return Deadline._made(limit._remaining(), True, clock).at_ns


class deadline:
    """A deadline for everything called within a `with` block, in threads and in asyncio.

    ```python
    with seawall.deadline(5.0):                       # or under a Deadline; None changes nothing
        charge(order)                                 # every call to a dependency in there ends in time

    with seawall.deadline(seawall.deadline.extract(request.headers)):
        answer(request)
    ```

    Of two deadlines the nearer counts. It belongs to the context (`contextvars`): a task started inside inherits it, a
    thread does not. Inside the function of a call, the deadline of its attempt is in force. Refused when it is over:
    calls raise `DeadlineExceeded` before anything is asked for.
    """

    __slots__ = ("_limit", "_token")

    def __init__(self, limit: "Seconds | Deadline | None", *, clock: Clock | None = None) -> None:
        if limit is None:
            limit = Deadline.never(clock=clock)
        elif not isinstance(limit, Deadline):
            limit = Deadline._made(span("deadline", limit), True, checked(clock))
        self._limit = limit
        self._token: Token[int | Deadline] | None = None

    def __enter__(self) -> Deadline:
        limit = self._limit
        clock = limit._clock
        at = min(limit.at_ns, current_ns(clock))
        if at != limit.at_ns:
            limit = Deadline._made(at, False, clock)
        self._token = CURRENT.set(at if clock is None else limit)
        return limit

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            restore(token)

    @staticmethod
    def inject(headers: MutableMapping[str, str], limit: Deadline | None = None) -> None:
        """Writes what is left, of the deadline in force here or of `limit`, into the headers of a request.

        Both as `x-request-timeout-ms` and as `grpc-timeout`. Without a deadline none is sent, and those that were there
        are taken out.
        """
        if limit is None:
            limit = current_deadline()
        left = MOST if limit is None or limit.is_never else limit._remaining()
        for name, write in ((MILLIS, _native.header_to_millis), (GRPC, _native.header_to_grpc)):
            for known in [known for known in headers if known.lower() == name]:
                del headers[known]
            text = write(left)
            if text is not None:
                headers[name] = text

    @staticmethod
    def extract(
        headers: "Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Any, Any]]", *, clock: Clock | None = None
    ) -> Deadline | None:
        """The deadline that a request came with; None where it came with none. Of several the nearest counts.

        Takes a mapping, or pairs as ASGI and WSGI servers have them, of text or bytes; names in any case. Raises
        `HeaderError` for what is malformed, longer than 64 bytes or above a day: refuse the request, or go on without.
        """
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        nearest: Deadline | None = None
        for name, value in pairs:
            text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
            read = _READERS.get(text.lower().replace("_", "-"))
            if read is None:
                continue
            left = header_span(read, value)
            found = Deadline._made(left, True, checked(clock))
            nearest = found if nearest is None else nearest.nearer(found)
        return nearest


MILLIS = "x-request-timeout-ms"
GRPC = "grpc-timeout"
_KINDS = ("empty", "too_long", "malformed", "too_large")
_READERS = {MILLIS: _native.header_from_millis, GRPC: _native.header_from_grpc}


def header_span(read: Any, value: str | bytes) -> int:
    """The nanoseconds of a header, or `HeaderError`."""
    try:
        span: int = read(value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass"))
        return span
    except ValueError as error:
        header, kind, length, message = error.args
        raise HeaderError(header, message, _KINDS[kind - 1], length) from None
