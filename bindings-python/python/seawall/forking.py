"""What happens to objects when the process forks.

Objects are private to a process: a forked child has copies that go their own way. The threads and tasks of the parent
do not exist in the child, so the child frees what they held or waited for; the permits themselves are inert there.
"""

import os
import weakref
from typing import Protocol


class Forks(Protocol):
    def _after_fork(self) -> None: ...


_objects: "weakref.WeakSet[Forks]" = weakref.WeakSet()


def remember(thing: Forks) -> None:
    """Has `thing._after_fork()` called in every child that this process forks."""
    _objects.add(thing)


def _after_fork_in_child() -> None:
    for thing in list(_objects):
        thing._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
