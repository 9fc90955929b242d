"""A call in a thread, which sleeps and waits itself."""

from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

from .deadline import CURRENT, Deadline, current_ns, restore
from .drive import FINISH, RUN, SLEEP, Asked, Drive, begin, keys_of
from .errors import CallbackError, ResultFailure
from .shape import NAMED, NOT_PLAIN, NOTHING, checked, wants
from .waiting import sleep_in_thread, wait_in_thread

if TYPE_CHECKING:
    from .dependency import Dependency


def run(
    dependency: "Dependency",
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    asked: Asked | None,
    is_detailed: bool,
    passing: int | None = None,
) -> Any:
    """Makes a call from its begin to its end."""
    if passing is None:
        passing = passing_to(fn, len(args))
    clock = dependency._clock
    is_judged = False
    if asked is None:
        keys = None
        current = CURRENT.get()
        is_plain = clock is None and type(current) is int
        call = dependency._begin(current if is_plain else current_ns(clock))  # type: ignore[arg-type]
    else:
        keys = keys_of(asked, args, kwargs)
        call = begin(dependency, asked)
        is_judged = asked.rules.judge is not None
    until = call.quick_ns
    if not until or passing != NOTHING or is_judged or dependency._script is not None or dependency._queue.waiters:
        return _finish(Drive(dependency, asked, keys, call), fn, args, kwargs, is_detailed, passing, None)
    # From here on the everyday way: a first attempt that may run now.
    token = CURRENT.set(until if clock is None else Deadline._made(until, False, clock))
    try:
        value = fn(*args, **kwargs)
    except BaseException as error:
        raised = error
    else:
        CURRENT.reset(token)
        if type(value) is CoroutineType:
            call.cancelled()
            raise _is_async(fn, value)
        told = call.succeeded()
        # Told by far the most often: a place came free, and nobody waits for it.
        if told and (told != 2 or dependency._queue.waiters):
            Drive(dependency, asked, keys, call).publish(FINISH, None, "success")
        if keys is None and not is_detailed:
            return value
        drive = Drive(dependency, asked, keys, call)
        drive.keep(value)
        return drive.outcome(value) if is_detailed else value
    CURRENT.reset(token)
    # Not within the `except`, where errors of later attempts would have this one as their context.
    try:
        return _finish(Drive(dependency, asked, keys, call), fn, args, kwargs, is_detailed, passing, raised)
    finally:
        del raised


def passing_to(fn: Any, given: int) -> int:
    """How the function wants to be told about its attempt; refuses what cannot be called."""
    if type(fn) is FunctionType:
        code = fn.__code__
        # Nothing is left to fill.
        if not (code.co_flags & NOT_PLAIN) and code.co_argcount <= given and not code.co_kwonlyargcount:
            return NOTHING
    checked(fn, "fn", False)
    return wants(fn, given)


def _is_async(fn: Any, value: Any) -> CallbackError:
    value.close()
    return CallbackError("fn", fn, "a function that returns its value: it is async, so await acall()")


def _finish(
    drive: Drive,
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    is_detailed: bool,
    passing: int,
    raised: BaseException | None,
) -> Any:
    """Brings a call that has begun to its end; `raised` is what its first attempt raised, if that was made."""
    dependency, call, asked = drive.dependency, drive.call, drive.asked
    clock = dependency._clock
    try:
        if raised is None:
            kind = drive.began()
        else:
            kind = drive.failed(raised)
            raised = None
            if kind == FINISH and not drive.may_serve():
                raise drive.ending()
        while kind != FINISH:
            if kind == RUN:
                until = call.until_ns
                token = CURRENT.set(until if clock is None else Deadline._made(until, False, clock))
                try:
                    if dependency._script is not None:
                        dependency._script.strike(drive)
                    if passing == NOTHING:
                        value = fn(*args, **kwargs)
                    elif passing == NAMED:
                        value = fn(*args, **kwargs, attempt=drive.attempt())
                    else:
                        value = fn(*args, drive.attempt(), **kwargs)
                except BaseException as error:
                    restore(token)
                    kind = drive.failed(error)
                    if kind == FINISH and not drive.may_serve():
                        raise drive.ending()
                    continue
                restore(token)
                if type(value) is CoroutineType:
                    raise _is_async(fn, value)
                kind = drive.returned(value)
                if kind == FINISH and drive.error is None:
                    drive.keep(value)
                    return drive.outcome(value) if is_detailed else value
                value = None
                continue
            if kind == SLEEP:
                sleep_in_thread(drive, call.span_ns)
                kind = drive.woke()
            else:
                kind = wait_in_thread(drive)
        last = drive.ending()
        if not drive.may_serve():
            return drive.unserved(last, is_detailed)
        assert asked is not None and asked.chain is not None
        try:
            value, number = asked.chain.serve(drive, last)
        except ResultFailure as unserved:
            if unserved is not last:
                raise
            return drive.unserved(last, is_detailed)
        outcome = drive.served(value, number, last)
        return outcome if is_detailed else value
    finally:
        # An error that refers to this frame must not be referred to by it.
        drive.error = last = raised = None  # type: ignore[assignment]
        if call.is_under_way:
            drive.give_up()
