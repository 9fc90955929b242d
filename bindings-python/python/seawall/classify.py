"""What an exception or a result of a protected function means: ignored, failure or success, and whether to try again."""

from collections.abc import Callable

from typing import Any

from .breaker import Rule, _is_cancellation, _rule
from .errors import ConfigError, Refused
from .trouble import FINAL, IGNORED, SUCCESS, THROTTLED, Ended, retry_after_of, said_by

__all__ = ["Rules"]


class Rules:
    """The user's rules for exceptions, in the order in which they are asked.

    `ignore`: says nothing about the dependency. `on`: a failure, and another attempt may help. `failure`: a failure
    that no other attempt helps against. What matches none is an answer, so a success of the dependency.

    `judge`: whether a result is a failure, and another attempt may help; None where no result is.
    """

    __slots__ = ("_failure", "_ignore", "_on", "judge")

    def __init__(
        self,
        on: Rule | None,
        ignore: Rule | None,
        failure: Rule | None,
        result_is_failure: Callable[[Any], object] | None = None,
    ) -> None:
        if result_is_failure is not None and not callable(result_is_failure):
            raise ConfigError("result_is_failure", result_is_failure, "None or a callable")
        self.judge = result_is_failure
        self._on: Callable[[BaseException], object] | None = _rule("on", on)
        self._ignore = _rule("ignore", ignore)
        self._failure = _rule("failure", failure)

    def classify(self, error: BaseException) -> Ended:
        """What the exception means, as the core takes it."""
        if not isinstance(error, Exception) or isinstance(error, Refused) or _is_cancellation(error):
            return IGNORED
        if self._ignore is not None and self._ignore(error):
            return IGNORED
        known = said_by(error)
        _, is_retryable, was_not_sent, cause, retry_after = known or FINAL
        asked = retry_after_of(error)
        if asked:
            retry_after, cause = asked, THROTTLED
        if self._on is None:
            if is_retryable:
                return 1, True, was_not_sent, cause, retry_after
        elif self._on(error):
            return 1, True, was_not_sent, cause, retry_after
        if self._failure is None:
            # An answer like 404 came as an exception, and is an answer all the same.
            is_failure = known is None or known[0] == 1
        else:
            is_failure = bool(self._failure(error))
        return (1, False, was_not_sent, cause, retry_after) if is_failure else SUCCESS


EVERYDAY = Rules(None, None, None)
"""Errors of the connection and timeouts are tried again; every other `Exception` is a failure."""
