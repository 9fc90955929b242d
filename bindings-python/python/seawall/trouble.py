"""What an exception says about the dependency: that nothing was sent, that no answer came in time.

Exceptions are only recognised here. What follows from each trouble is the core's word, the same in every language.
"""

import errno
import sys
from typing import Any, TypeAlias

from . import _native
from .settings import nanoseconds

Ended: TypeAlias = tuple[int, bool, bool, int, int]
"""Outcome, whether another attempt may help, whether it was certainly not sent, the cause, what to wait (ns)."""

SUCCESS: Ended = (0, False, False, 0, 0)
FINAL: Ended = (1, False, False, 0, 0)
RETRYABLE: Ended = (1, True, False, 0, 0)
IGNORED: Ended = (2, False, False, 0, 0)

NOT_CONNECTED, CONNECT_TIMEOUT, READ_TIMEOUT, RESET, PROTOCOL, OTHER = range(1, 7)
THROTTLED, TIMED_OUT = 1, 2

# An unreachable host may have been reachable when the request was sent.
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.ENETRESET, errno.EHOSTDOWN}


def retry_after_of(error: BaseException) -> int:
    """Nanoseconds of the attribute `retry_after` (seconds or a timedelta), 0 where there is none."""
    try:
        asked = getattr(error, "retry_after", None)
        return 0 if asked is None or callable(asked) else nanoseconds(asked) or 0
    except Exception:
        return 0  # a property of a stranger's that fails says nothing


def said_by(error: BaseException) -> Ended | None:
    """What the exception says by itself; None for one that is not of a connection."""
    trouble = _of_system(error)
    if trouble is None:
        said = _of_libraries(error)
        if said is None or not isinstance(said, int):
            return said
        trouble = said
    return _native.http_trouble(trouble)


def _of_system(error: BaseException) -> int | None:
    if isinstance(error, TimeoutError):
        return READ_TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return NOT_CONNECTED
    if isinstance(error, ConnectionError):
        return RESET
    if isinstance(error, OSError):
        socket = sys.modules.get("socket")
        if socket is not None and isinstance(error, (socket.gaierror, socket.herror)):
            return NOT_CONNECTED
        return RESET if error.errno in _UNREACHABLE else None
    if sys.version_info < (3, 11):
        for module in ("asyncio", "concurrent.futures"):
            known = sys.modules.get(module)
            if known is not None and isinstance(error, known.TimeoutError):
                return READ_TIMEOUT
    return None


def _of_libraries(error: BaseException) -> int | Ended | None:
    # Where the library was never imported nobody raised its exceptions.
    for library, read in (("httpx", of_httpx), ("requests", of_requests)):
        known = sys.modules.get(library)
        if known is not None:
            try:
                said = read(known, error)
            except AttributeError:
                continue  # another module of that name, or one that is just being imported
            if said is not None:
                return said
    return None


def of_status(status: int, retry_after: str | None) -> Ended:
    """What an answer says. A Retry-After that cannot be read is as none."""
    return _native.http_status(status, wait_asked(retry_after))


def wait_asked(retry_after: str | None) -> int:
    """Nanoseconds that a Retry-After asks for; 0 for none, and for one that cannot be read."""
    if not retry_after:
        return 0
    import time

    try:
        return _native.header_retry_after(retry_after.encode("latin-1", "replace"), time.time_ns() // 1_000_000)
    except ValueError:
        return 0


def _is_tls(error: BaseException | None) -> bool:
    ssl = sys.modules.get("ssl")
    for _ in range(8):
        if error is None or ssl is None:
            return False
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def of_httpx(httpx: Any, error: BaseException) -> int | Ended | None:
    """What an exception of httpx says."""
    if isinstance(error, httpx.HTTPStatusError):
        return of_status(error.response.status_code, error.response.headers.get("retry-after"))
    if not isinstance(error, httpx.RequestError):
        return None
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return CONNECT_TIMEOUT
    if isinstance(error, httpx.TimeoutException):
        return READ_TIMEOUT
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
        return PROTOCOL if _is_tls(error) else NOT_CONNECTED
    if isinstance(error, httpx.NetworkError):
        return RESET
    if isinstance(error, httpx.RemoteProtocolError):
        # httpx has one exception for an early end and for an answer that is not HTTP.
        text = str(error)
        return RESET if "disconnected" in text or "closed connection" in text or "EOF" in text else PROTOCOL
    return PROTOCOL if isinstance(error, (httpx.ProtocolError, httpx.DecodingError)) else OTHER


def of_requests(requests: Any, error: BaseException) -> int | Ended | None:
    """What an exception of requests says."""
    known = requests.exceptions
    if not isinstance(error, known.RequestException):
        return None
    if isinstance(error, known.HTTPError) and error.response is not None:
        return of_status(error.response.status_code, error.response.headers.get("retry-after"))
    if isinstance(error, known.ConnectTimeout):
        return CONNECT_TIMEOUT
    if isinstance(error, known.Timeout):
        return READ_TIMEOUT
    if isinstance(error, (known.SSLError, known.ContentDecodingError)):
        return PROTOCOL
    if isinstance(error, known.ChunkedEncodingError):
        return RESET
    if isinstance(error, known.ConnectionError):
        inner = error.args[0] if error.args else None
        inner = getattr(inner, "reason", inner)
        name = type(inner).__name__
        if name in ("NewConnectionError", "NameResolutionError"):
            return NOT_CONNECTED
        # requests passes on a read timeout within a body as a connection error.
        return READ_TIMEOUT if name == "ReadTimeoutError" else RESET
    return OTHER
