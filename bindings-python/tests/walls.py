"""Walls for tests."""

import seawall
from seawall import BudgetPolicy, Policy, RetryPolicy
from seawall.testing import FakeClock

PLENTY = BudgetPolicy(ratio=10.0, cap=10_000)
THREE = RetryPolicy(attempts=3, base=0.1, jitter="none", budget=PLENTY)


def fake_wall(**options):
    return seawall.Seawall(clock=FakeClock(), seed=7, **options)


def made(timeout=1.0, *, name="d", **settings):
    """A dependency on a fake clock; the clock is `dependency._clock`."""
    return fake_wall().define(name, Policy(timeout, **settings))


def real(timeout=1.0, *, name="d", **settings):
    """A dependency on the system's clock."""
    return seawall.Seawall(seed=7).define(name, Policy(timeout, **settings))


def in_use(dependency):
    return dependency.snapshot().bulkhead.in_use


def events_of(dependency):
    """A list that fills with what happens."""
    found = []
    dependency.on_event(found.append)
    return found
