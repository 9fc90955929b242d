"""Errors keep nothing alive, and earlier ones do not cling to later ones."""

import gc
import weakref

import pytest

from seawall.testing import no_waiting
from walls import THREE, made


class Down(ConnectionError):
    pass


class Thing:
    pass


def fails(attempt):
    thing = Thing()
    things.append(weakref.ref(thing))
    raise Down(attempt.number)


things = []


@pytest.mark.parametrize("form", ["call", "plain", "acall", "attempts", "permit"])
async def test_frames_of_failed_attempts_are_free_without_the_collector(form):
    d = made(retry=THREE, breaker="off")
    gc.collect()
    gc.disable()
    try:
        things.clear()
        with no_waiting(d):
            try:
                if form == "call":
                    d.call(fails)
                elif form == "plain":
                    d.call(lambda: fails(Thing2))
                elif form == "acall":

                    async def fn(attempt):
                        fails(attempt)

                    await d.acall(fn)
                elif form == "attempts":
                    for attempt in d.attempts():
                        with attempt:
                            fails(attempt)
                else:
                    with d.permit() as attempt:
                        fails(attempt)
            except Down as error:
                assert error.__context__ is None and error.__cause__ is None
        attempt = error = None
        assert len(things) == (1 if form == "permit" else 3)
        assert [ref() for ref in things] == [None] * len(things)
    finally:
        gc.enable()


class Thing2:
    number = 0
