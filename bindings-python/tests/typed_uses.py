"""Not run: mypy reads it, and `assert_type` holds the types that users see."""

import asyncio
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from typing_extensions import assert_type

import seawall
from seawall import Backoff, Breaker, Bulkhead, Deadline, Histogram, Limiter, Outcome, Policy, RetryBudget, RetryPolicy
from seawall.breaker import State
from seawall.testing import ManualClock

clock = ManualClock()
breaker = Breaker("payments", on=(OSError, ValueError), ignore=lambda error: False, clock=clock, open_for=timedelta(1))
bulkhead = Bulkhead(20, max_wait=0.5)
limiter = Limiter("100/s", burst=20)


@breaker
def charge(order: int, *, twice: bool = False) -> str:
    return str(order)


@breaker
@bulkhead
async def charge_async(order: int) -> str:
    return str(order)


class Client:
    @breaker
    def get(self, path: str) -> bytes:
        return path.encode()


assert_type(charge(1, twice=True), str)
assert_type(Client().get("/"), bytes)
charge("1")  # type: ignore[arg-type]
charge(1, thrice=True)  # type: ignore[call-arg]
assert_type(breaker.call(charge, 1), str)
breaker.call(charge, "1")  # type: ignore[arg-type]
assert_type(bulkhead.call(len, "x"), int)
assert_type(breaker.state, State)
Breaker(mode="on")  # type: ignore[arg-type]


async def main() -> None:
    assert_type(await charge_async(1), str)
    assert_type(await breaker.call_async(charge_async, 1), str)
    async with bulkhead.acquire(max_wait=1, critical=True) as permit:
        assert_type(permit, seawall.BulkheadPermit)
    await limiter.acquire(3, max_wait=1)


with breaker.permit() as given:
    assert_type(given, seawall.BreakerPermit)
    given.failure(retry_after=1.5)


def after_with() -> int:
    with breaker.permit(), bulkhead.acquire():
        return 1
    print("not reached")  # the block swallows nothing


if limiter.try_acquire():  # type: ignore[func-returns-value]
    pass
assert_type(limiter.reserve(2).wait, float)
assert_type(limiter.headers(), dict[str, str])
assert_type(RetryBudget("grpc").try_withdraw("throttled"), seawall.Withdrawal)
assert_type(Backoff().delay(1), float)
assert_type(Deadline.after(1).remaining(), float)
assert_type(Histogram().quantile(0.5), float)
assert_type(breaker.snapshot().retry_after, float | None)
wall = seawall.open("seawall.toml", clock=clock)
payments = wall.dependency("payments")
ledger = wall.define("ledger", Policy(0.5, deadline=timedelta(seconds=2), retry=RetryPolicy(attempts=2)))
Policy()  # type: ignore[call-arg]
Policy(1, retries=3)  # type: ignore[call-arg]


@payments.protect(on=OSError, fallback="queued")
def pay(order: int, *, twice: bool = False) -> str:
    return str(order)


@payments.protect
async def pay_async(order: int) -> str:
    return str(order)


assert_type(pay(1, twice=True), str)
pay("1")  # type: ignore[arg-type]
assert_type(payments.call(pay, 1), str)
assert_type(payments.call_detailed(pay, 1), Outcome[str])
assert_type(payments.call_detailed(pay, 1).value, str)
assert_type(payments.executor().call(pay, 1), str)
assert_type(payments.executor().submit(pay, 1), "Future[str]")
assert_type(payments.call(pay, 1, result_is_failure=lambda receipt: receipt == ""), str)
payments.call(pay, 1, result_is_failure=503)  # type: ignore[arg-type]
payments.call(pay, retries=3)  # type: ignore[call-arg]


async def whole_calls() -> None:
    assert_type(await pay_async(1), str)
    assert_type(await payments.acall(pay_async, 1), str)
    async for attempt in payments.attempts():
        async with attempt:
            assert_type(attempt.remaining, float)
    async with payments.permit() as one:
        assert_type(one.number, int)


def in_a_loop() -> str:
    for attempt in payments.attempts(on=(OSError, ValueError)):
        with attempt:
            return pay(1)
    raise AssertionError


assert_type(wall.snapshot()["payments"].counts.calls, int)
assert_type(payments.policy.timeout, float)
assert_type(seawall.current_deadline(), Deadline | None)
assert_type(seawall.deadline.extract({"grpc-timeout": "1S"}), Deadline | None)
with seawall.deadline(1.0) as limit:
    assert_type(limit, Deadline)
unsubscribe = wall.on_event(lambda event: assert_type(event, seawall.Event))
unsubscribe()
store: seawall.LastGood[int] = seawall.LastGood(60)
asyncio.run(main())
handler: Any = seawall.Refused
