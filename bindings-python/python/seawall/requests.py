"""requests behind a dependency: every request of a session to the mounted addresses goes through its policy.

```python
session = requests.Session()
session.mount("https://payments.example", seawall.requests.Adapter(wall.dependency("payments")))
```

Timeouts come from the policy, an argument `timeout` does not matter: `connect_timeout` to connect, the time of the
attempt for the rest. A 5xx, 429, 408 or 425 is a failure, other answers are successes; after the last attempt the answer
is returned, or the error raised, as requests has it. Retry-After is honoured in both its forms. Each attempt carries
`x-request-timeout-ms`, and the same `Idempotency-Key` where the policy says so. A body that is a generator is sent once,
unless nothing of it was sent; a file is rewound. Without `stream=True` reading the answer is part of the attempt, and of
its time.

Refusals are subclasses of `requests.exceptions.RequestException` as well as of `seawall.Refused`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import rewind_body

from . import errors
from .dependency import Dependency
from .drive import FINISH, RUN, SLEEP
from .errors import ConfigError
from .exchange import DRAINED, Exchange
from .waiting import sleep_in_thread, wait_in_thread

__all__ = ["Adapter", "BreakerOpen", "BulkheadFull", "DeadlineExceeded", "RateLimited"]


class _Refusal(requests.exceptions.RequestException):
    """What refusals have that are exceptions of requests."""

    def __new__(cls, *args: object) -> "_Refusal":
        # Not given to `OSError`, which would take the first two for an error number and its text.
        self = super().__new__(cls)
        self.args = args
        return self

    def __init__(self, *args: object) -> None:
        self.response = None
        self.request = None


class BreakerOpen(_Refusal, errors.BreakerOpen):
    """The request was not sent: see `seawall.BreakerOpen`."""

    __str__ = errors.Refused.__str__


class BulkheadFull(_Refusal, errors.BulkheadFull):
    """The request was not sent: see `seawall.BulkheadFull`."""

    __str__ = errors.Refused.__str__


class RateLimited(_Refusal, errors.RateLimited):
    """The request was not sent: see `seawall.RateLimited`."""

    __str__ = errors.Refused.__str__


class DeadlineExceeded(_Refusal, requests.exceptions.Timeout, errors.DeadlineExceeded):
    """The request was not sent: see `seawall.DeadlineExceeded`."""

    __str__ = errors.Refused.__str__


_REFUSALS: dict[type, type[errors.Refused]] = {
    errors.BreakerOpen: BreakerOpen,
    errors.BulkheadFull: BulkheadFull,
    errors.RateLimited: RateLimited,
    errors.DeadlineExceeded: DeadlineExceeded,
}


class _Once:
    """A body that can be sent once, and knows whether that has begun."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.is_begun = False

    def __iter__(self) -> Iterator[bytes]:
        self.is_begun = True
        yield from self._body


class _Sent:
    """A request on its way: what it began as, and the copy that each attempt sends."""

    __slots__ = ("_is_rewound", "_once", "_request", "exchange")

    def __init__(self, dependency: Dependency, request: requests.PreparedRequest, options: dict[str, Any]) -> None:
        self._request = request
        body = request.body
        self._is_rewound = isinstance(getattr(request, "_body_position", None), int)
        is_plain = body is None or isinstance(body, (bytes, bytearray, str)) or self._is_rewound
        self._once = None if is_plain else _Once(body)
        headers = request.headers if request.headers is not None else {}
        self.exchange = Exchange(dependency, request.method or "GET", headers, **options)

    @property
    def may_repeat(self) -> bool:
        return self._once is None or not self._once.is_begun

    def copy(self) -> requests.PreparedRequest:
        request = self._request.copy()
        if self._is_rewound and self.exchange.call.attempt > 1:
            rewind_body(request)
        if self._once is not None:
            request.body = self._once  # type: ignore[assignment]  # an iterable, as requests takes them
        request.headers.update(self.exchange.marks(False))
        return request

    def ending(self) -> BaseException:
        """What is raised when there is no answer: the last real error, or the refusal."""
        error = self.exchange.ending()
        if isinstance(error, errors.Refused) and self.exchange.call.status:
            return _REFUSALS[type(error)](*error.args)
        return error


class Adapter(HTTPAdapter):
    """An adapter that sends each request through a dependency. Other arguments are those of `HTTPAdapter`.

    `critical`, `idempotent`, `costs`: as for `Dependency.call`, for all of its requests.
    """

    __attrs__ = [*HTTPAdapter.__attrs__]

    def __init__(
        self,
        dependency: Dependency,
        *,
        critical: bool | None = None,
        idempotent: bool | None = None,
        costs: Any = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(dependency, Dependency):
            raise ConfigError("dependency", dependency, "a seawall.Dependency")
        if kwargs.get("max_retries", 0) != 0:
            raise ConfigError("max_retries", kwargs["max_retries"], "0; the policy of the dependency has the retries")
        self._dependency = dependency
        self._options = {"critical": critical, "idempotent": idempotent, "costs": costs}
        super().__init__(**kwargs)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Sends the request as the policy says."""
        sent = _Sent(self._dependency, request, self._options)
        exchange, call = sent.exchange, sent.exchange.call
        response: requests.Response | None = None
        try:
            kind = exchange.began()
            while kind != FINISH:
                if kind == RUN:
                    response = None
                    try:
                        if self._dependency._script is not None:
                            self._dependency._script.strike(exchange)
                        response = super().send(sent.copy(), stream, exchange.timeouts, verify, cert, proxies)
                        if not stream:
                            _read(response, exchange)
                    except BaseException as error:
                        if response is not None:
                            response.close()
                            response = None
                        kind = exchange.broke(error, sent.may_repeat)
                        continue
                    kind = exchange.answered(
                        response.status_code, response.headers.get("retry-after"), sent.may_repeat
                    )
                    if kind != FINISH and stream:
                        _drain(response)
                elif kind == SLEEP:
                    sleep_in_thread(exchange, call.span_ns)
                    kind = exchange.woke()
                else:
                    kind = wait_in_thread(exchange)
            if response is not None:
                response.request = request
                return response
            raise sent.ending()
        finally:
            exchange.error = None
            if call.is_under_way:
                exchange.give_up()


def _read(response: requests.Response, exchange: Exchange) -> None:
    """Reads the body within the time of the attempt; its connection is free then."""
    parts = []
    until = exchange.call.until_ns
    # Small parts, because each is waited for whole, and only then does anybody look at the time.
    for part in response.iter_content(4_096):
        parts.append(part)
        if exchange.dependency._now() >= until:
            seconds = exchange.timeouts[1]
            raise requests.exceptions.ReadTimeout(f"no whole answer within {seconds:.3g} s", request=response.request)
    response._content = b"".join(parts)
    response._content_consumed = True  # type: ignore[attr-defined]


def _drain(response: requests.Response) -> None:
    """Reads what an answer that is not the last one says, if it is short, so that its connection is free."""
    parts, size = [], 0
    try:
        for part in response.iter_content(8_192):
            parts.append(part)
            size += len(part)
            if size > DRAINED:
                parts = []
                break
    except requests.exceptions.RequestException:
        parts = []
    response.close()
    response._content = b"".join(parts)
    response._content_consumed = True  # type: ignore[attr-defined]
