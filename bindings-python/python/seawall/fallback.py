"""Fallbacks: what to serve when the dependency does not."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from .errors import ArgumentError, CallbackError, ConfigError
from .forking import remember
from .settings import SECOND, Seconds, count, nanoseconds
from .shape import is_async, wants

if TYPE_CHECKING:
    from .drive import Drive

T = TypeVar("T")

__all__ = ["LastGood"]

_OLDEST = 366 * 86_400 * SECOND
_MOST = 1_000_000


class LastGood(Generic[T]):
    """The last good results of a dependency, for the time when it gives none. Give it as `fallback`.

    ```python
    prices = LastGood(max_age=600, key=lambda product: product)
    dependency.call(fetch_price, product, fallback=prices)
    ```

    | setting | range | default | meaning |
    |---|---|---|---|
    | max_age | 0.001 s..=366 days | | how long after it was kept a result may be served |
    | max_entries | 1..=1,000,000 | 1,000 | how many keys are held; beyond it the one kept longest ago goes |
    | key | | the arguments of the call | a function of these arguments, or one key for all calls |

    One store may serve any number of calls, threads and tasks. Keeping and recalling take a lock for one look-up.
    """

    __slots__ = ("__weakref__", "_entries", "_key", "_lock", "_max_age", "_max_entries")

    def __init__(
        self, max_age: Seconds, *, max_entries: int = 1_000, key: Callable[..., Hashable] | Hashable = None
    ) -> None:
        age, most = nanoseconds(max_age), count(max_entries)
        if age is None or not 1_000_000 <= age <= _OLDEST:
            raise ConfigError("max_age", max_age, "0.001..=31622400 seconds")
        if most is None or not 1 <= most <= _MOST:
            raise ConfigError("max_entries", max_entries, "1..=1000000 in whole numbers")
        self._max_age = age
        self._max_entries = most
        self._key = key
        # Re-entrant, because what is pushed out may be dropped, and so run anything, under it.
        self._lock = threading.RLock()
        self._entries: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        remember(self)

    def _after_fork(self) -> None:
        # Another thread of the parent may have held it.
        self._lock = threading.RLock()

    def key_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        """The key of a call with these arguments."""
        key: Any = self._key
        if callable(key):
            key = key(*args, **kwargs)
        elif key is None:
            key = (args, tuple(sorted(kwargs.items())))
        try:
            hash(key)
        except TypeError:
            raise ArgumentError("key", key, "hashable; give LastGood a key= for such arguments") from None
        return key  # type: ignore[no-any-return]

    def keep(self, key: Hashable, value: T, now_ns: int) -> None:
        """Keeps a result, as calls do by themselves."""
        with self._lock:
            self._entries[key] = (value, now_ns)
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def recall(self, key: Hashable, now_ns: int) -> "tuple[T] | None":
        """The result kept last for this key, in a tuple, if it is not older than allowed."""
        with self._lock:
            entry = self._entries.get(key)
        if entry is None or now_ns - entry[1] > self._max_age:
            return None
        return (entry[0],)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __bool__(self) -> bool:
        return True  # an empty store is a store

    def __repr__(self) -> str:
        return f"<seawall.LastGood of {timedelta(seconds=self._max_age / SECOND)}, {len(self)} held>"


class _Step:
    """One step of a chain."""

    __slots__ = ("is_async", "passes", "source", "what")

    def __init__(self, what: Any) -> None:
        self.what = what
        self.passes = False
        self.is_async = False
        if isinstance(what, LastGood):
            self.source = "last_good"
        elif callable(what):
            self.source = "function"
            self.is_async = is_async(what)
            self.passes = bool(wants(what, 0, "error"))
        else:
            self.source = "value"

    def ask(self, error: BaseException) -> Any:
        return self.what(error) if self.passes else self.what()


class Chain:
    """The steps of a fallback, as they were declared."""

    __slots__ = ("has_stores", "steps")

    def __init__(self, fallback: Any, may_await: bool) -> None:
        steps = fallback if isinstance(fallback, list) else [fallback]
        if not steps:
            raise ConfigError("fallback", fallback, "a value, a function or a list of these that is not empty")
        self.steps = [_Step(what) for what in steps]
        self.has_stores = any(step.source == "last_good" for step in self.steps)
        if not may_await:
            for step in self.steps:
                if step.is_async:
                    raise CallbackError("fallback", step.what, "a function that returns its value; use acall()")

    def keys(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Hashable] | None:
        """The keys of the stores, found before anything is asked for."""
        if not self.has_stores:
            return None
        return [step.what.key_of(args, kwargs) if step.source == "last_good" else None for step in self.steps]

    def keep(self, keys: list[Hashable] | None, value: Any, now_ns: int) -> None:
        """Keeps a good result in each store."""
        if keys is not None:
            for step, key in zip(self.steps, keys):
                if step.source == "last_good":
                    step.what.keep(key, value, now_ns)

    def serve(self, drive: "Drive", error: BaseException) -> tuple[Any, int]:
        """What the first step that has something serves, and its number.

        Raises the failure of the last step that failed from the error of the call, or else that error itself.
        """
        failed: Exception | None = None
        for number, step in enumerate(self.steps):
            try:
                found = self._look(step, number, drive, error)
            except Exception as failure:
                failed = failure
                continue
            if found is not None:
                return found[0], number
        self._fail(failed, error)

    async def serve_async(self, drive: "Drive", error: BaseException) -> tuple[Any, int]:
        """The same, with functions that may be async."""
        import inspect

        failed: Exception | None = None
        for number, step in enumerate(self.steps):
            try:
                found = self._look(step, number, drive, error)
                if found is not None and step.source == "function" and inspect.isawaitable(found[0]):
                    found = (await found[0],)
            except Exception as failure:
                failed = failure
                continue
            if found is not None:
                return found[0], number
        self._fail(failed, error)

    @staticmethod
    def _look(step: _Step, number: int, drive: "Drive", error: BaseException) -> "tuple[Any] | None":
        if step.source == "value":
            return (step.what,)
        if step.source == "function":
            return (step.ask(error),)
        keys = drive.keys
        found: tuple[Any] | None = step.what.recall(keys[number] if keys else None, drive.dependency._now())
        return found

    @staticmethod
    def _fail(failed: Exception | None, error: BaseException) -> NoReturn:
        if failed is not None and failed is not error:
            raise failed from error
        raise error
