"""Many threads on one object. Each test shows that they really met."""

import sys
import threading
import time

import pytest

from seawall import Breaker, BreakerOpen, Bulkhead, BulkheadFull
from seawall.testing import ManualClock


@pytest.fixture(autouse=True)
def switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(count, work):
    barrier = threading.Barrier(count)
    failures = []

    def run(number):
        barrier.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_bulkhead_never_over_admits():
    bulkhead = Bulkhead(3)
    seats = [None] * 8
    refused = [0] * 8
    most = [0] * 8

    def work(number):
        for _ in range(3_000):
            try:
                with bulkhead.acquire():
                    seats[number] = True
                    time.sleep(0)
                    most[number] = max(most[number], seats.count(True))
                    seats[number] = None
            except BulkheadFull:
                refused[number] += 1

    together(8, work)
    assert max(most) <= 3
    assert max(most) > 1 and sum(refused) > 0, "the threads never met"
    assert bulkhead.snapshot().in_use == 0
    assert bulkhead.snapshot().rejected == sum(refused)


def test_exactly_one_probe_passes():
    clock = ManualClock()
    changes = []
    breaker = Breaker(
        consecutive_failures=1, open_for=1, open_jitter=0, open_backoff=1, clock=clock,
        on_transition=lambda _, before, after: changes.append((before, after)),
    )  # fmt: skip
    crowded = 0
    for _ in range(300):
        breaker.try_acquire().failure()
        clock.advance(1)
        admitted, refused = [], []

        def ask(_, admitted=admitted, refused=refused):
            try:
                admitted.append(breaker.try_acquire())
            except BreakerOpen:
                refused.append(1)

        together(4, ask)
        assert (len(admitted), len(refused)) == (1, 3)
        crowded += len(refused)
        admitted[0].success()
        assert breaker.state == "closed"
    assert crowded == 900
    assert changes == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")] * 300


def test_no_outcome_is_lost():
    breaker = Breaker(failure_rate=0, consecutive_failures=0)
    protected = breaker(lambda value: value)

    def work(number):
        for turn in range(2_000):
            protected(turn)
            with breaker.permit() as permit:
                permit.record(("success", "failure", "ignored")[turn % 3])

    together(6, work)
    seen = breaker.snapshot()
    assert seen.success + seen.failure + seen.ignored == 24_000
    assert seen.failure == 6 * 667


def test_a_permit_is_spent_by_one_of_many():
    breaker = Breaker()
    for _ in range(200):
        permit = breaker.try_acquire()
        won = []

        def spend(_, permit=permit, won=won):
            try:
                won.append(permit.success())
            except Exception:  # noqa: BLE001
                pass

        together(4, spend)
        assert won == [True]
    assert breaker.snapshot().success == 200
