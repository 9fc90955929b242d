"""The decorator form, shared by the primitives that have one."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def protect(fn: F, around: Callable[[F], Any], around_async: Callable[[F], Any], permit: str) -> F:
    """`fn` as `around` wraps it, or as `around_async` does when it is an async function."""
    import inspect  # not needed by those who only use permits, and slow to import

    if isinstance(fn, (classmethod, staticmethod)):
        raise TypeError(f"put this decorator below @{type(fn).__name__}, next to the function")
    if isinstance(fn, type) or not callable(fn):
        raise TypeError(f"only functions can be decorated, not {fn!r}")
    inner: Any = fn
    while isinstance(inner, functools.partial):
        inner = inner.func
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TypeError(
            f"{fn!r} is a generator: it works while somebody iterates, so its call does not know how it ends; "
            f"use `with {permit}:` inside it instead"
        )
    wrap = around_async if inspect.iscoroutinefunction(inner) else around
    wrapper: Any = functools.update_wrapper(wrap(fn), fn)
    return wrapper  # type: ignore[no-any-return]  # it is called just as `fn` is
