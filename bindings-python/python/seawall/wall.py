"""The wall: every dependency of a service, from one file or from code."""

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import _native
from .clock import Clock, checked
from .dependency import Dependency
from .errors import ArgumentError, ConfigError, PolicyError, Problem, UnknownDependency
from .event import Hook, Hooks, warn
from .forking import remember
from .settings import count
from .snapshot import DependencySnapshot

if TYPE_CHECKING:
    from typing_extensions import Self

    from .policy import Policy

__all__ = ["Finding", "Reloaded", "Seawall", "open"]


class Finding(NamedTuple):
    """Something that the check of the policies has to say. As text: `FILE:LINE:COLUMN: warning SW003: KEY: message`."""

    id: str
    """Which lint, "SW003"."""
    severity: Literal["error", "warning"]
    dependency: str | None
    file: str
    line: int
    """From 1; 0 where there is none."""
    column: int
    key: str
    message: str
    arithmetic: str | None
    """The sum behind the judgement."""
    text: str

    def __str__(self) -> str:
        return self.text


class Reloaded(NamedTuple):
    """What a reload changed: names of dependencies."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    """Whoever holds one goes on using its last policy."""


class Seawall(_native.Seawall):
    """Every dependency of a service: policies from one file or from code, and their live state.

    ```python
    wall = seawall.open("seawall.toml")
    payments = wall.dependency("payments")             # look it up once and keep it

    wall = seawall.Seawall()                           # or without a file
    ledger = wall.define("ledger", Policy(0.5, deadline=2.0))
    ```

    What is wrong with a file or a policy raises `PolicyError` with all of it. Warnings are `findings`, and logged once.
    `clock` is a clock for tests (`seawall.testing.FakeClock()`), `seed` makes every random choice repeatable. Threads
    may share a wall; opening, defining and reloading read files and take locks, calls do neither.
    """

    __slots__ = ("__weakref__", "_clock", "_dependencies", "_hooks", "_lock")

    _clock: Clock | None
    _dependencies: dict[str, Dependency]
    _hooks: Hooks
    _lock: "threading.RLock"

    def __new__(cls, *, clock: Clock | None = None, seed: int | None = None) -> "Self":
        """A wall without dependencies."""
        return cls._made(None, None, clock, seed)

    @classmethod
    def _made(cls, path: Any, text: str | None, clock: Clock | None, seed: int | None) -> "Self":
        if seed is not None and (count(seed) is None or seed >= 1 << 64):
            raise ConfigError("seed", seed, "0..=18446744073709551615 in whole numbers")
        try:
            self = super().__new__(cls, path, text, checked(clock), seed)
        except ValueError as error:
            raise _raised(error) from _cause(error)
        self._clock = clock
        self._dependencies = {}
        self._hooks = Hooks()
        self._lock = threading.RLock()
        remember(self)
        self._warn()
        return self

    @classmethod
    def open(cls, path: "str | os.PathLike[str]", *, clock: Clock | None = None, seed: int | None = None) -> "Self":
        """Opens the policies of a file. Raises `PolicyError` with everything that is wrong in it."""
        if not isinstance(path, (str, os.PathLike)):
            raise ArgumentError("path", path, "a path")
        if "\0" in os.fspath(path):
            raise ArgumentError("path", path, "a path without NUL")
        return cls._made(os.fspath(path), None, clock, seed)

    @classmethod
    def parse(
        cls, text: str, name: str = "seawall.toml", *, clock: Clock | None = None, seed: int | None = None
    ) -> "Self":
        """Reads a text as a file that messages call `name`."""
        for field, value in (("text", text), ("name", name)):
            if not isinstance(value, str):
                raise ArgumentError(field, value, "a text")
        return cls._made(name, text.encode("utf-8", "replace").decode(), clock, seed)

    def define(self, name: str, policy: "Policy | str") -> Dependency:
        """Adds a dependency whose policy is written in code, or in text as the body of its table.

        Raises `PolicyError` when the policy does not hold, or there is a dependency of this name.
        """
        before = len(self._findings())
        self._put(self._define, name, policy)
        for finding in self.findings[before:]:
            warn(str(finding))
        return self.dependency(name)

    def redefine(self, name: str, policy: "Policy | str") -> None:
        """Puts another policy in force for a dependency that code defined. Its state stays."""
        self._put(self._redefine, name, policy)

    def _put(self, put: Callable[[str, str], None], name: str, policy: "Policy | str") -> None:
        if not isinstance(name, str):
            raise ConfigError("name", name, "1 to 64 of A-Z a-z 0-9 _ . -")
        to_toml = getattr(policy, "to_toml", None)
        if to_toml is not None:
            policy = to_toml()
        if not isinstance(policy, str):
            raise ConfigError("policy", policy, "a seawall.Policy, or the body of its table as text")
        try:
            put(name.encode("utf-8", "replace").decode(), policy)
        except ValueError as error:
            raise _raised(error) from None

    def dependency(self, name: str) -> Dependency:
        """The dependency of this name: one object for each name. Raises `UnknownDependency` with the nearest name."""
        with self._lock:
            known = self._dependencies.get(name) if isinstance(name, str) else None
            if known is not None and name in self._names:
                return known
            if not isinstance(name, str):
                raise ArgumentError("name", name, "a text")
            try:
                made = Dependency(self, name.encode("utf-8", "replace").decode())
            except ValueError as error:
                raise _raised(error) from None
            self._dependencies[name] = made
            return made

    def reload(self) -> Reloaded:
        """Reads the file again. State is kept; if anything in the file is wrong, nothing changes at all.

        Raises as `open` does, and `ConfigError` for a wall that was not opened from a file.
        """
        try:
            reloaded = self._reload()
        except ValueError as error:
            raise _raised(error) from _cause(error)
        self._warn()
        return Reloaded(*map(tuple, reloaded))

    @property
    def names(self) -> list[str]:
        """The names of all dependencies, sorted."""
        return self._names

    @property
    def findings(self) -> list[Finding]:
        """What the check of the policies warns of."""
        return [Finding(*finding) for finding in self._findings()]

    def on_event(self, hook: Hook) -> Callable[[], None]:
        """Calls `hook(event)` with everything that happens at any dependency; what it returns ends that."""
        return self._hooks.add(hook)

    @property
    def hook_failures(self) -> int:
        """How often a hook of the wall raised."""
        return self._hooks.failures

    def snapshot(self) -> dict[str, DependencySnapshot]:
        """What all dependencies look like now, by name. Changes nothing."""
        return {name: self.dependency(name).snapshot() for name in self.names}

    def health(self) -> bool:
        """True: this process can decide about calls. A service whose dependency is down is not down itself."""
        return True

    def _after_fork(self) -> None:
        # Another thread of the parent may have held it.
        self._lock = threading.RLock()

    def _warn(self) -> None:
        for finding in self.findings:
            warn(str(finding))

    def __repr__(self) -> str:
        return f"<seawall.Seawall {', '.join(self._names) or 'without dependencies'}>"


def open(path: "str | os.PathLike[str]", *, clock: Clock | None = None, seed: int | None = None) -> Seawall:
    """Opens the policies of a file: `Seawall.open`."""
    return Seawall.open(path, clock=clock, seed=seed)


def _cause(error: ValueError) -> OSError | None:
    if len(error.args) == 4 and error.args[0] == "file" and error.args[3][1] is not None:
        number, text = error.args[3]
        return OSError(number, os.strerror(number)) if number is not None else OSError(text)
    return None


def _raised(error: ValueError) -> Exception:
    """The exception of what the core refused."""
    if len(error.args) != 4:
        return error
    word, text, problems, more = error.args
    if word == "unknown":
        return UnknownDependency(*more)
    if word == "name":
        return ConfigError("name", more[0], "1 to 64 of A-Z a-z 0-9 _ . -")
    if word == "duplicate":
        return PolicyError(text, (Problem("", 0, 0, "name", text, None, text),))
    if word == "no_file":
        return ConfigError("path", None, "the file of a wall that was opened from one")
    if word == "config":
        return PolicyError(text, (Problem("", 0, 0, more[0], text, None, text),))
    return PolicyError(text, tuple(Problem(*problem) for problem in problems))
