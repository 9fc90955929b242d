"""Not run: mypy reads it, and `assert_type` holds the types that users see."""

import asyncio
from datetime import timedelta
from typing import Any

from typing_extensions import assert_type

import seawall
from seawall import Backoff, Breaker, Bulkhead, Deadline, Histogram, Limiter, RetryBudget
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
asyncio.run(main())
handler: Any = seawall.Refused
