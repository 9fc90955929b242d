"""What a callable looks like: whether it is async, and whether it wants to be told about its attempt."""

import functools
from types import CodeType, MethodType
from typing import Any

from .errors import CallbackError

NOTHING, FIRST, NAMED = 0, 1, 2
"""What to pass: nothing, one positional argument, a keyword argument."""

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200
NOT_PLAIN = _GENERATOR | _COROUTINE | _ASYNC_GENERATOR
_STARRED = 0x04


def _code(fn: Any) -> tuple[CodeType | None, int, Any]:
    """The code behind a callable, how many of its first parameters are filled already, and the function."""
    filled = 0
    # Bounded: each round takes one layer off.
    for _ in range(32):
        if isinstance(fn, MethodType):
            filled += 1
            fn = fn.__func__
        elif isinstance(fn, functools.partial):
            filled += len(fn.args)
            fn = fn.func
        else:
            break
    code = getattr(fn, "__code__", None)
    if code is None and not isinstance(fn, type):
        inner = getattr(type(fn), "__call__", None)
        code = getattr(inner, "__code__", None)
        filled, fn = filled + 1, inner
    return (code if isinstance(code, CodeType) else None), filled, fn


def wants(fn: Any, given: int, name: str = "attempt") -> int:
    """How a function with so many arguments given wants to be passed one more.

    As the keyword `name` if it has a parameter of that name; else as its only required argument, if none was given.
    """
    code, filled, inner = _code(fn)
    if code is None:
        return NOTHING
    if code.co_flags & _STARRED and hasattr(inner, "__wrapped__"):
        return wants(inner.__wrapped__, given + filled, name)
    positional = code.co_argcount
    if not positional and not code.co_kwonlyargcount:
        return NOTHING
    names = code.co_varnames[: positional + code.co_kwonlyargcount]
    keywords = fn.keywords if isinstance(fn, functools.partial) else {}
    if name in names:
        index = names.index(name)
        if index < given + filled or name in keywords:
            return NOTHING
        if index < code.co_posonlyargcount:
            return FIRST if index == given + filled else NOTHING
        return NAMED
    if given or isinstance(fn, functools.partial):
        return NOTHING
    required = positional - len(getattr(inner, "__defaults__", None) or ()) - filled
    return FIRST if required == 1 else NOTHING


def is_async(fn: Any) -> bool:
    """Whether calling it gives a coroutine."""
    code, _, _ = _code(fn)
    return code is not None and bool(code.co_flags & _COROUTINE)


def checked(fn: Any, field: str, may_await: bool) -> None:
    """Refuses what cannot be called, or not that way."""
    if not callable(fn):
        raise CallbackError(field, fn, "a function")
    code = getattr(fn, "__code__", None)
    if code is None:
        code, _, _ = _code(fn)
        if code is None:
            return
    flags = code.co_flags & NOT_PLAIN
    if not flags:
        return
    if flags & (_GENERATOR | _ASYNC_GENERATOR):
        raise CallbackError(
            field,
            fn,
            "a function with an end: a generator works while somebody iterates; use `with dependency.permit():` inside it",
        )
    if not may_await:
        raise CallbackError(field, fn, "a function that returns its value: it is async, so await acall() instead")
