"""Token bucket: so many calls per while, with a burst, and no drift."""

import math
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _native
from .clock import CallLater, Clock, call_later_of, checked
from .errors import ArgumentError, ConfigError, ExceedsCapacity, PermitSpent, refusal
from .settings import COUNT, MOST, SECOND, SECONDS, Fields, Mode, Named, Seconds, apply, checked_name, present, span

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Limiter", "LimiterSnapshot", "Reservation"]

_FIELDS: Fields = {
    "rate": ("permits", COUNT),
    "period": ("period_ns", SECONDS),
    "burst": ("burst", COUNT),
}

_EXCEEDS_CAPACITY = -30

# In milliseconds.
_PERIODS = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1_000),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hour", "hours"), 3_600_000),
    **dict.fromkeys(("d", "day", "days"), 86_400_000),
}


class LimiterSnapshot(NamedTuple):
    """What a bucket looked like at one moment, in the terms of the HTTP rate limit fields. Counters only grow."""

    name: str | None
    limit: int
    """The burst."""
    remaining: int
    """Whole tokens left."""
    reset: float
    """Seconds until the bucket is full."""
    retry_after: float
    """Seconds until one token is there; 0 if it is."""
    allowed: int
    refused: int
    shadow_refused: int


class Limiter(Named, _native.Limiter):
    """A rate limit: tokens come at a steady rate, up to `burst` of them wait in the bucket, each call takes some.

    ```python
    limiter = Limiter(100, per=1.0, burst=20)      # or Limiter("100/s", burst=20), Limiter("10/minute")

    limiter.try_acquire()                 # raises RateLimited, .retry_after in seconds
    await limiter.acquire(5, max_wait=2)  # waits for its turn in asyncio
    limiter.acquire_sync(5, max_wait=2)   # waits for its turn in a thread
    ```

    | setting | range | default | meaning |
    |---|---|---|---|
    | rate | 1..=1,000,000,000 | | tokens per `per`, at most one per nanosecond; or a text such as "100/s", "10/minute", "5/250ms" |
    | per | 1e-9..=2,678,400 s | 1 | the while that `rate` is meant for |
    | burst | 1..=1,000,000,000 | rate | the most tokens the bucket holds; full at the start |
    | mode | | "enforce" | "shadow" counts and never refuses, "off" does nothing |

    Exact: no drift, never more than burst plus rate times time. Threads and tasks may share a limiter freely; it takes no
    lock. Those who wait are served in the order in which they asked. A forked child has a bucket of its own.
    """

    __slots__ = ("__weakref__", "_burst", "_call_later", "_name", "_period", "_rate")

    def __new__(
        cls,
        rate: int | str,
        *,
        per: Seconds | None = None,
        burst: int | None = None,
        mode: Mode = "enforce",
        name: str | None = None,
        clock: Clock | None = None,
    ) -> "Self":
        name = checked_name(name)
        clock = checked(clock)
        permits, period = _rate(rate, per)
        given = {"rate": permits, "period": period, "burst": permits if burst is None else burst, "mode": mode}
        make = super().__new__
        self: Self = apply(_FIELDS, given, lambda numbers: make(cls, numbers, clock))
        self._name = name
        self._rate, self._period, self._burst = permits, period, burst
        self._call_later = call_later_of(clock)
        return self

    _name: str | None
    _call_later: CallLater | None
    _rate: Any
    _period: Any
    _burst: int | None

    def reserve(self, n: int = 1, *, max_wait: Seconds | None = None) -> "Reservation":
        """Takes `n` tokens ahead of time: wait for `.wait` seconds, then go, or give them back with `.cancel()`.

        A wait longer than `max_wait` (seconds; None or math.inf for any) is refused at once with `RateLimited` and takes
        nothing. `ExceedsCapacity` when the bucket can never hold so many.
        """
        wait_most = MOST if max_wait is None else span("max_wait", max_wait)
        status, wait, tokens = self._reserve(self._count("n", n), wait_most)
        if status:
            raise self._refuse(status, wait)
        return Reservation(self, tokens, wait)

    async def acquire(self, n: int = 1, *, max_wait: Seconds | None = None) -> None:
        """Takes `n` tokens, waiting for them in asyncio if need be.

        Raises `RateLimited` at once, without waiting, if that would take longer than `max_wait`. Whoever is cancelled
        while waiting gives the tokens back.
        """
        reservation = self.reserve(n, max_wait=max_wait)
        if not reservation.wait_ns:
            return
        import asyncio

        try:
            if self._call_later is None:
                await asyncio.sleep(reservation.wait_ns / SECOND)
            else:
                loop = asyncio.get_running_loop()
                turn: asyncio.Future[None] = loop.create_future()
                timer = self._call_later(reservation.wait_ns, lambda: loop.call_soon_threadsafe(_finish, turn))
                try:
                    await turn
                finally:
                    timer.cancel()
        except BaseException:
            reservation.cancel()
            raise

    def acquire_sync(self, n: int = 1, *, max_wait: Seconds | None = None) -> None:
        """Takes `n` tokens, blocking the thread until they are there. Otherwise as `acquire`."""
        reservation = self.reserve(n, max_wait=max_wait)
        if not reservation.wait_ns:
            return
        try:
            if self._call_later is None:
                time.sleep(reservation.wait_ns / SECOND)
            else:
                turn = threading.Event()
                self._call_later(reservation.wait_ns, turn.set)
                turn.wait()
        except BaseException:
            reservation.cancel()
            raise

    def adjust(self, n: int) -> None:
        """Corrects the cost after the fact: takes `n` more tokens whatever the bucket holds, or gives `-n` back.

        The bucket may go into debt, which later callers wait for, and never fills above its burst.
        """
        if not isinstance(n, int) or isinstance(n, bool) or abs(n) >= 1 << 63:
            raise ArgumentError("n", n, "-2**63..=2**63 in whole numbers")
        self._adjust(n)

    def reconfigure(
        self,
        rate: int | str | None = None,
        *,
        per: Seconds | None = None,
        burst: int | None = None,
        mode: Mode | None = None,
    ) -> None:
        """Changes the settings that are given, while calls go on: tokens that are missing stay missing.

        A burst that was never given follows the rate. On `ConfigError` nothing has changed. Not for two threads at once.
        """
        if isinstance(rate, str):
            new_rate, new_period = _rate(rate, per)
        else:
            new_rate = self._rate if rate is None else rate
            new_period = self._period if per is None else per
        new_burst = self._burst if burst is None else burst
        given = {
            "rate": new_rate,
            "period": new_period,
            "burst": new_rate if new_burst is None else new_burst,
            "mode": mode,
        }
        apply(_FIELDS, present(given), self._reconfigure)
        self._rate, self._period, self._burst = new_rate, new_period, new_burst

    def snapshot(self) -> LimiterSnapshot:
        """A look at everything, changing nothing."""
        limit, remaining, reset, retry_after, *counters = self._look()
        return LimiterSnapshot(self._name, limit, remaining, reset / SECOND, retry_after / SECOND, *counters)

    def headers(self) -> dict[str, str]:
        """The HTTP fields for an answer: RateLimit-Limit, -Remaining and -Reset, and Retry-After when nothing is left.

        Whole seconds, rounded up, as HTTP wants them.
        """
        seen = self.snapshot()
        fields = {
            "RateLimit-Limit": str(seen.limit),
            "RateLimit-Remaining": str(seen.remaining),
            "RateLimit-Reset": str(math.ceil(seen.reset)),
        }
        if seen.retry_after:
            fields["Retry-After"] = str(math.ceil(seen.retry_after))
        return fields

    def _refuse(self, status: int, retry_after_ns: int) -> Exception:
        if status == _EXCEEDS_CAPACITY:
            return ExceedsCapacity(retry_after_ns, self._settings()["burst"])
        return refusal(status, self._name, retry_after_ns)


class Reservation:
    """Tokens taken ahead of time. `wait` is how long to wait before going, in seconds."""

    __slots__ = ("_is_spent", "_limiter", "_tokens", "_wait_ns")

    def __init__(self, limiter: Limiter, tokens: int, wait_ns: int) -> None:
        self._limiter = limiter
        self._tokens = tokens
        self._wait_ns = wait_ns
        self._is_spent = threading.Lock()  # held once it was cancelled: of many threads one gets it

    @property
    def tokens(self) -> int:
        """How many tokens it holds."""
        return self._tokens

    @property
    def wait_ns(self) -> int:
        """The wait in whole nanoseconds."""
        return self._wait_ns

    @property
    def wait(self) -> float:
        """Seconds to wait before going, counted from when it was made."""
        return self._wait_ns / SECOND

    def cancel(self) -> None:
        """Gives the tokens back, whether their time has come or not. A second time raises `PermitSpent`."""
        if not self._is_spent.acquire(blocking=False):
            raise PermitSpent(self._limiter.name)
        self._limiter._cancel(self._tokens)


def _finish(turn: Any) -> None:
    if not turn.done():
        turn.set_result(None)


def _rate(rate: Any, per: Any) -> tuple[Any, Any]:
    """Permits and period of both ways to write a rate; what is out of range is found later."""
    if not isinstance(rate, str):
        return rate, 1 if per is None else per
    wanted = 'whole tokens per time, such as "100/s", "10/minute" or "5/250ms"'
    permits, slash, while_ = rate.partition("/")
    number = while_.strip().rstrip("abcdefghijklmnopqrstuvwxyz")
    period = _PERIODS.get(while_.strip()[len(number) :])
    if not slash or period is None or not _is_number(permits.strip()) or (number and not _is_number(number.strip())):
        raise ConfigError("rate", rate, wanted)
    if per is not None:
        raise ConfigError("per", per, "None, where the rate is a text")
    return int(permits), timedelta(milliseconds=int(number or 1) * period)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10

