"""A call in a task: its attempts are cancelled at the end of their time, and no wait holds up the event loop."""

import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from .deadline import CURRENT, Deadline, restore
from .drive import FINISH, RUN, SLEEP, Asked, Drive, keys_of, not_awaitable
from .errors import ResultFailure
from .settings import SECOND
from .shape import NAMED, NOTHING, checked, wants
from .waiting import sleep_in_task, wait_in_task

if TYPE_CHECKING:
    from .dependency import Dependency


class Expired(Exception):
    """An attempt was cancelled at the end of its time."""


async def run(
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
        checked(fn, "fn", True)
        passing = wants(fn, len(args))
    drive = Drive(dependency, asked, None if asked is None else keys_of(asked, args, kwargs))
    call, clock = drive.call, dependency._clock
    try:
        kind = drive.began()
        while kind != FINISH:
            if kind == RUN:
                until = call.until_ns
                token = CURRENT.set(until if clock is None else Deadline._made(until, False, clock))
                try:
                    if dependency._script is not None:
                        await dependency._script.strike_async(drive)
                    value = await within(call.span_ns / SECOND, _made(drive, fn, args, kwargs, passing))
                except Expired as expired:
                    restore(token)
                    kind = drive.timed_out(expired.__cause__)
                    continue
                except BaseException as error:
                    restore(token)
                    kind = drive.failed(error)
                    if kind == FINISH and not drive.may_serve():
                        raise drive.ending()
                    continue
                restore(token)
                kind = drive.returned(value)
                if kind == FINISH and drive.error is None:
                    if drive.keys is not None:
                        drive.keep(value)
                    return drive.outcome(value) if is_detailed else value
                value = None
                continue
            if kind == SLEEP:
                await sleep_in_task(drive, call.span_ns)
                kind = drive.woke()
            else:
                kind = await wait_in_task(drive)
        last = drive.ending()
        if not drive.may_serve():
            return drive.unserved(last, is_detailed)
        assert asked is not None and asked.chain is not None
        try:
            value, number = await asked.chain.serve_async(drive, last)
        except ResultFailure as unserved:
            if unserved is not last:
                raise
            return drive.unserved(last, is_detailed)
        outcome = drive.served(value, number, last)
        return outcome if is_detailed else value
    finally:
        # An error that refers to this frame must not be referred to by it.
        drive.error = last = None  # type: ignore[assignment]
        if call.is_under_way:
            drive.give_up()


def _made(drive: Drive, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any], passing: int) -> Awaitable[Any]:
    """What the function gave to be awaited."""
    if passing == NOTHING:
        made = fn(*args, **kwargs)
    elif passing == NAMED:
        made = fn(*args, **kwargs, attempt=drive.attempt())
    else:
        made = fn(*args, drive.attempt(), **kwargs)
    if not hasattr(made, "__await__"):
        drive.give_up()
        raise not_awaitable("fn", fn)
    return made  # type: ignore[no-any-return]  # it has just been seen


if sys.version_info >= (3, 11):

    async def within(seconds: float, work: Awaitable[Any]) -> Any:
        """Awaits the work; cancels it at the end of its time and raises `Expired`."""
        import asyncio

        try:
            async with asyncio.timeout(seconds) as scope:
                return await work
        except TimeoutError as error:
            if scope.expired():
                raise Expired from error
            raise

else:

    async def within(seconds: float, work: Awaitable[Any]) -> Any:
        """Awaits the work; cancels it at the end of its time and raises `Expired`."""
        import asyncio

        # Without `Task.uncancel` nobody can tell a timeout's cancellation from the caller's, unless the work is a task
        # of its own.
        task = asyncio.ensure_future(work)
        try:
            try:
                await asyncio.wait({task}, timeout=seconds)
            except asyncio.CancelledError:
                await _ended(task)
                raise
            if task.done():
                return task.result()
            await _ended(task)
            try:
                return task.result()
            except asyncio.CancelledError as error:
                raise Expired from error
        finally:
            # Its exception refers to this frame.
            del task

    async def _ended(task: Any) -> None:
        import asyncio

        task.cancel()
        # A second cancellation may come while the work is cleaning up; it goes on to the work.
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                task.cancel()
