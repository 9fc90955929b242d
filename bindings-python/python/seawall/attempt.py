"""One attempt, as the function that makes it sees it."""

from typing import TYPE_CHECKING

from .deadline import Deadline
from .errors import AttemptTimeout
from .settings import SECOND

if TYPE_CHECKING:
    from ._native import Call
    from .dependency import Dependency

__all__ = ["Attempt"]


class Attempt:
    """What the function of a call is told about the attempt it makes.

    ```python
    def fetch(attempt):
        return client.get(url, timeout=attempt.remaining)

    dependency.call(fetch)
    ```

    In a synchronous call nobody stops the function, so give `remaining` to whatever blocks, or ask `check()` now and
    then. An async attempt is cancelled at its end.
    """

    __slots__ = ("_call", "_dependency", "number", "timeout", "until_ns")

    number: int
    """Which attempt of the call it is, from 1."""
    timeout: float
    """Seconds it may take in all: the timeout of the policy, or what the deadline left at its begin."""

    def __init__(self, dependency: "Dependency", call: "Call") -> None:
        self._dependency = dependency
        self._call = call
        self.number = call.attempt
        self.timeout = call.span_ns / SECOND
        self.until_ns = call.until_ns

    @property
    def remaining(self) -> float:
        """Seconds it may still take; 0 once its time is over."""
        return max(self.until_ns - self._dependency._now(), 0) / SECOND

    @property
    def deadline(self) -> Deadline:
        """When its time is over: the deadline for everything below it."""
        return Deadline._made(self.until_ns, False, self._dependency._clock)

    @property
    def idempotency_key(self) -> str:
        """A random UUID, the same for all attempts of the call, so that a server can tell a repetition."""
        return self._call.key()

    def check(self) -> None:
        """Raises `AttemptTimeout` once its time is over."""
        if self._dependency._now() >= self.until_ns:
            raise AttemptTimeout(self._dependency.name, self.timeout)

    def __repr__(self) -> str:
        return f"<seawall.Attempt {self.number} of {self._dependency.name}, {self.remaining:.3g} s left>"
