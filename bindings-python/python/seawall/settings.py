"""Units and names, as they cross the border to the core.

The core takes whole nanoseconds, thousandths and counts, and knows the range of every setting. What cannot be such a
number (NaN, -1, 1.5 where a count is meant) is sent as the largest one, which no range contains: so the core names the
range, and ranges are written down in one place for all languages.
"""

import operator
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from .errors import ArgumentError, ConfigError, PermitSpent, refusal

Seconds: TypeAlias = float | timedelta
"""A duration: seconds as int or float, or a timedelta."""

Mode: TypeAlias = Literal["enforce", "shadow", "off"]
"""enforce: decide and refuse. shadow: decide and count, never refuse. off: neither."""

Outcome: TypeAlias = Literal["success", "failure", "ignored"]
"""How a call ended. ignored: it says nothing about the dependency."""

MODES: Mapping[str, int] = {"enforce": 0, "shadow": 1, "off": 2}
OUTCOMES: Mapping[str, int] = {"success": 0, "failure": 1, "ignored": 2}

MOST = (1 << 64) - 1
SECOND = 1_000_000_000


def nanoseconds(value: Any) -> int | None:
    """Whole nanoseconds of a duration, at most `MOST`; None for what is none. Nothing but zero becomes zero."""
    if isinstance(value, timedelta):
        exact: int = (value.days * 86_400 + value.seconds) * SECOND + value.microseconds * 1_000
        return min(exact, MOST) if exact >= 0 else None
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return None
    if value != value or value < 0:
        return None
    try:
        whole = int(round(value * SECOND))
    except OverflowError:  # infinity
        return MOST
    return min(max(whole, 1 if value else 0), MOST)


def thousandths(value: Any) -> int | None:
    """A ratio in whole thousandths; None for what is none. A ratio above zero that would become zero is none."""
    if isinstance(value, (bool, timedelta)) or not hasattr(value, "__float__"):
        return None
    if value != value or value < 0:
        return None
    try:
        whole = int(round(value * 1_000))
    except OverflowError:
        return None
    return None if value and not whole else min(whole, MOST)


def count(value: Any) -> int | None:
    """A whole number from 0 on, at most `MOST`; None for what is none, True and 2.0 included."""
    if isinstance(value, bool):
        return None
    try:
        whole = operator.index(value)
    except TypeError:
        return None
    return min(whole, MOST) if whole >= 0 else None


def fact(value: Any) -> int | None:
    """True or False."""
    return int(value) if isinstance(value, bool) else None


def _plain(number: int) -> str:
    return str(number)


def _scaled(by: int) -> Callable[[int], str]:
    return lambda number: f"{number / by:.12g}"


class Unit:
    """How a kind of setting is read and shown."""

    __slots__ = ("name", "read", "show", "widest")

    def __init__(self, name: str, read: Callable[[Any], int | None], show: Callable[[int], str], widest: str) -> None:
        self.name = name
        self.read = read
        self.show = show
        self.widest = widest

    def range(self, low: int, high: int) -> str:
        return f"{self.show(low)}..={self.show(high)}{self.name}"


SECONDS = Unit(" seconds", nanoseconds, _scaled(SECOND), "0..=18446744073 seconds")
RATIO = Unit(" in steps of 0.001", thousandths, _scaled(1_000), "0 or more in steps of 0.001")
COUNT = Unit(" in whole numbers", count, _plain, "a whole number, 0 or more")
FACT = Unit("", fact, _plain, "True or False")

Fields: TypeAlias = Mapping[str, tuple[str, Unit]]
"""The settings of a concept: public name, then the name and the unit on the other side."""


def collect(fields: Fields, given: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """The numbers of the settings that were given, and those that are no numbers at all."""
    numbers: dict[str, int] = {}
    odd: dict[str, Any] = {}
    for field, (name, unit) in fields.items():
        if field not in given:
            continue
        value = given[field]
        number = unit.read(value)
        if number is None:
            odd[field] = value
            number = MOST
        numbers[name] = number
    if "mode" in given:
        numbers["mode"] = word("mode", given["mode"], MODES)
    return numbers, odd


def present(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, where None means that it was not."""
    return {field: value for field, value in given.items() if value is not None}


def apply(fields: Fields, given: Mapping[str, Any], make: Callable[[dict[str, int]], Any]) -> Any:
    """Calls `make` with the numbers of the settings. What the core finds out of range becomes a `ConfigError`."""
    numbers, odd = collect(fields, given)
    for field, value in odd.items():
        if fields[field][1] is FACT:
            raise ConfigError(field, value, FACT.widest)
    try:
        made = make(numbers)
    except ValueError as error:
        if len(error.args) != 4:
            raise
        field, number, low, high = error.args
    else:
        # The core does not look at settings of rules that are off, but -1 is no duration there either.
        for field, value in odd.items():
            raise ConfigError(field, value, fields[field][1].widest)
        return made
    unit = fields[field][1]
    value = given[field] if field in given else float(unit.show(number)) if unit.show is not _plain else number
    raise ConfigError(field, value, unit.range(low, high)) from None


def word(field: str, value: object, words: Mapping[str, int]) -> int:
    """The number of a word, as settings use them."""
    if isinstance(value, str) and value in words:
        return words[value]
    raise ConfigError(field, value, "one of " + ", ".join(words))


def span(field: str, value: object) -> int:
    """The nanoseconds of an argument."""
    exact = nanoseconds(value)
    if exact is None:
        raise ArgumentError(field, value, SECONDS.widest)
    return exact


def seconds(exact: int) -> float | None:
    """Seconds of nanoseconds, None for 0, where 0 means that nobody knows."""
    return exact / SECOND if exact else None


class Named:
    """What all primitives have: a name for messages, and the words that the native layer asks for."""

    __slots__ = ()
    _name: str | None

    @property
    def name(self) -> str | None:
        """The name given at construction: in messages, snapshots and callbacks."""
        return self._name

    def __repr__(self) -> str:
        return f"<seawall.{type(self).__name__} {self._name or 'without a name'}>"

    def _refuse(self, status: int, retry_after_ns: int) -> Exception:
        return refusal(status, self._name, retry_after_ns)

    def _spent(self) -> PermitSpent:
        return PermitSpent(self._name)

    def _span(self, field: str, value: object) -> int:
        return span(field, value)

    def _outcome(self, value: object) -> int:
        if isinstance(value, str) and value in OUTCOMES:
            return OUTCOMES[value]
        raise ArgumentError("outcome", value, "one of " + ", ".join(OUTCOMES))

    def _count(self, field: str, value: object) -> int:
        whole = count(value)
        if whole is None:
            raise ArgumentError(field, value, COUNT.widest)
        return whole


def checked_name(name: object) -> str | None:
    """A name that says something, or none."""
    if name is None:
        return None
    if not isinstance(name, str) or not name.strip():
        raise ConfigError("name", name, "None or a text that is not empty")
    return name


