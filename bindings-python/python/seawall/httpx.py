"""httpx behind a dependency: every request of a client goes through its policy.

```python
client = httpx.Client(transport=seawall.httpx.Transport(wall.dependency("payments")))
client = httpx.AsyncClient(transport=seawall.httpx.AsyncTransport(wall.dependency("payments")))
```

Timeouts come from the policy, those of the client do not matter: `connect_timeout` to connect, the time of the attempt
for the rest. A 5xx, 429, 408 or 425 is a failure, other answers are successes; after the last attempt the answer is
returned, or the error raised, as httpx has it. Retry-After is honoured in both its forms. Each attempt carries
`x-request-timeout-ms` (`grpc-timeout` too, where it is one of gRPC), and the same `Idempotency-Key` where the policy says
so. A body that is a stream is sent once, unless nothing of it was sent. How long the body of the answer may take is for
its reader. What one request may differ in:
`client.get(url, extensions={"seawall": {"critical": True, "deadline": 1.0}})`, also `idempotent` and `costs`.

Refusals are subclasses of `httpx.TransportError` as well as of `seawall.Refused`.
"""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx

from . import errors
from .asynchronous import Expired, within
from .dependency import Dependency
from .drive import FINISH, RUN, SLEEP
from .errors import ConfigError
from .exchange import DRAINED, Exchange
from .settings import SECOND
from .waiting import sleep_in_task, sleep_in_thread, wait_in_task, wait_in_thread

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AsyncTransport", "BreakerOpen", "BulkheadFull", "DeadlineExceeded", "RateLimited", "Transport"]


class BreakerOpen(errors.BreakerOpen, httpx.TransportError):
    """The request was not sent: see `seawall.BreakerOpen`."""

    def __init__(self, *args: object) -> None:
        self._request = None


class BulkheadFull(errors.BulkheadFull, httpx.TransportError):
    """The request was not sent: see `seawall.BulkheadFull`."""

    def __init__(self, *args: object) -> None:
        self._request = None


class RateLimited(errors.RateLimited, httpx.TransportError):
    """The request was not sent: see `seawall.RateLimited`."""

    def __init__(self, *args: object) -> None:
        self._request = None


class DeadlineExceeded(errors.DeadlineExceeded, httpx.TimeoutException):
    """The request was not sent: see `seawall.DeadlineExceeded`."""

    def __init__(self, *args: object) -> None:
        self._request = None


_REFUSALS: dict[type, type[errors.Refused]] = {
    errors.BreakerOpen: BreakerOpen,
    errors.BulkheadFull: BulkheadFull,
    errors.RateLimited: RateLimited,
    errors.DeadlineExceeded: DeadlineExceeded,
}


class _Once(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that can be sent once, and knows whether that has begun."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.is_begun = False

    def __iter__(self) -> Iterator[bytes]:
        self.is_begun = True
        yield from self._stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.is_begun = True
        async for part in self._stream:
            yield part

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()

    async def aclose(self) -> None:
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()


class _Sent:
    """A request on its way: what it began as, and the copy that each attempt sends."""

    __slots__ = ("_request", "_stream", "exchange")

    def __init__(self, dependency: Dependency, request: httpx.Request) -> None:
        self._request = request
        self._stream = request.stream if isinstance(request.stream, httpx.ByteStream) else _Once(request.stream)
        options = request.extensions.get("seawall") or {}
        self.exchange = Exchange(dependency, request.method, request.headers, **options)

    @property
    def may_repeat(self) -> bool:
        return not (isinstance(self._stream, _Once) and self._stream.is_begun)

    def copy(self) -> httpx.Request:
        request, exchange = self._request, self.exchange
        headers = request.headers.copy()
        headers.update(exchange.marks(headers.get("content-type", "").startswith("application/grpc")))
        connect, read = exchange.timeouts
        timeout = {"connect": connect, "read": read, "write": read, "pool": connect}
        extensions = {**request.extensions, "timeout": timeout}
        return httpx.Request(request.method, request.url, headers=headers, stream=self._stream, extensions=extensions)

    def answered(self, response: httpx.Response) -> int:
        return self.exchange.answered(response.status_code, response.headers.get("retry-after"), self.may_repeat)

    def ending(self) -> BaseException:
        """What is raised when there is no answer: the last real error, or the refusal."""
        error = self.exchange.ending()
        if isinstance(error, errors.Refused) and self.exchange.call.status:
            return _REFUSALS[type(error)](*error.args)
        return error

    def kept(self, response: httpx.Response, body: bytes, is_whole: bool) -> httpx.Response:
        """The answer without its connection, in case that it stays the last one."""
        headers = response.headers.copy()
        if not is_whole:
            body = b""
            for name in ("content-encoding", "content-length", "transfer-encoding"):
                headers.pop(name, None)
        return httpx.Response(
            response.status_code, headers=headers, stream=httpx.ByteStream(body), extensions=response.extensions
        )


def _checked(dependency: Dependency) -> Dependency:
    if not isinstance(dependency, Dependency):
        raise ConfigError("dependency", dependency, "a seawall.Dependency")
    return dependency


class Transport(httpx.BaseTransport):
    """A transport that sends each request through a dependency, by another transport (default `httpx.HTTPTransport()`)."""

    def __init__(self, dependency: Dependency, transport: httpx.BaseTransport | None = None) -> None:
        self._dependency = _checked(dependency)
        self._inner = httpx.HTTPTransport() if transport is None else transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request as the policy says."""
        sent = _Sent(self._dependency, request)
        exchange, call = sent.exchange, sent.exchange.call
        response: httpx.Response | None = None
        try:
            kind = exchange.began()
            while kind != FINISH:
                if kind == RUN:
                    response = None
                    try:
                        if self._dependency._script is not None:
                            self._dependency._script.strike(exchange)
                        response = self._inner.handle_request(sent.copy())
                    except BaseException as error:
                        kind = exchange.broke(error, sent.may_repeat)
                        continue
                    kind = sent.answered(response)
                    if kind != FINISH:
                        response = sent.kept(response, *_drained(response))
                elif kind == SLEEP:
                    sleep_in_thread(exchange, call.span_ns)
                    kind = exchange.woke()
                else:
                    kind = wait_in_thread(exchange)
            if response is not None:
                return response
            raise sent.ending()
        finally:
            exchange.error = None
            if call.is_under_way:
                exchange.give_up()

    def close(self) -> None:
        """Closes the transport behind it."""
        self._inner.close()

    def __enter__(self) -> "Self":
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._inner.__exit__(exc_type, exc_value, traceback)


class AsyncTransport(httpx.AsyncBaseTransport):
    """The same for `httpx.AsyncClient`. An attempt whose answer does not come in time is cancelled."""

    def __init__(self, dependency: Dependency, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._dependency = _checked(dependency)
        self._inner = httpx.AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request as the policy says."""
        sent = _Sent(self._dependency, request)
        exchange, call = sent.exchange, sent.exchange.call
        response: httpx.Response | None = None
        try:
            kind = exchange.began()
            while kind != FINISH:
                if kind == RUN:
                    response = None
                    seconds = call.span_ns / SECOND
                    try:
                        if self._dependency._script is not None:
                            await self._dependency._script.strike_async(exchange)
                        response = await within(seconds, self._inner.handle_async_request(sent.copy()))
                    except Expired as expired:
                        late = httpx.ReadTimeout(f"no answer within {seconds:.3g} s", request=request)
                        late.__cause__ = expired.__cause__
                        kind = exchange.broke(late, sent.may_repeat)
                        del late
                        continue
                    except BaseException as error:
                        kind = exchange.broke(error, sent.may_repeat)
                        continue
                    kind = sent.answered(response)
                    if kind != FINISH:
                        response = sent.kept(response, *await _drained_async(response))
                elif kind == SLEEP:
                    await sleep_in_task(exchange, call.span_ns)
                    kind = exchange.woke()
                else:
                    kind = await wait_in_task(exchange)
            if response is not None:
                return response
            raise sent.ending()
        finally:
            exchange.error = None
            if call.is_under_way:
                exchange.give_up()

    async def aclose(self) -> None:
        """Closes the transport behind it."""
        await self._inner.aclose()

    async def __aenter__(self) -> "Self":
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._inner.__aexit__(exc_type, exc_value, traceback)


def _drained(response: httpx.Response) -> tuple[bytes, bool]:
    """What an answer that is not the last one says, so that its connection is free; and whether that is all of it."""
    parts, size = [], 0
    assert isinstance(response.stream, httpx.SyncByteStream)
    try:
        for part in response.stream:
            parts.append(part)
            size += len(part)
            if size > DRAINED:
                return b"", False
    except httpx.TransportError:
        return b"", False
    finally:
        response.close()
    return b"".join(parts), True


async def _drained_async(response: httpx.Response) -> tuple[bytes, bool]:
    parts, size = [], 0
    assert isinstance(response.stream, httpx.AsyncByteStream)
    try:
        async for part in response.stream:
            parts.append(part)
            size += len(part)
            if size > DRAINED:
                return b"", False
    except httpx.TransportError:
        return b"", False
    finally:
        await response.aclose()
    return b"".join(parts), True
