"""How long to wait before the next attempt."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import _native
from .errors import ArgumentError
from .settings import COUNT, MOST, RATIO, SECOND, SECONDS, Fields, Seconds, apply, count, present, span, word

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Backoff", "Jitter"]

Jitter: TypeAlias = Literal["full", "equal", "decorrelated", "none"]
"""How a wait is spread, so that callers that failed together do not come back together."""

_JITTERS = {"full": 0, "equal": 1, "decorrelated": 2, "none": 3}

_FIELDS: Fields = {
    "base": ("base_ns", SECONDS),
    "factor": ("factor_permille", RATIO),
    "cap": ("cap_ns", SECONDS),
    "retry_after_margin": ("retry_after_margin_ns", SECONDS),
    "jitter": ("jitter", COUNT),
}


class Backoff(_native.Backoff):
    """The growing, jittered wait between attempts. A plain value, to be shared freely.

    ```python
    backoff = Backoff(base=0.1, cap=20)
    for attempt in range(1, 4):
        ...
        time.sleep(backoff.delay(attempt, retry_after=error.retry_after))

    for delay in backoff.delays(3): ...       # the same, one after the other
    ```

    | setting | range | default | meaning |
    |---|---|---|---|
    | base | 0..=86,400 s | 0.1 | the wait before the first retry |
    | factor | 1..=10 | 2 | how much each further wait grows |
    | cap | base..=86,400 s | 20 | the longest wait, before jitter |
    | jitter | | "full" | "full": from nothing to the whole wait; "equal": half of it and anywhere in the other half; "decorrelated": from base to three times the previous wait; "none" |
    | retry_after_margin | seconds | None | how much longer than our own wait a server's Retry-After may make it; None: no limit |
    """

    __slots__ = ()

    def __new__(
        cls,
        base: Seconds = 0.1,
        *,
        factor: float = 2.0,
        cap: Seconds = 20,
        jitter: Jitter = "full",
        retry_after_margin: Seconds | None = None,
    ) -> "Self":
        given: dict[str, Any] = {
            "base": base,
            "factor": factor,
            "cap": cap,
            "jitter": word("jitter", jitter, _JITTERS),
            **present({"retry_after_margin": retry_after_margin}),
        }
        make = super().__new__
        self: Self = apply(_FIELDS, given, lambda numbers: make(cls, numbers))
        return self

    @classmethod
    def aws_standard(cls) -> "Self":
        """That of the AWS SDKs' standard retry mode: 50 ms doubling to 20 s, Retry-After within 5 s of our own wait."""
        return cls(0.05, retry_after_margin=5)

    @classmethod
    def aws_throttled(cls) -> "Self":
        """What the AWS SDKs do after a throttling answer: the same from 1 s."""
        return cls(1, retry_after_margin=5)

    def delay(
        self,
        attempt: int,
        *,
        previous: Seconds = 0,
        retry_after: Seconds | None = None,
        random: int | None = None,
    ) -> float:
        """Seconds to wait before retry `attempt`; the first retry is 1.

        `previous` is the wait before the last retry, which only decorrelated jitter looks at. `retry_after` is what the
        server asked for: a floor that jitter never undercuts. `random` fixes the 64 random bits, for tests.
        """
        asked = 0 if retry_after is None else span("retry_after", retry_after)
        return self._exact(attempt, span("previous", previous), asked, random) / SECOND

    def delays(self, attempts: int | None = None) -> Iterator[float]:
        """The waits of one call in seconds, one for each retry; endless without `attempts`."""
        if attempts is not None and count(attempts) is None:
            raise ArgumentError("attempts", attempts, "a whole number, 0 or more")
        return self._delays(attempts)

    def _delays(self, attempts: int | None) -> Iterator[float]:
        attempt = previous = 0
        while attempts is None or attempt < attempts:
            attempt += 1
            previous = self._exact(attempt, previous, 0, None)
            yield previous / SECOND

    def _exact(self, attempt: int, previous: int, retry_after: int, random: int | None) -> int:
        if count(attempt) is None:
            raise ArgumentError("attempt", attempt, "a whole number, 1 or more")
        if random is not None and (count(random) is None or random > MOST):
            raise ArgumentError("random", random, "0..=2**64 - 1 in whole numbers")
        return self._delay(min(attempt, MOST), previous, random, retry_after)

    def __repr__(self) -> str:
        seen = self._settings()
        jitter = next(name for name, number in _JITTERS.items() if number == seen["jitter"])
        base, cap = seen["base_ns"] / SECOND, seen["cap_ns"] / SECOND
        return f"<seawall.Backoff {base:g} s x {seen['factor_permille'] / 1_000:g} up to {cap:g} s, jitter {jitter}>"
